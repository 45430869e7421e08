package graph_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestListeners(t *testing.T) {
	var got recorder[[]any]
	note := func(what string) func(v any) {
		return func(v any) { got.add([]any{what, v}) }
	}
	g := loaded(t, graph.Roots{
		"src": graph.Props{
			Operator: func(a, b int) int { return a + b },
			Methods:  map[string]any{"half": func(i int) int { return i / 2 }},
			State:    map[string]any{"count": 0},
			Writable: []string{"count"},
		},
		"state": 5,
		"a": graph.Props{
			Operator: note("operator"),
			Methods:  map[string]any{"m": note("method")},
			Listeners: map[string]any{
				"src":       true,
				"src.half":  "M",
				"src.count": "other",
				"state":     note("state"),
			},
		},
		"b": graph.Props{
			Operator: func(a, b int) { got.add([]any{"input operator", a, b}) },
			Listeners: map[string]any{
				"src":      graph.Listener{Do: true, Input: true},
				"src.half": graph.Listener{Do: note("input of half"), Input: true},
			},
		},
		"other": note("other node"),
	})
	expect := func(want ...[]any) {
		t.Helper()
		require.Equal(t, want, got.all())
		got.seen = nil
	}
	run(t, g, "src", 1, 2)
	expect([]any{"input operator", 1, 2}, []any{"operator", 3})
	run(t, g, "src.half", 8)
	expect([]any{"input of half", 8}, []any{"method", 4})
	run(t, g, "src.count", 7)
	expect([]any{"other node", 7})
	require.NoError(t, g.Get("state").Set("", 6))
	expect([]any{"state", 6})
}

// A listener waits for what it listens to, loses it, and finds the next of that name.
func TestListenerFindsItsSource(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		add    func(g *graph.Graph) error
		run    string
	}{
		"node": {"src", func(g *graph.Graph) error { _, err := g.Add("src", func(i int) int { return i }); return err }, "src"},
		"method": {"src.m", func(g *graph.Graph) error {
			_, err := g.Add("src", graph.Props{Methods: map[string]any{"m": func(i int) int { return i }}})
			return err
		}, "src.m"},
		"key": {"src.k", func(g *graph.Graph) error {
			_, err := g.Add("src", graph.Props{State: map[string]any{"k": 0}, Writable: []string{"k"}})
			return err
		}, "src.k"},
		"child": {"src.c", func(g *graph.Graph) error {
			return g.Load(graph.Roots{"src": graph.Roots{"c": func(i int) int { return i }}})
		}, "src.c"},
		"alias": {"other", func(g *graph.Graph) error {
			_, err := g.Add("src", graph.Props{Operator: func(i int) int { return i }, With: map[string]any{"aliases": []string{"other"}}})
			return err
		}, "src"},
		"member by an alias": {"other.m", func(g *graph.Graph) error {
			_, err := g.Add("src", graph.Props{Methods: map[string]any{"m": func(i int) int { return i }}, With: map[string]any{"aliases": []string{"other"}}})
			return err
		}, "src.m"},
	} {
		t.Run(name, func(t *testing.T) {
			g := quiet()
			var got recorder[int]
			_, err := g.Add("listener", graph.Props{Listeners: map[string]any{c.source: got.add}})
			require.NoError(t, err)
			for i := range 3 {
				require.NoError(t, c.add(g))
				run(t, g, c.run, i)
				require.True(t, g.Remove("src"))
			}
			require.Equal(t, []int{0, 1, 2}, got.all())
			require.True(t, g.Remove("listener"), "while it waits")
			require.NoError(t, c.add(g))
			run(t, g, c.run, 9)
			_, err = g.Add("listener", graph.Props{Listeners: map[string]any{c.source: func(int) {}}})
			require.NoError(t, err)
			require.True(t, g.Remove("listener"), "while it listens")
			run(t, g, c.run, 9)
			require.True(t, g.Remove("src"))
			require.NoError(t, c.add(g))
			run(t, g, c.run, 9)
			require.Equal(t, []int{0, 1, 2}, got.all(), "a removed listener hears nothing")
		})
	}
}

// The node is there, but what is listened to comes only with another of that name.
func TestListenerOnAMissingMember(t *testing.T) {
	g := quiet()
	var got recorder[int]
	require.NoError(t, g.Load(graph.Roots{
		"src":      5,
		"listener": graph.Props{Listeners: map[string]any{"src.m": got.add}},
	}))
	require.True(t, g.Remove("src"))
	require.NoError(t, g.Load(graph.Roots{"src": graph.Props{Methods: map[string]any{"m": func(i int) int { return i }}}}))
	run(t, g, "src.m", 1)
	require.Equal(t, []int{1}, got.all())
}

func TestListenersAreBoundInOrder(t *testing.T) {
	g := quiet()
	var got recorder[string]
	listener := func(name string) graph.Props {
		return graph.Props{Listeners: map[string]any{"src": func() { got.add(name) }}}
	}
	require.NoError(t, g.Load(graph.Roots{"z": listener("z"), "y": listener("y")}))
	require.NoError(t, g.Load(graph.Roots{"a": listener("a"), "b": listener("b")}))
	for range 3 {
		require.NoError(t, g.Load(graph.Roots{"src": func() int { return 1 }}))
		run(t, g, "src")
		require.Equal(t, []string{"y", "z", "a", "b"}, got.all())
		got.seen = nil
		require.True(t, g.Remove("src"))
	}
}

