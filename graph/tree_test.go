package graph_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestRootsValues(t *testing.T) {
	type config struct{ Port int }
	sub := graph.New()
	add.Handle(sub, func(_ context.Context, in addIn) (int, error) { return in.A + in.B, nil })
	v := new(graph.Var[int])
	g := loaded(t, graph.Roots{
		"func":    func() string { return "called" },
		"props":   graph.Props{Operator: func() string { return "called" }},
		"pointer": &graph.Props{Operator: func() string { return "called" }},
		"roots":   graph.Roots{"leaf": func() string { return "leaf" }, "state": 7},
		"graph":   sub,
		"struct":  &lamp{},
		"var":     v,
		"int":     5,
		"text":    "x",
		"nil":     nil,
		"map":     map[string]int{"a": 1},
		"config":  config{80},
	})

	for route, want := range map[string]any{
		"func": "called", "props": "called", "pointer": "called", "roots.leaf": "leaf", "roots.state": 7,
		"struct.switch": true, "var": 0, "int": 5, "text": "x", "nil": nil, "map": map[string]int{"a": 1}, "config": config{80},
	} {
		require.Equal(t, want, run(t, g, route), route)
	}
	require.Equal(t, 3, run(t, g, "graph.math.add", 1, 2))
	v.Set(9)
	require.Equal(t, 9, run(t, g, "var"))
	for tag, isState := range map[string]bool{"func": false, "int": true, "var": true, "nil": true, "struct": false, "roots": false} {
		require.Equal(t, isState, g.Get(tag).IsState(), tag)
	}
	require.ErrorIs(t, runError(t, g, "int", 6), graph.PermissionDenied)
	require.ErrorIs(t, runError(t, g, "roots"), graph.Unimplemented)
	require.ErrorIs(t, runError(t, g, "none"), graph.NotFound)
	require.ErrorIs(t, runError(t, g, "func.none"), graph.NotFound)
	require.ErrorIs(t, runError(t, g, "none.none"), graph.NotFound)
}

// runError runs a route that must fail.
func runError(t testing.TB, target graph.Target, route string, args ...any) error {
	t.Helper()
	out, err := graph.Run(t.Context(), target, route, args...)
	require.Error(t, err)
	require.Nil(t, out)
	return err
}

func TestRootsRefuse(t *testing.T) {
	method := func() {}
	var nilGraph *graph.Graph
	var nilProps *graph.Props
	var nilFunc func()
	var nilOperator graph.Operator
	var nilStruct *addIn
	g := graph.New()
	node, err := g.Add("node", 5)
	require.NoError(t, err)
	for name, def := range map[string]any{
		"nil graph":           nilGraph,
		"nil props":           nilProps,
		"nil func":            nilFunc,
		"nil operator":        nilOperator,
		"nil struct":          nilStruct,
		"node":                node,
		"graph below":         graph.Roots{"x": graph.New()},
		"itself":              g,
		"var by value":        func() any { return *new(graph.Var[int]) }(),
		"operator":            graph.Props{Operator: 5},
		"operator name":       graph.Props{Operator: "none"},
		"operator is a key":   graph.Props{Operator: "key", State: map[string]any{"key": 1}},
		"two results":         func() (int, int) { return 0, 0 },
		"result after error":  func() (error, int) { return nil, 0 }, //nolint:staticcheck // the mistake
		"method":              graph.Props{Methods: map[string]any{"m": 5}},
		"method name":         graph.Props{Methods: map[string]any{"a.b": method}},
		"no method name":      graph.Props{Methods: map[string]any{"": method}},
		"state name":          graph.Props{State: map[string]any{"a b": 1}},
		"var as a value":      graph.Props{State: map[string]any{"v": func() any { return *new(graph.Var[int]) }()}},
		"method and key":      graph.Props{Methods: map[string]any{"m": method}, State: map[string]any{"m": 1}},
		"child and method":    graph.Props{Methods: map[string]any{"m": method}, Children: graph.Roots{"m": 1}},
		"child name":          graph.Roots{"a..b": 1},
		"child":               graph.Roots{"a": graph.Roots{"b": nilFunc}},
		"writable":            graph.Props{State: map[string]any{"a": 1}, Writable: []string{"b"}},
		"writable method":     graph.Props{Methods: map[string]any{"m": method}, Writable: []string{"m"}},
		"args without func":   graph.Props{Args: []any{1}},
		"lend":                graph.Props{Lend: 5},
		"lend nil":            graph.Props{Lend: nilStruct},
		"listener":            graph.Props{Listeners: map[string]any{"x": 5}},
		"no listener":         graph.Props{Listeners: map[string]any{"x": nil}},
		"false listener":      graph.Props{Operator: method, Listeners: map[string]any{"x": false}},
		"true listener":       graph.Props{Listeners: map[string]any{"x": true}},
		"unknown loader":      graph.Props{Operator: method, With: map[string]any{"nope": 1}},
		"loader of nothing":   graph.Props{With: map[string]any{"repeat": 2}},
		"loop of nothing":     graph.Props{With: map[string]any{"loop": 2}},
		"looping alone":       graph.Props{Operator: method, With: map[string]any{"looping": true}},
		"backward at a root":  graph.Props{Operator: method, With: map[string]any{"backward": true}},
		"backward to nothing": graph.Roots{"c": graph.Props{Operator: method, With: map[string]any{"backward": true}}},
	} {
		t.Run(name, func(t *testing.T) {
			err := g.Load(graph.Roots{"a": 1, "tag": def, "z": 2})
			require.Error(t, err)
			require.Contains(t, []graph.Code{graph.InvalidArgument, graph.AlreadyExists, graph.NotFound, graph.FailedPrecondition}, graph.CodeOf(err), err)
			n, err := g.Add("tag", def)
			require.Error(t, err)
			require.Nil(t, n)
			require.Equal(t, []string{"node"}, g.List(), "nothing of it may stay")
		})
	}
}

