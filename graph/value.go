package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
)

// Void is the type of no value: a contract with it as In takes no arguments, one with it
// as Out gives no result, and an operator that returns Void{} gives none either.
// It differs from nil, which is the value null.
type Void = struct{}

// As reads a result or an event's value as a T. A value that is a T is returned as it is, JSON is
// decoded, Void gives the zero value, and other types are converted where nothing is lost.
func As[T any](v any) (T, error) {
	var out T
	if raw, ok := v.(json.RawMessage); ok {
		if err := decodeJSON(raw, &out); err != nil {
			return out, fmt.Errorf("read result: %w", describeJSONError(err))
		}
		return out, nil
	}
	if t, ok := v.(T); ok {
		return t, nil
	}
	if _, none := v.(Void); none || v == nil {
		return out, nil
	}
	if err := convert(reflect.ValueOf(&out).Elem(), v); err != nil {
		return out, fmt.Errorf("read result: %w", err)
	}
	return out, nil
}

// decodeJSON is json.Unmarshal, except that a number decoded into an interface stays
// exact: it becomes a float64 where that holds it and a json.Number where not.
func decodeJSON(data []byte, dst any) error {
	switch dst := dst.(type) {
	case *json.RawMessage:
		*dst = append((*dst)[:0], data...)
		return nil
	case *any:
		return decodeAny(data, dst)
	}
	return json.Unmarshal(data, dst)
}

func decodeAny(data []byte, dst *any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(dst); err != nil {
		return err
	}
	*dst = exactNumbers(*dst)
	return nil
}

// exactNumbers replaces each json.Number that a float64 holds exactly.
func exactNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return exactNumber(v)
	case []any:
		for i := range v {
			v[i] = exactNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = exactNumbers(v[k])
		}
	}
	return v
}

func exactNumber(n json.Number) any {
	f, err := n.Float64()
	if err != nil {
		return n
	}
	if i, err := n.Int64(); err == nil {
		// Beyond 2^53 neighbouring integers share one float64.
		if f >= math.MaxInt64 || int64(f) != i || i > 1<<53 || i < -(1<<53) {
			return n
		}
		return f
	}
	if isInteger(string(n)) {
		return n
	}
	return f
}

func isInteger(s string) bool {
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && s[i] != '-' {
			return false
		}
	}
	return true
}

// convert stores v in dst, changing its type only where no information is lost.
func convert(dst reflect.Value, v any) error {
	if v == nil {
		dst.SetZero()
		return nil
	}
	src := reflect.ValueOf(v)
	if src.Type().AssignableTo(dst.Type()) {
		dst.Set(src)
		return nil
	}
	switch v := v.(type) {
	case json.RawMessage:
		if err := decodeJSON(v, dst.Addr().Interface()); err != nil {
			return describeJSONError(err)
		}
		return nil
	case json.Number:
		if err := json.Unmarshal([]byte(v), dst.Addr().Interface()); err != nil {
			return describeJSONError(err)
		}
		return nil
	}
	if dst.Kind() == reflect.Pointer && src.Kind() != reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		return convert(dst.Elem(), v)
	}
	if isNumber(src.Kind()) && isNumber(dst.Kind()) {
		return convertNumber(dst, src)
	}
	if src.Kind() == dst.Kind() && src.Type().ConvertibleTo(dst.Type()) {
		dst.Set(src.Convert(dst.Type()))
		return nil
	}
	return convertByJSON(dst, v)
}

func isNumber(k reflect.Kind) bool {
	return k >= reflect.Int && k <= reflect.Float64 && k != reflect.Uintptr
}

func convertNumber(dst, src reflect.Value) error {
	out := src.Convert(dst.Type())
	if back := out.Convert(src.Type()); !back.Equal(src) || sign(out) != sign(src) {
		return InvalidArgument.Errorf("%v does not fit the argument", src.Interface())
	}
	dst.Set(out)
	return nil
}

func sign(v reflect.Value) bool {
	switch {
	case v.CanInt():
		return v.Int() < 0
	case v.CanFloat():
		return v.Float() < 0
	default:
		return false
	}
}

// convertByJSON is for values of another shape, such as a map for a struct.
func convertByJSON(dst reflect.Value, v any) error {
	switch dst.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
	default:
		return InvalidArgument.Errorf("want %s", jsonKind(dst.Type()))
	}
	data, err := json.Marshal(v)
	if err != nil {
		return InvalidArgument.Errorf("want %s", jsonKind(dst.Type()))
	}
	if err := decodeJSON(data, dst.Addr().Interface()); err != nil {
		return describeJSONError(err)
	}
	return nil
}
