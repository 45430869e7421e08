package graph_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func with(operator any, settings map[string]any) graph.Props {
	return graph.Props{Operator: operator, With: settings}
}

type settings = map[string]any

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := loaded(t, graph.Roots{"n": with(func(i int) int { return i }, settings{"delay": time.Minute})})
		start := time.Now()
		require.Equal(t, 5, run(t, g, "n", 5))
		require.Equal(t, time.Minute, time.Since(start))

		cause := errors.New("tired")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		_, err := g.Run(ctx, "n", 5)
		require.Equal(t, cause, err)

		ended := make(chan error)
		go func() {
			_, err := g.Run(t.Context(), "n", 5)
			ended <- err
		}()
		synctest.Wait()
		require.True(t, g.Remove("n"))
		require.ErrorIs(t, <-ended, graph.Unavailable)
	})
}

func TestRepeatAndRecursive(t *testing.T) {
	calls := 0
	double := func(i int) (int, error) {
		calls++
		if i > 100 {
			return 0, graph.ResourceExhausted
		}
		return i * 2, nil
	}
	g := loaded(t, graph.Roots{
		"repeat":    with(double, settings{"repeat": 3}),
		"recursive": with(double, settings{"recursive": 3}),
		"once":      with(double, settings{"repeat": 1, "recursive": 1}),
		"both":      with(double, settings{"repeat": 2, "recursive": 2}), // recursive is outside
		"long":      with(double, settings{"recursive": 10}),
		"void":      with(func(v ...any) { calls += len(v) }, settings{"recursive": 2}),
	})
	for route, want := range map[string]struct{ result, calls int }{
		"repeat": {10, 3}, "once": {10, 1}, "recursive": {40, 3}, "both": {20, 4},
	} {
		calls = 0
		require.Equal(t, want.result, run(t, g, route, 5))
		require.Equal(t, want.calls, calls, route)
	}
	require.ErrorIs(t, runError(t, g, "long", 5), graph.ResourceExhausted)
	calls = 0
	run(t, g, "void", 1)
	require.Equal(t, 1, calls, "no value is no argument")

	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err := g.Run(ctx, "repeat", 5)
	require.Equal(t, cause, err)
}

func TestBranch(t *testing.T) {
	var got []any
	g := loaded(t, graph.Roots{
		"noted": func(v any) { got = append(got, "node", v) },
		"fails": func() error { return graph.Aborted },
		"n": with(func(i int) int { return i }, settings{"branch": []graph.Branch{
			{If: 1, Then: func(i int) { got = append(got, "func", i) }},
			{If: func(v any) bool { return v.(int) > 5 }, Then: graph.Ref("noted")},
			{If: 7, Then: "seven"},
			{If: "seven", Then: 77},
			{If: 2, Then: func() error { return graph.Aborted }},
			{If: 3, Then: graph.Ref("fails")},
		}}),
	})
	require.Equal(t, 0, run(t, g, "n", 0))
	require.Empty(t, got)
	require.Equal(t, 1, run(t, g, "n", 1))
	require.Equal(t, 6, run(t, g, "n", 6))
	require.Equal(t, 77, run(t, g, "n", 7))
	require.Equal(t, []any{"func", 1, "node", 6, "node", 7}, got)
	require.ErrorIs(t, runError(t, g, "n", 2), graph.Aborted)
	require.ErrorIs(t, runError(t, g, "n", 3), graph.Aborted)
}

func TestBackward(t *testing.T) {
	var got recorder[any]
	g := loaded(t, graph.Roots{"parent": graph.Props{
		Operator: func(v int) int { got.add(v); return v * 10 },
		Children: graph.Roots{
			"back": graph.Props{
				Operator:  func(v int) int { return v + 1 },
				With:      settings{"backward": true},
				Listeners: map[string]any{"parent": func(v int) { got.add([]any{"listener", v}) }},
			},
			"child": func(v int) { got.add([]any{"child", v}) },
			"off":   with(func(v int) { got.add([]any{"off", v}) }, settings{"backward": false}),
		},
	}})
	require.Equal(t, 5, run(t, g, "parent.back", 4))
	require.Equal(t, []any{5, []any{"listener", 50}, []any{"child", 50}, []any{"off", 50}}, got.all(),
		"the parent runs with the child's result, and then its other children; the child does not run again")
	require.True(t, g.Remove("parent.back"))
	run(t, g, "parent", 1)
	require.Len(t, got.all(), 7)
}

