package services_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A slow is a route that runs until it is let go.
type slow struct {
	gate    chan struct{} // a token lets one run return
	running atomic.Int64
	began   sync.Map // by argument
	order   chan int
}

func newSlow() *slow { return &slow{gate: make(chan struct{}), order: make(chan int, 200_000)} }

func (s *slow) run(ctx context.Context, n int) (int, error) {
	s.running.Add(1)
	defer s.running.Add(-1)
	s.began.Store(n, true)
	s.order <- n
	select {
	case <-s.gate:
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func slowRequest(n int) string {
	return fmt.Sprintf(`{"route":"slow","args":[%d],"callbackId":%d}`, n, n)
}

func TestInFlightAndBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := newSlow()
		s := serving(t, services.Options{Limits: services.Limits{InFlight: 3, Backlog: 4}}, graph.Roots{"slow": route.run})
		p, l := attach(t, s, services.AttachOptions{})
		for i := range 7 {
			require.NoError(t, p.Deliver([]byte(slowRequest(i))))
		}
		synctest.Wait()
		require.EqualValues(t, 3, route.running.Load())

		// The eighth waits for a place to wait in, and with it the reader.
		read := make(chan error, 1)
		go func() { read <- p.Deliver([]byte(slowRequest(7))) }()
		synctest.Wait()
		require.Empty(t, read, "the reader is held up")
		route.gate <- struct{}{}
		require.NoError(t, <-read)
		synctest.Wait()
		require.EqualValues(t, 3, route.running.Load())
		require.Len(t, l.take(), 1)
		for range 7 {
			synctest.Wait()
			route.gate <- struct{}{}
		}
		require.Len(t, l.take(), 7, "all are answered")
		first := map[int]bool{}
		for range 3 {
			first[<-route.order] = true
		}
		require.Equal(t, map[int]bool{0: true, 1: true, 2: true}, first)
		for i := 3; i < 8; i++ {
			require.Equal(t, i, <-route.order, "who waits longest is next")
		}
	})
}

// The reply that the running routes need may be behind the call that has no place: reading must go on.
func TestOverloadWithPendingCallRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := newSlow()
		s := serving(t, services.Options{Limits: services.Limits{InFlight: 1, Backlog: 1}}, graph.Roots{"slow": route.run, "state": 1})
		p, l := attach(t, s, services.AttachOptions{})
		for i := range 2 {
			require.NoError(t, p.Deliver([]byte(slowRequest(i))))
		}
		read := make(chan error, 1)
		go func() { read <- p.Deliver([]byte(slowRequest(2))) }()
		synctest.Wait()
		require.Empty(t, read, "the reader is held up")

		ctx, cancel := context.WithCancel(t.Context())
		called := make(chan error, 1)
		go func() { _, err := p.Run(ctx, "client.route"); called <- err }()
		require.NoError(t, <-read, "now there is a call pending")
		require.Equal(t, []string{
			`{"callbackId":2,"error":{"code":"resource_exhausted","message":"1 calls are running and 1 waiting"}}`,
			`{"route":"client.route","callbackId":1,"meta":{"timeout":10000}}`,
		}, sorted(l.take()))
		require.NoError(t, p.Deliver([]byte(`{"route":"slow","args":[3]}`)), "a post without a place is dropped")
		require.NoError(t, p.Deliver([]byte(`{"callbackId":1,"args":"hello"}`)))
		require.NoError(t, <-called)
		cancel()

		// A subscription of ours is as good a reason to read on.
		subscribed := make(chan *graph.Subscription, 1)
		go func() {
			sub, err := p.Subscribe(t.Context(), "client.state", func(context.Context, graph.Event) {})
			if err == nil {
				subscribed <- sub
			}
		}()
		require.Len(t, l.take(), 1)
		require.NoError(t, p.Deliver([]byte(`{"callbackId":"client.state","args":true}`)))
		sub := <-subscribed
		require.NoError(t, p.Deliver([]byte(slowRequest(4))))
		require.Len(t, l.take(), 1, "refused")
		sub.Stop()
		close(route.gate)
		l.take()
		_, ran := route.began.Load(3)
		require.False(t, ran)
	})
}

func TestReaderThatWaitsSeesTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := newSlow()
		s := serving(t, services.Options{Limits: services.Limits{InFlight: 1, Backlog: 1}}, graph.Roots{"slow": route.run})
		p, l := attach(t, s, services.AttachOptions{})
		for i := range 2 {
			require.NoError(t, p.Deliver([]byte(slowRequest(i))))
		}
		read := make(chan error, 1)
		go func() { read <- p.Deliver([]byte(slowRequest(2))) }()
		synctest.Wait()
		p.Close(graph.Aborted, "enough")
		require.ErrorIs(t, <-read, graph.Aborted)
		<-p.Done()
		require.NoError(t, s.Shutdown(t.Context()))
		require.Empty(t, l.take())
		_, ran := route.began.Load(1)
		require.False(t, ran, "a call that waits for a place is not run for a peer that is gone")
	})
}

// A route may ignore its context; the reader does not wait for it.
func TestReaderThatWaitsSeesTheEndBeforeTheRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := serving(t, services.Options{Limits: services.Limits{InFlight: 1, Backlog: 1}}, graph.Roots{"stubborn": func() { <-gate }})
		p, _ := attach(t, s, services.AttachOptions{})
		read := make(chan error, 1)
		go func() {
			for p.Deliver([]byte(`{"route":"stubborn"}`)) == nil {
			}
			read <- p.Err()
		}()
		synctest.Wait()
		p.Close(graph.Aborted, "enough")
		<-p.Done()
		require.ErrorIs(t, <-read, graph.Aborted)
		close(gate)
	})
}

func TestCallThatIsCancelledWhileItWaitsIsNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := newSlow()
		s := serving(t, services.Options{Limits: services.Limits{InFlight: 1}}, graph.Roots{"slow": route.run})
		p, l := attach(t, s, services.AttachOptions{})
		say(t, p, l, slowRequest(0), slowRequest(1), `{"route":"slow","args":[2],"callbackId":2,"meta":{"timeout":10}}`, slowRequest(3))
		say(t, p, l, `{"method":"cancel","callbackId":1}`)
		<-time.After(time.Second)
		close(route.gate)
		require.Equal(t, []string{
			`{"args":0,"callbackId":0}`, `{"args":3,"callbackId":3}`,
			`{"callbackId":1,"error":{"code":"canceled","message":"context canceled"}}`,
			`{"callbackId":2,"error":{"code":"deadline_exceeded","message":"context deadline exceeded"}}`,
		}, sorted(l.take()))
		_, ran := route.began.Load(1)
		require.False(t, ran)
		_, ran = route.began.Load(2)
		require.False(t, ran)
	})
}

// Who posts and then closes has delivered the posts, though they may still wait for a place.
func TestPostsOfAPeerThatIsGoneAreRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var notes []int
		s := serving(t, services.Options{Limits: services.Limits{InFlight: 1}}, graph.Roots{
			"hold": func() { <-gate },
			"note": func(n int) { notes = append(notes, n) },
		})
		p, _ := attach(t, s, services.AttachOptions{})
		require.NoError(t, p.Deliver([]byte(`{"route":"hold"}`)))
		for i := range 10 {
			require.NoError(t, p.Deliver(fmt.Appendf(nil, `{"route":"note","args":[%d]}`, i)))
			require.NoError(t, p.Deliver(fmt.Appendf(nil, `{"route":"note","args":[-1],"callbackId":%d}`, i)))
		}
		p.Lost(graph.Unavailable)
		<-p.Done()
		close(gate)
		require.NoError(t, s.Shutdown(t.Context()))
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, notes, "the posts, and no call that nobody waits for")
	})
}

// A route that ends its goroutine, or panics, frees its place like any other.
func TestPlaceIsFreedHoweverARouteEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{Limits: services.Limits{InFlight: 1}}, graph.Roots{
			"goexit": func() { runtime.Goexit() },
			"panic":  func() { panic("x") },
			"fine":   func() string { return "fine" },
		})
		p, l := attach(t, s, services.AttachOptions{})
		var messages []string
		for range 20 {
			messages = append(messages, `{"route":"goexit"}`, `{"route":"panic"}`)
		}
		say(t, p, l, append(messages, `{"route":"goexit","callbackId":1}`, `{"route":"panic","callbackId":2}`)...)
		require.Equal(t, []string{`{"args":"fine","callbackId":3}`}, say(t, p, l, `{"route":"fine","callbackId":3}`))
		require.Zero(t, s.Stats().Running)
	})
}

