package graph_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

const (
	counter graph.State[int]      = "counter"
	names   graph.State[[]string] = "names"
)

func TestStateGetSet(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		v := counter.Serve(g, 5)
		got, err := counter.Get(t.Context(), target)
		require.NoError(t, err)
		require.Equal(t, 5, got)

		require.ErrorIs(t, counter.Set(t.Context(), target, 6), graph.PermissionDenied)
		require.Equal(t, 5, v.Load())
		v.Set(7)
		got, err = counter.Get(t.Context(), target)
		require.NoError(t, err)
		require.Equal(t, 7, got)
		require.True(t, g.Get("counter").IsState())

		_, err = graph.State[int]("nothing").Get(t.Context(), target)
		require.ErrorIs(t, err, graph.NotFound)
		_, err = graph.State[string]("counter").Get(t.Context(), target)
		require.ErrorContains(t, err, "get counter: read result: want a string")
	})
}

func TestStateWritable(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		v := names.Serve(g, []string{"a"}, graph.Writable())
		for _, want := range [][]string{{"b", "c"}, {"d"}, {}, nil} {
			require.NoError(t, names.Set(t.Context(), target, want))
			require.Equal(t, want, v.Load())
		}
		require.NoError(t, names.Set(t.Context(), target, []string{"x"}))
		_, err := graph.Run(t.Context(), target, "names", "y", 5)
		require.ErrorIs(t, err, graph.InvalidArgument)
		require.Equal(t, []string{"x"}, v.Load())
	})
}

// What a caller sends without arguments reads, however he writes that.
func TestStateReadsWithoutArguments(t *testing.T) {
	g := graph.New()
	counter.Serve(g, 5, graph.Writable())
	names.Serve(g, []string{"a"}, graph.Writable())
	require.NoError(t, g.Load(graph.Roots{"n": graph.Props{
		State: map[string]any{"i": 6, "any": nil, "list": []string{"a"}}, Writable: []string{"i", "any", "list"},
	}}))
	for route, want := range map[string]any{"counter": 5, "n.i": 6, "n.any": nil} {
		for _, raw := range []string{"", "[]", " [ ] "} {
			out, err := g.Do(t.Context(), &graph.Call{Route: route, Args: graph.ArgsJSON([]byte(raw))})
			require.NoError(t, err)
			require.Equal(t, want, out, "%s with %q", route, raw)
		}
		_, err := g.Do(t.Context(), &graph.Call{Route: route, Args: graph.ArgsJSON([]byte("[8]"))})
		require.NoError(t, err)
		require.EqualValues(t, 8, run(t, g, route))
	}
	for _, route := range []string{"names", "n.list"} {
		out, err := g.Do(t.Context(), &graph.Call{Route: route, Args: graph.ArgsJSON([]byte("[]"))})
		require.NoError(t, err)
		require.Equal(t, graph.Void{}, out, "an empty list is a value of this state")
		require.Equal(t, []string{}, run(t, g, route))
	}
}

func TestStateWatch(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		v := counter.Serve(g, 10)
		var got []graph.Update[int]
		for u, err := range counter.Watch(t.Context(), target, graph.Lag{Policy: graph.DropOldest}) {
			require.NoError(t, err)
			if got = append(got, u); u.Value == 13 {
				break
			}
			v.Set(u.Value + 1)
		}
		require.Equal(t, []graph.Update[int]{{Value: 10, Snapshot: true}, {Value: 11}, {Value: 12}, {Value: 13}}, got)
	})
}

func TestStateWatchConflates(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		v := counter.Serve(g, 0)
		var got []graph.Update[int]
		for u, err := range counter.Watch(t.Context(), target) {
			require.NoError(t, err)
			if got = append(got, u); u.Value > 0 {
				break
			}
			for i := range 10 {
				v.Set(i + 1)
			}
		}
		require.Equal(t, []graph.Update[int]{{Snapshot: true}, {Value: 10, Lost: 9}}, got)
	})
}

func TestStateListen(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		v := counter.Serve(g, 1)
		var got []graph.Update[int]
		sub, err := counter.Listen(t.Context(), target, func(u graph.Update[int]) { got = append(got, u) })
		require.NoError(t, err)
		require.Equal(t, []graph.Update[int]{{Value: 1, Snapshot: true}}, got, "the snapshot is delivered when Listen returns")
		v.Set(2)
		v.Set(2)
		sub.Stop()
		v.Set(3)
		require.Equal(t, []graph.Update[int]{{Value: 1, Snapshot: true}, {Value: 2}, {Value: 2}}, got)
	})
}

