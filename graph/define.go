package graph

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// define gives a new node its parts.
func (n *Node) define(p Props) error {
	if p.value != nil {
		n.value = &member{cell: p.value, writable: slices.Contains(p.Writable, "")}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Methods)) {
		op, err := operatorOf(n, p.Methods[name])
		if err != nil {
			return fmt.Errorf("method %q: %w", name, err)
		}
		if err := n.addMember(name, &member{run: op}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.State)) {
		c, err := cellOf(p.State[name])
		if err != nil {
			return fmt.Errorf("state %q: %w", name, err)
		}
		if err := n.addMember(name, &member{cell: c, writable: slices.Contains(p.Writable, name)}); err != nil {
			return err
		}
	}
	if p.Lend != nil {
		if err := n.lend(p.Lend, p.Writable); err != nil {
			return err
		}
	}
	if err := n.defineOperator(p); err != nil {
		return err
	}
	for _, name := range []string{"post", "get"} {
		if m := n.members[name]; n.operator == nil && m != nil && n.value == nil {
			n.operator = m.run
		}
	}
	n.own = p.Middleware
	if err := n.defineLinks(p); err != nil {
		return err
	}
	if err := n.applyLoaders(p.With); err != nil {
		return err
	}
	if p.OnConnected != nil {
		n.OnConnected(p.OnConnected)
	}
	if p.OnDisconnected != nil {
		n.OnDisconnected(p.OnDisconnected)
	}
	return nil
}

func (n *Node) defineOperator(p Props) error {
	switch op := p.Operator.(type) {
	case nil:
		return nil
	case string:
		m := n.member(op)
		if m == nil || m.run == nil {
			return InvalidArgument.Errorf("the operator %q is not a method of the node", op)
		}
		n.operator = m.run
	default:
		var err error
		if n.operator, err = operatorOf(n, op); err != nil {
			return fmt.Errorf("operator: %w", err)
		}
	}
	n.typed = p.typed
	if len(p.Args) > 0 {
		n.operator, n.typed = n.withArgs(n.operator, p.Args), nil
	}
	return nil
}

func (n *Node) addMember(name string, m *member) error {
	switch {
	case name == "" || strings.Contains(name, ".") || checkTag(name) != nil:
		return InvalidArgument.Errorf("%q cannot name a method or state key", name)
	case n.members[name] != nil:
		return AlreadyExists.Errorf("two members are named %q", name)
	}
	n.members[name] = m
	if low := strings.ToLower(name); n.members[low] == nil {
		n.members[low] = m
	}
	if m.cell != nil {
		n.keys = append(n.keys, name)
	} else {
		n.methods = append(n.methods, name)
	}
	return nil
}

func cellOf(value any) (cell, error) {
	if c, ok := value.(cell); ok {
		return c, nil
	}
	if value != nil && reflect.PointerTo(reflect.TypeOf(value)).Implements(reflect.TypeFor[cell]()) {
		return nil, InvalidArgument.Errorf("a Var must be given by its address")
	}
	return newDynamicVar(value), nil
}

func isFunc(v any) bool { return v != nil && reflect.TypeOf(v).Kind() == reflect.Func }

func isStructPointer(v any) bool {
	t := reflect.TypeOf(v)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct
}

// lend makes the methods and Var fields of a struct members of the node.
func (n *Node) lend(v any, writable []string) error {
	if !isStructPointer(v) || reflect.ValueOf(v).IsNil() {
		return InvalidArgument.Errorf("%T cannot be lent: want a pointer to a struct", v)
	}
	ptr := reflect.ValueOf(v)
	for i := range ptr.NumMethod() {
		name := ptr.Type().Method(i).Name
		if promoted(ptr.Type().Elem(), name) {
			continue
		}
		r, err := reflected(n, ptr.Method(i))
		if err != nil {
			return fmt.Errorf("method %s: %w", name, err)
		}
		if err := n.addMember(lowerFirst(name), &member{run: r.run}); err != nil {
			return err
		}
	}
	for i := range ptr.Elem().NumField() {
		f := ptr.Type().Elem().Field(i)
		if !f.IsExported() {
			continue
		}
		c, ok := ptr.Elem().Field(i).Addr().Interface().(cell)
		if !ok {
			continue
		}
		name := lowerFirst(f.Name)
		if err := n.addMember(name, &member{cell: c, writable: slices.Contains(writable, name)}); err != nil {
			return err
		}
	}
	return nil
}

// promoted reports whether a method comes from an embedded field, such as a mutex's Lock.
func promoted(t reflect.Type, method string) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous {
			continue
		}
		ft := f.Type
		if ft.Kind() != reflect.Pointer && ft.Kind() != reflect.Interface {
			ft = reflect.PointerTo(ft)
		}
		if _, ok := ft.MethodByName(method); ok {
			return true
		}
	}
	return false
}

// withArgs builds the arguments of op from args, in place of those of the call.
func (n *Node) withArgs(op Operator, args []any) Operator {
	return func(ctx context.Context, a Args) (any, error) {
		built := make([]any, 0, len(args))
		for _, arg := range args {
			ref, ok := arg.(Ref)
			if !ok {
				built = append(built, arg)
				continue
			}
			if ref == Input {
				values, err := a.Values()
				if err != nil {
					return nil, err
				}
				built = append(built, values...)
				continue
			}
			v, err := n.lookUp(ctx, string(ref), a)
			if err != nil {
				return nil, fmt.Errorf("argument %q: %w", ref, err)
			}
			built = append(built, v)
		}
		return op(ctx, ArgsOf(built...))
	}
}

// lookUp returns the value a Ref stands for.
func (n *Node) lookUp(ctx context.Context, ref string, a Args) (any, error) {
	src, member := n.graph.Resolve(ref)
	if src == nil {
		return nil, NotFound.Errorf("no route %q", ref)
	}
	if m := src.member(member); m != nil && m.cell != nil {
		return m.cell.load(), nil
	}
	if member == "" && src.value != nil {
		return src.value.cell.load(), nil
	}
	return n.graph.Do(ctx, &Call{Route: ref, Args: a})
}
