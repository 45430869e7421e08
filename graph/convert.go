package graph

import (
	"encoding/json"
	"math"
	"reflect"
)

// convert stores v in dst. It changes the type where no information is lost; what has nothing in
// common but its JSON goes through JSON.
func convert(dst reflect.Value, v any) error {
	if v == nil {
		dst.SetZero()
		return nil
	}
	src := reflect.ValueOf(v)
	from, to := src.Type(), dst.Type()
	switch {
	case from.AssignableTo(to):
		dst.Set(src)
		return nil
	case from.Kind() == reflect.Pointer && src.IsNil():
		dst.SetZero()
		return nil
	case from == reflect.TypeFor[json.RawMessage]():
		return unmarshal(dst, v.(json.RawMessage))
	case from.Kind() == reflect.Pointer && from.Elem().AssignableTo(to):
		dst.Set(src.Elem())
		return nil
	case to.Kind() == reflect.Pointer:
		dst.Set(reflect.New(to.Elem()))
		return convert(dst.Elem(), v)
	case decodesItself(to) || from == reflect.TypeFor[json.Number]():
		return convertByJSON(dst, v)
	case isNumber(src) && isNumber(dst):
		return convertNumber(dst, src)
	case from.Kind() == to.Kind() && from.ConvertibleTo(to):
		dst.Set(src.Convert(to))
		return nil
	}
	return convertByJSON(dst, v)
}

func convertByJSON(dst reflect.Value, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return InvalidArgument.Errorf("want %s", jsonKind(dst.Type()))
	}
	return unmarshal(dst, data)
}

func isNumber(v reflect.Value) bool { return v.CanInt() || v.CanUint() || v.CanFloat() }

// convertNumber stores a number of one type in another that holds it exactly, except that a
// float64 is rounded to a float32 as everywhere.
func convertNumber(dst, src reflect.Value) error {
	var fits bool
	switch {
	case dst.CanInt():
		var i int64
		if i, fits = toInt(src); fits && !dst.OverflowInt(i) {
			dst.SetInt(i)
			return nil
		}
	case dst.CanUint():
		var u uint64
		if u, fits = toUint(src); fits && !dst.OverflowUint(u) {
			dst.SetUint(u)
			return nil
		}
	default:
		var f float64
		if f, fits = toFloat(src, dst.Type().Bits()); fits && !dst.OverflowFloat(f) {
			dst.SetFloat(f)
			return nil
		}
	}
	return InvalidArgument.Errorf("want %s, got number %v", jsonKind(dst.Type()), src.Interface())
}

// Go leaves open what an integer conversion gives that does not fit, so bounds are checked before.

func toInt(v reflect.Value) (int64, bool) {
	switch {
	case v.CanInt():
		return v.Int(), true
	case v.CanUint():
		return int64(v.Uint()), v.Uint() <= math.MaxInt64
	}
	f := v.Float()
	if f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

func toUint(v reflect.Value) (uint64, bool) {
	switch {
	case v.CanInt():
		return uint64(v.Int()), v.Int() >= 0
	case v.CanUint():
		return v.Uint(), true
	}
	f := v.Float()
	if f != math.Trunc(f) || f < 0 || f >= 1<<64 {
		return 0, false
	}
	return uint64(f), true
}

func toFloat(v reflect.Value, bits int) (float64, bool) {
	mantissa := 53
	if bits == 32 {
		mantissa = 24
	}
	var magnitude uint64
	switch {
	case v.CanFloat():
		return v.Float(), true
	case v.CanUint():
		magnitude = v.Uint()
	case v.Int() < 0:
		magnitude = -uint64(v.Int())
	default:
		magnitude = uint64(v.Int())
	}
	f := float64(magnitude)
	if v.CanInt() && v.Int() < 0 {
		f = -f
	}
	return f, magnitude <= 1<<mantissa
}
