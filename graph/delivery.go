package graph

import (
	"context"
	"time"
)

const (
	// maxPending bounds the events that wait while another goroutine delivers earlier ones.
	maxPending = 4096
	// maxTurns bounds how many events of others a publisher delivers after its own.
	maxTurns = 256
	// settleTimeout bounds how long a run waits for that other goroutine. It is reached only when a
	// callback blocks, or runs its own node with a context other than the one it was given.
	settleTimeout = 5 * time.Second
)

type pendingEvent struct {
	ctx  context.Context //nolint:containedctx // the publisher's, for the callbacks of this one event
	list []*watcher
	e    Event
	done chan struct{} // closed when delivered; nil if nobody waits
}

// insideDelivery marks the context of a callback, so that what it runs does not wait for the
// delivery it is part of.
type insideDelivery struct{}

// dispatchLocked delivers p, or leaves it to the goroutine that is delivering, and releases mu.
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
		t.popLocked()
		if oldest.done != nil {
			close(oldest.done)
		}
		if t.missed == nil {
			t.missed = make(map[*watcher]uint64)
		}
		for _, w := range oldest.list {
			if !w.stopped.Load() {
				t.missed[w]++
			}
		}
	}
	t.pending = append(t.pending, p)
}

func (t *topic) popLocked() {
	t.pending[0] = pendingEvent{}
	t.pending = t.pending[1:]
}

// deliver calls the callbacks for p and for what is published meanwhile. A publisher is not kept
// for ever where others publish all the time: after some turns a goroutine goes on. That one
// has nobody who waits for it, and ends as soon as nothing is pending.
func (t *topic) deliver(p pendingEvent) {
	for range 1 + maxTurns {
		t.call(p)
		var more bool
		if p, more = t.next(); !more {
			return
		}
	}
	go t.deliver(p)
}

func (t *topic) call(p pendingEvent) {
	returned := false
	defer func() {
		if p.done != nil {
			close(p.done)
		}
		if !returned { // a callback ended its goroutine, with runtime.Goexit
			go t.resume()
		}
	}()
	deliverAll(deliveryContext(p.ctx), p.list, p.e)
	returned = true
}

func (t *topic) resume() {
	if p, more := t.next(); more {
		t.deliver(p)
	}
}

// next takes what is to be delivered next, or ends the delivery.
func (t *topic) next() (p pendingEvent, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		t.pending, t.delivering = nil, false
		return p, false
	}
	p = t.pending[0]
	t.popLocked()
	if len(t.missed) > 0 {
		for _, w := range p.list {
			w.missed += t.missed[w]
			delete(t.missed, w)
		}
	}
	return p, true
}

// deliveryContext returns the context of a callback: it has the publisher's values and does not
// end with the publisher, as the callbacks of one event must not depend on who caused it. Inside a delivery it
// stays as it is, or nodes that react to each other would make it longer for ever.
func deliveryContext(ctx context.Context) context.Context {
	inside := ctx.Value(insideDelivery{}) != nil
	if ctx.Done() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	if inside {
		return ctx
	}
	return context.WithValue(ctx, insideDelivery{}, true)
}

// settle waits until an event is delivered, if somebody else does that.
func settle(ctx context.Context, delivered <-chan struct{}) {
	if delivered == nil {
		return
	}
	timer := time.NewTimer(settleTimeout)
	defer timer.Stop()
	select {
	case <-delivered:
	case <-ctx.Done():
	case <-timer.C:
	}
}
