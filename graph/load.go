package graph

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Load adds all nodes of a tree, or none of them and returns the first error.
func (g *Graph) Load(roots Roots) error {
	var built []*Node
	mounts := map[string]*Graph{}
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		if sub, ok := roots[name].(*Graph); ok {
			if err := checkTag(name); err != nil {
				return fmt.Errorf("load graph: %w", err)
			}
			mounts[name] = sub
			continue
		}
		nodes, err := g.build(nil, name, roots[name])
		if err != nil {
			return fmt.Errorf("load graph: %w", err)
		}
		built = append(built, nodes...)
	}
	if err := g.connect(built, mounts); err != nil {
		return fmt.Errorf("load graph: %w", err)
	}
	return nil
}

// Add adds one node, with its children, under a tag. What def may be is said at [Roots].
// The tag must be free. A dotted tag does not make the node a child; [Node.Add] does.
func (g *Graph) Add(tag string, def any) (*Node, error) {
	if sub, ok := def.(*Graph); ok {
		return nil, g.connect(nil, map[string]*Graph{tag: sub})
	}
	return g.add(nil, tag, def)
}

func (g *Graph) add(parent *Node, name string, def any) (*Node, error) {
	built, err := g.build(parent, name, def)
	if err == nil {
		err = g.connect(built, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("add node: %w", err)
	}
	return built[0], nil
}

// build makes a node and its children, parents first, without touching the graph.
func (g *Graph) build(parent *Node, name string, def any) ([]*Node, error) {
	tag := name
	if parent != nil {
		tag = parent.tag + "." + name
	}
	if err := checkTag(tag); err != nil {
		return nil, err
	}
	n := &Node{graph: g, tag: tag, parent: parent, members: map[string]*member{}}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	p := propsOf(def)
	if err := n.define(p); err != nil {
		return nil, fmt.Errorf("node %q: %w", tag, err)
	}
	built := []*Node{n}
	for _, name := range slices.Sorted(maps.Keys(p.Children)) {
		nodes, err := g.build(n, name, p.Children[name])
		if err != nil {
			return nil, err
		}
		built = append(built, nodes...)
	}
	return built, nil
}

// connect puts built nodes into the graph and then runs their hooks.
func (g *Graph) connect(built []*Node, mounts map[string]*Graph) error {
	g.mu.Lock()
	if err := g.connectLocked(built, mounts); err != nil {
		g.mu.Unlock()
		return err
	}
	g.bindAllLocked()
	g.mu.Unlock()
	for _, n := range built {
		for _, f := range n.onJoin {
			f(n)
		}
	}
	return nil
}

func (g *Graph) connectLocked(built []*Node, mounts map[string]*Graph) error {
	if g.closed {
		return Unavailable.Errorf("the graph is closed")
	}
	for tag := range mounts {
		if g.mounts[tag] != nil || g.nodes.get(tag) != nil {
			return AlreadyExists.Errorf("tag %q is taken", tag)
		}
	}
	for i, n := range built {
		taken := g.addLocked(n)
		if taken == "" {
			continue
		}
		for _, done := range built[:i+1] {
			g.forgetLocked(done)
		}
		return AlreadyExists.Errorf("tag %q is taken", taken)
	}
	maps.Copy(g.mounts, mounts)
	for _, n := range built {
		if n.parent != nil {
			n.parent.children = append(n.parent.children, n)
		}
		for _, l := range n.links {
			g.unbound[l] = struct{}{}
		}
	}
	return nil
}

// addLocked makes n reachable by its tag and aliases and returns one that is taken, if any.
func (g *Graph) addLocked(n *Node) (taken string) {
	if g.mounts[n.tag] != nil {
		return n.tag
	}
	g.wrapLocked(n)
	for i, tag := range append([]string{n.tag}, n.aliases...) {
		if !g.nodes.add(tag, n) {
			n.aliases = n.aliases[:max(0, i-1)]
			if i == 0 {
				n.removed.Store(true) // forgetLocked must leave the owner of the tag alone
			}
			return tag
		}
	}
	return ""
}

func (g *Graph) forgetLocked(n *Node) {
	if n.removed.Swap(true) {
		return
	}
	g.nodes.remove(n.tag)
	for _, alias := range n.aliases {
		g.nodes.remove(alias)
	}
}

// Remove takes a node and its children out of the graph: their subscriptions end with NotFound, what
// they listened to is let go, and Remove returns when what they started with [Node.Go]
// has ended. It must not be called from such a goroutine. It reports whether there was one.
func (g *Graph) Remove(tag string) bool {
	g.mu.Lock()
	if _, ok := g.mounts[tag]; ok {
		delete(g.mounts, tag)
		g.mu.Unlock()
		return true
	}
	n := g.nodes.get(tag)
	if n == nil {
		g.mu.Unlock()
		return false
	}
	gone := n.subtreeLocked(nil)
	var stops []*Subscription
	for _, n := range slices.Backward(gone) { // who listens leaves before what it listens to
		stops = append(stops, g.disconnectLocked(n)...)
	}
	g.mu.Unlock()
	for _, s := range stops {
		s.Stop()
	}
	for _, n := range slices.Backward(gone) {
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

// disconnectLocked takes n out of the graph and returns the subscriptions that are to be stopped.
func (g *Graph) disconnectLocked(n *Node) []*Subscription {
	g.forgetLocked(n)
	if n.parent != nil {
		n.parent.children = slices.DeleteFunc(slices.Clone(n.parent.children), func(c *Node) bool { return c == n })
	}
	var stops []*Subscription
	for _, l := range n.links {
		delete(g.unbound, l)
		if l.sub != nil {
			stops = append(stops, l.sub)
			l.from.inbound = slices.DeleteFunc(l.from.inbound, func(in *link) bool { return in == l })
		}
	}
	for _, l := range n.inbound {
		l.from, l.sub = nil, nil
		g.unbound[l] = struct{}{}
	}
	n.inbound = nil
	return stops
}

// leave ends what a disconnected node still has.
func (n *Node) leave() {
	n.cancel()
	err := NotFound.Errorf("%s was removed", n.tag)
	n.inputs.close(err)
	n.results.close(err)
	all := slices.Collect(maps.Values(n.members))
	if n.value != nil {
		all = append(all, n.value)
	}
	for _, m := range all {
		m.inputs.close(err)
		m.results.close(err)
		if m.cell != nil {
			m.cell.topic().end(err)
		}
	}
	n.work.Wait()
	for _, f := range n.onLeave {
		f(n)
	}
}

// propsOf turns what Roots may hold into Props.
func propsOf(def any) Props {
	switch def := def.(type) {
	case Props:
		return def
	case *Props:
		return *def
	case Roots:
		return Props{Children: def}
	}
	switch {
	case isFunc(def):
		return Props{Operator: def}
	case isStructPointer(def):
		return Props{Lend: def}
	}
	return Props{value: newDynamicVar(def)}
}

// lowerFirst is the name of an exported Go identifier as a member: HTTPStatus stays, Say becomes say.
func lowerFirst(name string) string {
	if len(name) > 1 && name[1] >= 'A' && name[1] <= 'Z' {
		return name
	}
	return strings.ToLower(name[:1]) + name[1:]
}
