package services

import (
	"context"
	"sync"

	"github.com/graphscript-go/graphscript/graph"
)

// An outbox holds what waits to be written to one link. Frames of the peer's own are
// bounded here; updates wait in the queue of their subscription, and here only stands that there are some.
// That keeps an update before the reply that comes after it.
type outbox struct {
	maxFrames int
	maxBytes  int
	wake      chan struct{} // holds a token while there is something to take

	mu      sync.Mutex // guards all below
	entries []entry
	frames  int // of the peer's own, in entries and being written
	bytes   int
	room    chan struct{} // closed when there is room again; nil if nobody waits
	closed  error

	writing, writingBytes int // the part of frames and bytes that was taken
}

// An entry is a frame, or a subscription that has updates.
type entry struct {
	frame *Frame
	watch *watch
}

func newOutbox(l Limits) *outbox {
	return &outbox{maxFrames: l.QueueMessages, maxBytes: l.QueueBytes, wake: make(chan struct{}, 1)}
}

// put adds a frame and fails if there is no room for it.
func (o *outbox) put(f *Frame) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != nil {
		return o.closed
	}
	if o.fullLocked(f) {
		return graph.ResourceExhausted.Errorf("the peer is %d messages behind", o.frames)
	}
	o.addLocked(f)
	return nil
}

// putWait adds a frame and waits for room until ctx ends. A peer that takes nothing is closed by its
// write deadline, which ends the wait too.
func (o *outbox) putWait(ctx context.Context, f *Frame) error {
	for {
		o.mu.Lock()
		if o.closed != nil {
			defer o.mu.Unlock()
			return o.closed
		}
		if !o.fullLocked(f) {
			o.addLocked(f)
			o.mu.Unlock()
			return nil
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (o *outbox) fullLocked(f *Frame) bool {
	return o.frames > 0 && (o.frames >= o.maxFrames || o.bytes+len(f.Payload) > o.maxBytes)
}

func (o *outbox) addLocked(f *Frame) {
	o.entries = append(o.entries, entry{frame: f})
	o.frames++
	o.bytes += len(f.Payload)
	o.signal()
}

// mark notes that w has updates. It never fails: a subscription stands here at most once.
func (o *outbox) mark(w *watch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed == nil {
		o.entries = append(o.entries, entry{watch: w})
		o.signal()
	}
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take returns all entries; spare is reused for the next ones. What is taken counts against the bounds
// until written is called.
func (o *outbox) take(spare []entry) (entries []entry, closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := o.entries
	clear(spare[:cap(spare)])
	o.entries = spare[:0]
	o.writing, o.writingBytes = o.frames, o.bytes
	return taken, o.closed != nil
}

// written says that the link has taken what was taken last.
func (o *outbox) written() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frames -= o.writing
	o.bytes -= o.writingBytes
	o.writing, o.writingBytes = 0, 0
	o.wakeWaiters()
}

func (o *outbox) wakeWaiters() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// close refuses further frames with err. What is queued can still be taken.
func (o *outbox) close(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != nil {
		return
	}
	o.closed = err
	o.wakeWaiters()
	o.signal()
}