// Of several that wait for one source each waits for itself.
func TestListenersWaitTogether(t *testing.T) {
	g := quiet()
	var got recorder[string]
	for _, name := range []string{"a", "b", "c"} {
		_, err := g.Add(name, graph.Props{Listeners: map[string]any{"src.m": func() { got.add(name) }}})
		require.NoError(t, err)
	}
	require.True(t, g.Remove("b"))
	require.NoError(t, g.Load(graph.Roots{"src": graph.Props{Methods: map[string]any{"m": func() int { return 1 }}}}))
	run(t, g, "src.m")
	require.Equal(t, []string{"a", "c"}, got.all())
}

func TestFailingListener(t *testing.T) {
	g, log := logged()
	require.NoError(t, g.Load(graph.Roots{
		"src": func(i int) int { return i },
		"a":   graph.Props{Operator: func(string) {}, Listeners: map[string]any{"src": true}},
		"b":   graph.Props{Listeners: map[string]any{"src": func() error { return errors.New("listener failed on purpose") }}},
		"c":   graph.Props{Listeners: map[string]any{"src": "nowhere"}},
		"d":   graph.Props{Listeners: map[string]any{"src": func() { panic("listener panicked") }}},
	}))
	require.Equal(t, 1, run(t, g, "src", 1))
	for _, text := range []string{"want a string", "node=a", "listener failed on purpose", "node=b", "no route \\\"nowhere\\\"", "node=c", "listener panicked", "a listener of d"} {
		require.Contains(t, log.String(), text)
	}
}

func TestArgs(t *testing.T) {
	inner := loaded(t, graph.Roots{"pi": 3, "twice": func(i int) int { return i * 2 }})
	g := loaded(t, graph.Roots{
		"math":   graph.Props{State: map[string]any{"pi": 3.14}},
		"offset": 100,
		"double": func(a int) int { return a * 2 },
		"inner":  inner,
		"n": graph.Props{
			Operator: func(v ...any) []any { return v },
			Args:     []any{graph.Input, graph.Ref("math.pi"), graph.Ref("offset"), graph.Ref("double"), graph.Ref("inner.pi"), graph.Ref("inner.twice"), "fixed", 5},
		},
		"swap":    graph.Props{Operator: func(a, b int) []int { return []int{a, b} }, Args: []any{7, graph.Input}},
		"missing": graph.Props{Operator: func(int) {}, Args: []any{graph.Ref("nowhere")}},
		"failing": graph.Props{Operator: func(int) {}, Args: []any{graph.Ref("fails")}},
		"fails":   func() error { return graph.Aborted },
	})
	require.Equal(t, []any{4, 3.14, 100, 8, 3, 8, "fixed", 5}, run(t, g, "n", 4))
	require.NoError(t, g.Get("math").Set("pi", 3.0))
	require.Equal(t, []any{5, 3.0, 100, 10, 3, 10, "fixed", 5}, run(t, g, "n", 5))
	require.Equal(t, []int{7, 1}, run(t, g, "swap", 1))
	err := runError(t, g, "missing")
	require.ErrorIs(t, err, graph.NotFound)
	require.ErrorContains(t, err, `argument "nowhere"`)
	require.ErrorIs(t, runError(t, g, "failing"), graph.Aborted)
	_, err = g.Do(t.Context(), &graph.Call{Route: "swap", Args: js(`[`)})
	require.ErrorIs(t, err, graph.InvalidArgument)
}

func TestPipe(t *testing.T) {
	from := loaded(t, graph.Roots{"src": func(v any) any { return v }})
	var got recorder[any]
	to := loaded(t, graph.Roots{"dst": func(v any) { got.add(v) }, "two": func(a, b int) { got.add(a - b) }})
	sub, err := graph.Pipe(t.Context(), from, "src", to, "dst")
	require.NoError(t, err)
	run(t, from, "src", 1)
	run(t, from, "src", 2)
	sub.Stop()
	run(t, from, "src", 3)
	require.Equal(t, []any{1, 2}, got.all())

	got.seen = nil
	for _, target := range []graph.Target{to, wire{to}} {
		sub, err := graph.Pipe(t.Context(), wire{from}, "src", target, "two")
		require.NoError(t, err)
		run(t, from, "src", []any{5, 3})
		sub.Stop()
	}
	require.Equal(t, []any{2, 2}, got.all())

	_, err = graph.Pipe(t.Context(), from, "nowhere", to, "dst")
	require.ErrorIs(t, err, graph.NotFound)
	_, err = graph.PipeOnce(t.Context(), from, "nowhere", to, "dst")
	require.ErrorIs(t, err, graph.NotFound)
}

func TestPipeOnce(t *testing.T) {
	from := loaded(t, graph.Roots{"src": func(v any) any { return v }})
	var got recorder[any]
	to := loaded(t, graph.Roots{"dst": func(v any) { got.add(v) }})
	sub, err := graph.PipeOnce(t.Context(), from, "src", to, "dst")
	require.NoError(t, err)
	run(t, from, "src", 1)
	<-sub.Done()
	run(t, from, "src", 2)
	require.Equal(t, []any{1}, got.all())

	// The first value may come before the subscription is there, and more of them.
	eager := targetFunc(func(ctx context.Context, c *graph.Call) (any, error) {
		for i := range 3 {
			c.Deliver(ctx, graph.Event{Value: i})
		}
		return graph.NewSubscription(nil), nil
	})
	sub, err = graph.PipeOnce(t.Context(), eager, "src", to, "dst")
	require.NoError(t, err)
	<-sub.Done()
	require.Equal(t, []any{1, 0}, got.all())
}