func TestAliases(t *testing.T) {
	g := loaded(t, graph.Roots{"n": graph.Props{
		Operator: func(v ...any) int { return len(v) },
		Methods:  map[string]any{"m": func() string { return "method" }},
		State:    map[string]any{"k": 5},
		With:     settings{"aliases": []string{"other", "n.sub", "deep.er"}},
	}})
	n := g.Get("n")
	for _, tag := range []string{"n", "other", "n.sub", "deep.er"} {
		require.Same(t, n, g.Get(tag), tag)
		require.Equal(t, 2, run(t, g, tag, 1, 2), tag)
		require.Equal(t, "method", run(t, g, tag+".m"), tag)
		require.Equal(t, 5, run(t, g, tag+".K"), tag)
		require.ErrorIs(t, runError(t, g, tag+".none"), graph.NotFound)
		located, member, ok := g.Locate(&graph.Call{Route: tag + ".M"})
		require.Equal(t, []any{"n", "m", true}, []any{located, member, ok})
	}
	require.ErrorIs(t, runError(t, g, "deep"), graph.NotFound)
	require.Equal(t, []string{"deep.er", "n", "n.sub", "other"}, g.List())

	for name, aliases := range map[string][]string{"taken": {"new", "other", "newer"}, "itself": {"x"}, "twice": {"y", "y"}} {
		_, err := g.Add("x", with(func() {}, settings{"aliases": aliases}))
		require.ErrorIs(t, err, graph.AlreadyExists, name)
		require.Equal(t, []string{"deep.er", "n", "n.sub", "other"}, g.List(), name)
	}
	_, err := g.Add("other", 5)
	require.ErrorIs(t, err, graph.AlreadyExists)
	require.True(t, g.Remove("other"), "by an alias")
	require.Empty(t, g.List())
	_, err = g.Add("other", 5)
	require.NoError(t, err)
}

func TestLoadersRefuse(t *testing.T) {
	op := func() {}
	for name, s := range map[string]settings{
		"delay": {"delay": 5}, "repeat": {"repeat": "x"}, "repeat none": {"repeat": 0}, "recursive": {"recursive": -1},
		"branch": {"branch": 5}, "branch condition": {"branch": []graph.Branch{{If: func(int) bool { return true }}}},
		"branch function": {"branch": []graph.Branch{{Then: func() (int, int) { return 0, 0 }}}},
		"loop":            {"loop": 5}, "loop at once": {"loop": time.Duration(0)}, "looping": {"loop": time.Second, "looping": 5},
		"backward": {"backward": 1}, "aliases": {"aliases": "x"}, "alias": {"aliases": []string{"a b"}}, "unknown": {"unknown": nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := quiet().Add("n", with(op, s))
			require.ErrorIs(t, err, graph.InvalidArgument)
		})
	}
}

func TestOwnLoaders(t *testing.T) {
	var order []string
	mark := func(name string) graph.Loader {
		return func(n *graph.Node, setting any) error {
			if setting == "fail" {
				return graph.FailedPrecondition.Errorf("no")
			}
			n.OnConnected(func(*graph.Node) { order = append(order, name+" connected") })
			n.OnDisconnected(func(*graph.Node) { order = append(order, name+" disconnected") })
			return n.Wrap(func(next graph.Operator) graph.Operator {
				return func(ctx context.Context, a graph.Args) (any, error) {
					order = append(order, name)
					return next(ctx, a)
				}
			})
		}
	}
	g := graph.NewWith(graph.Options{Loaders: map[string]graph.Loader{"b": mark("b"), "a": mark("a"), "loop": mark("loop")}})
	n, err := g.Add("n", graph.Props{
		Operator:       func() { order = append(order, "operator") },
		With:           settings{"a": 1, "b": 1, "repeat": 2, "loop": "mine"},
		OnConnected:    func(*graph.Node) { order = append(order, "own connected") },
		OnDisconnected: func(*graph.Node) { order = append(order, "own disconnected") },
	})
	require.NoError(t, err)
	run(t, g, "n")
	require.True(t, g.Remove("n"))
	require.Equal(t, []string{
		"a connected", "b connected", "loop connected", "own connected",
		"loop", "b", "a", "operator", "loop", "b", "a", "operator",
		"a disconnected", "b disconnected", "loop disconnected", "own disconnected",
	}, order)
	require.Error(t, n.Context().Err())

	_, err = g.Add("x", with(func() {}, settings{"a": "fail"}))
	require.ErrorIs(t, err, graph.FailedPrecondition)
	require.ErrorContains(t, err, `load "a"`)
	_, err = g.Add("x", graph.Props{With: settings{"a": 1}})
	require.ErrorIs(t, err, graph.FailedPrecondition, "nothing to wrap")

	// A handler that a loader wrapped is not called around the wrapper.
	order = nil
	add.Handle(g, func(context.Context, addIn) (int, error) { return 0, nil }, func(p *graph.Props) { p.With = settings{"a": 1} })
	_, err = add.Run(t.Context(), g, addIn{})
	require.NoError(t, err)
	require.Equal(t, []string{"a connected", "a"}, order)
}
