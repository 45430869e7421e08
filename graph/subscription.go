package graph

import "sync"

// A Subscription is one watch of a route. Its methods may be called concurrently.
type Subscription struct {
	stop func()
	done chan struct{}

	mu    sync.Mutex // guards all below
	ended bool
	err   error
	onEnd []func(error)
}

// NewSubscription returns a live subscription for a Target to hand out; stop, if not nil,
// is called once, when it ends for whatever reason.
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
	s.onEnd = nil
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

// A lateEnd lets a Deliver end its own subscription, which a Target may not have returned yet
// when the first event comes.
type lateEnd struct {
	mu    sync.Mutex // guards all below
	sub   *Subscription
	ended bool
	err   error
}

// asked reports whether end was called.
func (l *lateEnd) asked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// end ends the subscription, or sees to it that of will.
func (l *lateEnd) end(err error) {
	l.mu.Lock()
	l.ended, l.err = true, err
	sub := l.sub
	l.mu.Unlock()
	if sub != nil {
		sub.End(err)
	}
}

// of says which subscription it is.
func (l *lateEnd) of(sub *Subscription) {
	l.mu.Lock()
	l.sub = sub
	ended, err := l.ended, l.err
	l.mu.Unlock()
	if ended {
		sub.End(err)
	}
}
