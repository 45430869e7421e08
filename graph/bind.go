package graph

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
)

// A shape says how arguments become a value of one type. It is worked out once per handler.
type shape struct {
	kind   shapeKind
	fields []int // of a shapeStruct: the exported fields, in order
	names  []string
}

type shapeKind uint8

const (
	shapeScalar shapeKind = iota // one argument
	shapeStruct                  // positional into the fields, by name from an object
	shapeSpread                  // a slice of all arguments
	shapeRaw                     // the arguments as they came
	shapeVoid                    // no arguments
)

func shapeOf(t reflect.Type) *shape {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return &shape{kind: shapeRaw}
	case t == reflect.TypeFor[Void]():
		return &shape{kind: shapeVoid}
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()),
		reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return &shape{kind: shapeScalar}
	}
	switch t.Kind() {
	case reflect.Pointer:
		if s := shapeOf(t.Elem()); s.kind == shapeStruct {
			return s
		}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() != reflect.Uint8 {
			return &shape{kind: shapeSpread}
		}
	case reflect.Struct:
		return structShape(t)
	}
	return &shape{kind: shapeScalar}
}

func structShape(t reflect.Type) *shape {
	s := &shape{kind: shapeStruct}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Tag.Get("json") == "-" {
			continue
		}
		s.fields = append(s.fields, i)
		s.names = append(s.names, jsonName(f))
	}
	return s
}

func jsonName(f reflect.StructField) string {
	name, _, _ := bytes.Cut([]byte(f.Tag.Get("json")), []byte(","))
	if len(name) > 0 {
		return string(name)
	}
	return f.Name
}

// bind stores the arguments in dst, a settable value of the type s was made for.
func (a Args) bind(dst reflect.Value, s *shape) error {
	if s.kind == shapeVoid {
		return nil
	}
	switch a.kind {
	case argsOne:
		return convertArgument(dst, a.one)
	case argsList:
		return bindList(dst, s, a.list)
	case argsJSON:
		return bindJSON(dst, s, a.raw)
	default:
		return nil
	}
}

func convertArgument(dst reflect.Value, v any) error {
	if err := convert(dst, v); err != nil {
		return asInvalid("argument", err)
	}
	return nil
}

func bindList(dst reflect.Value, s *shape, list []any) error {
	switch s.kind {
	case shapeRaw:
		data, err := json.Marshal(list)
		if err != nil {
			return asInvalid("arguments", err)
		}
		dst.SetBytes(data)
		return nil
	case shapeSpread:
		return bindElements(dst, len(list), func(e reflect.Value, i int) error { return convert(e, list[i]) })
	case shapeStruct:
		if len(list) == 1 && convertsWhole(dst, list[0]) {
			return convertArgument(dst, list[0])
		}
		return bindFields(dst, s, len(list), func(e reflect.Value, i int) error { return convert(e, list[i]) })
	default:
		if len(list) > 1 {
			return tooMany(len(list), 1)
		}
		return convertArgument(dst, list[0])
	}
}

// convertsWhole reports whether one positional argument is the whole struct rather than its first field.
func convertsWhole(dst reflect.Value, v any) bool {
	if v == nil {
		return false
	}
	t := reflect.TypeOf(v)
	return t.AssignableTo(dst.Type()) || t == reflect.PointerTo(dst.Type()) || t.Kind() == reflect.Map
}

func bindJSON(dst reflect.Value, s *shape, raw json.RawMessage) error {
	isArray := firstByte(raw) == '['
	switch {
	case s.kind == shapeRaw:
		dst.SetBytes(raw)
		return nil
	case s.kind == shapeSpread && isArray:
		return bindSpread(dst, raw)
	case s.kind == shapeSpread && !isNull(raw):
		return bindElements(dst, 1, func(e reflect.Value, _ int) error { return unmarshal(e, raw) })
	case s.kind == shapeStruct && !isArray && firstByte(raw) != '{' && !isNull(raw):
		return bindFields(dst, s, 1, func(e reflect.Value, _ int) error { return unmarshal(e, raw) })
	case !isArray:
		return asInvalid("argument", unmarshal(dst, raw))
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return asInvalid("arguments", err)
	}
	if s.kind == shapeStruct {
		return bindPositional(dst, s, list)
	}
	switch len(list) {
	case 0:
		return nil
	case 1:
		return asInvalid("argument", unmarshal(dst, list[0]))
	default:
		return tooMany(len(list), 1)
	}
}

// bindSpread takes the array as the list of arguments and, where its elements do not fit,
// its only element as the list.
func bindSpread(dst reflect.Value, raw json.RawMessage) error {
	err := unmarshal(dst, raw)
	if err == nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) == 1 && firstByte(list[0]) == '[' {
		dst.SetZero()
		err = unmarshal(dst, list[0])
	}
	return asInvalid("arguments", err)
}

func bindPositional(dst reflect.Value, s *shape, list []json.RawMessage) error {
	err := bindFields(dst, s, len(list), func(e reflect.Value, i int) error { return unmarshal(e, list[i]) })
	if err != nil && len(list) == 1 && firstByte(list[0]) == '{' {
		dst.SetZero()
		return asInvalid("argument", unmarshal(dst, list[0]))
	}
	return err
}

func bindFields(dst reflect.Value, s *shape, n int, store func(e reflect.Value, i int) error) error {
	if n > len(s.fields) {
		return tooMany(n, len(s.fields))
	}
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	for i := range n {
		if err := store(dst.Field(s.fields[i]), i); err != nil {
			return asInvalid("argument "+strconv.Itoa(i+1)+" ("+s.names[i]+")", err)
		}
	}
	return nil
}

func bindElements(dst reflect.Value, n int, store func(e reflect.Value, i int) error) error {
	if dst.Kind() == reflect.Array {
		if n > dst.Len() {
			return tooMany(n, dst.Len())
		}
	} else {
		dst.Set(reflect.MakeSlice(dst.Type(), n, n))
	}
	for i := range n {
		if err := store(dst.Index(i), i); err != nil {
			return asInvalid("argument "+strconv.Itoa(i+1), err)
		}
	}
	return nil
}

func unmarshal(dst reflect.Value, raw json.RawMessage) error {
	return decodeJSON(raw, dst.Addr().Interface())
}

func tooMany(got, want int) error {
	return InvalidArgument.Errorf("%d arguments given, at most %d taken", got, want)
}

// asInvalid returns err as an InvalidArgument that names what did not fit.
func asInvalid(what string, err error) error {
	if err == nil {
		return nil
	}
	err = describeJSONError(err)
	if e, ok := errors.AsType[*Error](err); ok {
		return InvalidArgument.Errorf("%s: %s", what, e.Message)
	}
	return InvalidArgument.Errorf("%s: %w", what, err)
}

// describeJSONError says what was wrong without the names of Go types, which are nobody else's business.
func describeJSONError(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := ""
		if e.Field != "" {
			where = e.Field + ": "
		}
		return InvalidArgument.Errorf("%swant %s, got %s", where, jsonKind(e.Type), e.Value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return InvalidArgument.Errorf("malformed JSON at byte %d", e.Offset)
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return InvalidArgument.Errorf("malformed value")
}

func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return jsonKind(t.Elem())
	case reflect.Interface:
		return "another value"
	default:
		return "an integer"
	}
}

func firstByte(raw []byte) byte {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return 0
	}
	return raw[0]
}

func isNull(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "null" }
