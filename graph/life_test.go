package graph_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestHooks(t *testing.T) {
	g, log := logged()
	var order []string
	hooked := func(name string, children graph.Roots) graph.Props {
		return graph.Props{
			Children: children,
			OnConnected: func(n *graph.Node) {
				order = append(order, "+"+name)
				require.Same(t, n, n.Graph().Get(n.Tag()), "the node is in the graph")
				require.NoError(t, n.Context().Err())
			},
			OnDisconnected: func(n *graph.Node) {
				order = append(order, "-"+name)
				require.Nil(t, n.Graph().Get(n.Tag()))
				require.Error(t, n.Context().Err())
			},
		}
	}
	require.NoError(t, g.Load(graph.Roots{
		"b": hooked("b", graph.Roots{"y": hooked("y", nil), "x": hooked("x", nil)}),
		"a": hooked("a", nil),
	}))
	require.Equal(t, []string{"+a", "+b", "+x", "+y"}, order, "parents first")
	order = nil
	require.True(t, g.Remove("b"))
	require.Equal(t, []string{"-y", "-x", "-b"}, order, "children first")

	_, err := g.Add("panics", graph.Props{
		OnConnected:    func(*graph.Node) { panic("on connected") },
		OnDisconnected: func(*graph.Node) { panic("on disconnected") },
	})
	require.NoError(t, err)
	require.True(t, g.Remove("panics"))
	require.Contains(t, log.String(), "on connected")
	require.Contains(t, log.String(), "on disconnected")
}

func TestGoEndsWithTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log := logged()
		n, err := g.Add("n", 1)
		require.NoError(t, err)
		var ended atomic.Int64
		for range 3 {
			n.Go(func(ctx context.Context) {
				<-ctx.Done()
				ended.Add(1)
			})
		}
		n.Go(func(context.Context) { panic("in a goroutine") })
		synctest.Wait()
		require.Zero(t, ended.Load())
		require.Contains(t, log.String(), "in a goroutine")
		require.True(t, g.Remove("n"))
		require.EqualValues(t, 3, ended.Load(), "Remove waits")
		n.Go(func(context.Context) { t.Error("started after the end") })
		synctest.Wait()
	})
}

// Close waits also for what another goroutine is removing.
func TestCloseWaitsForRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quiet()
		n, err := g.Add("n", 1)
		require.NoError(t, err)
		release := make(chan struct{})
		n.Go(func(context.Context) { <-release })
		go g.Remove("n")
		synctest.Wait()
		closed := false
		go func() {
			g.Close()
			closed = true
		}()
		synctest.Wait()
		require.False(t, closed)
		close(release)
		synctest.Wait()
		require.True(t, closed)
	})
}

// A node that is removed while its hooks run has these run in order nevertheless.
func TestRemoveWhileConnecting(t *testing.T) {
	g := quiet()
	var order []string
	_, err := g.Add("n", graph.Props{
		OnConnected: func(n *graph.Node) {
			order = append(order, "connecting")
			require.True(t, g.Remove("n"))
			n.Go(func(context.Context) { t.Error("started after the end") })
			order = append(order, "connected")
		},
		OnDisconnected: func(*graph.Node) { order = append(order, "disconnected") },
	})
	require.NoError(t, err)
	require.Equal(t, []string{"connecting", "connected", "disconnected"}, order)
}

func TestRemoveEndsSubscriptions(t *testing.T) {
	g := loaded(t, graph.Roots{"n": graph.Props{
		Operator: func(i int) int { return i },
		Methods:  map[string]any{"m": func() int { return 1 }},
		State:    map[string]any{"k": 1},
		Children: graph.Roots{"c": func(i int) int { return i }},
	}})
	n := g.Get("n")
	var subs []*graph.Subscription
	ended := 0
	for _, o := range []struct {
		route string
		watch graph.WatchOptions
	}{
		{"n", graph.WatchOptions{}},
		{"n", graph.WatchOptions{Tap: true}},
		{"n", graph.WatchOptions{Input: true}},
		{"n.m", graph.WatchOptions{}},
		{"n.m", graph.WatchOptions{Input: true}},
		{"n.k", graph.WatchOptions{}},
		{"n.c", graph.WatchOptions{}},
	} {
		sub := subscribe(t, g, o.route, o.watch, ignore)
		sub.OnEnd(func(err error) {
			require.ErrorIs(t, err, graph.NotFound)
			ended++
		})
		subs = append(subs, sub)
	}
	require.True(t, g.Remove("n"))
	for _, sub := range subs {
		<-sub.Done()
		require.ErrorContains(t, sub.Err(), "was removed")
	}
	require.Equal(t, len(subs), ended)
	// Who still has the node cannot subscribe to it any more, but run it.
	for _, method := range []string{"", "m", "k"} {
		_, err := n.Run(t.Context(), method)
		require.NoError(t, err)
	}
}

// Who found the node before it was removed and subscribes after it is refused, also where what he would
// watch lives on.
func TestSubscribeToARemovedNode(t *testing.T) {
	v := new(graph.Var[int])
	g := quiet()
	g.Use(func(next graph.Handler) graph.Handler {
		return func(ctx context.Context, c *graph.Call) (any, error) {
			if c.Verb == graph.VerbSubscribe {
				g.Remove("n")
			}
			return next(ctx, c)
		}
	})
	for _, route := range []string{"n", "n.m", "n.k"} {
		require.NoError(t, g.Load(graph.Roots{"n": graph.Props{
			Operator: func() {}, Methods: map[string]any{"m": func() {}}, State: map[string]any{"k": v},
		}}))
		sub, err := g.Subscribe(t.Context(), route, func(context.Context, graph.Event) { t.Error("called") })
		require.ErrorIs(t, err, graph.NotFound, route)
		require.ErrorContains(t, err, "n was removed")
		require.Nil(t, sub)
	}
	v.Set(1)
}

// A callback may remove the node it was called for; what comes after it is not called.
func TestRemoveInsideACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := loaded(t, graph.Roots{"n": graph.Props{Operator: func(i int) int { return i }, State: map[string]any{"k": 0}}})
		n := g.Get("n")
		var got recorder[any]
		var sub *graph.Subscription
		for _, route := range []string{"n", "n.k"} {
			sub = subscribe(t, g, route, graph.WatchOptions{}, func(_ context.Context, e graph.Event) {
				got.add(e.Value)
				g.Remove("n")
			})
			subscribe(t, g, route, graph.WatchOptions{}, func(context.Context, graph.Event) { got.add("too late") })
		}
		out, err := n.Run(t.Context(), "", 1)
		require.NoError(t, err)
		require.Equal(t, 1, out)
		require.ErrorIs(t, sub.Err(), graph.NotFound)
		require.NoError(t, n.Set("k", 2))
		require.Equal(t, []any{1}, got.all())
	})
}

func TestSubscription(t *testing.T) {
	stops := 0
	s := graph.NewSubscription(func() { stops++ })
	var reasons []error
	s.OnEnd(func(err error) { reasons = append(reasons, err) })
	require.NoError(t, s.Err())
	select {
	case <-s.Done():
		t.Fatal("done before the end")
	default:
	}
	s.End(graph.Aborted)
	s.Stop()
	s.OnEnd(func(err error) { reasons = append(reasons, err) })
	<-s.Done()
	require.Equal(t, graph.Aborted, s.Err())
	require.Equal(t, []error{graph.Aborted, graph.Aborted}, reasons)
	require.Equal(t, 1, stops)
	graph.NewSubscription(nil).Stop()
}
