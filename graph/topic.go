package graph

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxPending bounds the events that wait while another goroutine delivers earlier ones.
	maxPending = 4096
	// settleTimeout bounds how long a run waits for that other goroutine. It is reached only when a
	// callback blocks, or runs its own node with a context other than the one it was given.
	settleTimeout = 5 * time.Second
)

// A topic delivers the events of one source to its watchers, to all in the same order.
//
// Taps run under the lock and so take part in the order by construction; they only hand the event
// on. Callbacks run outside it: whoever publishes while nobody delivers, delivers,
// and takes along what others publish meanwhile.
type topic struct {
	watched atomic.Bool // whether there is any watcher; read without the lock

	mu         sync.Mutex // guards all below, and the order of events
	taps       []*watcher // copied on write
	callbacks  []*watcher // copied on write
	rooms      []*watcher // copied on write: those with a Room
	pending    []pendingEvent
	lost       uint64 // dropped from pending since the last one delivered
	delivering bool
	closed     error
}

type watcher struct {
	deliver  Deliver
	room     func(context.Context)
	tap      bool
	stopped  atomic.Bool
	panicked func(any)
	sub      *Subscription
}

type pendingEvent struct {
	ctx  context.Context //nolint:containedctx // the publisher's, for the callbacks of this one event
	list []*watcher
	e    Event
	done chan struct{} // closed when delivered; nil if nobody waits
}

// insideDelivery marks the context of a callback, so that what it runs does not wait for the
// delivery it is part of.
type insideDelivery struct{}

// publish delivers v and returns when every watcher has had it, unless called from inside a delivery.
func (t *topic) publish(ctx context.Context, v any) {
	if !t.watched.Load() {
		return
	}
	t.waitRoom(ctx)
	t.mu.Lock()
	if wait := t.publishLocked(ctx, Event{Value: v}, true); wait != nil {
		settle(ctx, wait)
	}
}

// waitRoom gives the watchers that want it a bounded time to make room.
func (t *topic) waitRoom(ctx context.Context) {
	t.mu.Lock()
	rooms := t.rooms
	t.mu.Unlock()
	for _, w := range rooms {
		w.room(ctx)
	}
}

// publishLocked delivers e and releases mu. If another goroutine has to deliver e to the
// callbacks and mayWait is set, it returns a channel that says when that has happened.
func (t *topic) publishLocked(ctx context.Context, e Event, mayWait bool) <-chan struct{} {
	if len(t.taps) > 0 {
		tapped := e
		tapped.memo = &memo{of: e.Value}
		deliverAll(ctx, t.taps, tapped)
	}
	if len(t.callbacks) == 0 {
		t.mu.Unlock()
		return nil
	}
	return t.dispatchLocked(pendingEvent{ctx: ctx, list: t.callbacks, e: e}, mayWait)
}

func (t *topic) dispatchLocked(p pendingEvent, mayWait bool) <-chan struct{} {
	if t.delivering {
		if mayWait && p.ctx.Value(insideDelivery{}) == nil {
			p.done = make(chan struct{})
		}
		t.enqueueLocked(p)
		t.mu.Unlock()
		return p.done
	}
	t.delivering = true
	t.mu.Unlock()
	t.deliver(p)
	return nil
}

func (t *topic) enqueueLocked(p pendingEvent) {
	if len(t.pending) == maxPending {
		oldest := t.pending[0]
		if oldest.done != nil {
			close(oldest.done)
		}
		t.pending = t.pending[1:]
		t.lost += oldest.e.Lost + 1
	}
	t.pending = append(t.pending, p)
}

// deliver calls the callbacks for p and for all that is published meanwhile.
func (t *topic) deliver(p pendingEvent) {
	for {
		ctx := context.WithValue(context.WithoutCancel(p.ctx), insideDelivery{}, true)
		deliverAll(ctx, p.list, p.e)
		if p.done != nil {
			close(p.done)
		}
		t.mu.Lock()
		if len(t.pending) == 0 {
			t.pending = nil
			t.delivering = false
			t.mu.Unlock()
			return
		}
		p, t.pending = t.pending[0], t.pending[1:]
		p.e.Lost += t.lost
		t.lost = 0
		t.mu.Unlock()
	}
}

func settle(ctx context.Context, delivered <-chan struct{}) {
	timer := time.NewTimer(settleTimeout)
	defer timer.Stop()
	select {
	case <-delivered:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// deliverAll hands e to each watcher; one that panics does not keep it from the next.
func deliverAll(ctx context.Context, list []*watcher, e Event) {
	for i := 0; i < len(list); {
		i = deliverFrom(ctx, list, i, e)
	}
}

func deliverFrom(ctx context.Context, list []*watcher, from int, e Event) (next int) {
	next = from
	defer func() {
		if r := recover(); r != nil {
			list[next].panicked(r)
			next++
		}
	}()
	for ; next < len(list); next++ {
		if w := list[next]; !w.stopped.Load() {
			w.deliver(ctx, e)
		}
	}
	return next
}

// subscribe adds a watcher. Where snapshot is not nil, what it returns is delivered to this
// watcher first, with no event lost or repeated between it and the next.
func (t *topic) subscribe(w *watcher, snapshot func() any) (*Subscription, error) {
	w.sub = NewSubscription(func() { t.remove(w) })
	t.mu.Lock()
	if t.closed != nil {
		defer t.mu.Unlock()
		return nil, t.closed
	}
	list := &t.callbacks
	if w.tap {
		list = &t.taps
	}
	*list = appendCopy(*list, w)
	if w.room != nil {
		t.rooms = appendCopy(t.rooms, w)
	}
	t.watched.Store(true)
	if snapshot == nil {
		t.mu.Unlock()
		return w.sub, nil
	}
	first := pendingEvent{ctx: context.Background(), list: []*watcher{w}, e: Event{Value: snapshot(), Snapshot: true}}
	if w.tap {
		deliverAll(first.ctx, first.list, first.e)
		t.mu.Unlock()
		return w.sub, nil
	}
	t.dispatchLocked(first, false)
	return w.sub, nil
}

func (t *topic) remove(w *watcher) {
	w.stopped.Store(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taps = removeCopy(t.taps, w)
	t.callbacks = removeCopy(t.callbacks, w)
	t.rooms = removeCopy(t.rooms, w)
	t.watched.Store(len(t.taps)+len(t.callbacks) > 0)
}

// close ends every subscription with err and refuses new ones.
func (t *topic) close(err error) {
	t.mu.Lock()
	t.closed = err
	all := append(append([]*watcher(nil), t.taps...), t.callbacks...)
	t.mu.Unlock()
	for _, w := range all {
		w.sub.End(err)
	}
}

// end ends every subscription with err and stays open: the topic of a Var, which may outlive its node.
func (t *topic) end(err error) {
	t.close(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = nil
}

func appendCopy(list []*watcher, w *watcher) []*watcher {
	return append(list[:len(list):len(list)], w)
}

func removeCopy(list []*watcher, w *watcher) []*watcher {
	for i, have := range list {
		if have == w {
			return append(append(make([]*watcher, 0, len(list)-1), list[:i]...), list[i+1:]...)
		}
	}
	return list
}
