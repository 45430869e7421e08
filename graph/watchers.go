package graph

import (
	"context"
	"slices"
	"sync/atomic"
)

// A watcher is one subscription of a topic.
type watcher struct {
	deliver  Deliver
	room     func(context.Context)
	tap      bool
	by       *Node       // who was asked, and can end it; nil for a Var's own Watch
	stopped  atomic.Bool // set under the topic's mu
	missed   uint64      // for the next event; only whoever delivers uses it
	panicked func(any)
	sub      *Subscription
}

// watchers is a list that is read without a lock: what list holds at one time is never changed. Adding writes behind
// what readers see, and removing only counts, until it pays to make a new list. So a
// node with many watchers can lose them all in linear time.
type watchers struct {
	list []*watcher
	dead int // how many of list are stopped
}

func (ws *watchers) add(w *watcher) { ws.list = append(ws.list, w) }

// removed says that one of the list was stopped.
func (ws *watchers) removed() {
	if ws.dead++; 2*ws.dead < len(ws.list) {
		return
	}
	live := make([]*watcher, 0, len(ws.list)-ws.dead)
	for _, w := range ws.list {
		if !w.stopped.Load() {
			live = append(live, w)
		}
	}
	ws.list, ws.dead = live, 0
}

func (ws *watchers) live() int { return len(ws.list) - ws.dead }

// by returns the watchers that were made by a node.
func (ws *watchers) by(n *Node) []*watcher {
	return slices.DeleteFunc(slices.Clone(ws.list), func(w *watcher) bool { return w.by != n })
}

// deliverAll hands e to each watcher; one that panics does not keep it from the next.
func deliverAll(ctx context.Context, list []*watcher, e Event) {
	for i := 0; i < len(list); {
		i = deliverFrom(ctx, list, i, e)
	}
}

// deliverFrom returns where to go on: behind the list, or behind the watcher that panicked.
func deliverFrom(ctx context.Context, list []*watcher, from int, e Event) (next int) {
	at := from // stored for the deferred function; counting in i alone keeps the loop out of memory
	defer func() {
		if r := recover(); r != nil {
			list[at].panicked(r)
			next = at + 1
		}
	}()
	for i := from; i < len(list); i++ {
		at = i
		w := list[i]
		switch {
		case w.stopped.Load():
		case w.missed > 0:
			late := e
			late.Lost += w.missed
			w.missed = 0
			w.deliver(ctx, late)
		default:
			w.deliver(ctx, e)
		}
	}
	return len(list)
}
