package graph

import (
	"context"
	"sync"
)

// An Event is one update of what is watched.
type Event struct {
	// Value is a Go value inside a process and a json.RawMessage from a wire.
	Value any
	// Position is the event's place in a channel with history, as text, and empty elsewhere.
	Position string
	// Lost is how many events were left out just before this one because the subscriber was behind.
	Lost uint64
	// Snapshot marks the value that state had when the subscription began.
	Snapshot bool

	memo *memo // shared by the taps of one publish
}

// WatchOptions say what to watch and how much a slow subscriber may fall behind.
type WatchOptions struct {
	// Key watches a method or state key of the node instead of its results.
	Key string `json:"key,omitempty"`
	// Input watches the arguments of each run, as a []any, instead of its results.
	Input bool `json:"input,omitempty"`
	// Snapshot asks for the current value of state first.
	Snapshot bool `json:"snapshot,omitempty"`
	Lag      Lag  `json:"lag,omitzero"`

	// Tap makes Deliver run inside the publish; see [Deliver].
	Tap bool `json:"-"`
	// Room, where set, is called before an event is published and may block for a bounded
	// time until the subscriber has room for it. It is how Block is done.
	Room func(ctx context.Context) `json:"-"`
}

// A SubOption adjusts a subscription made through a contract. A [Lag] is one.
type SubOption interface{ applyTo(o *WatchOptions) }

// A Subscription is one watch of a route. Its methods may be called concurrently.
type Subscription struct {
	stop func()
	done chan struct{}

	mu    sync.Mutex // guards all below
	ended bool
	err   error
	onEnd []func(error)
}

// NewSubscription returns a live subscription for a Target to hand out; stop is
// called once, when it ends for whatever reason.
func NewSubscription(stop func()) *Subscription {
	return &Subscription{stop: stop, done: make(chan struct{})}
}

// Stop ends the subscription. No event is delivered after it, save one that is being delivered now.
func (s *Subscription) Stop() { s.End(nil) }

// End ends the subscription for a reason, as a Target does when what is watched goes away.
func (s *Subscription) End(err error) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended, s.err = true, err
	hooks := s.onEnd
	s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
	close(s.done)
	for _, f := range hooks {
		f(err)
	}
}

// OnEnd calls f with the reason when the subscription has ended, at once if it has already.
func (s *Subscription) OnEnd(f func(error)) {
	s.mu.Lock()
	if !s.ended {
		s.onEnd = append(s.onEnd, f)
		s.mu.Unlock()
		return
	}
	err := s.err
	s.mu.Unlock()
	f(err)
}

// Done is closed when the subscription has ended.
func (s *Subscription) Done() <-chan struct{} { return s.done }

// Err returns why the subscription ended: nil while it lives and after Stop.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
