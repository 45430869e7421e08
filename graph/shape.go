package graph

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
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
	shapeStruct                  // positional into the fields, by name from an object; also a pointer to a struct
	shapeSpread                  // a slice of all arguments
	shapeRaw                     // the arguments as they came
	shapeVoid                    // no arguments
)

func shapeOf(t reflect.Type) *shape {
	s := &shape{kind: shapeKindOf(t)}
	if s.kind != shapeStruct {
		return s
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if !f.IsExported() || tag == "-" {
			continue
		}
		name, _, _ := strings.Cut(tag, ",")
		if name == "" {
			name = f.Name
		}
		s.fields = append(s.fields, i)
		s.names = append(s.names, name)
	}
	return s
}

func shapeKindOf(t reflect.Type) shapeKind {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return shapeRaw
	case t == reflect.TypeFor[Void]():
		return shapeVoid
	case decodesItself(t):
		return shapeScalar
	}
	switch t.Kind() {
	case reflect.Struct:
		return shapeStruct
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct && !decodesItself(t.Elem()) {
			return shapeStruct
		}
	case reflect.Array:
		return shapeSpread
	case reflect.Slice:
		// encoding/json writes bytes as base64, unless they have a form of their own.
		if t.Elem().Kind() != reflect.Uint8 || decodesItself(t.Elem()) {
			return shapeSpread
		}
	}
	return shapeScalar
}

// decodesItself reports whether a type has its own form in JSON.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// A form is what a value is in JSON.
type form uint8

const (
	formScalar form = iota
	formObject
	formList
)

func formOf(v any) form {
	if v == nil {
		return formScalar
	}
	if raw, ok := v.(json.RawMessage); ok {
		return formOfJSON(raw)
	}
	t := reflect.TypeOf(v)
	switch shapeKindOf(t) {
	case shapeStruct:
		return formObject
	case shapeSpread:
		return formList
	}
	if t.Kind() == reflect.Map && !decodesItself(t) {
		return formObject
	}
	return formScalar
}

func formOfJSON(raw []byte) form {
	switch firstByte(raw) {
	case '{':
		return formObject
	case '[':
		return formList
	}
	return formScalar
}

func firstByte(raw []byte) byte {
	for _, b := range raw {
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b
		}
	}
	return 0
}
