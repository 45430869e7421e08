package httpservice_test

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

func TestClientWatches(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			f, c := connected(t, p, nil, nil)
			live := countWatches(f.graph)
			ctx := t.Context()
			f.count.Set(1)

			n := int64(0)
			for u, err := range counter.Watch(ctx, c) {
				require.NoError(t, err)
				n++
				require.Equal(t, graph.Update[int64]{Value: n, Snapshot: n == 1}, u)
				if n == 3 {
					break
				}
				f.count.Set(n + 1)
			}
			becomes(t, 0, live)

			got := make(chan graph.Update[string], 10)
			sub, err := ticks.Listen(ctx, c, func(u graph.Update[string]) { got <- u })
			require.NoError(t, err)
			for _, text := range []string{"", "a\nb", "ü"} {
				v, err := ticks.Run(ctx, c, text)
				require.NoError(t, err)
				require.Equal(t, text, v)
				require.Equal(t, text, (<-got).Value)
			}
			sub.Stop()
			becomes(t, 0, live)
			_, err = ticks.Run(ctx, c, "after")
			require.NoError(t, err)
			require.Empty(t, got)
			require.NoError(t, sub.Err())
		})
	}
}

// A route that no path names is watched all the same.
func TestClientWatchesAnyRoute(t *testing.T) {
	f, c := connected(t, protocols()[0], nil, nil)
	for route, run := range map[string]string{"a/b": "a/b", "größe": "größe", "math.LABEL": "", "math.secretKey": ""} {
		got := make(chan graph.Event, 10)
		sub, err := graph.Subscribe(t.Context(), c, route, func(_ context.Context, e graph.Event) { got <- e })
		require.NoError(t, err, route)
		if run != "" {
			_, err = f.graph.Run(t.Context(), run)
		} else {
			_, member, _ := f.graph.Locate(&graph.Call{Route: route})
			err = f.graph.Get("math").Set(member, "x")
		}
		require.NoError(t, err)
		<-got
		sub.Stop()
	}
}

// What a subscription asks for reaches the server.
func TestClientWatchOptions(t *testing.T) {
	f, c := connected(t, protocols()[0], nil, nil)
	seen := make(chan graph.WatchOptions, 1)
	f.graph.Use(func(next graph.Handler) graph.Handler {
		return func(ctx context.Context, c *graph.Call) (any, error) {
			if c.Verb == graph.VerbSubscribe {
				seen <- c.Watch
			}
			return next(ctx, c)
		}
	})
	for _, o := range []graph.WatchOptions{
		{Snapshot: true, Lag: graph.Lag{Policy: graph.Conflate, Size: 1}},
		{Snapshot: false, Lag: graph.Lag{Policy: graph.DropNewest, Size: 7}},
		{Key: "label", Lag: graph.Lag{Policy: graph.Disconnect, Size: 3}},
		{Input: true, Lag: graph.Lag{Policy: graph.Block, Size: 5, Wait: 20 * time.Millisecond}},
	} {
		v, err := c.Do(t.Context(), &graph.Call{Verb: graph.VerbSubscribe, Route: "math", Watch: o, Deliver: func(context.Context, graph.Event) {}})
		require.NoError(t, err)
		v.(*graph.Subscription).Stop()
		got := <-seen
		got.Tap, got.Room = false, nil
		require.Equal(t, o, got)
	}
}

