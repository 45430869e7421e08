package graph_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

type addIn struct {
	A int `json:"a"`
	B int `json:"b,omitempty"`
}

const (
	add    graph.Func[addIn, int]             = "math.add"
	greet  graph.Func[string, string]         = "greet"
	now    graph.Func[graph.Void, string]     = "now"
	notice graph.Func[string, graph.Void]     = "notice"
	nobody graph.Func[graph.Void, graph.Void] = "nobody"
)

func TestFuncRun(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		n := add.Handle(g, func(_ context.Context, in addIn) (int, error) {
			if in.A < 0 {
				return 7, graph.FailedPrecondition.Errorf("A is %d", in.A)
			}
			return in.A + in.B, nil
		})
		now.Handle(g, func(context.Context, graph.Void) (string, error) { return "noon", nil })
		require.Equal(t, "math.add", n.Tag())
		require.Same(t, n, g.Get("math.add"))

		sum, err := add.Run(t.Context(), target, addIn{1, 2})
		require.NoError(t, err)
		require.Equal(t, 3, sum)

		_, err = add.Run(t.Context(), target, addIn{A: -1})
		require.ErrorIs(t, err, graph.FailedPrecondition)
		require.ErrorContains(t, err, "A is -1")

		none := false
		text, err := now.Run(t.Context(), targetFunc(func(ctx context.Context, c *graph.Call) (any, error) {
			none = c.Args.IsZero()
			return target.Do(ctx, c)
		}), graph.Void{})
		require.True(t, none, "Void is no arguments")
		require.NoError(t, err)
		require.Equal(t, "noon", text)

		for range 2 {
			_, err = nobody.Run(t.Context(), target, graph.Void{})
			require.ErrorIs(t, err, graph.NotFound)
		}
		require.True(t, g.Remove("math.add"))
		_, err = add.Run(t.Context(), target, addIn{1, 2})
		require.ErrorIs(t, err, graph.NotFound)
		add.Handle(g, func(context.Context, addIn) (int, error) { return 100, nil })
		sum, err = add.Run(t.Context(), target, addIn{1, 2})
		require.NoError(t, err)
		require.Equal(t, 100, sum, "the new handler")
	})
}

func TestFuncPost(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		var got []string
		var verb graph.Verb
		notice.Handle(g, func(_ context.Context, s string) (graph.Void, error) {
			got = append(got, s)
			return graph.Void{}, nil
		}, graph.With(func(next graph.Handler) graph.Handler {
			return func(ctx context.Context, c *graph.Call) (any, error) {
				verb = c.Verb
				return next(ctx, c)
			}
		}))
		require.NoError(t, notice.Post(t.Context(), target, "one"))
		require.Equal(t, graph.VerbPost, verb)
		_, err := notice.Run(t.Context(), target, "two")
		require.NoError(t, err)
		require.Equal(t, []string{"one", "two"}, got)
		require.ErrorIs(t, nobody.Post(t.Context(), target, graph.Void{}), graph.NotFound)
	})
}

// A value stays the same in a process: nothing is encoded on the way.
func TestFuncPassesValuesAsTheyAre(t *testing.T) {
	const same graph.Func[*addIn, *addIn] = "same"
	g := graph.New()
	same.Handle(g, func(_ context.Context, in *addIn) (*addIn, error) { return in, nil })
	in := &addIn{1, 2}
	for _, wrapped := range []bool{false, true} { // the direct way and the one through middleware
		if wrapped {
			g.Use(func(next graph.Handler) graph.Handler { return next })
		}
		out, err := same.Run(t.Context(), g, in)
		require.NoError(t, err)
		require.Same(t, in, out)
	}
}

// The contract of the caller need not be that of the handler, as long as the values fit.
func TestFuncOfOtherTypes(t *testing.T) {
	const loose graph.Func[map[string]any, float64] = "math.add"
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		add.Handle(g, func(_ context.Context, in addIn) (int, error) { return in.A + in.B, nil })
		sum, err := loose.Run(t.Context(), target, map[string]any{"a": 1, "b": 2})
		require.NoError(t, err)
		require.InDelta(t, 3, sum, 0)
		_, err = loose.Run(t.Context(), target, map[string]any{"a": "x"})
		require.ErrorIs(t, err, graph.InvalidArgument)

		const wrong graph.Func[addIn, string] = "math.add"
		_, err = wrong.Run(t.Context(), target, addIn{1, 2})
		require.Equal(t, graph.Internal, graph.CodeOf(err), "the result is not the caller's fault: %v", err)
		require.ErrorContains(t, err, "run math.add: read result: want a string, got number")
	})
}

