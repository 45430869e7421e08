package services

import (
	"context"
	"fmt"
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
func (o *outbox) put(f *Frame) error { return o.add(f, 1) }

// putRefusal adds an answer that the reader gives. The reader cannot wait for room, as both ends might then
// wait for each other to read; so answers have as much room again as all else.
func (o *outbox) putRefusal(f *Frame) error { return o.add(f, 2) }

// putCancel adds a cancellation, for which there is always room: there is at most one for each call
// and subscription, and these are bounded.
func (o *outbox) putCancel(f *Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed == nil {
		o.addLocked(f)
	}
}

func (o *outbox) add(f *Frame, share int) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != nil {
		return o.closed
	}
	if o.fullLocked(f, share) {
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
		if !o.fullLocked(f, 1) {
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
			return fmt.Errorf("%w: %w", contextError(ctx), ErrNotSent)
		}
	}
}

func (o *outbox) fullLocked(f *Frame, share int) bool {
	return o.frames > 0 && (o.frames >= share*o.maxFrames || o.bytes+len(f.Payload) > share*o.maxBytes)
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

// take returns all entries; spare, what it returned before, is reused for the next ones. What is taken
// counts against the bounds until written is called.
func (o *outbox) take(spare []entry) (entries []entry, closed bool) {
	clear(spare)
	o.mu.Lock()
	defer o.mu.Unlock()
	entries, o.entries = o.entries, spare[:0]
	o.writing, o.writingBytes = o.frames, o.bytes
	return entries, o.closed != nil
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
