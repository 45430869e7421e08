package services_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// counted counts how often it is encoded.
type counted struct {
	n     int
	times *atomic.Int64
}

func (c counted) MarshalJSON() ([]byte, error) {
	c.times.Add(1)
	return json.Marshal(map[string]int{"n": c.n})
}

func watchers(t *testing.T, s *services.Service, n int, messages ...string) []*tape {
	t.Helper()
	links := make([]*tape, n)
	for i := range links {
		p, l := attach(t, s, services.AttachOptions{Identity: services.Identity{User: fmt.Sprint(i)}})
		say(t, p, l, messages...)
		links[i] = l
	}
	return links
}

// frame returns the last frame that was written.
func (l *tape) frame() *services.Frame {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frames[len(l.frames)-1]
}

func TestPublishIsEncodedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const peers = 100
		s := serving(t, services.Options{}, graph.Roots{"tick": func(v any) any { return v }, "tock": func(v any) any { return v }})
		links := watchers(t, s, peers,
			`{"route":"tick","method":"subscribe","callbackId":"tick"}`, `{"route":"tock","method":"subscribe","callbackId":"tock"}`)
		// Two routes are published side by side: neither may make the other be encoded again.
		var times [2]atomic.Int64
		for i, route := range []string{"tick", "tock"} {
			go func() { _, _ = s.Graph().Run(context.Background(), route, counted{i, &times[i]}) }()
		}
		synctest.Wait()
		require.EqualValues(t, 1, times[0].Load())
		require.EqualValues(t, 1, times[1].Load())
		shared := map[*services.Frame]int{}
		for _, l := range links {
			require.Equal(t, []string{`{"sub":"tick","args":{"n":0}}`, `{"sub":"tock","args":{"n":1}}`}, sorted(l.take()))
			for _, f := range l.frames {
				shared[f]++
			}
		}
		toAll := 0
		for _, n := range shared {
			if n == peers {
				toAll++
			}
		}
		require.Equal(t, 2, toAll, "one frame for each publish, and all peers were given it")

		// Equal bytes under another name, or with another number lost, are another frame.
		p, l := attach(t, s, services.AttachOptions{})
		say(t, p, l, `{"route":"tick","method":"subscribe","callbackId":5}`)
		_, err := s.Graph().Run(t.Context(), "tick", 1)
		require.NoError(t, err)
		require.Equal(t, []string{`{"sub":5,"args":1}`}, l.take())
		require.Equal(t, []string{`{"sub":"tick","args":1}`}, links[0].take())
		require.NotSame(t, links[0].frame(), l.frame())
		require.Same(t, links[0].frame(), links[1].frame())
	})
}

// Middleware may give each peer another value for one event.
func TestMiddlewareMayReplaceValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, graph.Roots{"tick": func(v any) any { return v }})
		s.Graph().Use(func(next graph.Handler) graph.Handler {
			return func(ctx context.Context, c *graph.Call) (any, error) {
				if c.Verb != graph.VerbSubscribe {
					return next(ctx, c)
				}
				user := services.IdentityFrom(ctx).User
				own := *c
				own.Deliver = func(ctx context.Context, e graph.Event) {
					if user != "0" {
						e.Value = user
					}
					c.Deliver(ctx, e)
				}
				return next(ctx, &own)
			}
		})
		links := watchers(t, s, 3, `{"route":"tick","method":"subscribe","callbackId":1}`)
		_, err := s.Graph().Run(t.Context(), "tick", "for all")
		require.NoError(t, err)
		require.Equal(t, []string{`{"sub":1,"args":"for all"}`}, links[0].take())
		require.Equal(t, []string{`{"sub":1,"args":"1"}`}, links[1].take())
		require.Equal(t, []string{`{"sub":1,"args":"2"}`}, links[2].take())
	})
}

// upper is an encoding that counts.
type upper struct{ times *int }

func (u upper) AppendFrame(dst []byte, f *services.Frame) []byte {
	*u.times++
	return append(dst, bytes.ToUpper(f.Payload)...)
}

func TestFrames(t *testing.T) {
	var a, b int
	shared := services.NewSharedFrame([]byte("x"))
	for range 3 {
		require.Equal(t, "-X", string(shared.AppendTo([]byte("-"), upper{&a})))
		require.Equal(t, "X", string(shared.AppendTo(nil, upper{&b})))
	}
	require.Equal(t, 1, a)
	require.Equal(t, 1, b)
	own := services.NewFrame([]byte("y"))
	for range 3 {
		require.Equal(t, "Y", string(own.AppendTo(nil, upper{&a})))
	}
	require.Equal(t, 4, a, "what goes to one link is not kept")
	ping := services.NewEncodedFrame(upper{&a}, []byte("ping"))
	require.Equal(t, "-ping", string(ping.AppendTo([]byte("-"), upper{&a})))
	require.Equal(t, 4, a)
}

func TestBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{Limits: services.Limits{QueueMessages: 2}}, nil)
		links := watchers(t, s, 3)
		n, err := s.Broadcast(map[string]int{"a": 1})
		require.NoError(t, err)
		require.Equal(t, 3, n)
		for _, l := range links {
			require.Equal(t, []string{`{"a":1}`}, l.take())
		}
		require.Same(t, links[0].frame(), links[2].frame())
		_, err = s.Broadcast(func() {})
		require.Error(t, err)

		release := links[1].block()
		defer release()
		for i := 0; len(s.Peers()) == 3; i++ {
			require.Less(t, i, 10)
			_, err = s.Broadcast("x")
			require.NoError(t, err)
			synctest.Wait()
		}
		n, err = s.Broadcast("y")
		require.NoError(t, err)
		require.Equal(t, 2, n, "who has no room is closed, and only he")
	})
}
