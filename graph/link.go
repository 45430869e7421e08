package graph

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// A link is one listener of a node. It is bound to what it listens to whenever
// that exists.
type link struct {
	owner  *Node
	source string
	input  bool
	child  bool // made because the owner is a child
	do     Deliver

	seq  uint64        // guarded by graph.mu: the order in which links are bound
	from *Node         // guarded by graph.mu: whose events it gets; nil while unbound
	sub  *Subscription // guarded by graph.mu
}

// defineLinks makes the links of a new node: to its parent, whose results it runs with, and its listeners.
func (n *Node) defineLinks(p Props) error {
	if n.parent != nil && n.operator != nil {
		n.links = append(n.links, &link{owner: n, source: n.parent.tag, child: true, do: n.runWith(false)})
	}
	for _, source := range slices.Sorted(maps.Keys(p.Listeners)) {
		l, ok := p.Listeners[source].(Listener)
		if !ok {
			l = Listener{Do: p.Listeners[source]}
		}
		do, err := n.reaction(l)
		if err != nil {
			return fmt.Errorf("listener on %q: %w", source, err)
		}
		n.links = append(n.links, &link{owner: n, source: source, input: l.Input, do: do})
	}
	return nil
}

// reaction returns what a listener does with an event.
func (n *Node) reaction(l Listener) (Deliver, error) {
	switch do := l.Do.(type) {
	case bool:
		if !do || n.operator == nil {
			return nil, InvalidArgument.Errorf("true needs an operator to run; else give a function, or the name of a method or node")
		}
		return n.runWith(l.Input), nil
	case string:
		return func(ctx context.Context, e Event) {
			c := &Call{Route: do, Args: eventArgs(e, l.Input)}
			if n.member(do) != nil {
				c.Route, c.Method = n.tag, do
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

// bindNewLocked binds the links of nodes that were just added, and those that waited for them.
func (g *Graph) bindNewLocked(nodes []*Node) {
	for _, n := range nodes {
		for _, l := range n.links {
			g.waiting.last++
			l.seq = g.waiting.last
			if !g.bindLocked(l) {
				g.waiting.add(l)
			}
		}
	}
	for _, n := range nodes {
		for tag := range n.names() {
			for _, l := range g.waiting.of(tag) {
				if g.bindLocked(l) {
					g.waiting.remove(l)
				}
			}
		}
	}
}

func (g *Graph) bindLocked(l *link) bool {
	from := g.find(l.source)
	if from == nil {
		return false
	}
	m, err := from.target(&Call{Verb: VerbSubscribe, Route: l.source})
	if err != nil {
		return false
	}
	t, _ := from.source(m, WatchOptions{Input: l.input})
	w := &watcher{
		deliver: l.do, by: from,
		panicked: func(r any) { _ = logPanic(g.log, "a listener of "+l.owner.tag, r) },
	}
	l.from, l.sub = from, t.subscribe(context.Background(), w, nil)
	if from.inbound == nil {
		from.inbound = make(map[*link]struct{})
	}
	from.inbound[l] = struct{}{}
	return true
}

// unbindLocked lets go of what a link listens to and returns the subscription to stop, if any.
func (l *link) unbindLocked() *Subscription {
	sub := l.sub
	if l.from != nil {
		delete(l.from.inbound, l)
	}
	l.from, l.sub = nil, nil
	return sub
}
