package graph_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestChildrenRunWithTheResult(t *testing.T) {
	var got recorder[string]
	note := func(name string) func(float64) float64 {
		return func(v float64) float64 {
			got.add(name)
			return v * 10
		}
	}
	g := loaded(t, graph.Roots{"parent": graph.Props{
		Operator: func(a, b float64) float64 { return a + b },
		Children: graph.Roots{
			"b": note("b"),
			"a": graph.Props{Operator: note("a"), Children: graph.Roots{
				"grand": func(v float64) { got.add(fmt.Sprint("a.grand ", v)) },
			}},
			"c": graph.Roots{"inner": note("inner, whose parent has no operator")},
		},
	}})
	require.InDelta(t, 3.0, run(t, g, "parent", 1, 2), 0)
	require.Equal(t, []string{"a", "a.grand 30", "b"}, got.all(), "by name, before the run returns")

	run(t, g, "parent.b", 1)
	require.Equal(t, []string{"a", "a.grand 30", "b", "b"}, got.all(), "a child may be run by itself")

	_, err := g.Get("parent").Add("aa", note("aa, added later"))
	require.NoError(t, err)
	require.True(t, g.Remove("parent.b"))
	run(t, g, "parent", 0, 0)
	require.Equal(t, []string{"a", "a.grand 0", "aa, added later"}, got.all()[4:])

	var names []string
	for _, c := range g.Get("parent").Children() {
		names = append(names, c.Tag())
		require.Same(t, g.Get("parent"), c.Parent())
		require.Same(t, g, c.Graph())
	}
	require.Equal(t, []string{"parent.a", "parent.c", "parent.aa"}, names)
	require.Nil(t, g.Get("parent").Parent())
}

func TestChildrenOfAList(t *testing.T) {
	var got recorder[any]
	g := loaded(t, graph.Roots{"pair": graph.Props{
		Operator: func() []any { return []any{5, 3} },
		Children: graph.Roots{
			"args":   func(a, b float64) { got.add(a - b) },
			"list":   func(l []int) { got.add(l) },
			"struct": func(in addIn) { got.add(in) },
			"whole":  func(v any) { got.add(v) },
		},
	}})
	run(t, g, "pair")
	require.Equal(t, []any{2.0, []int{5, 3}, addIn{5, 3}, []any{5, 3}}, got.all())
}

func TestFailingChild(t *testing.T) {
	g, log := logged()
	var got []string
	require.NoError(t, g.Load(graph.Roots{"parent": graph.Props{
		Operator: func() int { return 1 },
		Children: graph.Roots{
			"a": func() error { return errors.New("child failed") },
			"b": func() { panic("child panicked") },
			"c": func(string) {},
			"d": func() { got = append(got, "d") },
		},
	}}))
	require.Equal(t, 1, run(t, g, "parent"))
	require.Equal(t, []string{"d"}, got)
	require.NotContains(t, log.String(), "node=parent.d")
	for _, text := range []string{"child failed", "child panicked", "node=parent.a", "node=parent.b", "want a string, got number"} {
		require.Contains(t, log.String(), text)
	}
}

// A run without a result runs no child, and one that failed neither.
func TestChildrenNeedAResult(t *testing.T) {
	var got []any
	child := func(v any) { got = append(got, v) }
	g := loaded(t, graph.Roots{
		"void":   graph.Props{Operator: func() {}, Children: graph.Roots{"c": child}},
		"failed": graph.Props{Operator: func() (int, error) { return 1, errors.New("no") }, Children: graph.Roots{"c": child}},
		"null":   graph.Props{Operator: func() any { return nil }, Children: graph.Roots{"c": child}},
	})
	run(t, g, "void")
	_ = runError(t, g, "failed")
	require.Empty(t, got)
	run(t, g, "null")
	require.Equal(t, []any{nil}, got)
}

// A contract's handler has children like any node.
func TestChildrenOfAContract(t *testing.T) {
	g := quiet()
	var got []int
	n := add.Handle(g, func(_ context.Context, in addIn) (int, error) { return in.A + in.B, nil })
	_, err := n.Add("child", func(v int) { got = append(got, v) })
	require.NoError(t, err)
	sum, err := add.Run(t.Context(), g, addIn{1, 2})
	require.NoError(t, err)
	require.Equal(t, 3, sum)
	require.Equal(t, []int{3}, got)
}

func TestNodeAddRefuses(t *testing.T) {
	g := loaded(t, graph.Roots{"n": graph.Props{
		Operator: func() {}, Methods: map[string]any{"m": func() {}}, Children: graph.Roots{"c": 1},
	}})
	n := g.Get("n")
	for name, code := range map[string]graph.Code{"c": graph.AlreadyExists, "m": graph.AlreadyExists, "": graph.InvalidArgument, "x ": graph.InvalidArgument} {
		_, err := n.Add(name, 5)
		require.ErrorIs(t, err, code, name)
	}
	_, err := n.Add("mount", graph.New())
	require.ErrorIs(t, err, graph.InvalidArgument)
	require.True(t, g.Remove("n"))
	_, err = n.Add("late", 5)
	require.ErrorIs(t, err, graph.NotFound, "the parent is gone")
	require.Empty(t, g.List())
}
