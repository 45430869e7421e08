package services_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

func TestLimitsHaveDefaults(t *testing.T) {
	require.Equal(t, services.Limits{
		MessageBytes: 1 << 20, InFlight: 64, Backlog: 256, Subscriptions: 128, Pending: 1024, QueueMessages: 1000, QueueBytes: 1 << 20,
		BlockWait: time.Second, WriteTimeout: 5 * time.Second, CallTimeout: 10 * time.Second, BadMessages: 10,
	}, services.New(graph.New(), nil).Limits())
	s := services.New(graph.New(), &services.Options{Limits: services.Limits{InFlight: 1, Backlog: -1}})
	require.Equal(t, 1, s.Limits().InFlight)
	require.Equal(t, 256, s.Limits().Backlog)
	require.NotNil(t, s.Logger())
}

func TestMessageSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{Limits: services.Limits{MessageBytes: 100}}, nil)
		p, l := attach(t, s, services.AttachOptions{})
		require.NoError(t, p.Deliver([]byte(strings.Repeat(" ", 100))))
		err := p.Deliver([]byte(strings.Repeat(" ", 101)))
		require.ErrorIs(t, err, graph.ResourceExhausted)
		<-p.Done()
		require.Equal(t, "closed: resource_exhausted: message of 101 bytes, at most 100 are allowed", l.closing())
		require.ErrorIs(t, p.Deliver(nil), graph.ResourceExhausted)
	})
}

func TestPendingCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{Limits: services.Limits{Pending: 2}}, nil)
		p, l := attach(t, s, services.AttachOptions{})
		results := make(chan error, 3)
		for range 2 {
			go func() { _, err := p.Run(t.Context(), "x"); results <- err }()
		}
		require.Len(t, l.take(), 2)
		_, err := p.Run(t.Context(), "x")
		require.ErrorIs(t, err, graph.ResourceExhausted)
		require.ErrorIs(t, err, services.ErrNotSent)
		require.Empty(t, say(t, p, l, `{"callbackId":1}`))
		require.NoError(t, <-results)
		go func() { _, err := p.Run(t.Context(), "x"); results <- err }()
		require.Len(t, l.take(), 1, "there is room again")
		require.Equal(t, 2, s.Stats().Pending)
		<-time.After(time.Minute)
		require.ErrorIs(t, <-results, graph.DeadlineExceeded)
		require.ErrorIs(t, <-results, graph.DeadlineExceeded)
		require.Zero(t, s.Stats().Pending)
	})
}

func TestPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{Limits: services.Limits{Peers: 2}}, nil)
		first, _ := attach(t, s, services.AttachOptions{})
		second, _ := attach(t, s, services.AttachOptions{})
		l := &tape{done: make(chan struct{})}
		_, err := s.Attach(l, services.AttachOptions{})
		require.ErrorIs(t, err, graph.ResourceExhausted)
		require.Zero(t, l.ends, "the link is still the transport's")
		require.ElementsMatch(t, []*services.Peer{first, second}, s.Peers())
		first.Terminate()
		<-first.Done()
		third, _ := attach(t, s, services.AttachOptions{})
		require.ElementsMatch(t, []*services.Peer{second, third}, s.Peers())
		require.Same(t, third, s.Peer(third.ID()))
		require.Same(t, third, s.PeerByToken(third.Token()))
		require.Nil(t, s.Peer(first.ID()))
		require.Nil(t, s.PeerByToken(first.Token()))
		require.Nil(t, s.PeerByToken(""))
	})
}

