package graph_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

// marked returns middleware that notes its name and the verb of each call.
func marked(seen *[]string, name string) graph.Middleware {
	return func(next graph.Handler) graph.Handler {
		return func(ctx context.Context, c *graph.Call) (any, error) {
			*seen = append(*seen, name+" "+c.Verb.String()+" "+c.Route)
			return next(ctx, c)
		}
	}
}

func TestMiddlewareOrder(t *testing.T) {
	var seen []string
	g := quiet()
	g.Use(marked(&seen, "first"))
	g.UseAt("math.**", marked(&seen, "math"))
	g.UseAt("other", marked(&seen, "other"))
	add.Handle(g, func(context.Context, addIn) (int, error) {
		seen = append(seen, "handler")
		return 1, nil
	}, graph.With(marked(&seen, "outer of node"), marked(&seen, "inner of node")))
	g.Use(marked(&seen, "later"), marked(&seen, "last"))

	around := func(verb string) []string {
		var want []string
		for _, name := range []string{"first", "math", "later", "last", "outer of node", "inner of node"} {
			want = append(want, name+" "+verb+" math.add")
		}
		return want
	}
	_, err := add.Run(t.Context(), g, addIn{})
	require.NoError(t, err)
	require.Equal(t, append(around("run"), "handler"), seen)

	seen = nil
	require.NoError(t, add.Post(t.Context(), g, addIn{}))
	require.Equal(t, append(around("post"), "handler"), seen)

	seen = nil
	_, err = g.Run(t.Context(), "math.add")
	require.NoError(t, err)
	require.Equal(t, append(around("run"), "handler"), seen)

	seen = nil
	_, err = g.Get("math.add").Run(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, append(around("run"), "handler"), seen)

	seen = nil
	sub, err := g.Subscribe(t.Context(), "math.add", ignore)
	require.NoError(t, err)
	require.Equal(t, around("subscribe"), seen)
	sub.Stop()

	seen = nil
	_, err = g.Add("math", func() {})
	require.NoError(t, err)
	run(t, g, "math")
	made := 0
	_, err = g.Add("aliased", with(func() {}, settings{"aliases": []string{"one", "two"}}))
	require.NoError(t, err)
	g.UseAt("aliased", func(next graph.Handler) graph.Handler { made++; return next })
	require.Equal(t, 1, made, "a node is one node by whatever name")
	require.Equal(t, []string{"first run math", "math run math", "later run math", "last run math"}, seen, "a node that came later")
}

// Middleware that comes later stands around what is there, also in the way of a contract.
func TestMiddlewareAddedLater(t *testing.T) {
	g := quiet()
	add.Handle(g, func(_ context.Context, in addIn) (int, error) { return in.A, nil })
	v := counter.Serve(g, 5, graph.Writable())
	sum, err := add.Run(t.Context(), g, addIn{A: 1})
	require.NoError(t, err)
	require.Equal(t, 1, sum)
	g.Use(func(graph.Handler) graph.Handler {
		return func(_ context.Context, c *graph.Call) (any, error) { return nil, graph.PermissionDenied }
	})
	_, err = add.Run(t.Context(), g, addIn{A: 1})
	require.ErrorIs(t, err, graph.PermissionDenied)
	require.ErrorIs(t, add.Post(t.Context(), g, addIn{}), graph.PermissionDenied)
	_, err = g.Run(t.Context(), "math.add", 1)
	require.ErrorIs(t, err, graph.PermissionDenied)
	_, err = add.Listen(t.Context(), g, func(graph.Update[int]) {})
	require.ErrorIs(t, err, graph.PermissionDenied)
	_, err = counter.Get(t.Context(), g)
	require.ErrorIs(t, err, graph.PermissionDenied)
	require.ErrorIs(t, counter.Set(t.Context(), g, 6), graph.PermissionDenied)
	require.Equal(t, 5, v.Load())
}

// Middleware may change the call and the result, in a copy.
func TestMiddlewareChanges(t *testing.T) {
	g := quiet()
	add.Handle(g, func(_ context.Context, in addIn) (int, error) { return in.A + in.B, nil }, graph.With(
		func(next graph.Handler) graph.Handler {
			return func(ctx context.Context, c *graph.Call) (any, error) {
				changed := *c
				changed.Args = graph.ArgsOf(10, 20)
				out, err := next(ctx, &changed)
				if err != nil {
					return nil, err
				}
				return out.(int) + 1, nil
			}
		}))
	sum, err := add.Run(t.Context(), g, addIn{1, 2})
	require.NoError(t, err)
	require.Equal(t, 31, sum)
}

// What is mounted is behind the middleware of the graph it is mounted in, and its own.
func TestMiddlewareOfMounts(t *testing.T) {
	var seen []string
	inner := loaded(t, graph.Roots{
		"room":   graph.Props{Operator: func() int { return 1 }, Methods: map[string]any{"say": func() int { return 2 }}},
		"lobby":  5,
		"secret": func() {},
	})
	inner.Use(marked(&seen, "inner"))
	g := loaded(t, graph.Roots{"chat": inner})
	require.Equal(t, 1, run(t, g, "chat.room"))
	seen = nil
	made := 0
	g.Use(func(next graph.Handler) graph.Handler {
		made++
		return marked(&seen, "outer")(next)
	})
	g.UseAt("chat.room", marked(&seen, "room"))
	g.UseAt("chat.secret", func(graph.Handler) graph.Handler {
		return func(context.Context, *graph.Call) (any, error) { return nil, graph.PermissionDenied }
	})
	for range 3 {
		seen = nil
		require.Equal(t, 2, run(t, g, "chat.room.SAY"))
		require.Equal(t, []string{"outer run chat.room.SAY", "room run chat.room.SAY", "inner run room.SAY"}, seen)
	}
	seen = nil
	require.Equal(t, 5, run(t, g, "chat.lobby"))
	require.Equal(t, []string{"outer run chat.lobby", "inner run lobby"}, seen)
	require.ErrorIs(t, runError(t, g, "chat.secret"), graph.PermissionDenied)
	require.Equal(t, 3, made, "once for each set of middleware that applies, not for each call")

	seen = nil
	sub, err := g.Subscribe(t.Context(), "chat.room", ignore)
	require.NoError(t, err)
	require.Equal(t, []string{"outer subscribe chat.room", "room subscribe chat.room", "inner subscribe room"}, seen)
	sub.Stop()

	seen = nil
	require.ErrorIs(t, runError(t, g, "chat.none"), graph.NotFound)
	require.Empty(t, seen)
	g.UseAt("chat.lobby", func(graph.Handler) graph.Handler {
		return func(context.Context, *graph.Call) (any, error) { panic("in middleware of a mount") }
	})
	require.ErrorIs(t, runError(t, g, "chat.lobby"), graph.Internal)
}
