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

	mu         sync.Mutex // guards all below, and the structure of nodes
	middleware []scoped
	unbound    map[*link]struct{} // listeners whose source does not exist
	mounts     map[string]*Graph
	closed     bool
}

type scoped struct {
	pattern string
	mw      Middleware
}

var _ Target = (*Graph)(nil)

// New returns an empty graph with default options.
func New() *Graph { return NewWith(Options{}) }

// NewWith returns an empty graph.
func NewWith(o Options) *Graph {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Graph{
		log:     o.Logger,
		loaders: o.Loaders,
		unbound: make(map[*link]struct{}),
		mounts:  make(map[string]*Graph),
	}
}

// Do runs, posts to or subscribes to a route.
func (g *Graph) Do(ctx context.Context, c *Call) (any, error) {
	n := g.find(c.Route)
	if n == nil {
		if sub, route := g.mounted(c.Route); sub != nil {
			inner := *c
			inner.Route = route
			return sub.Do(ctx, &inner)
		}
		return nil, NotFound.Errorf("no route %q", c.Route)
	}
	return n.do(ctx, c)
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

func (g *Graph) mounted(route string) (*Graph, string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for prefix, sub := range g.mounts {
		if rest, ok := strings.CutPrefix(route, prefix+"."); ok {
			return sub, rest
		}
	}
	return nil, ""
}

// Get returns the node with this tag, or nil.
func (g *Graph) Get(tag string) *Node { return g.nodes.get(tag) }

// Resolve returns the node a route belongs to, and the name of the method or state key it
// means, which is empty for the node itself. It returns nil for an unknown route.
func (g *Graph) Resolve(route string) (n *Node, member string) {
	n = g.find(route)
	if n == nil {
		return nil, ""
	}
	member, _ = n.suffix(route)
	return n, member
}

// List returns the tags of all nodes, sorted, with those of mounted graphs under their prefix.
func (g *Graph) List() []string {
	var tags []string
	for tag := range g.nodes.tags() {
		tags = append(tags, tag)
	}
	g.mu.Lock()
	mounts := make(map[string]*Graph, len(g.mounts))
	for prefix, sub := range g.mounts {
		mounts[prefix] = sub
	}
	g.mu.Unlock()
	for prefix, sub := range mounts {
		for _, tag := range sub.List() {
			tags = append(tags, prefix+"."+tag)
		}
	}
	slices.Sort(tags)
	return tags
}

// Run runs a route with positional arguments and returns its result.
func (g *Graph) Run(ctx context.Context, route string, args ...any) (any, error) {
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

// Use puts middleware around the calls of every node, now and later. What is used first is outermost.
func (g *Graph) Use(mw ...Middleware) { g.UseAt("**", mw...) }

// UseAt is Use for the nodes whose tag matches pattern; see [Match].
func (g *Graph) UseAt(pattern string, mw ...Middleware) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range mw {
		g.middleware = append(g.middleware, scoped{pattern, m})
	}
	for _, n := range g.nodes.tags() {
		g.wrapLocked(n)
	}
}

func (g *Graph) wrapLocked(n *Node) {
	h := Handler(n.exec)
	for _, mw := range slices.Backward(n.own) {
		h = mw(h)
	}
	wrapped := len(n.own) > 0
	for _, s := range slices.Backward(g.middleware) {
		if Match(s.pattern, n.tag) {
			h, wrapped = s.mw(h), true
		}
	}
	if wrapped {
		n.chain.Store(&h)
	}
}

// Close removes all nodes and waits for what they started. The graph takes no new ones.
func (g *Graph) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	for _, tag := range g.List() {
		g.Remove(tag)
	}
}

// Run runs a route of any target with positional arguments. [As] reads its result.
func Run(ctx context.Context, t Target, route string, args ...any) (any, error) {
	return t.Do(ctx, &Call{Route: route, Args: ArgsOf(args...)})
}

// Post runs a route of any target for its effects. The error says that the message could not be handed
// over; inside a process it is also the error of the run.
func Post(ctx context.Context, t Target, route string, args ...any) error {
	_, err := t.Do(ctx, &Call{Verb: VerbPost, Route: route, Args: ArgsOf(args...)})
	return err
}

// Subscribe watches a route of any target.
func Subscribe(ctx context.Context, t Target, route string, f Deliver, opts ...SubOption) (*Subscription, error) {
	c := &Call{Verb: VerbSubscribe, Route: route, Deliver: f}
	for _, o := range opts {
		o.applyTo(&c.Watch)
	}
	return subscribe(ctx, t, c)
}

func subscribe(ctx context.Context, t Target, c *Call) (*Subscription, error) {
	out, err := t.Do(ctx, c)
	if err != nil {
		return nil, err
	}
	sub, ok := out.(*Subscription)
	if !ok {
		return nil, Internal.Errorf("subscribe to %s gave no subscription", c.Route)
	}
	return sub, nil
}