// What a subscriber asks for decides how much memory waits for it, and how long it can hold others up.
func TestSubscriberCannotAskForMoreThanTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{Limits: services.Limits{QueueMessages: 5, BlockWait: time.Second}}, graph.Roots{"tick": func(n int) int { return n }})
		run := func(n int) time.Duration {
			began := time.Now()
			_, err := s.Graph().Run(t.Context(), "tick", n)
			require.NoError(t, err)
			return time.Since(began)
		}
		for name, c := range map[string]struct {
			lag  string
			want []string // after a hundred updates, of which the first is being written
			wait time.Duration
		}{
			"size":  {`{"policy":"dropNewest","size":50}`, []string{`{"sub":1,"args":0}`, `{"sub":1,"args":1}`, `{"sub":1,"args":5}`}, 0},
			"wait":  {`{"policy":"block","size":2,"wait":3600000}`, []string{`{"sub":1,"args":0}`, `{"sub":1,"args":1}`, `{"sub":1,"args":2}`}, time.Second},
			"a bit": {`{"policy":"block","size":1,"wait":20}`, []string{`{"sub":1,"args":0}`, `{"sub":1,"args":1}`}, 20 * time.Millisecond},
		} {
			t.Log(name)
			p, l := attach(t, s, services.AttachOptions{})
			require.Equal(t, []string{`{"args":true,"callbackId":1}`}, say(t, p, l, `{"route":"tick","method":"subscribe","callbackId":1,"args":{"lag":`+c.lag+`}}`))
			release := l.block()
			run(0)
			synctest.Wait() // 0 is being written
			var waited time.Duration
			for i := range 10 {
				waited = max(waited, run(i+1))
				if waited > 0 {
					break // or the stalled link would be cut
				}
			}
			require.Equal(t, c.wait, waited)
			release()
			got := l.take()
			for _, line := range c.want {
				require.Contains(t, got, line)
			}
			require.LessOrEqual(t, len(got), 6)
			p.Terminate()
			<-p.Done()
		}
	})
}

// A stalled peer is cut, by its queue or by the deadline of a write, and holds up nobody.
func TestStalledPeerIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{Limits: services.Limits{QueueMessages: 10}}, graph.Roots{"state": 0})
		calls := 0
		for name, c := range map[string]struct {
			send func(p *services.Peer) error
			code graph.Code
			says string
		}{
			"offer": {func(p *services.Peer) error { return p.Offer(services.NewFrame([]byte("x"))) }, graph.ResourceExhausted, "messages behind"},
			"send": {
				func(p *services.Peer) error { return p.Send(context.Background(), "x") },
				graph.DeadlineExceeded, "the tape peer does not take what is sent",
			},
			"answers": {
				func(p *services.Peer) error {
					calls++
					return p.Deliver(fmt.Appendf(nil, `{"route":"ping","callbackId":%d}`, calls))
				},
				graph.DeadlineExceeded, "does not take",
			},
			"refusals": {
				func(p *services.Peer) error {
					return p.Deliver([]byte(`{"route":"runRequest","callbackId":1,"args":1}`))
				},
				graph.ResourceExhausted, "messages behind",
			},
		} {
			t.Log(name)
			p, l := attach(t, s, services.AttachOptions{Transport: "tape"})
			l.block()
			began := time.Now()
			var err error
			for i := 0; err == nil && p.Err() == nil; i++ {
				err = c.send(p)
				require.Less(t, i, 1000)
			}
			<-p.Done()
			require.LessOrEqual(t, time.Since(began), 5*time.Second)
			require.ErrorIs(t, p.Err(), c.code)
			require.Contains(t, p.Err().Error(), c.says)
			require.NotEmpty(t, l.closing())
		}
	})
}

func TestBadMessagesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, nil)
		p, l := attach(t, s, services.AttachOptions{})
		for i := range 10 {
			require.NoError(t, p.Deliver(fmt.Appendf(nil, `{"route":%d}`, i)))
		}
		require.Len(t, say(t, p, l, `{"route":"ping","callbackId":1}`), 1)
		require.ErrorIs(t, p.Deliver([]byte(`{`)), graph.InvalidArgument)
		<-p.Done()
		require.ErrorIs(t, p.Err(), graph.InvalidArgument)
	})
}
