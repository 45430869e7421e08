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
	kind argsKind
	one  any
	list []any
	raw  json.RawMessage
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

// ArgsOne returns v as the whole input of a route: the In of a contract.
func ArgsOne(v any) Args {
	if _, none := v.(Void); none {
		return Args{}
	}
	return Args{kind: argsOne, one: v}
}

// ArgsJSON returns arguments in their wire form: an array holds positional arguments,
// anything else is the one argument, and nil is none. The bytes must stay unchanged.
func ArgsJSON(raw json.RawMessage) Args {
	if raw == nil {
		return Args{}
	}
	return Args{kind: argsJSON, raw: raw}
}

// IsZero reports whether there are no arguments.
func (a Args) IsZero() bool { return a.kind == argsNone }

// Values returns the positional arguments. JSON numbers that a float64 cannot hold exactly
// are json.Numbers.
func (a Args) Values() ([]any, error) {
	switch a.kind {
	case argsOne:
		return []any{a.one}, nil
	case argsList:
		return a.list, nil
	case argsJSON:
		var v any
		if err := decodeAny(a.raw, &v); err != nil {
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

// Bind decodes the arguments into the value dst points to, by the rules of the package
// documentation. Its errors are InvalidArgument and name the argument.
func (a Args) Bind(dst any) error {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("bind arguments: %T is not a pointer to a value", dst)
	}
	return a.bind(v.Elem(), shapeOf(v.Elem().Type()))
}

// bindTo is Bind without reflection where the value already has the right type.
func bindTo[T any](a Args, s *shape) (T, error) {
	if a.kind == argsOne {
		if v, ok := a.one.(T); ok {
			return v, nil
		}
	}
	var out T
	err := a.bind(reflect.ValueOf(&out).Elem(), s)
	return out, err
}

// MarshalJSON returns the wire form. A contract's input that would read as positional
// arguments is wrapped, so that Bind at the other end gives it back.
func (a Args) MarshalJSON() ([]byte, error) {
	switch a.kind {
	case argsJSON:
		return a.raw, nil
	case argsList:
		return json.Marshal(a.list)
	case argsOne:
		data, err := json.Marshal(a.one)
		if err != nil {
			return nil, err
		}
		if len(data) > 0 && data[0] == '[' && !spreads(a.one) {
			data = append(append([]byte{'['}, data...), ']')
		}
		return data, nil
	default:
		return []byte("null"), nil
	}
}

// spreads reports whether a JSON array made from v stands for its elements as positional arguments.
func spreads(v any) bool {
	if v == nil {
		return false
	}
	if _, ok := v.(json.RawMessage); ok {
		return true
	}
	return shapeOf(reflect.TypeOf(v)).kind == shapeSpread
}

// rawValues returns the positional arguments, those of the wire not decoded yet.
func (a Args) rawValues() ([]any, error) {
	if a.kind != argsJSON {
		return a.Values()
	}
	if firstByte(a.raw) != '[' {
		return []any{a.raw}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(a.raw, &list); err != nil {
		return nil, describeJSONError(err)
	}
	values := make([]any, len(list))
	for i := range list {
		values[i] = list[i]
	}
	return values, nil
}