func TestOperatorShapes(t *testing.T) {
	failure := errors.New("failure")
	var node *graph.Node
	for _, c := range []struct {
		name string
		def  any
		args []any
		want any
		err  error
	}{
		{"nothing", func() {}, nil, graph.Void{}, nil},
		{"nothing, called with something", func() {}, []any{1, 2}, graph.Void{}, nil},
		{"value", func() int { return 1 }, nil, 1, nil},
		{"nil value", func() any { return nil }, nil, nil, nil},
		{"error", func() error { return failure }, nil, nil, failure},
		{"no error", func() error { return nil }, nil, graph.Void{}, nil},
		{"value and error", func() (int, error) { return 1, failure }, nil, nil, failure},
		{"value and no error", func() (int, error) { return 1, nil }, nil, 1, nil},
		{"void and error", func() (graph.Void, error) { return graph.Void{}, nil }, nil, graph.Void{}, nil},
		{"context", func(ctx context.Context) any { return ctx.Value(key{}) }, nil, "value", nil},
		{"context and arguments", func(ctx context.Context, a int, b string) any { return []any{ctx.Value(key{}), a, b} }, []any{1, "x"}, []any{"value", 1, "x"}, nil},
		{"node", func(n *graph.Node) string { node = n; return n.Tag() }, nil, "tag", nil},
		{"context, node and argument", func(ctx context.Context, n *graph.Node, a int) any { return []any{ctx.Value(key{}), n.Tag(), a} }, []any{1}, []any{"value", "tag", 1}, nil},
		{"one", func(a int) int { return a }, []any{1.0}, 1, nil},
		{"one, missing", func(a int) int { return a }, nil, 0, nil},
		{"struct", func(in addIn) int { return in.A - in.B }, []any{5, 3}, 2, nil},
		{"several, some missing", func(a int, b string) any { return []any{a, b} }, []any{1}, []any{1, ""}, nil},
		{"variadic", func(a ...int) []int { return a }, []any{1, 2}, []int{1, 2}, nil},
		{"variadic, none", func(a ...int) int { return len(a) }, nil, 0, nil},
		{"variadic after one", func(a string, b ...int) any { return []any{a, len(b)} }, []any{"x", 1, 2}, []any{"x", 2}, nil},
		{"variadic after one, none", func(a string, b ...int) any { return []any{a, len(b)} }, nil, []any{"", 0}, nil},
		{"Operator", graph.Operator(func(_ context.Context, a graph.Args) (any, error) { return a.Values() }), []any{1}, []any{1}, nil},
		{"like an Operator", func(_ context.Context, a graph.Args) (any, error) { return a.Values() }, []any{1}, []any{1}, nil},
		{"values", func(_ context.Context, v ...any) (any, error) { return v, nil }, []any{1, "x"}, []any{1, "x"}, nil},
		{"named type", named(func(a int) int { return a + 1 }), []any{1}, 2, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := quiet()
			n, err := g.Add("tag", c.def)
			require.NoError(t, err)
			ctx := context.WithValue(t.Context(), key{}, "value")
			for _, by := range []func() (any, error){
				func() (any, error) { return g.Run(ctx, "tag", c.args...) },
				func() (any, error) { return n.Run(ctx, "", c.args...) },
				func() (any, error) { return g.Do(ctx, &graph.Call{Route: "tag", Args: graph.ArgsOf(c.args...)}) },
			} {
				out, err := by()
				require.Equal(t, c.err, err)
				require.Equal(t, c.want, out)
			}
			if node != nil {
				require.Same(t, n, node)
				node = nil
			}
		})
	}
	g := loaded(t, graph.Roots{"values": func(_ context.Context, v ...any) (any, error) { return v, nil }})
	_, err := g.Do(t.Context(), &graph.Call{Route: "values", Args: js(`[`)})
	require.ErrorIs(t, err, graph.InvalidArgument)
	g = loaded(t, graph.Roots{"two": func(a, b int) {}})
	_, err = g.Do(t.Context(), &graph.Call{Route: "two", Args: js(`[`)})
	require.ErrorIs(t, err, graph.InvalidArgument)
}

