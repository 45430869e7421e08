package graph

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Load adds all nodes of a tree, or none of them and returns the first error.
func (g *Graph) Load(roots Roots) error {
	var built []*Node
	var mounts []*mount
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		if sub, ok := roots[name].(*Graph); ok {
			mounts = append(mounts, &mount{prefix: name, graph: sub})
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

// Add adds one node, with its children, under a tag. What def may be is said at [Roots]; for a
// *Graph there is no node to return and n is nil. The tag must be free. A dotted tag does not make
// the node a child; [Node.Add] does.
func (g *Graph) Add(tag string, def any) (n *Node, err error) {
	if sub, ok := def.(*Graph); ok {
		if err := g.connect(nil, []*mount{{prefix: tag, graph: sub}}); err != nil {
			return nil, fmt.Errorf("mount graph: %w", err)
		}
		return nil, nil
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
		if parent.members[name] != nil {
			return nil, AlreadyExists.Errorf("%q is a method or state key already", tag)
		}
	}
	if err := checkTag(tag); err != nil {
		return nil, err
	}
	p, err := propsOf(def)
	if err != nil {
		return nil, fmt.Errorf("node %q: %w", tag, err)
	}
	n := &Node{graph: g, tag: tag, parent: parent}
	n.ctx, n.cancel = context.WithCancel(context.Background())
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

// propsOf turns what Roots may hold into Props.
func propsOf(def any) (Props, error) {
	switch def := def.(type) {
	case Props:
		return def, nil
	case *Props:
		if def == nil {
			return Props{}, InvalidArgument.Errorf("the Props are nil")
		}
		return *def, nil
	case Roots:
		return Props{Children: def}, nil
	case *Graph:
		return Props{}, InvalidArgument.Errorf("a graph can only be mounted at the root")
	case *Node:
		return Props{}, InvalidArgument.Errorf("a node cannot be in two places")
	case cell:
		return Props{value: def}, nil
	}
	switch {
	case isFunc(def):
		return Props{Operator: def}, nil
	case isStructPointer(def):
		return Props{Lend: def}, nil
	}
	c, err := cellOf(def)
	return Props{value: c}, err
}