// However many calls a client makes, they cost a bounded number of goroutines.
func TestManyCallsCostFewGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 100_000
		route := newSlow()
		s := serving(t, services.Options{}, graph.Roots{"slow": route.run})
		p, l := attach(t, s, services.AttachOptions{})
		base := runtime.NumGoroutine()
		read := make(chan int)
		go func() {
			for i := range calls {
				if p.Deliver([]byte(slowRequest(i))) != nil {
					read <- i
					return
				}
			}
		}()
		const rounds, each = 20, 100
		for range rounds {
			synctest.Wait()
			require.EqualValues(t, 64, route.running.Load())
			require.LessOrEqual(t, runtime.NumGoroutine(), base+70)
			for range each {
				route.gate <- struct{}{}
			}
		}
		require.Len(t, l.take(), rounds*each, "each call is answered once")
		p.Terminate()
		require.LessOrEqual(t, <-read, rounds*each+64+256, "what cannot be run is not read")
		<-p.Done()
		require.NoError(t, s.Shutdown(t.Context()))
		require.LessOrEqual(t, runtime.NumGoroutine(), base)
		require.Zero(t, route.running.Load())
	})
}

// Routes that wait for a peer give their places to others, and get on when they have their answer.
func TestRouteThatWaitsForAPeerHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		gate := make(chan struct{})
		route := newSlow()
		s := serving(t, services.Options{Limits: services.Limits{InFlight: 2, Backlog: 100}}, graph.Roots{
			"ask": func(ctx context.Context) (string, error) {
				p, _ := services.PeerFrom(ctx)
				v, err := p.Run(ctx, "client.name")
				if err != nil {
					return "", err
				}
				running.Add(1)
				defer running.Add(-1)
				<-gate
				return v.(string), nil
			},
			"leave": func(ctx context.Context) (string, error) { // two calls at once, one of which outlives the route
				p, _ := services.PeerFrom(ctx)
				go func() { _, _ = p.Run(context.WithoutCancel(ctx), "client.slow") }()
				_, err := p.Run(ctx, "client.name")
				return "left", err
			},
			"slow": route.run,
			"fine": func() string { return "fine" },
		})
		p, l := attach(t, s, services.AttachOptions{})
		var asks []string
		for i := range 50 {
			asks = append(asks, fmt.Sprintf(`{"route":"ask","callbackId":%d}`, i))
		}
		require.Len(t, say(t, p, l, asks...), 50, "all ask, though two may run")
		require.Equal(t, []string{`{"args":"fine","callbackId":99}`}, say(t, p, l, `{"route":"fine","callbackId":99}`))
		require.Equal(t, 50, s.Stats().Running)
		for i := range 50 {
			require.NoError(t, p.Deliver(fmt.Appendf(nil, `{"args":"ann","callbackId":%d}`, i+1)))
		}
		synctest.Wait()
		require.EqualValues(t, 50, running.Load(), "who has begun goes on")
		require.Empty(t, say(t, p, l, `{"route":"fine","callbackId":99}`), "and nobody begins meanwhile")
		for i := range 10 {
			require.NoError(t, p.Deliver([]byte(slowRequest(100+i))))
		}
		close(gate)
		require.Len(t, l.take(), 51)
		require.EqualValues(t, 2, route.running.Load(), "when they have gone the bound holds again")
		for range 10 {
			route.gate <- struct{}{}
		}
		require.Len(t, l.take(), 10)

		for range 5 {
			asked := say(t, p, l, `{"route":"leave","callbackId":1}`)
			require.Len(t, asked, 2)
			for _, line := range asked {
				m, err := services.Decode([]byte(line))
				require.NoError(t, err)
				if m.Route == "client.name" {
					require.Equal(t, []string{`{"args":"left","callbackId":1}`}, say(t, p, l, `{"args":"ann","callbackId":`+string(m.Callback)+`}`))
				}
			}
		}
		for i := range 10 {
			require.NoError(t, p.Deliver([]byte(slowRequest(i))))
		}
		synctest.Wait()
		require.EqualValues(t, 2, route.running.Load(), "a call that outlives its route frees no place twice")
		<-time.After(time.Minute)
		close(route.gate)
		l.take()
		require.Zero(t, s.Stats().Running)
	})
}