func TestClientWatchEnds(t *testing.T) {
	for _, p := range protocols() {
		for name, end := range map[string]struct {
			code graph.Code
			do   func(f *fixture, c *httpservice.Client)
		}{
			"with the node":    {graph.NotFound, func(f *fixture, _ *httpservice.Client) { f.graph.Remove("ticks") }},
			"with the backend": {graph.Unavailable, func(f *fixture, _ *httpservice.Client) { f.backend.Close() }},
			"with the client":  {graph.Unavailable, func(_ *fixture, c *httpservice.Client) { c.Close() }},
		} {
			t.Run(p.name+" "+name, func(t *testing.T) {
				noLeak(t)
				f, c := connected(t, p, nil, nil)
				live := countWatches(f.graph)
				release, entered := make(chan struct{}), make(chan struct{}, 10)
				var got []string
				called, err := ticks.Listen(t.Context(), c, func(u graph.Update[string]) {
					got = append(got, u.Value)
					entered <- struct{}{}
					<-release
				})
				require.NoError(t, err)
				tapped := make(chan error, 1)
				go func() {
					for _, err := range ticks.Subscribe(t.Context(), c) {
						if err != nil {
							tapped <- err
						}
					}
				}()
				becomes(t, 2, live)
				for _, text := range []string{"1", "2", "3"} {
					_, err = f.graph.Run(t.Context(), "ticks", text)
					require.NoError(t, err)
				}
				<-entered
				go close(release)
				end.do(f, c)
				require.ErrorIs(t, <-tapped, end.code)
				<-called.Done()
				require.ErrorIs(t, called.Err(), end.code)
				if name == "with the node" {
					require.Equal(t, []string{"1", "2", "3"}, got, "what came before the end is delivered before it")
				}
				becomes(t, 0, live)
			})
		}
	}
}

// A fed is a stream whose reader a test can follow: when it wants more, it has handed on all that it was fed.
type fed struct {
	ctx   context.Context
	wants chan struct{}
	food  chan string

	closing sync.Once
	closed  chan struct{}
}

func (f *fed) Read(p []byte) (int, error) {
	select {
	case f.wants <- struct{}{}:
	case <-f.ctx.Done():
		return 0, f.ctx.Err()
	}
	select {
	case text := <-f.food:
		return copy(p, text), nil
	case <-f.ctx.Done():
		return 0, f.ctx.Err()
	}
}

func (f *fed) Close() error {
	f.closing.Do(func() { close(f.closed) })
	return nil
}

// A subscriber that is too slow gets what its policy leaves, and how much it missed.
func TestClientLag(t *testing.T) {
	for _, s := range []struct {
		lag  graph.Lag
		want []graph.Update[string]
		code graph.Code
	}{
		{graph.Lag{Policy: graph.Conflate}, []graph.Update[string]{{Value: "1"}, {Value: "5", Lost: 5}, {Value: "6"}}, 0},
		{graph.Lag{Policy: graph.DropOldest, Size: 2}, []graph.Update[string]{{Value: "1"}, {Value: "4", Lost: 4}, {Value: "5"}, {Value: "6"}}, 0},
		{graph.Lag{Policy: graph.DropNewest, Size: 2}, []graph.Update[string]{{Value: "1"}, {Value: "2"}, {Value: "3", Lost: 2}, {Value: "6", Lost: 2}}, 0},
		{graph.Lag{Policy: graph.Block, Size: 2, Wait: time.Millisecond}, []graph.Update[string]{{Value: "1"}, {Value: "2"}, {Value: "3", Lost: 2}, {Value: "6", Lost: 2}}, 0},
		{graph.Lag{Policy: graph.Disconnect, Size: 2}, []graph.Update[string]{{Value: "1"}, {Value: "2"}, {Value: "3", Lost: 2}}, graph.ResourceExhausted},
	} {
		t.Run(s.lag.Policy.String(), func(t *testing.T) {
			noLeak(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body := &fed{ctx: ctx, wants: make(chan struct{}), food: make(chan string), closed: make(chan struct{})}
			c := open(t, "http://example.com", &httpservice.ClientOptions{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body}, nil
			})})
			feed := func(text string) {
				body.food <- text
				select {
				case <-body.wants:
				case <-body.closed: // the subscription has ended, and nobody reads on
				}
			}
			entered, release := make(chan struct{}, 10), make(chan struct{})
			got := make(chan graph.Update[string], 10)
			sub, err := ticks.Listen(t.Context(), c, func(u graph.Update[string]) {
				entered <- struct{}{}
				<-release
				got <- u
			}, s.lag)
			require.NoError(t, err)
			<-body.wants
			feed("data: \"1\"\n\n")
			<-entered // has 1 in hand
			feed("data: \"2\"\n\nevent: lost\ndata: 2\n\ndata: \"3\"\n\n")
			feed("data: \"4\"\n\ndata: \"5\"\n\n")
			close(release)
			for i, want := range s.want {
				if want.Value == "6" {
					feed("data: \"6\"\n\n")
				}
				require.Equal(t, want, <-got, i)
			}
			if s.code != 0 {
				<-sub.Done()
				require.ErrorIs(t, sub.Err(), s.code)
			}
			sub.Stop()
			cancel()
		})
	}
}

