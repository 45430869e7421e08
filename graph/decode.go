package graph

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// decodeJSON is json.Unmarshal, except that a number decoded into an interface stays
// exact: it becomes a float64 where that holds it and a json.Number where not.
func decodeJSON(data []byte, dst any) error {
	if !hasLongNumber(data) {
		return withoutEmbedded(json.Unmarshal(data, dst), dst)
	}
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		return err // a Decoder would not mind what follows the value
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(dst); err != nil {
		return withoutEmbedded(err, dst)
	}
	replaceNumbers(reflect.ValueOf(dst))
	return nil
}

// hasLongNumber reports whether data may hold a number that a float64 does not: one with an
// exponent or with as many digits as 2^53, the last integer before the gaps, has. Digits
// in strings count too, which costs time and changes nothing.
func hasLongNumber(data []byte) bool {
	const safe = len("9007199254740992") - 1
	run := 0
	for _, b := range data {
		switch {
		case b >= '0' && b <= '9':
			if run++; run > safe {
				return true
			}
		case run > 0 && (b == 'e' || b == 'E'):
			return true
		default:
			run = 0
		}
	}
	return false
}

// replaceNumbers replaces each json.Number in an interface below v that a float64 holds exactly.
// What a type decoded itself is left alone.
func replaceNumbers(v reflect.Value) {
	if decodesItself(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			replaceNumbers(v.Elem())
		}
	case reflect.Interface:
		if v.CanSet() && !v.IsNil() && v.NumMethod() == 0 {
			v.Set(reflect.ValueOf(exactNumbers(v.Interface())))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			replaceNumbers(field)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			replaceNumbers(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem() // values in a map cannot be set
			value.Set(v.MapIndex(key))
			replaceNumbers(value)
			v.SetMapIndex(key, value)
		}
	}
}

// exactNumbers is replaceNumbers for what encoding/json puts into an interface.
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
		return n // too large
	}
	if strings.Trim(string(n), "-0123456789") != "" {
		return f // a fraction is as near as it gets
	}
	// Beyond 2^53 neighbouring integers share one float64.
	if i, err := n.Int64(); err != nil || i > 1<<53 || i < -(1<<53) {
		return n
	}
	return f
}