type (
	key   struct{}
	named func(int) int
)

func TestMethods(t *testing.T) {
	g := loaded(t, graph.Roots{
		"n": graph.Props{
			Operator: func() string { return "operator" },
			Methods: map[string]any{
				"say":    func(s string) string { return "say " + s },
				"sayHi":  func() string { return "hi" },
				"UPPER":  func() string { return "upper" },
				"differ": func() string { return "small" },
				"Differ": func() string { return "large" },
			},
		},
		"posted": graph.Props{Methods: map[string]any{"get": func() string { return "get" }, "post": func() string { return "post" }}},
		"got":    graph.Props{Methods: map[string]any{"get": func() string { return "get" }}},
		"chosen": graph.Props{Operator: "Two", Methods: map[string]any{"one": func() int { return 1 }, "two": func() int { return 2 }}},
	})
	for _, c := range []struct {
		route, method string
		want          any
	}{
		{"n", "", "operator"},
		{"n", "say", "say x"},
		{"n.say", "", "say x"},
		{"n.SAY", "", "say x"},
		{"n", "SAY", "say x"},
		{"n", "sayhi", "hi"},
		{"n.sayHi", "", "hi"},
		{"n", "upper", "upper"},
		{"n.UPPER", "", "upper"},
		{"n.differ", "", "small"},
		{"n.Differ", "", "large"},
		{"n.DIFFER", "", "large"}, // the first by name
		{"n", "none", "operator"}, // a method the node does not have means the node, as with HTTP's
		{"n.say", "sayHi", "say x"},
		{"posted", "", "post"},
		{"posted", "get", "get"},
		{"got", "", "get"},
		{"chosen", "", 2},
	} {
		out, err := g.Do(t.Context(), &graph.Call{Route: c.route, Method: c.method, Args: of("x")})
		require.NoError(t, err, "%s %s", c.route, c.method)
		require.Equal(t, c.want, out, "%s %s", c.route, c.method)
	}
	require.ErrorIs(t, runError(t, g, "n.none"), graph.NotFound)
	require.ErrorIs(t, runError(t, g, "n."), graph.NotFound)
	require.ErrorIs(t, runError(t, g, "n.say.x"), graph.NotFound)
	methods, keys := g.Get("n").Members()
	require.Equal(t, []string{"Differ", "UPPER", "differ", "say", "sayHi"}, methods)
	require.Empty(t, keys)
}

func TestStateKeys(t *testing.T) {
	v := new(graph.Var[float64])
	g := loaded(t, graph.Roots{"n": graph.Props{
		Operator: func() string { return "operator" },
		State:    map[string]any{"count": 1, "Ratio": v, "list": []string{"a"}, "anything": nil, "read": "only"},
		Writable: []string{"count", "Ratio", "list", "anything"},
	}})
	n := g.Get("n")
	_, keys := n.Members()
	require.Equal(t, []string{"Ratio", "anything", "count", "list", "read"}, keys)

	require.Equal(t, 1, run(t, g, "n.count"))
	require.Equal(t, graph.Void{}, run(t, g, "n.count", 2))
	require.Equal(t, 2, run(t, g, "n.COUNT"))
	require.NoError(t, g.Post(t.Context(), "n.count", 3.0))
	require.Equal(t, 3, run(t, g, "n.count"), "the key keeps its type")
	require.ErrorIs(t, runError(t, g, "n.count", "x"), graph.InvalidArgument)
	require.ErrorIs(t, runError(t, g, "n.count", 1.5), graph.InvalidArgument)
	run(t, g, "n.ratio", 1)
	require.InDelta(t, 1.0, v.Load(), 0)
	run(t, g, "n.list", "b", "c")
	require.Equal(t, []string{"b", "c"}, run(t, g, "n.list"))
	for _, x := range []any{"text", 5, []any{1}, map[string]any{"a": 1}} {
		run(t, g, "n.anything", x)
		require.Equal(t, x, run(t, g, "n.anything"))
	}
	require.ErrorIs(t, runError(t, g, "n.read", "x"), graph.PermissionDenied)
	require.Equal(t, "only", run(t, g, "n.read"))

	require.NoError(t, n.Set("read", "written"))
	value, err := n.Load("READ")
	require.NoError(t, err)
	require.Equal(t, "written", value)
	require.NoError(t, n.Set("anything", nil))
	require.Nil(t, run(t, g, "n.anything"))
	require.ErrorIs(t, n.Set("read", 5), graph.InvalidArgument)
	require.ErrorIs(t, n.Set("none", 5), graph.NotFound)
	_, err = n.Load("")
	require.ErrorIs(t, err, graph.NotFound)
	out, err := n.Run(t.Context(), "count")
	require.NoError(t, err)
	require.Equal(t, 3, out)

	state := loaded(t, graph.Roots{"s": []int{1}}).Get("s")
	require.NoError(t, state.Set("", []any{2.0, 3.0}))
	value, err = state.Load("")
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, value)
}

