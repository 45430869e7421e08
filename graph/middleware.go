package graph

import "slices"

// scoped is middleware and where it applies.
type scoped struct {
	pattern string
	mw      Middleware
}

// Use puts middleware around the calls of every node, now and later. What is used first is outermost.
func (g *Graph) Use(mw ...Middleware) { g.UseAt("**", mw...) }

// UseAt is Use for the nodes whose tag matches pattern; see [Match]. Middleware applies by a node's
// own tag, not its aliases, and to the nodes of a mounted graph by their tag under its prefix.
func (g *Graph) UseAt(pattern string, mw ...Middleware) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range mw {
		g.middleware = append(g.middleware, scoped{pattern, m})
	}
	for n := range g.nodes.all() {
		g.wrapLocked(n)
	}
}

func (g *Graph) wrapLocked(n *Node) {
	around := g.middlewareLocked(n.tag)
	if len(around)+len(n.own) == 0 {
		return
	}
	h := chain(around, chain(n.own, n.exec))
	n.chain.Store(&h)
}

// middlewareLocked returns what applies to a tag, the outermost first.
func (g *Graph) middlewareLocked(tag string) []Middleware {
	var around []Middleware
	for _, s := range g.middleware {
		if Match(s.pattern, tag) {
			around = append(around, s.mw)
		}
	}
	return around
}

func chain(around []Middleware, h Handler) Handler {
	for _, mw := range slices.Backward(around) {
		h = mw(h)
	}
	return h
}
