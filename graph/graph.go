package graph

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Options adjust a Graph. All fields may be left zero.
type Options struct {
	// Logger takes panics and the errors that have no caller to go to, such as a listener's.
	// The default is slog.Default().
	Logger *slog.Logger
	// Loaders give keys of Props.With a meaning, besides and before the built-in ones.
	Loaders map[string]Loader
}

// A Graph is a set of named nodes that can be run, watched and changed while in use.
// All methods may be called concurrently. It is a [Target].
type Graph struct {
	log     *slog.Logger
	loaders map[string]Loader
	nodes   index
	fast    constantCache
	leaving sync.WaitGroup // calls of Remove at work; Add is called under mu

	mu         sync.Mutex // guards all below, and the structure of nodes
	middleware []scoped
	waiting    waitingLinks
	mounts     []*mount
	closed     bool
}

var _ Target = (*Graph)(nil)

// New returns an empty graph with default options.
func New() *Graph { return NewWith(Options{}) }

// NewWith returns an empty graph.
func NewWith(o Options) *Graph {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Graph{log: o.Logger, loaders: o.Loaders}
}

// Do runs, posts to or subscribes to a route.
func (g *Graph) Do(ctx context.Context, c *Call) (any, error) {
	if n := g.find(c.Route); n != nil {
		return n.do(ctx, c)
	}
	if m := g.mountOf(c.Route); m != nil {
		return g.doMounted(ctx, m, c)
	}
	return nil, NotFound.Errorf("no route %q", c.Route)
}

// find returns the node a route belongs to: the one of that tag or the one before the last dot,
// if it has such a member.
func (g *Graph) find(route string) *Node {
	if n := g.nodes.get(route); n != nil {
		return n
	}
	dot := strings.LastIndexByte(route, '.')
	if dot < 0 {
		return nil
	}
	n := g.nodes.get(route[:dot])
	if n == nil || n.member(route[dot+1:]) == nil {
		return nil
	}
	return n
}

// Get returns the node with this tag or alias, or nil. The nodes of a mounted graph are its own.
func (g *Graph) Get(tag string) *Node { return g.nodes.get(tag) }

// Resolve returns the node a route belongs to, and the name of the method or state key it
// means, which is empty for the node itself. It returns nil for an unknown route and for one of a
// mounted graph. [Graph.Locate] also looks at the rest of a call.
func (g *Graph) Resolve(route string) (n *Node, member string) {
	n = g.find(route)
	if n == nil {
		return nil, ""
	}
	name, _ := n.suffix(route)
	if m := n.member(name); m != nil {
		name = m.name
	}
	return n, name
}

// Locate returns what a call is for, by the names in the graph: the tag of the node whatever alias
// was used, and the method or state key however its case was written, empty for the node
// itself. It looks into mounted graphs. It reports false for what does not exist.
func (g *Graph) Locate(c *Call) (tag, member string, ok bool) {
	if n := g.find(c.Route); n != nil {
		m, err := n.target(c)
		if m != nil {
			member = m.name
		}
		return n.tag, member, err == nil
	}
	if m := g.mountOf(c.Route); m != nil {
		inner := m.inner(c)
		tag, member, ok = m.graph.Locate(inner)
		return m.prefix + "." + tag, member, ok
	}
	return "", "", false
}

// List returns the tags and aliases of all nodes, sorted, with those of mounted graphs under
// their prefix.
func (g *Graph) List() []string {
	tags := g.nodes.tags()
	g.mu.Lock()
	mounts := slices.Clone(g.mounts)
	g.mu.Unlock()
	for _, m := range mounts {
		for _, tag := range m.graph.List() {
			tags = append(tags, m.prefix+"."+tag)
		}
	}
	slices.Sort(tags)
	return tags
}

// Run runs a route with positional arguments and returns its result.
func (g *Graph) Run(ctx context.Context, route string, args ...any) (any, error) {
	if n := g.nodes.get(route); n != nil && n.operator != nil && n.chain.Load() == nil {
		return n.runOperator(ctx, ArgsOf(args...))
	}
	return g.Do(ctx, &Call{Route: route, Args: ArgsOf(args...)})
}

// Post runs a route for its effects.
func (g *Graph) Post(ctx context.Context, route string, args ...any) error {
	return Post(ctx, g, route, args...)
}

// Subscribe calls f with each new result or value of a route, in order, until the subscription is
// stopped or the node removed. A run inside f must be given f's context.
func (g *Graph) Subscribe(ctx context.Context, route string, f Deliver, opts ...SubOption) (*Subscription, error) {
	return Subscribe(ctx, g, route, f, opts...)
}

// Unsubscribe stops a subscription.
func (g *Graph) Unsubscribe(s *Subscription) { s.Stop() }

// Close removes all nodes and waits for what they started. The graph takes no new ones. It must
// not be called from where Remove must not be.
func (g *Graph) Close() {
	g.mu.Lock()
	g.closed = true
	g.mounts = nil
	g.mu.Unlock()
	for _, tag := range g.nodes.tags() {
		g.Remove(tag)
	}
	g.leaving.Wait()
}