// A panic in a subscriber is logged and costs one event, and so does the end of its goroutine.
func TestClientSubscriberPanics(t *testing.T) {
	noLeak(t)
	var log logBuffer
	f, c := connected(t, protocols()[0], nil, &httpservice.ClientOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	got := make(chan string, 10)
	sub, err := ticks.Listen(t.Context(), c, func(u graph.Update[string]) {
		switch u.Value {
		case "bad":
			panic("subscriber")
		case "worse":
			runtime.Goexit()
		}
		got <- u.Value
	})
	require.NoError(t, err)
	defer sub.Stop()
	for _, text := range []string{"bad", "worse", "good"} {
		_, err := f.graph.Run(t.Context(), "ticks", text)
		require.NoError(t, err)
	}
	require.Equal(t, "good", <-got)
	require.Contains(t, log.String(), "panic recovered")

	v, err := c.Do(t.Context(), &graph.Call{
		Verb: graph.VerbSubscribe, Route: "ticks", Watch: graph.WatchOptions{Tap: true}, Deliver: func(context.Context, graph.Event) { runtime.Goexit() },
	})
	require.NoError(t, err)
	_, err = f.graph.Run(t.Context(), "ticks", "x")
	require.NoError(t, err)
	<-v.(*graph.Subscription).Done()
	require.ErrorIs(t, v.(*graph.Subscription).Err(), graph.Internal, "a tap must not do that")
}

// A server that is silent for too long is lost, even if nobody says so.
func TestClientSilence(t *testing.T) {
	noLeak(t)
	_, c := connected(t, protocols()[0], nil, &httpservice.ClientOptions{Silence: 50 * time.Millisecond})
	sub, err := counter.Listen(t.Context(), c, func(graph.Update[int64]) {})
	require.NoError(t, err)
	<-sub.Done()
	require.ErrorIs(t, sub.Err(), graph.Unavailable)
	require.ErrorContains(t, sub.Err(), "silent")
}

// Comments keep a quiet watch alive on both sides.
func TestClientHearsComments(t *testing.T) {
	noLeak(t)
	f, c := connected(t, protocols()[0], &httpservice.Options{KeepAlive: 10 * time.Millisecond}, &httpservice.ClientOptions{Silence: 100 * time.Millisecond})
	got := make(chan int64, 10)
	sub, err := counter.Listen(t.Context(), c, func(u graph.Update[int64]) { got <- u.Value })
	require.NoError(t, err)
	defer sub.Stop()
	<-got
	timer := time.NewTimer(400 * time.Millisecond)
	select {
	case <-timer.C:
	case <-sub.Done():
		t.Fatal(sub.Err())
	}
	f.count.Set(9)
	require.EqualValues(t, 9, <-got)
}

// What a stream of a broken or hostile server does to a subscription.
func TestClientForeignStreams(t *testing.T) {
	var text atomic.Value
	url, _ := serveOn(t, protocols()[0], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = w.Write([]byte(text.Load().(string)))
	}))
	c := open(t, url, &httpservice.ClientOptions{MaxBytes: 1 << 10})
	for stream, want := range map[string]struct {
		code graph.Code
		text string
	}{
		"":                          {graph.Unavailable, "ended"},
		"data: 1":                   {graph.Unavailable, "ended"},
		"data: {\n\n":               {graph.Internal, "JSON"},
		"event: lost\ndata: -1\n\n": {graph.Internal, "lost"},
		"event: error\ndata: {\"code\":\"aborted\",\"message\":\"m\"}\n\n": {graph.Aborted, "m"},
		"event: error\ndata: oops\n\n":                                     {graph.Internal, "ended"},
		"event: error\ndata: {}\n\n":                                       {graph.Internal, "ended"},
		"event: other\ndata: {\n\n: comment\n\n":                           {graph.Unavailable, "ended"},
		"data: \"" + strings.Repeat("x", 8<<10) + "\"\n\n":                 {graph.ResourceExhausted, "large"},
	} {
		text.Store(stream)
		v, err := c.Do(t.Context(), &graph.Call{Verb: graph.VerbSubscribe, Route: "x", Watch: graph.WatchOptions{Tap: true}, Deliver: func(context.Context, graph.Event) { t.Error("delivered") }})
		require.NoError(t, err)
		sub := v.(*graph.Subscription)
		<-sub.Done()
		require.ErrorIs(t, sub.Err(), want.code, stream)
		require.ErrorContains(t, sub.Err(), want.text)
	}
	text.Store("id: e-1\nevent: snapshot\ndata: 1\n\nevent: lost\ndata: 2\n\nevent: lost\ndata: 1\n\nid: e-5\ndata: 5\n\n")
	var got []graph.Event
	v, err := c.Do(t.Context(), &graph.Call{Verb: graph.VerbSubscribe, Route: "x", Watch: graph.WatchOptions{Tap: true}, Deliver: func(_ context.Context, e graph.Event) { got = append(got, e) }})
	require.NoError(t, err)
	<-v.(*graph.Subscription).Done()
	require.Len(t, got, 2)
	require.True(t, got[0].Snapshot)
	require.Equal(t, "e-1", got[0].Position)
	require.EqualValues(t, 3, got[1].Lost)
	require.Equal(t, "e-5", got[1].Position)
}

