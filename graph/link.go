package graph

import (
	"context"
	"maps"
	"slices"
)

// A link is one listener of a node. It is bound to what it listens to whenever
// that exists.
type link struct {
	owner  *Node
	source string
	input  bool
	do     Deliver

	from *Node         // guarded by graph.mu: whose events it gets; nil while unbound
	sub  *Subscription // guarded by graph.mu
}

// defineLinks makes the links of a new node: to its parent, whose results it runs with, and its listeners.
func (n *Node) defineLinks(p Props) error {
	if n.parent != nil && n.operator != nil {
		n.links = append(n.links, &link{owner: n, source: n.parent.tag, do: n.runWith(false)})
	}
	for _, source := range slices.Sorted(maps.Keys(p.Listeners)) {
		l, ok := p.Listeners[source].(Listener)
		if !ok {
			l = Listener{Do: p.Listeners[source]}
		}
		do, err := n.reaction(l)
		if err != nil {
			return err
		}
		n.links = append(n.links, &link{owner: n, source: source, input: l.Input, do: do})
	}
	return nil
}

// reaction returns what a listener does with an event.
func (n *Node) reaction(l Listener) (Deliver, error) {
	switch do := l.Do.(type) {
	case bool:
		if !do {
			return nil, InvalidArgument.Errorf("a listener is true, a function, or the name of a method or node")
		}
		return n.runWith(l.Input), nil
	case string:
		return func(ctx context.Context, e Event) {
			c := &Call{Route: n.tag, Method: do, Args: eventArgs(e, l.Input)}
			if n.member(do) == nil {
				c = &Call{Route: do, Args: c.Args}
			}
			_, err := n.graph.Do(ctx, c)
			n.report(err)
		}, nil
	default:
		op, err := operatorOf(n, do)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, e Event) {
			_, err := op(ctx, eventArgs(e, l.Input))
			n.report(err)
		}, nil
	}
}

// runWith runs the node with each event's value.
func (n *Node) runWith(input bool) Deliver {
	return func(ctx context.Context, e Event) {
		_, err := n.do(ctx, &Call{Route: n.tag, Args: eventArgs(e, input)})
		n.report(err)
	}
}

func eventArgs(e Event, input bool) Args {
	if values, ok := e.Value.([]any); ok && input {
		return ArgsOf(values...)
	}
	return ArgsOne(e.Value)
}

// report logs the error of something that nobody waits for.
func (n *Node) report(err error) {
	if err != nil {
		n.graph.log.Error("listener failed", "node", n.tag, "error", err)
	}
}

// bindAllLocked binds the links whose source exists by now, in a fixed order.
func (g *Graph) bindAllLocked() {
	if len(g.unbound) == 0 {
		return
	}
	links := slices.SortedFunc(maps.Keys(g.unbound), func(a, b *link) int {
		if a.owner.tag != b.owner.tag {
			if a.owner.tag < b.owner.tag {
				return -1
			}
			return 1
		}
		return 0
	})
	for _, l := range links {
		if g.bindLocked(l) {
			delete(g.unbound, l)
		}
	}
}

func (g *Graph) bindLocked(l *link) bool {
	from := g.find(l.source)
	if from == nil {
		return false
	}
	call := &Call{Verb: VerbSubscribe, Route: l.source}
	m, err := from.target(call)
	if err != nil {
		return false
	}
	t, _ := from.source(m, WatchOptions{Input: l.input})
	w := &watcher{deliver: l.do, panicked: func(r any) { _ = logPanic(g.log, "a listener of "+l.owner.tag, r) }}
	sub, err := t.subscribe(w, nil)
	if err != nil {
		return false
	}
	l.from, l.sub = from, sub
	from.inbound = append(from.inbound, l)
	return true
}