func TestHandleRefuses(t *testing.T) {
	g := graph.New()
	handler := func(context.Context, string) (string, error) { return "", nil }
	greet.Handle(g, handler)
	for name, f := range map[string]func(){
		"taken":     func() { greet.Handle(g, handler) },
		"empty":     func() { graph.Func[string, string]("").Handle(g, handler) },
		"dot":       func() { graph.Func[string, string]("a..b").Handle(g, handler) },
		"last dot":  func() { graph.Func[string, string]("a.").Handle(g, handler) },
		"space":     func() { graph.Func[string, string]("a b").Handle(g, handler) },
		"star":      func() { graph.Func[string, string]("a.*").Handle(g, handler) },
		"control":   func() { graph.Func[string, string]("a\n").Handle(g, handler) },
		"not UTF-8": func() { graph.Func[string, string]("a\xff").Handle(g, handler) },
		"long":      func() { graph.Func[string, string](string(make([]byte, graph.MaxTag+1))).Handle(g, handler) },
		"nil":       func() { graph.Func[string, string]("nil").Handle(g, nil) },
		"state":     func() { graph.State[string]("greet").Serve(g, "") },
		"bad state": func() { graph.State[string](" ").Serve(g, "") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				require.True(t, ok, "a mistake in the program must panic with an error")
				require.Contains(t, []graph.Code{graph.AlreadyExists, graph.InvalidArgument}, graph.CodeOf(err))
			}()
			f()
		})
	}
	require.Equal(t, []string{"greet"}, g.List())
}

func TestFuncListen(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		add.Handle(g, func(_ context.Context, in addIn) (int, error) {
			if in.A < 0 {
				return 5, graph.Aborted
			}
			return in.A + in.B, nil
		})
		var got []int
		sub, err := add.Listen(t.Context(), target, func(u graph.Update[int]) {
			require.False(t, u.Snapshot)
			got = append(got, u.Value)
		})
		require.NoError(t, err)
		var input []any
		subscribe(t, g, "math.add", graph.WatchOptions{Input: true}, func(_ context.Context, e graph.Event) {
			input = e.Value.([]any)
			if raw, ok := input[0].(map[string]any); ok { // from the wire
				input = []any{addIn{A: int(raw["a"].(float64))}}
			}
		})
		for i := range 3 {
			_, err := add.Run(t.Context(), target, addIn{A: i})
			require.NoError(t, err)
		}
		require.Equal(t, []any{addIn{A: 2}}, input, "the last one")
		_, err = add.Run(t.Context(), target, addIn{A: -1})
		require.ErrorIs(t, err, graph.Aborted, "and no event")

		notice.Handle(g, func(context.Context, string) (graph.Void, error) { return graph.Void{}, nil })
		_, err = notice.Listen(t.Context(), target, func(graph.Update[graph.Void]) { t.Error("no value is no event") })
		require.NoError(t, err)
		_, err = notice.Run(t.Context(), target, "")
		require.NoError(t, err)
		sub.Stop()
		_, err = add.Run(t.Context(), target, addIn{A: 9})
		require.NoError(t, err)
		require.Equal(t, []int{0, 1, 2}, got)
		require.NoError(t, sub.Err())

		_, err = nobody.Listen(t.Context(), target, func(graph.Update[graph.Void]) {})
		require.ErrorIs(t, err, graph.NotFound)
	})
}

func TestFuncSubscribe(t *testing.T) {
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		add.Handle(g, func(_ context.Context, in addIn) (int, error) { return in.A + in.B, nil })
		synctest.Test(t, func(t *testing.T) {
			var got []int
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for v, err := range add.Subscribe(t.Context(), target) {
					if err != nil {
						t.Error(err)
					}
					if got = append(got, v); len(got) == 3 {
						break
					}
				}
			}()
			synctest.Wait() // the loop has begun
			for i := range 5 {
				_, err := add.Run(t.Context(), target, addIn{A: i})
				require.NoError(t, err)
			}
			<-ended
			require.Equal(t, []int{0, 1, 2}, got)
		})
	})
}