func TestWatchMembers(t *testing.T) {
	g := loaded(t, graph.Roots{"n": graph.Props{
		Operator: func(i int) int { return i * 2 },
		Methods:  map[string]any{"half": func(i int) int { return i / 2 }, "nothing": func() {}},
		State:    map[string]any{"count": 0},
		Writable: []string{"count"},
	}})
	type seen struct {
		what  string
		value any
	}
	var got recorder[seen]
	watch := func(what, route string, o graph.WatchOptions) {
		subscribe(t, g, route, o, func(_ context.Context, e graph.Event) { got.add(seen{what, e.Value}) })
	}
	watch("results", "n", graph.WatchOptions{})
	watch("input", "n", graph.WatchOptions{Input: true})
	watch("half", "n.half", graph.WatchOptions{})
	watch("half input", "n", graph.WatchOptions{Key: "HALF", Input: true})
	watch("count", "n", graph.WatchOptions{Key: "count"})
	watch("count with snapshot", "n.count", graph.WatchOptions{Snapshot: true})
	watch("nothing", "n.nothing", graph.WatchOptions{Snapshot: true})
	run(t, g, "n", 4)
	run(t, g, "n.half", 8)
	run(t, g, "n.count", 7)
	run(t, g, "n.nothing")
	require.Equal(t, []seen{
		{"count with snapshot", 0},
		{"input", []any{4}},
		{"results", 8},
		{"half input", []any{8}},
		{"half", 4},
		{"count", 7},
		{"count with snapshot", 7},
	}, got.all())
	_, err := g.Do(t.Context(), &graph.Call{Route: "n.nothing", Args: js(`[`)})
	require.NoError(t, err, "nobody looks at the arguments")
	subscribe(t, g, "n.nothing", graph.WatchOptions{Input: true}, ignore)
	_, err = g.Do(t.Context(), &graph.Call{Route: "n.nothing", Args: js(`[`)})
	require.ErrorIs(t, err, graph.InvalidArgument)
	for _, c := range []struct {
		route, key string
		code       graph.Code
	}{{"n", "none", graph.NotFound}, {"none", "", graph.NotFound}, {"n.none", "", graph.NotFound}} {
		_, err := g.Do(t.Context(), &graph.Call{Verb: graph.VerbSubscribe, Route: c.route, Watch: graph.WatchOptions{Key: c.key}, Deliver: ignore})
		require.ErrorIs(t, err, c.code)
	}
	_, err = g.Do(t.Context(), &graph.Call{Verb: graph.VerbSubscribe, Route: "n"})
	require.ErrorIs(t, err, graph.InvalidArgument, "nothing to deliver to")
}

func ignore(context.Context, graph.Event) {}

// What failed or gave nothing has no event; what gave null has one.
func TestResultsThatAreEvents(t *testing.T) {
	results := []any{1, nil, graph.Void{}, errors.New("failure"), 2}
	g := loaded(t, graph.Roots{"n": func(i int) (any, error) {
		if err, ok := results[i].(error); ok {
			return 5, err
		}
		return results[i], nil
	}})
	var got []any
	_, err := g.Subscribe(t.Context(), "n", func(_ context.Context, e graph.Event) { got = append(got, e.Value) })
	require.NoError(t, err)
	for i := range results {
		_, _ = g.Run(t.Context(), "n", i)
	}
	require.Equal(t, []any{1, nil, 2}, got)
}

func TestUnsubscribe(t *testing.T) {
	g := loaded(t, graph.Roots{"n": func(i int) int { return i }})
	var got recorder[int]
	sub, err := g.Subscribe(t.Context(), "n", got.event)
	require.NoError(t, err)
	run(t, g, "n", 1)
	g.Unsubscribe(sub)
	g.Unsubscribe(sub)
	run(t, g, "n", 2)
	require.Equal(t, []int{1}, got.all())
	<-sub.Done()
}

func TestVerbNames(t *testing.T) {
	require.Equal(t, []string{"run", "post", "subscribe"},
		[]string{graph.VerbRun.String(), graph.VerbPost.String(), graph.VerbSubscribe.String()})
}
