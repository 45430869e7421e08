package services_test

import (
	"context"
	"encoding/json"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// subscribe has p watch a route of the tape, which takes it.
func subscribe(t *testing.T, p *services.Peer, l *tape, route string, f graph.Deliver, opts ...graph.SubOption) (*graph.Subscription, services.Message) {
	t.Helper()
	type result struct {
		sub *graph.Subscription
		err error
	}
	results := make(chan result, 1)
	go func() {
		sub, err := p.Subscribe(t.Context(), route, f, opts...)
		results <- result{sub, err}
	}()
	lines := l.take()
	require.Len(t, lines, 1)
	m, err := services.Decode([]byte(lines[0]))
	require.NoError(t, err)
	require.Equal(t, services.KindSubscribe, m.Kind())
	say(t, p, l, `{"args":true,"callbackId":`+string(m.Callback)+`}`)
	r := <-results
	require.NoError(t, r.err)
	return r.sub, m
}

func TestSubscriptionsOfARouteHaveTheirOwnCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		events := make(chan graph.Event, 10)
		f := func(_ context.Context, e graph.Event) { events <- e }
		first, m := subscribe(t, p, l, "state", f)
		require.Equal(t, `"state"`, string(m.Callback), "peers that watch one route are sent the same bytes")
		say(t, p, l, `{"sub":"state","args":1,"id":"e-1","lost":2,"snapshot":true}`)
		require.Equal(t, graph.Event{Value: raw(`1`), Position: "e-1", Lost: 2, Snapshot: true}, <-events)
		first.Stop()
		require.Equal(t, []string{`{"method":"cancel","callbackId":"state"}`}, l.take())

		// What is on its way when a subscription is stopped is not for the next.
		_, m = subscribe(t, p, l, "state", f)
		require.NotEqual(t, `"state"`, string(m.Callback))
		say(t, p, l, `{"sub":"state","args":2}`, `{"sub":`+string(m.Callback)+`,"args":3}`)
		require.Equal(t, graph.Event{Value: raw(`3`)}, <-events)
		require.Empty(t, events)

		for _, route := range []string{`quoted"route`, "line\nbreak", "<é>", string(make([]byte, 200))} {
			_, m := subscribe(t, p, l, route, f)
			require.NotEqual(t, byte('"'), m.Callback[0], "a name that can be written in two ways is none: %s", m.Callback)
		}
		_, m = subscribe(t, p, l, "état", f)
		require.Equal(t, `"état"`, string(m.Callback))
	})
}

func TestSubscribeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		delivered := make(chan graph.Event, 10)
		f := func(_ context.Context, e graph.Event) { delivered <- e }
		results := make(chan error, 1)
		go func() { results <- second(p.Subscribe(t.Context(), "a", f)) }()
		l.take()
		say(t, p, l, `{"callbackId":"a","error":{"code":"not_found","message":"no"}}`)
		require.EqualError(t, <-results, "not_found: no")

		ctx, cancel := context.WithCancel(t.Context())
		go func() { results <- second(p.Subscribe(ctx, "b", f)) }()
		l.take()
		cancel()
		require.ErrorIs(t, <-results, graph.Canceled)
		require.Equal(t, []string{`{"method":"cancel","callbackId":"b"}`}, l.take())
		say(t, p, l, `{"callbackId":"b","args":true}`, `{"sub":"b","args":1}`)
		require.Empty(t, delivered)

		go func() { results <- second(p.Subscribe(t.Context(), "c", f)) }()
		l.take()
		p.Terminate()
		require.ErrorIs(t, <-results, graph.Unavailable)
	})
}

// Callbacks and hooks may use the peer and take their time; the reader goes on.
func TestSubscriberMayUseThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		order := make(chan string, 10)
		sub, _ := subscribe(t, p, l, "state", func(ctx context.Context, e graph.Event) {
			from, ok := services.PeerFrom(ctx)
			if !ok || from != p {
				order <- "not told whose event it is"
			}
			_, err := p.Run(ctx, "ask")
			order <- "event " + string(e.Value.(json.RawMessage)) + " " + outcome(graph.Void{}, err)
		})
		sub.OnEnd(func(reason error) {
			_, err := p.Run(t.Context(), "ask")
			order <- "end " + reason.Error() + " " + outcome(graph.Void{}, err)
		})
		say(t, p, l, `{"sub":"state","args":1}`, `{"sub":"state","args":2}`, `{"sub":"state","error":{"code":"aborted","message":"over"}}`, `{"sub":"state","args":3}`)
		for i := range 3 {
			say(t, p, l, `{"callbackId":`+string(rune('1'+i))+`}`, `{"callbackId":`+string(rune('2'+i))+`}`)
		}
		require.Equal(t, "event 1 nothing", <-order)
		require.Equal(t, "event 2 nothing", <-order)
		require.Equal(t, "end aborted: over nothing", <-order, "the end comes last")
		<-sub.Done()
		require.Empty(t, order)
		require.Empty(t, l.take(), "the other end has ended it and needs no cancellation")
	})
}

func TestSubscriberThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, nil)
		p, l := attach(t, s, services.AttachOptions{})
		var calls atomic.Int64
		bad := func(context.Context, graph.Event) {
			if calls.Add(1)%2 == 0 {
				runtime.Goexit()
			}
			panic("subscriber")
		}
		subscribe(t, p, l, "state", bad)
		for range 10 {
			say(t, p, l, `{"sub":"state","args":1}`)
		}
		require.EqualValues(t, 10, calls.Load(), "each event is delivered nevertheless")

		tapped := make(chan error, 1)
		go func() {
			_, err := p.Do(t.Context(), &graph.Call{
				Verb: graph.VerbSubscribe, Route: "tapped", Watch: graph.WatchOptions{Tap: true},
				Deliver: func(context.Context, graph.Event) { panic("tap") },
			})
			tapped <- err
		}()
		l.take()
		say(t, p, l, `{"callbackId":"tapped","args":true}`, `{"sub":"tapped","args":1}`)
		require.NoError(t, <-tapped)
		require.NoError(t, p.Err())
		require.Len(t, say(t, p, l, `{"route":"ping","callbackId":1}`), 1)
	})
}

func TestStopBeforeQueuedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		var got []string
		gate := make(chan struct{})
		sub, _ := subscribe(t, p, l, "state", func(_ context.Context, e graph.Event) {
			got = append(got, string(e.Value.(json.RawMessage)))
			<-gate
		})
		say(t, p, l, `{"sub":"state","args":1}`, `{"sub":"state","args":2}`)
		p.Unsubscribe(sub)
		p.Unsubscribe(sub)
		close(gate)
		require.Equal(t, []string{`{"method":"cancel","callbackId":"state"}`}, l.take())
		require.Equal(t, []string{"1"}, got, "no event is delivered after Stop but the one in hand")
		require.NoError(t, sub.Err())
	})
}

// The losses at both ends add up, also where an event is lost that told of others.
func TestLossesAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		var got []graph.Event
		gate := make(chan struct{})
		subscribe(t, p, l, "state", func(_ context.Context, e graph.Event) {
			<-gate
			got = append(got, e)
		}, graph.Lag{Policy: graph.Conflate})
		say(t, p, l, `{"sub":"state","args":1,"lost":10}`)
		say(t, p, l, `{"sub":"state","args":2,"lost":100}`, `{"sub":"state","args":3,"lost":1000}`, `{"sub":"state","args":4}`)
		close(gate)
		synctest.Wait()
		require.Equal(t, []graph.Event{{Value: raw(`1`), Lost: 10}, {Value: raw(`4`), Lost: 1102}}, got)

		// The same where events are published: the middleware stands for a target that has lost some.
		g := graph.New()
		tick, err := g.Add("tick", func(n int) int { return n })
		require.NoError(t, err)
		_ = tick
		g.Use(func(next graph.Handler) graph.Handler {
			return func(ctx context.Context, c *graph.Call) (any, error) {
				if c.Verb != graph.VerbSubscribe {
					return next(ctx, c)
				}
				lossy := *c
				lossy.Deliver = func(ctx context.Context, e graph.Event) {
					e.Lost += 10
					c.Deliver(ctx, e)
				}
				return next(ctx, &lossy)
			}
		})
		s := services.New(g, &services.Options{Expose: []string{"**"}})
		p, l = attach(t, s, services.AttachOptions{})
		say(t, p, l, `{"route":"tick","method":"subscribe","callbackId":1,"args":{"lag":{"policy":"dropOldest","size":2}}}`)
		release := l.block()
		for i := range 6 {
			_, err := g.Run(t.Context(), "tick", i)
			require.NoError(t, err)
			if i == 0 {
				synctest.Wait()
			}
		}
		release()
		require.Equal(t, []string{`{"sub":1,"args":0,"lost":10}`, `{"sub":1,"args":4,"lost":43}`, `{"sub":1,"args":5,"lost":10}`}, l.take())
	})
}

func TestSubscriberThatFallsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		gate := make(chan struct{})
		sub, _ := subscribe(t, p, l, "state", func(context.Context, graph.Event) { <-gate }, graph.Lag{Policy: graph.Disconnect, Size: 1})
		say(t, p, l, `{"sub":"state","args":1}`)
		require.Equal(t, []string{`{"method":"cancel","callbackId":"state"}`}, say(t, p, l, `{"sub":"state","args":2}`, `{"sub":"state","args":3}`, `{"sub":"state","args":4}`))
		close(gate)
		<-sub.Done()
		require.ErrorIs(t, sub.Err(), graph.ResourceExhausted)
		require.NoError(t, p.Err(), "only the subscription ends")
	})
}
