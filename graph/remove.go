package graph

import (
	"maps"
	"slices"
)

// Remove takes a node and its children out of the graph: their subscriptions end with NotFound, what
// they listened to is let go, and Remove returns when what they started with [Node.Go]
// has ended. It reports whether there was one. A mounted graph is taken out by its prefix, and lives on.
//
// Remove must not be called from a goroutine that it waits for: neither from one that Node.Go
// started nor, where that one runs a node, from the node's operator or subscribers, as
// with "loop". There the call belongs in a goroutine of its own.
func (g *Graph) Remove(tag string) bool {
	g.mu.Lock()
	if i := slices.IndexFunc(g.mounts, func(m *mount) bool { return m.prefix == tag }); i >= 0 {
		g.mounts = slices.Delete(slices.Clone(g.mounts), i, i+1)
		g.mu.Unlock()
		return true
	}
	n := g.nodes.get(tag)
	if n == nil {
		g.mu.Unlock()
		return false
	}
	g.leaving.Add(1)
	defer g.leaving.Done()
	gone := n.subtreeLocked(nil)
	for _, n := range gone {
		n.removed.Store(true)
	}
	slices.Reverse(gone) // who listens leaves before what it listens to
	var subs []*Subscription
	for _, n := range gone {
		subs = append(subs, g.disconnectLocked(n)...)
	}
	g.mu.Unlock()
	for _, s := range subs {
		s.Stop()
	}
	for _, n := range gone {
		n.leave()
	}
	return true
}

func (n *Node) subtreeLocked(all []*Node) []*Node {
	all = append(all, n)
	for _, c := range n.children {
		all = c.subtreeLocked(all)
	}
	return all
}

// disconnectLocked takes n, which is marked as removed, out of the graph and returns the subscriptions that are to be stopped.
func (g *Graph) disconnectLocked(n *Node) (subs []*Subscription) {
	g.nodes.remove(n)
	if n.parent != nil && !n.parent.removed.Load() {
		n.parent.children = slices.DeleteFunc(n.parent.children, func(c *Node) bool { return c == n })
	}
	for _, l := range n.links {
		g.waiting.remove(l)
		if sub := l.unbindLocked(); sub != nil {
			subs = append(subs, sub)
		}
	}
	for l := range n.inbound {
		subs = append(subs, l.unbindLocked())
		g.waiting.add(l)
	}
	return subs
}

// leave ends what a disconnected node still has.
func (n *Node) leave() {
	n.cancel()
	err := n.removedError()
	n.inputs.end(n, err)
	n.results.end(n, err)
	members := slices.Collect(maps.Values(n.members))
	if n.value != nil {
		members = append(members, n.value)
	}
	for _, m := range members {
		m.inputs.end(n, err)
		m.results.end(n, err)
		if m.cell != nil {
			m.cell.topic().end(n, err) // a Var may be part of other nodes and outlive this one
		}
	}
	n.stopWork()
}
