package services_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A tape is a link that records what is written, for tests that play the other end themselves. They run in a bubble of
// testing/synctest, where "nothing more will happen" can be waited for.
type tape struct {
	mu     sync.Mutex // guards all below
	lines  []string
	writes int
	frames []*services.Frame
	closed error
	ends   int           // how often it was closed
	stall  chan struct{} // if not nil, writes wait until it is closed, or the link
	done   chan struct{}
}

var _ services.Link = (*tape)(nil)

func (l *tape) Write(deadline time.Time, frames []*services.Frame) error {
	l.mu.Lock()
	stall := l.stall
	l.mu.Unlock()
	if stall != nil {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		select {
		case <-stall:
		case <-l.done:
			return net.ErrClosed
		case <-timer.C:
			return context.DeadlineExceeded
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	for _, f := range frames {
		l.lines = append(l.lines, string(f.Payload))
	}
	l.frames = append(l.frames, frames...)
	return nil
}

func (l *tape) Close(reason error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends++; l.ends == 1 {
		l.closed = reason
		close(l.done)
	}
	return nil
}

// block makes writes wait and returns what lets them go on.
func (l *tape) block() (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stall := make(chan struct{})
	l.stall = stall
	return sync.OnceFunc(func() {
		l.mu.Lock()
		l.stall = nil
		l.mu.Unlock()
		close(stall)
	})
}

// take returns what was written since it was called last, when nothing more is on its way.
func (l *tape) take() []string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// attach makes a peer of a tape and serves it until the test ends. The setId message is taken.
func attach(t *testing.T, s *services.Service, o services.AttachOptions) (*services.Peer, *tape) {
	t.Helper()
	l := &tape{done: make(chan struct{})}
	p, err := s.Attach(l, o)
	require.NoError(t, err)
	s.Go(func() { _ = p.Serve(context.Background()) })
	t.Cleanup(func() {
		p.Lost(graph.Canceled)
		<-p.Done()
	})
	if !o.Client {
		require.Len(t, l.take(), 1)
	}
	return p, l
}

// say delivers messages and returns what is written because of them.
func say(t *testing.T, p *services.Peer, l *tape, messages ...string) []string {
	t.Helper()
	for _, m := range messages {
		require.NoError(t, p.Deliver([]byte(m)))
	}
	return l.take()
}

// serving returns a service with a graph that is exposed as a whole.
func serving(t *testing.T, o services.Options, roots graph.Roots) *services.Service {
	t.Helper()
	g := graph.NewWith(graph.Options{Logger: quiet()})
	require.NoError(t, g.Load(roots))
	if o.Expose == nil {
		o.Expose = []string{"**"}
	}
	if o.Logger == nil {
		o.Logger = quiet()
	}
	return services.New(g, &o)
}

// sorted is for answers whose order is nobody's promise.
func sorted(lines []string) []string { return slices.Sorted(slices.Values(lines)) }
