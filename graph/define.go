package graph

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// define gives a new node its parts.
func (n *Node) define(p Props) error {
	if p.value != nil {
		n.value = &member{cell: p.value}
	}
	if err := n.defineMembers(p); err != nil {
		return err
	}
	if err := n.defineOperator(p); err != nil {
		return err
	}
	n.own = p.Middleware
	if err := n.defineLinks(p); err != nil {
		return err
	}
	if err := n.applyLoaders(p.With); err != nil {
		return err
	}
	if err := n.allowWrites(p.Writable); err != nil {
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

func (n *Node) defineMembers(p Props) error {
	for _, name := range slices.Sorted(maps.Keys(p.Methods)) {
		op, err := operatorOf(n, p.Methods[name])
		if err != nil {
			return fmt.Errorf("method %q: %w", name, err)
		}
		if err := n.addMember(&member{name: name, run: op}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.State)) {
		c, err := cellOf(p.State[name])
		if err != nil {
			return fmt.Errorf("state %q: %w", name, err)
		}
		if err := n.addMember(&member{name: name, cell: c}); err != nil {
			return err
		}
	}
	if p.Lend == nil {
		return nil
	}
	return n.lend(p.Lend)
}

func (n *Node) addMember(m *member) error {
	switch {
	case strings.Contains(m.name, ".") || checkTag(m.name) != nil:
		return InvalidArgument.Errorf("%q cannot name a method or state key", m.name)
	case n.members[m.name] != nil:
		return AlreadyExists.Errorf("two members are named %q", m.name)
	}
	if n.members == nil {
		n.members = make(map[string]*member)
		n.folded = make(map[string]*member)
	}
	n.members[m.name] = m
	if low := strings.ToLower(m.name); n.folded[low] == nil {
		n.folded[low] = m
	}
	return nil
}

// defineOperator needs the methods, one of which may be the operator.
func (n *Node) defineOperator(p Props) error {
	switch op := p.Operator.(type) {
	case nil:
		for _, name := range []string{"get", "post"} {
			if m := n.member(name); m != nil && m.run != nil && n.value == nil {
				n.operator = m.run
			}
		}
	case typedOperator:
		n.operator, n.typed = op.run, op.fn
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
	if len(p.Args) == 0 {
		return nil
	}
	return n.Wrap(func(next Operator) Operator { return n.withArgs(next, p.Args) })
}

// allowWrites lets callers set the named keys; the empty name is the state the node is.
func (n *Node) allowWrites(keys []string) error {
	for _, key := range keys {
		m, err := n.state(key)
		if err != nil {
			return fmt.Errorf("writable: %w", err)
		}
		m.writable = true
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
