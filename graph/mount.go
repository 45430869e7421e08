package graph

import (
	"context"
	"strings"
)

// A mount is another graph, whose nodes appear under a prefix.
type mount struct {
	prefix string
	graph  *Graph
	chains map[string]Handler // guarded by the outer graph's mu: what its middleware makes of do, by how much there is and which applies
}

// mountOf returns the mount a route belongs to: that with the longest prefix, or nil.
func (g *Graph) mountOf(route string) *mount {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mountLocked(route)
}

func (g *Graph) mountLocked(route string) (found *mount) {
	for _, m := range g.mounts {
		rest, ok := strings.CutPrefix(route, m.prefix)
		if ok && strings.HasPrefix(rest, ".") && (found == nil || len(m.prefix) > len(found.prefix)) {
			found = m
		}
	}
	return found
}

// inner returns a call as the mounted graph sees it.
func (m *mount) inner(c *Call) *Call {
	inner := *c
	inner.Route = strings.TrimPrefix(c.Route, m.prefix+".")
	return &inner
}

func (m *mount) do(ctx context.Context, c *Call) (any, error) { return m.graph.Do(ctx, m.inner(c)) }

// doMounted answers a call of a mounted graph's route, with the middleware of this graph around it.
func (g *Graph) doMounted(ctx context.Context, m *mount, c *Call) (out any, err error) {
	tag, _, ok := g.Locate(c)
	if !ok {
		return nil, NotFound.Errorf("no route %q", c.Route)
	}
	defer func() {
		if r := recover(); r != nil {
			err = logPanic(g.log, tag, r)
		}
	}()
	return g.mountedHandler(m, tag)(ctx, c)
}

func (g *Graph) mountedHandler(m *mount, tag string) Handler {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.middleware) == 0 {
		return m.do
	}
	applies := make([]byte, len(g.middleware))
	for i, s := range g.middleware {
		if Match(s.pattern, tag) {
			applies[i] = 1
		}
	}
	h := m.chains[string(applies)]
	if h == nil {
		if m.chains == nil {
			m.chains = make(map[string]Handler)
		}
		h = chain(g.middlewareLocked(tag), m.do)
		m.chains[string(applies)] = h
	}
	return h
}

// holds reports whether sub is this graph or mounted somewhere in it.
func (g *Graph) holds(sub *Graph) bool {
	if g == sub {
		return true
	}
	g.mu.Lock()
	mounts := g.mounts
	g.mu.Unlock()
	for _, m := range mounts {
		if m.graph.holds(sub) {
			return true
		}
	}
	return false
}
