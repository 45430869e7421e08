package graph_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestAddRemoveGetList(t *testing.T) {
	g, log := logged()
	require.Empty(t, g.List())
	n, err := g.Add("a.b", graph.Props{Operator: func() int { return 1 }, Children: graph.Roots{"c": 2, "d": graph.Roots{"e": 3}}})
	require.NoError(t, err)
	require.Equal(t, "a.b", n.Tag())
	require.Nil(t, n.Parent(), "a dotted tag makes no child")
	require.Equal(t, []string{"a.b", "a.b.c", "a.b.d", "a.b.d.e"}, g.List())
	require.Same(t, n, g.Get("a.b"))
	require.Nil(t, g.Get("a"))

	require.False(t, g.Remove("a"))
	require.True(t, g.Remove("a.b.d"))
	require.Equal(t, []string{"a.b", "a.b.c"}, g.List())
	require.True(t, g.Remove("a.b"))
	require.False(t, g.Remove("a.b"))
	require.Empty(t, g.List())
	require.Nil(t, g.Get("a.b"))
	require.ErrorIs(t, runError(t, g, "a.b"), graph.NotFound)

	longest := strings.Repeat("x", graph.MaxTag)
	_, err = g.Add(longest, 1)
	require.NoError(t, err)
	_, err = g.Add(longest+"x", 1)
	require.ErrorIs(t, err, graph.InvalidArgument)
	require.ErrorContains(t, err, "add node: ")
	require.Empty(t, log.String())
}

func TestLoadIsAllOrNothing(t *testing.T) {
	joined := 0
	g := loaded(t, graph.Roots{"taken": 1, "deep": graph.Roots{"taken": 1}})
	before := g.List()
	for name, roots := range map[string]graph.Roots{
		"tag taken":       {"a": 1, "taken": 2},
		"child taken":     {"a": 1, "deep": graph.Roots{"taken": 2}},
		"wrong at last":   {"a": graph.Roots{"b": 1}, "z": (func())(nil)},
		"alias taken":     {"a": 1, "z": with(func() {}, settings{"aliases": []string{"free", "taken"}})},
		"alias of a twin": {"a": 1, "z": with(func() {}, settings{"aliases": []string{"a"}})},
		"mount taken":     {"a": 1, "taken": graph.New()},
		"mount tag":       {"a": 1, "z..z": graph.New()},
		"same by a child": {"a.b": 1, "a": graph.Roots{"b": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			roots["hooked"] = graph.Props{OnConnected: func(*graph.Node) { joined++ }}
			err := g.Load(roots)
			require.Error(t, err)
			require.ErrorContains(t, err, "load graph: ")
			require.Equal(t, before, g.List())
			for tag := range roots {
				if tag != "taken" && tag != "deep" {
					require.Nil(t, g.Get(tag))
				}
			}
			require.Equal(t, 1, run(t, g, "taken"))
		})
	}
	require.Zero(t, joined, "no hook may run")
	require.NoError(t, g.Load(graph.Roots{"a": 1, "z": 1, "free": 1}), "all of it is still free")
}

// A failed Load leaves no listener behind.
func TestFailedLoadListensToNothing(t *testing.T) {
	g := quiet()
	heard := 0
	require.Error(t, g.Load(graph.Roots{
		"listener": graph.Props{Listeners: map[string]any{"src": func() { heard++ }}},
		"z":        (func())(nil),
	}))
	require.NoError(t, g.Load(graph.Roots{"src": func() int { return 1 }}))
	run(t, g, "src")
	require.Zero(t, heard)
}

func TestResolveAndLocate(t *testing.T) {
	inner := loaded(t, graph.Roots{"room": graph.Props{Methods: map[string]any{"Say": func() {}}}})
	g := loaded(t, graph.Roots{
		"n":    graph.Props{Operator: func() {}, Methods: map[string]any{"sayHi": func() {}}, State: map[string]any{"key": 1}},
		"s":    5,
		"chat": inner,
	})
	for _, c := range []struct {
		call   graph.Call
		tag    string
		member string
		ok     bool
	}{
		{graph.Call{Route: "n"}, "n", "", true},
		{graph.Call{Route: "n.sayhi"}, "n", "sayHi", true},
		{graph.Call{Route: "n.KEY"}, "n", "key", true},
		{graph.Call{Route: "s"}, "s", "", true},
		{graph.Call{Route: "n", Method: "sayhi"}, "n", "sayHi", true},
		{graph.Call{Route: "n", Method: "other"}, "n", "", true},
		{graph.Call{Route: "n", Verb: graph.VerbSubscribe, Watch: graph.WatchOptions{Key: "KEY"}}, "n", "key", true},
		{graph.Call{Route: "n", Verb: graph.VerbSubscribe, Watch: graph.WatchOptions{Key: "none"}}, "n", "", false},
		{graph.Call{Route: "n", Watch: graph.WatchOptions{Key: "key"}}, "n", "", true},
		{graph.Call{Route: "n.sayHi", Verb: graph.VerbSubscribe, Watch: graph.WatchOptions{Key: "key"}}, "n", "sayHi", true},
		{graph.Call{Route: "chat.room"}, "chat.room", "", true},
		{graph.Call{Route: "chat.room.SAY"}, "chat.room", "Say", true},
		{graph.Call{Route: "chat.none"}, "chat.", "", false},
		{graph.Call{Route: "none"}, "", "", false},
		{graph.Call{Route: "n.none"}, "", "", false},
		{graph.Call{Route: ""}, "", "", false},
	} {
		tag, member, ok := g.Locate(&c.call)
		require.Equal(t, c.ok, ok, "%+v", c.call)
		if ok {
			require.Equal(t, []string{c.tag, c.member}, []string{tag, member}, "%+v", c.call)
		}
	}
	for route, want := range map[string][]string{"n": {"n", ""}, "n.SAYHI": {"n", "sayHi"}, "s": {"s", ""}} {
		n, member := g.Resolve(route)
		require.Equal(t, want, []string{n.Tag(), member})
	}
	for _, route := range []string{"none", "n.none", "chat.room", ""} {
		n, member := g.Resolve(route)
		require.Nil(t, n)
		require.Empty(t, member)
	}
}

