package graph

import (
	"maps"
	"sync"
	"sync/atomic"
)

// An index finds nodes by tag. A look-up is one map access without a lock as long as
// tags are not being added; adding costs amortised constant time, so that a program may make a node
// per user or per room. It works like the first sync.Map, without the boxed keys.
type index struct {
	read    atomic.Pointer[map[string]*Node] // never changed once stored; may hold removed nodes
	pending atomic.Bool                      // whether all holds tags that read does not

	mu     sync.Mutex // guards all below
	all    map[string]*Node
	misses int // look-ups that needed all since read was made
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
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.all[tag]
	if x.misses++; x.misses >= len(x.all) {
		x.publishLocked()
	}
	return n
}

func (x *index) publishLocked() {
	m := maps.Clone(x.all)
	x.read.Store(&m)
	x.pending.Store(false)
	x.misses = 0
}

// add stores n unless the tag is taken.
func (x *index) add(tag string, n *Node) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.all[tag] != nil {
		return false
	}
	if x.all == nil {
		x.all = make(map[string]*Node)
	}
	x.all[tag] = n
	x.pending.Store(true)
	return true
}

// remove forgets tag. The node itself says removed, which hides it in read.
func (x *index) remove(tag string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.all, tag)
	if x.misses++; x.misses >= len(x.all) {
		x.publishLocked()
	}
}

func (x *index) tags() map[string]*Node {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.all)
}
