package graph_test

import (
	"context"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

// What a contract is called with is what its handler gets: in the process directly and through
// middleware, and across a wire.
func TestRoundTrip(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 5, time.UTC)
	roundTrip(t, "struct", addIn{1, 2})
	roundTrip(t, "zero struct", addIn{})
	roundTrip(t, "pointer to struct", &addIn{1, 2})
	roundTrip(t, "nil pointer", (*addIn)(nil))
	roundTrip(t, "empty struct of a name", struct{ X struct{} }{})
	roundTrip(t, "struct of a list", struct{ A []int }{[]int{1, 2}})
	roundTrip(t, "struct of a struct", struct{ In addIn }{addIn{1, 2}})
	roundTrip(t, "struct with any", dated{What: []any{"a", 1.0}})
	roundTrip(t, "embedded", struct {
		addIn
		C int
	}{C: 1})
	roundTrip(t, "scalar", 5)
	roundTrip(t, "large", int64(tooLarge))
	roundTrip(t, "pointer to scalar", new(5))
	roundTrip(t, "float", 0.1)
	roundTrip(t, "bool", true)
	roundTrip(t, "string", "a<b>\"\n")
	roundTrip(t, "string like a list", "[1,2]")
	roundTrip(t, "empty string", "")
	roundTrip(t, "[]int", []int{1, 2})
	roundTrip(t, "[]int of one", []int{1})
	roundTrip(t, "empty []int", []int{})
	roundTrip(t, "nil []int", []int(nil))
	roundTrip(t, "pointer to []int", &[]int{1, 2})
	roundTrip(t, "[]string", []string{"a"})
	roundTrip(t, "[][]int", [][]int{{1, 2}})
	roundTrip(t, "[][]int of two", [][]int{{1}, {2}})
	roundTrip(t, "[][][]int", [][][]int{{{1}}})
	roundTrip(t, "[][]any", [][]any{{1.0, "a"}})
	roundTrip(t, "[][]any of lists", [][]any{{[]any{1.0}}})
	roundTrip(t, "[]any", []any{1.0, "a", nil})
	roundTrip(t, "[]any of a list", []any{[]any{1.0, 2.0}})
	roundTrip(t, "[]struct", []addIn{{1, 2}})
	roundTrip(t, "[]map", []map[string]int{{"a": 1}})
	roundTrip(t, "map", map[string]int{"a": 1})
	roundTrip(t, "nil map", map[string]int(nil))
	roundTrip(t, "map of lists", map[string]any{"a": []any{1.0}})
	roundTrip[any](t, "any", "a")
	roundTrip[any](t, "any holding an array", []any{1.0, 2.0})
	roundTrip[any](t, "any holding an array of one", []any{1.0})
	roundTrip[any](t, "any holding an empty array", []any{})
	roundTrip[any](t, "any holding an array of an array", []any{[]any{1.0}})
	roundTrip[any](t, "any holding an object", map[string]any{"a": 1.0})
	roundTrip[any](t, "any holding nothing", nil)
	roundTrip[any](t, "any holding a large number", json.Number("9007199254740993"))
	roundTrip(t, "time", noon)
	roundTrip(t, "struct with time", dated{When: noon})
	roundTrip(t, "[]time", []time.Time{noon})
	roundTrip(t, "duration", time.Second)
	roundTrip(t, "raw object", json.RawMessage(`{"a":1}`))
	roundTrip(t, "raw list", json.RawMessage(`[1,[2]]`))
	roundTrip(t, "raw empty list", json.RawMessage(`[]`))
	roundTrip(t, "raw scalar", json.RawMessage(`5`))
	roundTrip(t, "Void", graph.Void{})
	roundTrip(t, "[2]int", [2]int{1, 2})
	roundTrip(t, "[1]int", [1]int{1})
	roundTrip(t, "[2]byte", [2]byte{1, 2})
	roundTrip(t, "[]byte", []byte{1, 2, 3})
	roundTrip(t, "nil []byte", []byte(nil))
	roundTrip(t, "[]code", []graph.Code{graph.Aborted})
	roundTrip(t, "code", graph.Aborted)
	roundTrip(t, "big", bigInt("123456789012345678901234567890"))
	roundTrip(t, "[]big", []*big.Int{big.NewInt(1)})
	roundTrip(t, "own list", ownList{1, 2})
}

