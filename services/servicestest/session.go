package servicestest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A session is what a check works with: a connection, the programs at its ends, and a direction.
type session struct {
	*testing.T
	Connection
	transport Transport
	tune      func(o *services.Options)

	server, client *end

	near *end         // who calls
	far  *end         // who is called
	to   graph.Target // far, as near sees it
}

// neighbour connects another client to the server.
func (s *session) neighbour() (*end, Connection) {
	s.Helper()
	client := s.newEnd("neighbour")
	return client, s.connect(client)
}

// peer is far as near sees it, if that is a peer.
func (s *session) peer() *services.Peer {
	if s.near == s.server {
		return s.ToClient
	}
	return s.Client
}

// patient is a context for what has to happen.
func (s *session) patient() context.Context {
	ctx, cancel := context.WithTimeout(s.Context(), s.transport.Patience)
	s.Cleanup(cancel)
	return ctx
}

// long is a context for calls that must be ended by something else than their time.
func (s *session) long() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(s.Context(), time.Hour)
	s.Cleanup(cancel)
	return ctx, cancel
}

// until waits for a condition.
func (s *session) until(what string, condition func() bool) {
	s.Helper()
	if !waitFor(s.transport.Patience, condition) {
		s.Fatalf("after %v: not %s", s.transport.Patience, what)
	}
}

func waitFor(patience time.Duration, condition func() bool) bool {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline.C:
			return condition()
		}
	}
	return true
}

// closed waits until a channel is closed.
func (s *session) closed(what string, c <-chan struct{}) {
	s.Helper()
	receive(s, what, c)
}

// receive waits for something from a channel.
func receive[T any](s *session, what string, c <-chan T) T {
	s.Helper()
	timer := time.NewTimer(s.transport.Patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		s.Fatalf("after %v: not %s", s.transport.Patience, what)
		panic("unreachable")
	}
}

// background runs f beside the check and returns where its error comes.
func background(f func() error) <-chan error {
	c := make(chan error, 1)
	go func() { c <- f() }()
	return c
}

// A record is a list that goroutines add to.
type record[T any] struct {
	mu   sync.Mutex // guards list
	list []T
}

func (r *record[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, v)
}

func (r *record[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

func (r *record[T]) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list)
}
