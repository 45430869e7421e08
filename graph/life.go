package graph

import (
	"context"
	"sync"
)

// life is what a node runs between being connected and being removed.
type life struct {
	ctx     context.Context //nolint:containedctx // the node's life, for what Go starts
	cancel  context.CancelFunc
	onJoin  []func(*Node) // fixed once the node is connected
	onLeave []func(*Node) // likewise
	work    sync.WaitGroup

	mu     sync.Mutex // guards all below, and adding to work
	joined bool       // the hooks of onJoin have run
	left   bool       // nothing new may start
}

// Context ends when the node is removed.
func (n *Node) Context() context.Context { return n.ctx }

// Go starts f in a goroutine the node owns: f must return soon after ctx ends, which is when the node
// is removed, and Remove waits for it. A panic of f is logged and ends f alone. Of a node that
// was removed Go starts nothing.
func (n *Node) Go(f func(ctx context.Context)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left {
		return
	}
	n.work.Go(func() { n.guarded(func() { f(n.ctx) }) })
}

// guarded calls f, which the user wrote and whose panic has no caller to go to.
func (n *Node) guarded(f func()) {
	var err error
	defer n.recovered(&err)
	f()
}

// OnConnected adds a function to run when the node is in the graph. Only loaders call it.
func (n *Node) OnConnected(f func(*Node)) { n.onJoin = append(n.onJoin, f) }

// OnDisconnected adds a function to run when the node has left the graph. Only loaders call it.
func (n *Node) OnDisconnected(f func(*Node)) { n.onLeave = append(n.onLeave, f) }

// join runs the hooks of a node that was connected, and if it was removed meanwhile the others.
func (n *Node) join() {
	for _, f := range n.onJoin {
		n.guarded(func() { f(n) })
	}
	n.mu.Lock()
	n.joined = true
	left := n.left
	n.mu.Unlock()
	if left {
		n.runOnLeave()
	}
}

// stopWork waits for what the node started and runs the hooks, or leaves these to join if that
// is not done yet.
func (n *Node) stopWork() {
	n.mu.Lock()
	n.left = true
	joined := n.joined
	n.mu.Unlock()
	n.work.Wait()
	if joined {
		n.runOnLeave()
	}
}

func (n *Node) runOnLeave() {
	for _, f := range n.onLeave {
		n.guarded(func() { f(n) })
	}
}
