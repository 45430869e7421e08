package graph

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Args are the arguments of a call: Go values inside a process, JSON from a wire.
// They are decoded when they are bound to the type the route takes, and once.
// The zero Args are no arguments. Args are not changed once made and may be shared.
type Args struct {
	kind  argsKind
	whole bool // of argsOne: the value is one argument, also where its JSON is an array
	one   any
	list  []any
	raw   json.RawMessage
}

type argsKind uint8

const (
	argsNone argsKind = iota
	argsOne
	argsList
	argsJSON
)

// ArgsOf returns positional arguments.
func ArgsOf(values ...any) Args {
	if len(values) == 0 {
		return Args{}
	}
	return Args{kind: argsList, list: values}
}

// ArgsOne returns v as the whole input of a route, such as the In of a contract. A slice
// or array stands for positional arguments where the route takes several, and a
// json.RawMessage is what ArgsJSON makes of it, nil being null. Void is no arguments.
func ArgsOne(v any) Args {
	switch v := v.(type) {
	case Void:
		return Args{}
	case json.RawMessage:
		if v == nil {
			v = json.RawMessage("null")
		}
		return ArgsJSON(v)
	}
	return Args{kind: argsOne, one: v}
}

// argsFor is ArgsOne for a contract. What In says gets lost in the wire form, where an array
// inside an interface would look like positional arguments; so that is noted here.
func argsFor[In any](in In) Args {
	if _, none := any(in).(Void); none {
		return Args{}
	}
	return Args{kind: argsOne, one: in, whole: reflect.TypeFor[In]().Kind() == reflect.Interface}
}

// ArgsJSON returns arguments in their wire form: an array holds positional arguments,
// anything else is the one argument, and no bytes are none. The bytes must stay unchanged.
func ArgsJSON(raw json.RawMessage) Args {
	if len(raw) == 0 {
		return Args{}
	}
	return Args{kind: argsJSON, raw: raw}
}

// IsZero reports whether there are no arguments.
func (a Args) IsZero() bool { return a.kind == argsNone }

// Values returns the positional arguments. JSON integers that a float64 cannot hold exactly
// are json.Numbers. The slice must not be changed.
func (a Args) Values() ([]any, error) {
	switch a.kind {
	case argsOne:
		return a.oneValues()
	case argsList:
		return a.list, nil
	case argsJSON:
		var v any
		if err := decodeJSON(a.raw, &v); err != nil {
			return nil, describeJSONError(err)
		}
		if list, ok := v.([]any); ok {
			return list, nil
		}
		return []any{v}, nil
	default:
		return nil, nil
	}
}

// oneValues returns what the wire form of a whole input means as positional arguments.
func (a Args) oneValues() ([]any, error) {
	if a.whole || formOf(a.one) != formList {
		return []any{a.one}, nil
	}
	switch one := a.one.(type) {
	case []any:
		return one, nil
	case json.RawMessage:
		return ArgsJSON(one).Values()
	}
	v := reflect.ValueOf(a.one)
	values := make([]any, v.Len())
	for i := range values {
		values[i] = v.Index(i).Interface()
	}
	return values, nil
}

// Bind decodes the arguments into the value dst points to, by the rules of the package
// documentation. Its errors are InvalidArgument and name the argument; the value then stays as it was.
func (a Args) Bind(dst any) error {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("bind arguments: %T is not a pointer to a value", dst)
	}
	fresh := reflect.New(v.Type().Elem()).Elem()
	if err := a.bind(fresh, shapeOf(fresh.Type())); err != nil {
		return err
	}
	v.Elem().Set(fresh)
	return nil
}

// bindTo is Bind without reflection where the value already has the right type.
func bindTo[T any](a Args, s *shape) (T, error) {
	switch {
	case a.kind == argsOne:
		if v, ok := a.one.(T); ok {
			return v, nil
		}
	case a.kind == argsList && len(a.list) == 1 && (s.kind == shapeScalar || s.kind == shapeStruct):
		if v, ok := a.list[0].(T); ok {
			return v, nil
		}
	}
	var out T
	err := a.bind(reflect.ValueOf(&out).Elem(), s)
	return out, err
}

// MarshalJSON returns the wire form. An input that would read as positional arguments and
// is not meant so is wrapped, so that Bind at the other end gives it back.
func (a Args) MarshalJSON() ([]byte, error) {
	switch a.kind {
	case argsJSON:
		return a.raw, nil
	case argsList:
		return json.Marshal(a.list)
	case argsOne:
		data, err := json.Marshal(a.one)
		if err == nil && firstByte(data) == '[' && (a.whole || formOf(a.one) != formList) {
			data = append(append([]byte{'['}, data...), ']')
		}
		return data, err
	default:
		return []byte("null"), nil
	}
}