// An ownList has its own form in JSON, which happens to be a list.
type ownList []int

func (o ownList) MarshalJSON() ([]byte, error)    { return json.Marshal([]int(o)) }
func (o *ownList) UnmarshalJSON(raw []byte) error { return json.Unmarshal(raw, (*[]int)(o)) }

func roundTrip[T any](t *testing.T, name string, v T) {
	t.Helper()
	const route, state = "route", "state"
	t.Run(name, func(t *testing.T) {
		eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
			calls := 0
			f, s := graph.Func[T, T](route), graph.State[T](state)
			f.Handle(g, func(_ context.Context, in T) (T, error) {
				calls++
				require.Equal(t, v, in)
				return in, nil
			})
			for range 2 {
				out, err := f.Run(t.Context(), target, v)
				require.NoError(t, err)
				require.Equal(t, v, out)
				require.NoError(t, f.Post(t.Context(), target, v))
				g.Use(func(next graph.Handler) graph.Handler { return next })
			}
			require.Equal(t, 4, calls)

			if _, none := any(v).(graph.Void); none {
				return // a state of nothing cannot be set
			}
			variable := s.Serve(g, *new(T), graph.Writable())
			require.NoError(t, s.Set(t.Context(), target, v))
			require.Equal(t, v, variable.Load())
			got, err := s.Get(t.Context(), target)
			require.NoError(t, err)
			require.Equal(t, v, got)
		})
	})
}

// Positional arguments mean the same in both forms.
func TestPositionalArgumentsOverTheWire(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		add.Handle(g, func(_ context.Context, in addIn) (int, error) { return in.A*10 + in.B, nil })
		require.NoError(t, g.Load(graph.Roots{
			"two":      func(a, b float64) float64 { return a - b },
			"sum":      func(first int, rest ...int) int { return first*100 + len(rest) },
			"all":      func(v ...any) int { return len(v) },
			"anything": func(a, b any) any { return []any{a, b} },
			"keep":     func(v any) any { return v },
			"length":   func(v []float64) int { return len(v) },
		}))
		for _, c := range []struct {
			route string
			args  graph.Args
			want  any
		}{
			{"math.add", of(1, 2), 12},
			{"math.add", graph.ArgsOne([]int{1, 2}), 12},
			{"math.add", of(map[string]int{"b": 3}), 3},
			{"two", of(5, 3), 2.0},
			{"two", of(5), 5.0},
			{"two", graph.ArgsOne([]float64{5, 3}), 2.0},
			{"sum", of(1), 100},
			{"sum", of(1, 2, 3), 102},
			{"all", of(), 0},
			{"all", of(1, nil), 2},
			{"all", graph.ArgsOne([]int{1, 2}), 2},
			{"anything", of("a", []any{true}), []any{"a", []any{true}}},
			{"anything", graph.ArgsOne([]any{"a", "b"}), []any{"a", "b"}},
			{"keep", of("a"), "a"},
			{"keep", of([]any{"a"}), []any{"a"}},
			{"length", of(1, 2, 3), 3},
			{"length", of([]int{1, 2}), 2},
		} {
			out, err := target.Do(t.Context(), &graph.Call{Route: c.route, Args: c.args})
			require.NoError(t, err)
			want, err := json.Marshal(c.want)
			require.NoError(t, err)
			got, err := json.Marshal(out)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(got), "%s %v", c.route, c.args)
		}
		for _, c := range []struct {
			route string
			args  graph.Args
			want  string
		}{
			{"two", of(1, 2, 3), "3 arguments given, at most 2 taken"},
			{"two", of(1, "x"), "argument 2: want a number, got string"},
			{"sum", of(1, 2, "x"), "argument 3: want an integer, got string"},
		} {
			_, err := target.Do(t.Context(), &graph.Call{Route: c.route, Args: c.args})
			require.ErrorIs(t, err, graph.InvalidArgument)
			require.ErrorContains(t, err, c.want)
		}
	})
}
