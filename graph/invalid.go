package graph

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

func tooMany(got, want int) error {
	return InvalidArgument.Errorf("%d arguments given, at most %d taken", got, want)
}

// asInvalid returns err as an InvalidArgument that names what did not fit.
func asInvalid(what string, err error) error {
	if err == nil {
		return nil
	}
	return InvalidArgument.Errorf("%s: %s", what, describeJSONError(err).Message)
}

// describeJSONError says what was wrong without the names of Go types, which are nobody else's business.
func describeJSONError(err error) *Error {
	e := &Error{Code: InvalidArgument, Message: "malformed value"}
	if own, ok := errors.AsType[*Error](err); ok {
		e.Message = own.Message
	} else if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		e.Message = "want " + jsonKind(mismatch.Type) + ", got " + mismatch.Value
		if mismatch.Field != "" {
			e.Message = mismatch.Field + ": " + e.Message
		}
	} else if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		e.Message = fmt.Sprintf("malformed JSON at byte %d", syntax.Offset)
	}
	return e
}

// jsonKind names what JSON a type is read from.
func jsonKind(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		if shapeKindOf(t) == shapeScalar {
			return "a base64 string"
		}
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return jsonKind(t.Elem())
	case reflect.Interface, reflect.Func, reflect.Chan:
		return "another value"
	default:
		return "an integer"
	}
}

// withoutEmbedded takes the names of embedded structs out of the path in an error: they are Go's, not
// the JSON's.
func withoutEmbedded(err error, dst any) error {
	mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok || mismatch.Field == "" {
		return err
	}
	var path []string
	t := reflect.TypeOf(dst)
	for name := range strings.SplitSeq(mismatch.Field, ".") {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		f, embedded := fieldOf(t, name)
		if t = f.Type; t == nil {
			t = reflect.TypeFor[any]()
		}
		if !embedded {
			path = append(path, name)
		}
	}
	mismatch.Field = strings.Join(path, ".")
	return err
}

// fieldOf finds a field by its name in JSON, or an embedded struct by its name in Go.
func fieldOf(t reflect.Type, name string) (f reflect.StructField, embedded bool) {
	if t.Kind() != reflect.Struct {
		return f, false
	}
	if f, ok := t.FieldByName(name); ok && f.Anonymous && f.Tag.Get("json") == "" {
		return f, true
	}
	s := shapeOf(t)
	for i := range s.names {
		if s.names[i] == name {
			return t.Field(s.fields[i]), false
		}
	}
	return f, false
}
