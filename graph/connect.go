package graph

import "slices"

// connect puts built nodes into the graph, all at once or none, and then runs their hooks.
func (g *Graph) connect(built []*Node, mounts []*mount) error {
	for _, m := range mounts {
		if err := checkMount(g, m); err != nil {
			return err
		}
	}
	g.mu.Lock()
	if err := g.connectLocked(built, mounts); err != nil {
		g.mu.Unlock()
		return err
	}
	g.mu.Unlock()
	for _, n := range built {
		n.join()
	}
	return nil
}

func checkMount(g *Graph, m *mount) error {
	if err := checkTag(m.prefix); err != nil {
		return err
	}
	if m.graph == nil {
		return InvalidArgument.Errorf("the graph for %q is nil", m.prefix)
	}
	if m.graph.holds(g) {
		return InvalidArgument.Errorf("the graph for %q holds the graph it would be mounted in", m.prefix)
	}
	return nil
}

func (g *Graph) connectLocked(built []*Node, mounts []*mount) error {
	if g.closed {
		return Unavailable.Errorf("the graph is closed")
	}
	if len(built) > 0 && built[0].parent != nil && built[0].parent.removed.Load() {
		return built[0].parent.removedError()
	}
	if tag := g.takenLocked(built, mounts); tag != "" {
		return AlreadyExists.Errorf("tag %q is taken", tag)
	}
	for _, n := range built {
		g.wrapLocked(n)
		if n.parent != nil {
			n.parent.children = append(n.parent.children, n)
		}
	}
	g.mounts = append(g.mounts[:len(g.mounts):len(g.mounts)], mounts...)
	g.nodes.add(built)
	g.bindNewLocked(built)
	return nil
}

// takenLocked returns a tag, alias or prefix that is not free or wanted twice, if any.
func (g *Graph) takenLocked(built []*Node, mounts []*mount) string {
	wanted := make(map[string]bool)
	isTaken := func(tag string) bool {
		if wanted[tag] || g.nodes.has(tag) {
			return true
		}
		wanted[tag] = true
		return slices.ContainsFunc(g.mounts, func(m *mount) bool { return m.prefix == tag })
	}
	for _, m := range mounts {
		if isTaken(m.prefix) {
			return m.prefix
		}
	}
	for _, n := range built {
		for tag := range n.names() {
			if isTaken(tag) {
				return tag
			}
		}
	}
	return ""
}
