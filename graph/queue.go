package graph

import (
	"context"
	"io"
	"sync"
	"time"
)

// A Queue holds the events one subscriber has not taken yet, under a Lag. It may be used
// concurrently. Push never blocks.
type Queue[T any] struct {
	lag   Lag
	ready chan struct{} // holds a token while there may be something to take
	room  chan struct{} // holds a token while there may be room for whoever waits for it

	mu       sync.Mutex // guards all below
	items    []queued[T]
	head     int
	n        int
	reserved int    // places promised by WaitRoom
	lost     uint64 // since the newest item
	err      error
	closed   bool
}

type queued[T any] struct {
	value T
	lost  uint64 // how many were lost just before this one
}

// NewQueue returns an empty queue. Bounds that lag leaves open are those of DropOldest.
func NewQueue[T any](lag Lag) *Queue[T] {
	lag = lag.Or(Lag{Policy: DropOldest})
	return &Queue[T]{lag: lag, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// Push adds a value, as the policy says when the queue is full. It reports false only
// for Disconnect, when the value did not fit; the queue is then closed with ResourceExhausted.
// A closed queue ignores what is pushed.
func (q *Queue[T]) Push(v T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return true
	}
	q.reserved = max(0, q.reserved-1)
	if q.n == q.lag.Size {
		switch q.lag.Policy {
		case Conflate, DropOldest:
			q.dropOldest()
		case Disconnect:
			q.lost++
			q.close(ResourceExhausted.Errorf("subscriber fell %d events behind", q.lag.Size))
			return false
		default:
			q.lost++
			return true
		}
	}
	q.append(queued[T]{v, q.lost})
	q.lost = 0
	signal(q.ready)
	return true
}

// dropOldest makes room and charges the loss to the value that is the oldest then.
func (q *Queue[T]) dropOldest() {
	lost := q.take().lost + 1
	if q.n == 0 {
		q.lost += lost
		return
	}
	q.items[q.head].lost += lost
}

func (q *Queue[T]) append(item queued[T]) {
	if q.n == len(q.items) {
		bigger := make([]queued[T], min(max(4, 2*len(q.items)), q.lag.Size))
		for i := range q.n {
			bigger[i] = q.items[(q.head+i)%len(q.items)]
		}
		q.items, q.head = bigger, 0
	}
	q.items[(q.head+q.n)%len(q.items)] = item
	q.n++
}

func (q *Queue[T]) take() queued[T] {
	item := q.items[q.head]
	q.items[q.head] = queued[T]{}
	q.head = (q.head + 1) % len(q.items)
	q.n--
	return item
}

// TryPop takes the oldest value, and how many were lost before it, if there is one.
func (q *Queue[T]) TryPop() (v T, lost uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return v, 0, false
	}
	item := q.take()
	if q.lag.Policy == Block {
		signal(q.room)
	}
	return item.value, item.lost, true
}

// Pop takes the oldest value and how many were lost before it, and waits for one if there is
// none. What was pushed before Close is still taken; then Pop returns Close's error, or io.EOF
// if that is nil, with how many were lost at the end. When ctx has ended Pop returns its cause.
func (q *Queue[T]) Pop(ctx context.Context) (v T, lost uint64, err error) {
	for {
		if ctx.Err() != nil {
			return v, 0, context.Cause(ctx)
		}
		if v, lost, ok := q.TryPop(); ok {
			return v, lost, nil
		}
		if lost, err := q.end(); err != nil {
			return v, lost, err
		}
		select {
		case <-q.ready:
			q.passOn()
		case <-ctx.Done():
		}
	}
}

// end returns what is left to say when the queue is closed and empty: err is nil if it is not. What was
// lost is said once.
func (q *Queue[T]) end() (lost uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed || q.n > 0 {
		return 0, nil
	}
	lost, q.lost = q.lost, 0
	if q.err == nil {
		return lost, io.EOF
	}
	return lost, q.err
}

// passOn wakes the next Pop that waits, if there is something for it as well.
func (q *Queue[T]) passOn() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.n > 1 {
		signal(q.ready)
	}
}

// WaitRoom waits under Block until there is room, for the policy's time at most, and keeps the
// place for the next Push. Under every other policy it returns at once.
func (q *Queue[T]) WaitRoom(ctx context.Context) {
	if q.lag.Policy != Block || q.reserve() {
		return
	}
	timer := time.NewTimer(q.lag.Wait)
	defer timer.Stop()
	for {
		select {
		case <-q.room:
			if q.reserve() {
				return
			}
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// reserve keeps a place if there is one, and wakes the next who waits if there are more.
func (q *Queue[T]) reserve() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	free := q.lag.Size - q.n - q.reserved
	if free > 0 {
		q.reserved++
	}
	if free > 1 || q.closed {
		signal(q.room)
	}
	return free > 0 || q.closed
}

// Len returns how many values wait.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// Close ends the queue. Later pushes are ignored. Only the first Close counts.
func (q *Queue[T]) Close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.close(err)
}

func (q *Queue[T]) close(err error) {
	if q.closed {
		return
	}
	q.closed, q.err = true, err
	signal(q.ready)
	signal(q.room)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
