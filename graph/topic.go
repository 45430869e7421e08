package graph

import (
	"context"
	"sync"
	"sync/atomic"
)

// A topic delivers the events of one source to its watchers, to all in the same order.
//
// Taps run under the lock and so take part in the order by construction; they only hand the event
// on. Callbacks run outside it: whoever publishes while nobody delivers, delivers,
// and takes along some of what others publish meanwhile; see deliver.
type topic struct {
	watched atomic.Bool // whether there is any watcher; read without the lock
	waiting atomic.Bool // whether there is any with a Room; likewise

	mu         sync.Mutex // guards all below, and the order of events
	taps       watchers
	callbacks  watchers
	rooms      watchers // those of the above with a Room
	spare      int      // how often room was waited for without a publish
	pending    []pendingEvent
	missed     map[*watcher]uint64 // events dropped from pending, before the one that is next there
	delivering bool
}

// publish delivers v and returns when every watcher has had it, unless called from inside a delivery.
func (t *topic) publish(ctx context.Context, v any) {
	if !t.watched.Load() {
		return
	}
	t.waitRoom(ctx)
	t.mu.Lock()
	settle(ctx, t.publishLocked(ctx, Event{Value: v}, true))
}

// waitRoom gives the watchers that want it a bounded time to make room.
func (t *topic) waitRoom(ctx context.Context) {
	if !t.waiting.Load() {
		return
	}
	t.mu.Lock()
	rooms := t.rooms.list
	if t.spare > 0 {
		t.spare--
		rooms = nil
	}
	t.mu.Unlock()
	for _, w := range rooms {
		if !w.stopped.Load() {
			w.room(ctx)
		}
	}
}

// keepRoom leaves room that was waited for to the next publish.
func (t *topic) keepRoom() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spare++
}

// publishLocked delivers e and releases mu. If another goroutine has to deliver e to the
// callbacks and mayWait is set, it returns a channel that says when that has happened.
func (t *topic) publishLocked(ctx context.Context, e Event, mayWait bool) <-chan struct{} {
	if len(t.taps.list) > 0 {
		tapped := e
		tapped.memo = &memo{of: e.Value}
		deliverAll(ctx, t.taps.list, tapped)
	}
	if len(t.callbacks.list) == 0 {
		t.mu.Unlock()
		return nil
	}
	return t.dispatchLocked(pendingEvent{ctx: ctx, list: t.callbacks.list, e: e}, mayWait)
}

// subscribe adds a watcher. Where snapshot is not nil, what it returns is delivered to this
// watcher first, with no event lost or repeated between it and the next.
func (t *topic) subscribe(ctx context.Context, w *watcher, snapshot func() any) *Subscription {
	w.sub = NewSubscription(func() { t.remove(w) })
	t.mu.Lock()
	if w.tap {
		t.taps.add(w)
	} else {
		t.callbacks.add(w)
	}
	if w.room != nil {
		t.rooms.add(w)
		t.waiting.Store(true)
	}
	t.watched.Store(true)
	if snapshot == nil {
		t.mu.Unlock()
		return w.sub
	}
	first := pendingEvent{ctx: ctx, list: []*watcher{w}, e: Event{Value: snapshot(), Snapshot: true}}
	if w.tap {
		deliverAll(first.ctx, first.list, first.e)
		t.mu.Unlock()
		return w.sub
	}
	t.dispatchLocked(first, false)
	return w.sub
}

func (t *topic) remove(w *watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w.stopped.Store(true)
	delete(t.missed, w)
	if w.tap {
		t.taps.removed()
	} else {
		t.callbacks.removed()
	}
	if w.room != nil {
		t.rooms.removed()
		t.waiting.Store(t.rooms.live() > 0)
	}
	t.watched.Store(t.taps.live()+t.callbacks.live() > 0)
}

// end ends the subscriptions that were made by a node.
func (t *topic) end(by *Node, err error) {
	t.mu.Lock()
	all := append(t.taps.by(by), t.callbacks.by(by)...)
	t.mu.Unlock()
	for _, w := range all {
		w.sub.End(err)
	}
}
