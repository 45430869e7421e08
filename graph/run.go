package graph

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
)

// do answers a call that was found to be for this node.
func (n *Node) do(ctx context.Context, c *Call) (any, error) {
	if h := n.chain.Load(); h != nil {
		return (*h)(ctx, c)
	}
	return n.exec(ctx, c)
}

// exec is the Handler below all middleware.
func (n *Node) exec(ctx context.Context, c *Call) (any, error) {
	m, err := n.target(c)
	if err != nil {
		return nil, err
	}
	if c.Verb == VerbSubscribe {
		return n.subscribe(c, m)
	}
	if m == nil {
		return n.run(ctx, n.operator, &n.inputs, &n.results, c.Args)
	}
	if m.cell == nil {
		return n.run(ctx, m.run, &m.inputs, &m.results, c.Args)
	}
	if c.Args.IsZero() {
		return m.cell.load(), nil
	}
	if !m.writable {
		return nil, PermissionDenied.Errorf("%s cannot be set", c.Route)
	}
	return Void{}, m.cell.store(ctx, c.Args)
}

// target picks the method or key a call means; nil is the operator.
func (n *Node) target(c *Call) (*member, error) {
	if name, ok := n.suffix(c.Route); ok {
		if m := n.member(name); m != nil {
			return m, nil
		}
		return nil, NotFound.Errorf("no route %q", c.Route)
	}
	if m := n.member(c.Method); m != nil {
		return m, nil
	}
	if c.Verb == VerbSubscribe {
		return n.value, nil
	}
	if n.operator == nil {
		return n.value, nil
	}
	return nil, nil
}

// suffix returns the part of route behind this node's tag.
func (n *Node) suffix(route string) (string, bool) {
	if route == n.tag {
		return "", false
	}
	if rest, ok := strings.CutPrefix(route, n.tag); ok && rest[0] == '.' {
		return rest[1:], true
	}
	for _, alias := range n.aliases {
		if rest, ok := strings.CutPrefix(route, alias+"."); ok {
			return rest, true
		}
	}
	return "", false
}

// run calls an operator and tells those who watch it. A panic becomes an error.
func (n *Node) run(ctx context.Context, op Operator, inputs, results *topic, a Args) (out any, err error) {
	if op == nil {
		return nil, Unimplemented.Errorf("%s has nothing to run", n.tag)
	}
	defer n.recovered(&err)
	if inputs.watched.Load() {
		values, err := a.Values()
		if err != nil {
			return nil, err
		}
		inputs.publish(ctx, values)
	}
	out, err = op(ctx, a)
	if err != nil {
		return nil, err
	}
	if results.watched.Load() {
		if _, none := out.(Void); !none {
			results.publish(ctx, out)
		}
	}
	return out, nil
}

// recovered is deferred around code the user wrote.
func (n *Node) recovered(err *error) {
	if r := recover(); r != nil {
		*err = logPanic(n.graph.log, n.tag, r)
	}
}

// logPanic writes a panic to the log and returns the error that stands for it.
func logPanic(log *slog.Logger, where string, r any) error {
	err, ok := r.(error)
	if !ok {
		err = fmt.Errorf("%v", r)
	}
	err = fmt.Errorf("panic in %s: %w", where, err)
	log.Error("panic recovered", "in", where, "panic", r, "stack", string(debug.Stack()))
	return panicError{err}
}

// A panicError is Internal whatever the value of the panic was.
type panicError struct{ error }

func (panicError) Is(target error) bool { return target == error(Internal) }

// As makes [CodeOf] see Internal and not a code the panic's value may have held.
func (p panicError) As(target any) bool {
	if e, ok := target.(**Error); ok {
		*e = &Error{Code: Internal, cause: p.error}
		return true
	}
	return false
}

func (n *Node) subscribe(c *Call, m *member) (any, error) {
	if key := c.Watch.Key; key != "" && (m == nil || m == n.value) {
		if m = n.member(key); m == nil {
			return nil, NotFound.Errorf("%s has no %q to watch", c.Route, key)
		}
	}
	t, snapshot := n.source(m, c.Watch)
	w := &watcher{
		deliver: c.Deliver, tap: c.Watch.Tap, room: c.Watch.Room,
		panicked: func(r any) { _ = logPanic(n.graph.log, "a subscriber of "+c.Route, r) },
	}
	sub, err := t.subscribe(w, snapshot)
	if err != nil {
		return nil, err
	}
	return sub, nil
}

// source returns what to watch and, for state, how to read its current value.
func (n *Node) source(m *member, o WatchOptions) (t *topic, snapshot func() any) {
	switch {
	case m == nil && o.Input:
		return &n.inputs, nil
	case m == nil:
		return &n.results, nil
	case m.cell != nil && o.Snapshot:
		return m.cell.topic(), m.cell.snapshot
	case m.cell != nil:
		return m.cell.topic(), nil
	case o.Input:
		return &m.inputs, nil
	}
	return &m.results, nil
}
