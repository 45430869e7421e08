package graph

import (
	"context"
	"slices"
	"strings"
)

// do answers a call that was found to be for this node.
func (n *Node) do(ctx context.Context, c *Call) (any, error) {
	if h := n.chain.Load(); h != nil {
		return n.throughChain(ctx, *h, c)
	}
	return n.exec(ctx, c)
}

// throughChain keeps a panic in the middleware from the caller.
func (n *Node) throughChain(ctx context.Context, h Handler, c *Call) (out any, err error) {
	defer n.recovered(&err)
	return h(ctx, c)
}

// exec is the Handler below all middleware.
func (n *Node) exec(ctx context.Context, c *Call) (out any, err error) {
	m, err := n.target(c)
	if err != nil {
		return nil, err
	}
	defer n.recovered(&err)
	switch {
	case c.Verb == VerbSubscribe:
		return n.subscribe(ctx, c, m)
	case m == nil:
		return n.run(ctx, n.operator, &n.inputs, &n.results, c.Args)
	case m.cell == nil:
		return n.run(ctx, m.run, &m.inputs, &m.results, c.Args)
	case m.cell.isRead(c.Args):
		return m.cell.load(), nil
	case !m.writable:
		return nil, PermissionDenied.Errorf("%s cannot be set", c.Route)
	}
	if err := m.cell.store(ctx, c.Args, true); err != nil {
		return nil, err
	}
	return Void{}, nil
}

// target picks the method or key a call means; nil is the operator.
func (n *Node) target(c *Call) (*member, error) {
	name, ok := n.suffix(c.Route)
	if !ok {
		return nil, NotFound.Errorf("no route %q", c.Route)
	}
	m := n.member(name)
	switch {
	case m != nil:
	case name != "":
		return nil, NotFound.Errorf("no route %q", c.Route)
	default:
		m = n.member(c.Method)
	}
	if c.Verb == VerbSubscribe && c.Watch.Key != "" && m == nil {
		if m = n.member(c.Watch.Key); m == nil {
			return nil, NotFound.Errorf("%s has no %q to watch", c.Route, c.Watch.Key)
		}
	}
	if m == nil && (c.Verb == VerbSubscribe || n.operator == nil) {
		m = n.value
	}
	return m, nil
}

// suffix returns the part of route behind the tag or alias it names this node by. It reports
// false for the route of another node.
func (n *Node) suffix(route string) (rest string, ok bool) {
	if n.isNamed(route) {
		return "", true
	}
	dot := strings.LastIndexByte(route, '.')
	if dot < 0 || !n.isNamed(route[:dot]) {
		return "", false
	}
	return route[dot+1:], true
}

func (n *Node) isNamed(tag string) bool {
	if tag == n.tag {
		return true
	}
	return slices.Contains(n.aliases, tag)
}

// run calls an operator and tells those who watch it. The caller recovers.
func (n *Node) run(ctx context.Context, op Operator, inputs, results *topic, a Args) (any, error) {
	if op == nil {
		return nil, Unimplemented.Errorf("%s has nothing to run", n.tag)
	}
	if inputs.watched.Load() {
		values, err := a.Values()
		if err != nil {
			return nil, err
		}
		inputs.publish(ctx, values)
	}
	out, err := op(ctx, a)
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

// runOperator is exec for a call that is known to be for the operator, which saves the Call.
func (n *Node) runOperator(ctx context.Context, a Args) (out any, err error) {
	defer n.recovered(&err)
	return n.run(ctx, n.operator, &n.inputs, &n.results, a)
}

func (n *Node) subscribe(ctx context.Context, c *Call, m *member) (any, error) {
	if c.Deliver == nil {
		return nil, InvalidArgument.Errorf("subscribe to %s: Deliver is nil", c.Route)
	}
	t, snapshot := n.source(m, c.Watch)
	w := &watcher{
		deliver: c.Deliver, tap: c.Watch.Tap, room: c.Watch.Room, by: n,
		panicked: func(r any) { _ = logPanic(n.graph.log, "a subscriber of "+c.Route, r) },
	}
	sub := t.subscribe(ctx, w, snapshot)
	if n.removed.Load() { // perhaps too late for those who end its subscriptions
		err := n.removedError()
		sub.End(err)
		return nil, err
	}
	return sub, nil
}

func (n *Node) removedError() error { return NotFound.Errorf("%s was removed", n.tag) }

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
