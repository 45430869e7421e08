package graph

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
)

// bind stores the arguments in dst, a settable value of the type s was made for.
func (a Args) bind(dst reflect.Value, s *shape) error {
	switch {
	case a.kind == argsNone || s.kind == shapeVoid:
		return nil
	case s.kind == shapeRaw:
		return a.bindRaw(dst)
	case a.kind == argsOne && a.isInput(s):
		return asInvalid("argument", convert(dst, a.one))
	case a.kind == argsJSON && (isNull(a.raw) || s.kind == shapeStruct && firstByte(a.raw) == '{'):
		return asInvalid("argument", unmarshal(dst, a.raw))
	case a.kind == argsJSON && s.kind == shapeSpread && dst.Kind() == reflect.Slice && firstByte(a.raw) == '[':
		if unmarshal(dst, a.raw) == nil {
			return nil
		}
		// and find out which argument does not fit
	}
	p, err := a.positional()
	if err != nil {
		return asInvalid("arguments", err)
	}
	return p.bind(dst, s)
}

// isInput reports whether the one value is converted to the input as a whole, as opposed
// to the list of what fills it, or the first that does.
func (a Args) isInput(s *shape) bool {
	if a.one == nil {
		return true
	}
	switch s.kind {
	case shapeStruct:
		return formOf(a.one) == formObject
	case shapeSpread:
		return formOf(a.one) == formList
	default:
		return true
	}
}

func (a Args) bindRaw(dst reflect.Value) error {
	raw, ok := a.one.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = a.MarshalJSON(); err != nil {
			return InvalidArgument.Errorf("arguments: cannot be encoded")
		}
	}
	dst.SetBytes(raw)
	return nil
}

// positional are arguments one by one.
type positional struct {
	n     int
	store func(dst reflect.Value, i int) error
	form  func(i int) form
	is    func(t reflect.Type) bool // whether the first is a Go value of this type, or a pointer to one
}

func (a Args) positional() (positional, error) {
	if a.kind == argsJSON {
		var list []json.RawMessage
		if firstByte(a.raw) != '[' {
			list = []json.RawMessage{a.raw}
		} else if err := json.Unmarshal(a.raw, &list); err != nil {
			return positional{}, err
		}
		return positional{
			n:     len(list),
			store: func(dst reflect.Value, i int) error { return unmarshal(dst, list[i]) },
			form:  func(i int) form { return formOfJSON(list[i]) },
			is:    func(reflect.Type) bool { return false },
		}, nil
	}
	list, err := a.Values()
	return positional{
		n:     len(list),
		store: func(dst reflect.Value, i int) error { return convert(dst, list[i]) },
		form:  func(i int) form { return formOf(list[i]) },
		is: func(t reflect.Type) bool {
			have := reflect.TypeOf(list[0])
			return have != nil && (have == t || have == reflect.PointerTo(t) || reflect.PointerTo(have) == t)
		},
	}, err
}

// bind stores the arguments in dst. A single one may be all of dst: because it has its type, or because it is an object or
// list that does not fit into the first field or element.
func (p positional) bind(dst reflect.Value, s *shape) error {
	var err error
	switch {
	case s.kind == shapeStruct && !(p.n == 1 && p.is(dst.Type())):
		if err = p.bindFields(dst, s); err == nil || p.n != 1 || p.form(0) != formObject {
			return err
		}
	case s.kind == shapeSpread:
		if err = p.bindElements(dst); err == nil || p.n != 1 || p.form(0) != formList {
			return err
		}
	case p.n == 0:
		return nil
	case p.n > 1:
		return tooMany(p.n, 1)
	}
	if err != nil {
		dst.SetZero()
	}
	return asInvalid("argument", p.store(dst, 0))
}

func (p positional) bindFields(dst reflect.Value, s *shape) error {
	if p.n > len(s.fields) {
		return tooMany(p.n, len(s.fields))
	}
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	for i := range p.n {
		if err := p.store(dst.Field(s.fields[i]), i); err != nil {
			return asInvalid("argument "+strconv.Itoa(i+1)+" ("+s.names[i]+")", err)
		}
	}
	return nil
}

func (p positional) bindElements(dst reflect.Value) error {
	if dst.Kind() == reflect.Slice {
		dst.Set(reflect.MakeSlice(dst.Type(), p.n, p.n))
	}
	if p.n > dst.Len() {
		return tooMany(p.n, dst.Len())
	}
	for i := range p.n {
		if err := p.store(dst.Index(i), i); err != nil {
			return asInvalid("argument "+strconv.Itoa(i+1), err)
		}
	}
	return nil
}

func unmarshal(dst reflect.Value, raw json.RawMessage) error {
	return decodeJSON(raw, dst.Addr().Interface())
}

func isNull(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "null" }