// Leaving the loop unsubscribes: nothing is left that would be called.
func TestLeavingTheLoopUnsubscribes(t *testing.T) {
	var subs []*graph.Subscription
	ended := 0
	target := targetFunc(func(_ context.Context, c *graph.Call) (any, error) {
		sub := graph.NewSubscription(func() { ended++ })
		subs = append(subs, sub)
		c.Deliver(t.Context(), graph.Event{Value: 1})
		c.Deliver(t.Context(), graph.Event{Value: 2})
		return sub, nil
	})
	for v, err := range add.Subscribe(t.Context(), target) {
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Zero(t, ended)
		break
	}
	require.Len(t, subs, 1)
	require.Equal(t, 1, ended)
	<-subs[0].Done()
}

type targetFunc func(context.Context, *graph.Call) (any, error)

func (f targetFunc) Do(ctx context.Context, c *graph.Call) (any, error) { return f(ctx, c) }

func TestSubscribeEnds(t *testing.T) {
	failure := errors.New("gone")
	for _, c := range []struct {
		name   string
		with   error
		values []int
		err    error
	}{
		{"with an error", failure, []int{1, 2, 0}, failure},
		{"without a reason", nil, []int{1, 2}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := targetFunc(func(_ context.Context, call *graph.Call) (any, error) {
				sub := graph.NewSubscription(nil)
				call.Deliver(t.Context(), graph.Event{Value: 1})
				call.Deliver(t.Context(), graph.Event{Value: 2})
				sub.End(c.with)
				return sub, nil
			})
			var values []int
			var last error
			for v, err := range add.Subscribe(t.Context(), target) {
				values, last = append(values, v), err
				require.LessOrEqual(t, len(values), 3, "the loop does not end")
			}
			require.Equal(t, c.values, values)
			require.Equal(t, c.err, last)
			require.NotErrorIs(t, last, io.EOF)
		})
	}
}

func TestSubscribeRefused(t *testing.T) {
	for name, target := range map[string]graph.Target{
		"no such route":   graph.New(),
		"no subscription": targetFunc(func(context.Context, *graph.Call) (any, error) { return 5, nil }),
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			for _, err := range add.Subscribe(t.Context(), target) {
				require.Error(t, err)
				n++
			}
			require.Equal(t, 1, n, "a failure is yielded once")
		})
	}
}

// When ctx ends the loop ends, also where there would always be one more value.
func TestSubscribeEndsWithContext(t *testing.T) {
	g := graph.New()
	add.Handle(g, func(_ context.Context, in addIn) (int, error) { return in.A, nil })
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	target := targetFunc(func(ctx context.Context, c *graph.Call) (any, error) {
		out, err := g.Do(ctx, c)
		for i := range 10 {
			_, _ = add.Run(ctx, g, addIn{A: i})
		}
		return out, err
	})
	var last error
	n := 0
	for _, err := range add.Subscribe(ctx, target) {
		if n++; n == 3 {
			cancel(cause)
		}
		last = err
	}
	require.Equal(t, 4, n, "three values and the end")
	require.Equal(t, cause, last)
}

// After an update that does not fit there is none, though it may come before the subscription.
func TestUpdatesBeforeTheSubscription(t *testing.T) {
	target := targetFunc(func(ctx context.Context, c *graph.Call) (any, error) {
		for _, v := range []any{1, "x", 2} {
			c.Deliver(ctx, graph.Event{Value: v})
		}
		return graph.NewSubscription(nil), nil
	})
	var got []int
	sub, err := add.Listen(t.Context(), target, func(u graph.Update[int]) { got = append(got, u.Value) })
	require.NoError(t, err)
	<-sub.Done()
	require.ErrorContains(t, sub.Err(), "want an integer")
	require.Equal(t, []int{1}, got)
}

func TestUpdateThatDoesNotFit(t *testing.T) {
	const text graph.Func[addIn, string] = "math.add"
	eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
		add.Handle(g, func(_ context.Context, in addIn) (int, error) { return in.A, nil })
		sub, err := text.Listen(t.Context(), target, func(graph.Update[string]) { t.Error("called") })
		require.NoError(t, err)
		_, err = add.Run(t.Context(), g, addIn{A: 1})
		require.NoError(t, err)
		<-sub.Done()
		require.ErrorContains(t, sub.Err(), "watch math.add: read result: want a string, got number")
	})
}