// Middleware cannot make a handler answer what it is not for.
func TestMiddlewareCannotTurnToAnotherNode(t *testing.T) {
	m := map[string]any{"m": func() string { return "method" }}
	for _, route := range []string{"b", "b.m", "a.none", "m", "none.a"} {
		g := quiet()
		require.NoError(t, g.Load(graph.Roots{
			"a": graph.Props{Operator: func() int { return 1 }, Methods: m},
			"b": graph.Props{Operator: func() int { return 2 }, Methods: m},
		}))
		g.UseAt("a", func(next graph.Handler) graph.Handler {
			return func(ctx context.Context, c *graph.Call) (any, error) {
				other := *c
				other.Route = route
				return next(ctx, &other)
			}
		})
		require.ErrorIs(t, runError(t, g, "a"), graph.NotFound, route)
	}
}

func TestMount(t *testing.T) {
	failure := errors.New("failure")
	inner := loaded(t, graph.Roots{
		"say":   func(s string) (string, error) { return "inner " + s, nil },
		"fail":  func() error { return failure },
		"state": 5,
		"n":     graph.Props{Methods: map[string]any{"m": func() string { return "method" }}},
	})
	deep := loaded(t, graph.Roots{"say": func() string { return "deep" }})
	g := loaded(t, graph.Roots{"chat": inner, "own": 1})
	n, err := g.Add("chat.deep", deep)
	require.NoError(t, err)
	require.Nil(t, n)
	_, err = inner.Add("deep", graph.Roots{"say": func() string { return "hidden by the longer prefix" }})
	require.NoError(t, err)

	require.Equal(t, "inner x", run(t, g, "chat.say", "x"))
	require.Equal(t, "method", run(t, g, "chat.n.M"))
	require.Equal(t, "deep", run(t, g, "chat.deep.say"))
	require.Equal(t, 5, run(t, g, "chat.state"))
	require.ErrorIs(t, runError(t, g, "chat.fail"), failure)
	for _, none := range []string{"chat", "chat.none", "chat.deep.none", "chats.say", "chat.", "chat.n.none"} {
		require.ErrorIs(t, runError(t, g, none), graph.NotFound, none)
	}
	require.Equal(t, []string{
		"chat.deep", "chat.deep.say", "chat.deep.say", "chat.fail", "chat.n", "chat.say", "chat.state", "own",
	}, g.List())

	var got recorder[int]
	sub := subscribe(t, g, "chat.state", graph.WatchOptions{Snapshot: true}, got.event)
	require.NoError(t, inner.Get("state").Set("", 6))
	require.Equal(t, []int{5, 6}, got.all())

	for name, def := range map[string]any{"chat": graph.New(), "chat.deep": 1, "own": graph.New(), "": graph.New(), "a b": graph.New()} {
		_, err := g.Add(name, def)
		require.Error(t, err, name)
	}
	_, err = inner.Add("loop", g)
	require.ErrorIs(t, err, graph.InvalidArgument)
	_, err = g.Add("self", g)
	require.ErrorIs(t, err, graph.InvalidArgument)

	outer := loaded(t, graph.Roots{"outer": g})
	require.Equal(t, "deep", run(t, outer, "outer.chat.deep.say"))
	_, err = deep.Add("loop", outer)
	require.ErrorIs(t, err, graph.InvalidArgument)

	require.True(t, g.Remove("chat"))
	require.False(t, g.Remove("chat"))
	require.ErrorIs(t, runError(t, g, "chat.say", "x"), graph.NotFound)
	require.Equal(t, "inner y", run(t, inner, "say", "y"), "it lives on")
	require.NoError(t, sub.Err())
}

func TestClose(t *testing.T) {
	inner := loaded(t, graph.Roots{"n": 1})
	left := 0
	g := loaded(t, graph.Roots{
		"a":    graph.Props{OnDisconnected: func(*graph.Node) { left++ }, Children: graph.Roots{"b": graph.Props{OnDisconnected: func(*graph.Node) { left++ }}}},
		"c":    with(func() {}, settings{"aliases": []string{"d", "e"}}),
		"chat": inner,
	})
	g.Close()
	g.Close()
	require.Equal(t, 2, left)
	require.Empty(t, g.List())
	require.Equal(t, 1, run(t, inner, "n"))
	_, err := g.Add("n", 1)
	require.ErrorIs(t, err, graph.Unavailable)
	require.ErrorIs(t, g.Load(graph.Roots{"n": 1}), graph.Unavailable)
	_, err = g.Add("n", graph.New())
	require.ErrorIs(t, err, graph.Unavailable)
	require.ErrorIs(t, runError(t, g, "chat.n"), graph.NotFound)
}