// The context of a subscription bounds its beginning only, and one that ends meanwhile leaves nothing behind.
func TestClientSubscribeContext(t *testing.T) {
	noLeak(t)
	f, c := connected(t, protocols()[0], nil, nil)
	live := countWatches(f.graph)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan int64, 10)
	sub, err := counter.Listen(ctx, c, func(u graph.Update[int64]) { got <- u.Value })
	require.NoError(t, err)
	cancel()
	f.count.Set(1)
	for <-got != 1 {
	}
	sub.Stop()
	becomes(t, 0, live)
	_, err = counter.Listen(ctx, c, func(graph.Update[int64]) {})
	require.ErrorIs(t, err, graph.Canceled)

	held := make(chan struct{})
	url, _ := serveOn(t, protocols()[0], http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(held)
		<-r.Context().Done()
	}))
	late := open(t, url, nil)
	ctx, cancel = context.WithCancel(t.Context())
	go func() { <-held; cancel() }()
	_, err = counter.Listen(ctx, late, func(graph.Update[int64]) {})
	require.ErrorIs(t, err, graph.Canceled)
}

func TestClientClose(t *testing.T) {
	noLeak(t)
	f, c := connected(t, protocols()[0], nil, nil)
	live := countWatches(f.graph)
	failed := make(chan error, 2)
	go func() { _, err := slow.Run(t.Context(), c, graph.Void{}); failed <- err }()
	running := <-f.entered
	sub, err := counter.Listen(t.Context(), c, func(graph.Update[int64]) {})
	require.NoError(t, err)
	c.Close()
	require.ErrorIs(t, <-failed, graph.Unavailable)
	require.ErrorIs(t, sub.Err(), graph.Unavailable)
	<-running.Done()
	becomes(t, 0, live)
	_, err = slow.Run(t.Context(), c, graph.Void{})
	require.ErrorIs(t, err, graph.Unavailable)
	c.Close()
}