// The first value, which comes before Listen has returned, may already not fit.
func TestListenWithUnfitSnapshot(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		v := counter.Serve(g, 1)
		sub, err := graph.State[string]("counter").Listen(t.Context(), target, func(graph.Update[string]) { t.Error("called") })
		require.NoError(t, err)
		<-sub.Done()
		require.ErrorContains(t, sub.Err(), "want a string")
		v.Set(2)

		n := 0
		for _, err := range graph.State[string]("counter").Watch(t.Context(), target) {
			require.ErrorContains(t, err, "watch counter: read result: want a string")
			n++
		}
		require.Equal(t, 1, n)
	})
}

func TestWatchEndsWithTheNode(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		counter.Serve(g, 1)
		var last error
		for u, err := range counter.Watch(t.Context(), target) {
			if last = err; err == nil {
				require.Equal(t, 1, u.Value)
				require.True(t, g.Remove("counter"))
			}
		}
		require.ErrorIs(t, last, graph.NotFound)
	})
}

func TestVarUpdate(t *testing.T) {
	v := counter.Serve(graph.New(), 4)
	var seen []int
	v.Watch(func(i int) { seen = append(seen, i) })

	got, err := v.Update(func(i int) (int, error) { return i * 2, nil })
	require.NoError(t, err)
	require.Equal(t, 8, got)

	failure := errors.New("no")
	got, err = v.Update(func(int) (int, error) { return 100, failure })
	require.Equal(t, failure, err)
	require.Equal(t, 8, got)
	require.Equal(t, 8, v.Load())

	// A write between reading and storing makes Update start over.
	calls := 0
	got, err = v.Update(func(i int) (int, error) {
		if calls++; calls == 1 {
			v.Set(100)
		}
		return i + 1, nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, calls)
	require.Equal(t, 101, got)
	require.Equal(t, []int{8, 100, 101}, seen)
}

func TestVarWatch(t *testing.T) {
	var v graph.Var[any] // the zero Var is ready to use
	require.Nil(t, v.Load())
	var seen []any
	sub := v.Watch(func(x any) { seen = append(seen, x) })
	v.Set("a")
	v.Set(nil)
	sub.Stop()
	v.Set("b")
	require.Equal(t, []any{"a", nil}, seen)
}

// A Var that two nodes share outlives each of them, with the subscriptions of the other.
func TestSharedVar(t *testing.T) {
	v := new(graph.Var[int])
	g := loaded(t, graph.Roots{
		"a": graph.Props{State: map[string]any{"n": v}, Writable: []string{"n"}},
		"b": graph.Props{State: map[string]any{"n": v}},
		"c": v,
	})
	var direct, throughA, throughB, throughC recorder[int]
	v.Watch(direct.add)
	subA := subscribe(t, g, "a.n", graph.WatchOptions{}, throughA.event)
	subB := subscribe(t, g, "b.n", graph.WatchOptions{}, throughB.event)
	subC := subscribe(t, g, "c", graph.WatchOptions{}, throughC.event)
	run(t, g, "a.n", 1)
	require.True(t, g.Remove("a"))
	require.ErrorIs(t, subA.Err(), graph.NotFound)
	require.NoError(t, subB.Err())
	v.Set(2)
	require.Equal(t, 2, run(t, g, "b.n"))
	require.True(t, g.Remove("b"))
	require.ErrorIs(t, subB.Err(), graph.NotFound)
	v.Set(3)
	require.NoError(t, subC.Err())
	require.Equal(t, []int{1}, throughA.all())
	require.Equal(t, []int{1, 2}, throughB.all())
	require.Equal(t, []int{1, 2, 3}, throughC.all())
	require.Equal(t, []int{1, 2, 3}, direct.all())
}

// A set by a caller returns like a run: when the callbacks have run, also those that are another goroutine's turn.
func TestSetWaitsForItsCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := graph.New()
		v := counter.Serve(g, 0, graph.Writable())
		release := make(chan struct{})
		var seen recorder[int]
		v.Watch(func(i int) {
			if i == 1 {
				<-release
			}
			seen.add(i)
		})
		go v.Set(1)
		synctest.Wait() // inside the callback
		var whenSet []int
		go func() {
			if err := counter.Set(t.Context(), g, 2); err != nil {
				t.Error(err)
			}
			whenSet = seen.all()
		}()
		synctest.Wait() // waiting for its callback
		require.Equal(t, 2, v.Load(), "stored at once")
		close(release)
		synctest.Wait()
		require.Equal(t, []int{1, 2}, whenSet)
	})
}
