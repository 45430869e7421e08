package graph_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

// A counted value counts how often it is encoded.
type counted struct{ times *int }

func (c counted) MarshalJSON() ([]byte, error) {
	*c.times++
	return []byte(`"counted"`), nil
}

// Without subscribers a run costs no memory, also where there were some.
func TestRunAllocates(t *testing.T) {
	g := quiet()
	add.Handle(g, func(_ context.Context, in addIn) (int, error) { return in.A + in.B, nil })
	allocs := func() float64 {
		return testing.AllocsPerRun(100, func() {
			if _, err := add.Run(t.Context(), g, addIn{1000, 2000}); err != nil {
				t.Error(err)
			}
		})
	}
	require.Zero(t, allocs())
	for _, o := range []graph.WatchOptions{{}, {Tap: true}, {Input: true}, {Tap: true, Room: func(context.Context) {}}} {
		var subs []*graph.Subscription
		for range 5 {
			subs = append(subs, subscribe(t, g, "math.add", o, ignore))
		}
		require.NotZero(t, allocs())
		for _, s := range subs {
			s.Stop()
		}
		require.Zero(t, allocs())
	}
}

// The taps of one publish share one encoding.
func TestEventJSONIsSharedByTaps(t *testing.T) {
	times := 0
	g := loaded(t, graph.Roots{"n": func() any { return counted{&times} }})
	var encoded []json.RawMessage
	for range 3 {
		subscribe(t, g, "n", graph.WatchOptions{Tap: true}, func(_ context.Context, e graph.Event) {
			raw, err := e.JSON()
			require.NoError(t, err)
			require.JSONEq(t, `"counted"`, string(raw))
			encoded = append(encoded, raw)
		})
	}
	run(t, g, "n")
	require.Equal(t, 1, times)
	require.Len(t, encoded, 3)
	require.Same(t, &encoded[0][0], &encoded[2][0], "the same bytes")
	run(t, g, "n")
	require.Equal(t, 2, times, "another event is another value")
}

func TestEventJSON(t *testing.T) {
	g := loaded(t, graph.Roots{"n": func(v any) any { return v }})
	subscribe(t, g, "n", graph.WatchOptions{Tap: true}, func(_ context.Context, e graph.Event) {
		for _, value := range []any{5, []int{1}, map[string]any{}, nil, json.RawMessage(`{"raw": 1}`)} {
			e.Value = value // as a relay does that changes what it passes on
			raw, err := e.JSON()
			require.NoError(t, err)
			want, err := json.Marshal(value)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(raw))
		}
		e.Value = func() {}
		_, err := e.JSON()
		require.ErrorContains(t, err, "encode value: ")
	})
	run(t, g, "n", []int{1})
	raw, err := graph.Event{Value: json.RawMessage(`{"as": "it is"}`)}.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"as": "it is"}`, string(raw))
}
