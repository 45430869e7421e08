package graph_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

// A lamp is lent to graphs.
type lamp struct {
	sync.Mutex
	base
	*deeper
	speaker
	On         graph.Var[bool]
	HTTPStatus graph.Var[int]
	Watts      int
	_          graph.Var[int]
}

func (l *lamp) Switch() bool {
	l.On.Set(!l.On.Load())
	return l.On.Load()
}

func (l *lamp) SetWatts(_ context.Context, n *graph.Node, watts int) (string, error) {
	if watts < 0 {
		return "", graph.InvalidArgument.Errorf("negative")
	}
	l.Watts = watts
	return n.Tag(), nil
}

func (l lamp2) Value() int { return l.N }

func (l *lamp) Überholt() bool { return true }

// Override is its own, though the embedded base has one as well.
func (l *lamp) Override() string { return "lamp" }

type base struct{ In *graph.Var[int] }

func (b *base) Override() string { return "base" }
func (b base) Inherited() string { return "base" }

type deeper struct{ base2 }

type base2 struct{}

func (base2) Deep() string { return "deep" }

type speaker interface{ Speak() string }

type lamp2 struct{ N int }

func TestLend(t *testing.T) {
	l := &lamp{}
	g := loaded(t, graph.Roots{
		"lamp": l,
		"mixed": graph.Props{
			Lend: l, Operator: "switch", Writable: []string{"on"},
			Methods: map[string]any{"extra": func() int { return 1 }}, State: map[string]any{"more": 2},
		},
		"value": &lamp2{7},
	})
	methods, keys := g.Get("lamp").Members()
	require.Equal(t, []string{"override", "setWatts", "switch", "überholt"}, methods, "what is embedded stays private")
	require.Equal(t, []string{"HTTPStatus", "on"}, keys)
	methods, keys = g.Get("mixed").Members()
	require.Equal(t, []string{"extra", "override", "setWatts", "switch", "überholt"}, methods)
	require.Equal(t, []string{"HTTPStatus", "more", "on"}, keys)

	require.Equal(t, true, run(t, g, "lamp.switch"))
	require.Equal(t, true, run(t, g, "lamp.on"))
	require.Equal(t, "lamp", run(t, g, "lamp.setWatts", 60))
	require.Equal(t, 60, l.Watts)
	require.Equal(t, "lamp", run(t, g, "lamp.Override"))
	require.Equal(t, 7, run(t, g, "value.value"), "a method of the value")
	require.ErrorIs(t, runError(t, g, "lamp.setWatts", -1), graph.InvalidArgument)
	for _, private := range []string{"lock", "Lock", "tryLock", "unlock", "inherited", "deep", "speak", "watts", "hidden", "in", "mutex"} {
		require.ErrorIs(t, runError(t, g, "lamp."+private), graph.NotFound, private)
	}
	require.ErrorIs(t, runError(t, g, "lamp.on", false), graph.PermissionDenied)
	run(t, g, "mixed.on", false)
	require.False(t, l.On.Load())
	require.Equal(t, true, run(t, g, "mixed"), "its operator is switch")
}

// A box is generic: its methods are those of an instance.
type box[T any] struct {
	base
	V T
}

func (b *box[T]) Get() T           { return b.V }
func (b *box[T]) Override() string { return "box" }

func TestLendGeneric(t *testing.T) {
	g := loaded(t, graph.Roots{"box": &box[int]{V: 5}})
	require.Equal(t, 5, run(t, g, "box.get"))
	require.Equal(t, "box", run(t, g, "box.override"))
	methods, _ := g.Get("box").Members()
	require.Equal(t, []string{"get", "override"}, methods)
}

type unlendable struct{}

func (unlendable) Two() (int, int) { return 1, 2 }

func TestLendRefuses(t *testing.T) {
	err := graph.New().Load(graph.Roots{"x": &unlendable{}})
	require.ErrorContains(t, err, "method Two")
	require.ErrorIs(t, err, graph.InvalidArgument)
	for _, p := range []graph.Props{
		{Lend: &lamp{}, State: map[string]any{"on": 1}},
		{Lend: &lamp{}, Methods: map[string]any{"switch": func() {}}},
	} {
		require.ErrorIs(t, graph.New().Load(graph.Roots{"x": p}), graph.AlreadyExists)
	}
}
