package graph

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// An index finds nodes by tag. A look-up is one map access without a lock as long as
// tags are not being added; adding costs amortised constant time, so that a program may make a node
// per user or per room. It works like the first sync.Map, without the boxed keys.
type index struct {
	read    atomic.Pointer[map[string]*Node] // never changed once stored; may hold removed nodes
	pending atomic.Bool                      // whether byTag holds tags that read does not

	mu     sync.Mutex // guards all below
	byTag  map[string]*Node
	misses int // look-ups that needed byTag, and removals, since read was made
}

func (x *index) get(tag string) *Node {
	if m := x.read.Load(); m != nil {
		if n := (*m)[tag]; n != nil && !n.removed.Load() {
			return n
		}
	}
	if !x.pending.Load() {
		return nil
	}
	return x.getPending(tag)
}

func (x *index) getPending(tag string) *Node {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.byTag[tag]
	x.missLocked()
	return n
}

// missLocked makes read anew once the look-ups that missed it have cost as much as that does.
func (x *index) missLocked() {
	if x.misses++; x.misses < len(x.byTag) {
		return
	}
	m := maps.Clone(x.byTag)
	x.read.Store(&m)
	x.pending.Store(false)
	x.misses = 0
}

// has is get without counting as a look-up.
func (x *index) has(tag string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.byTag[tag] != nil
}

// add stores nodes under their tags and aliases, for all to see at once. The caller knows them to be free.
func (x *index) add(nodes []*Node) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.byTag == nil {
		x.byTag = make(map[string]*Node)
	}
	for _, n := range nodes {
		for tag := range n.names() {
			x.byTag[tag] = n
		}
	}
	x.pending.Store(true)
}

// remove forgets a node. The node itself says removed, which hides it in read.
func (x *index) remove(n *Node) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for tag := range n.names() {
		delete(x.byTag, tag)
		x.missLocked()
	}
}

func (x *index) tags() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Collect(maps.Keys(x.byTag))
}

// all yields every node once.
func (x *index) all() iter.Seq[*Node] {
	x.mu.Lock()
	defer x.mu.Unlock()
	nodes := make([]*Node, 0, len(x.byTag))
	for tag, n := range x.byTag {
		if tag == n.tag {
			nodes = append(nodes, n)
		}
	}
	return slices.Values(nodes)
}
