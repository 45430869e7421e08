package graph

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
)

// A Node is one named part of a graph: an operator, methods, state, children and
// listeners. Its methods may be called concurrently.
type Node struct {
	graph  *Graph
	tag    string
	parent *Node

	// Fixed once the node is connected.
	operator Operator
	typed    any // func(context.Context, In) (Out, error), if nothing stands around it
	value    *member
	members  map[string]*member
	folded   map[string]*member // by their names in lower case
	own      []Middleware
	aliases  []string

	results topic
	inputs  topic
	chain   atomic.Pointer[Handler] // middleware around exec; nil without any
	removed atomic.Bool

	life

	children []*Node            // guarded by graph.mu
	links    []*link            // guarded by graph.mu: what this node listens to
	inbound  map[*link]struct{} // guarded by graph.mu: who listens to this node
}

// A member is a method or a state key of a node, or the state it is.
type member struct {
	name     string
	run      Operator // of a method
	cell     cell     // of a key
	writable bool
	results  topic
	inputs   topic
}

// Tag returns the node's full dotted name.
func (n *Node) Tag() string { return n.tag }

// Graph returns the graph the node belongs to.
func (n *Node) Graph() *Graph { return n.graph }

// Parent returns the node this one is a child of, or nil.
func (n *Node) Parent() *Node { return n.parent }

// Children returns the node's children in the order they run.
func (n *Node) Children() []*Node {
	n.graph.mu.Lock()
	defer n.graph.mu.Unlock()
	return slices.Clone(n.children)
}

// Add gives the node a further child, which runs after those it has.
func (n *Node) Add(name string, def any) (*Node, error) { return n.graph.add(n, name, def) }

// IsState reports whether the node is state, rather than something to run.
func (n *Node) IsState() bool { return n.value != nil }

// Members returns the names of the node's methods and state keys, sorted.
func (n *Node) Members() (methods, keys []string) {
	for name, m := range n.members {
		if m.cell != nil {
			keys = append(keys, name)
		} else {
			methods = append(methods, name)
		}
	}
	slices.Sort(methods)
	slices.Sort(keys)
	return methods, keys
}

// Wrap puts something around the node's operator. Only loaders call it.
func (n *Node) Wrap(around func(next Operator) Operator) error {
	if n.operator == nil {
		return FailedPrecondition.Errorf("node %q has no operator to wrap", n.tag)
	}
	n.operator, n.typed = around(n.operator), nil
	return nil
}

// Run runs the node, or the method named first if method is not empty.
func (n *Node) Run(ctx context.Context, method string, args ...any) (any, error) {
	return n.do(ctx, &Call{Route: n.tag, Method: method, Args: ArgsOf(args...)})
}

// Load returns the value of a state key; the empty key is the state the node is.
func (n *Node) Load(key string) (any, error) {
	m, err := n.state(key)
	if err != nil {
		return nil, err
	}
	return m.cell.load(), nil
}

// Set stores a value in a state key and tells its subscribers, as Var.Set does. It may set any key, writable
// or not.
func (n *Node) Set(key string, value any) error {
	m, err := n.state(key)
	if err != nil {
		return err
	}
	return m.cell.store(context.Background(), Args{kind: argsOne, one: value}, false)
}

func (n *Node) state(key string) (*member, error) {
	m := n.member(key)
	if key == "" {
		m = n.value
	}
	if m == nil || m.cell == nil {
		return nil, NotFound.Errorf("node %q has no state %q", n.tag, key)
	}
	return m, nil
}

// member finds a method or key, whose case counts only where two differ in nothing else.
func (n *Node) member(name string) *member {
	if m := n.members[name]; m != nil {
		return m
	}
	return n.folded[strings.ToLower(name)]
}

// names yields the tag and the aliases.
func (n *Node) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(n.tag) {
			return
		}
		for _, alias := range n.aliases {
			if !yield(alias) {
				return
			}
		}
	}
}
