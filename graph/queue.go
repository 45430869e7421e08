package graph

import (
	"context"
	"sync"
	"time"
)

// A Policy says what happens when a subscriber falls behind.
type Policy uint8

// The lag policies. Whatever is left out is counted in the next event's Lost.
const (
	// Conflate keeps the newest value only. It is the default for state.
	Conflate Policy = iota + 1
	// DropOldest keeps the newest values that fit. It is the default for results.
	DropOldest
	// DropNewest keeps the oldest values that fit.
	DropNewest
	// Disconnect ends the subscription with ResourceExhausted; over a wire it ends the peer,
	// which may come back and resume.
	Disconnect
	// Block makes whoever publishes wait for room, for a bounded time, and then drops the value.
	Block
)

// DefaultQueueSize is how many events a subscription holds when its Lag names no size.
const DefaultQueueSize = 256

// MaxQueueSize is the most events a subscription may ask to hold.
const MaxQueueSize = 65536

// A Lag is a policy with its bounds. The zero Lag leaves the choice to what is watched.
type Lag struct {
	Policy Policy `json:"policy,omitempty"`
	// Size is how many events are held: 0 means DefaultQueueSize, and MaxQueueSize is the most.
	Size int `json:"size,omitempty"`
	// Wait is how long Block waits.
	Wait time.Duration `json:"wait,omitempty"`
}

func (l Lag) applyTo(o *WatchOptions) { o.Lag = l }

// Or returns l, or other where l leaves the choice open, with its bounds filled in.
func (l Lag) Or(other Lag) Lag {
	if l.Policy == 0 {
		size := l.Size
		if l = other; size > 0 {
			l.Size = size
		}
	}
	if l.Size <= 0 {
		l.Size = DefaultQueueSize
	}
	if l.Policy == Conflate {
		l.Size = 1
	}
	l.Size = min(l.Size, MaxQueueSize)
	return l
}

// A Queue holds the events one subscriber has not taken yet, under a Lag. It may be used
// concurrently. Push never blocks.
type Queue[T any] struct {
	lag   Lag
	ready chan struct{} // holds a token while there is something to take
	room  chan struct{} // holds a token after something was taken

	mu     sync.Mutex // guards all below
	items  []queued[T]
	head   int
	n      int
	tail   uint64 // lost since the newest item
	err    error
	closed bool
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
func (q *Queue[T]) Push(v T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return true
	}
	lost := q.tail
	if q.n == q.lag.Size {
		switch q.lag.Policy {
		case Conflate, DropOldest:
			lost += q.dropOldest()
		case Disconnect:
			q.close(ResourceExhausted.Errorf("subscriber fell %d events behind", q.lag.Size))
			return false
		default:
			q.tail++
			return true
		}
	}
	q.tail = 0
	q.append(queued[T]{v, lost})
	signal(q.ready)
	return true
}

// dropOldest makes room and returns what the value about to be added must account for.
func (q *Queue[T]) dropOldest() uint64 {
	lost := q.take().lost + 1
	if q.n == 0 {
		return lost
	}
	q.items[q.head].lost += lost
	return 0
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
	signal(q.room)
	return item.value, item.lost, true
}

// Pop takes the oldest value and how many were lost before it, and waits for one if there is
// none. What was pushed before Close is still taken; then Pop returns Close's error.
func (q *Queue[T]) Pop(ctx context.Context) (v T, lost uint64, err error) {
	for {
		if v, lost, ok := q.TryPop(); ok {
			return v, lost, nil
		}
		q.mu.Lock()
		closed, err := q.closed && q.n == 0, q.err
		q.mu.Unlock()
		if closed {
			return v, 0, err
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return v, 0, context.Cause(ctx)
		}
	}
}

// WaitRoom waits under Block until a Push would fit, for the policy's time at most.
// Under every other policy it returns at once.
func (q *Queue[T]) WaitRoom(ctx context.Context) {
	if q.lag.Policy != Block || q.hasRoom() {
		return
	}
	timer := time.NewTimer(q.lag.Wait)
	defer timer.Stop()
	for !q.hasRoom() {
		select {
		case <-q.room:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (q *Queue[T]) hasRoom() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed || q.n < q.lag.Size
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
