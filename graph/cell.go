package graph

import (
	"context"
	"reflect"
)

// A cell is a Var whatever its type.
type cell interface {
	load() any
	// store binds the arguments and sets them. With mayWait it returns when the callbacks have run.
	store(ctx context.Context, a Args, mayWait bool) error
	isRead(a Args) bool
	topic() *topic
	snapshot() any
}

func (v *Var[T]) load() any     { return v.Load() }
func (v *Var[T]) topic() *topic { return &v.events }

// snapshot is load for a caller that holds events.mu.
func (v *Var[T]) snapshot() any { return v.value }

func (v *Var[T]) store(ctx context.Context, a Args, mayWait bool) error {
	value, err := bindTo[T](a, shapeOf(reflect.TypeFor[T]()))
	if err != nil {
		return err
	}
	v.set(ctx, value, mayWait)
	return nil
}

func (v *Var[T]) isRead(a Args) bool { return isRead(a, reflect.TypeFor[T]()) }

// isRead reports whether a call of state with these arguments reads it: without any, and also with
// an empty list of them unless that is a value of the state's type.
func isRead(a Args, t reflect.Type) bool {
	switch {
	case a.IsZero():
		return true
	case a.kind != argsJSON || !isEmptyList(a.raw):
		return false
	}
	kind := shapeKindOf(t)
	return kind != shapeSpread && kind != shapeRaw
}

// isEmptyList reports whether JSON is [].
func isEmptyList(raw []byte) bool {
	if firstByte(raw) != '[' {
		return false
	}
	for len(raw) > 0 && raw[0] != '[' {
		raw = raw[1:]
	}
	return firstByte(raw[1:]) == ']'
}

// A dynamicVar is a state key made from a plain value: it keeps the type of its first value.
type dynamicVar struct {
	Var[any]
	typ reflect.Type // nil takes anything
}

func newDynamicVar(value any) *dynamicVar {
	d := &dynamicVar{typ: reflect.TypeOf(value)}
	d.value = value
	return d
}

func (d *dynamicVar) store(ctx context.Context, a Args, mayWait bool) error {
	if d.typ == nil {
		return d.Var.store(ctx, a, mayWait)
	}
	value := reflect.New(d.typ).Elem()
	if err := a.bind(value, shapeOf(d.typ)); err != nil {
		return err
	}
	d.set(ctx, value.Interface(), mayWait)
	return nil
}

func (d *dynamicVar) isRead(a Args) bool {
	if d.typ == nil {
		return d.Var.isRead(a)
	}
	return isRead(a, d.typ)
}
