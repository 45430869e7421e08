package graph_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestPanics(t *testing.T) {
	var nilMap map[string]int
	for name, c := range map[string]struct {
		panics func()
		text   string
	}{
		"value":   {func() { panic("a value") }, "a value"},
		"error":   {func() { panic(io.ErrUnexpectedEOF) }, "unexpected EOF"},
		"nil":     {func() { panic(nil) }, "nil"},
		"runtime": {func() { nilMap["a"] = 1 }, "nil map"},
		"code":    {func() { panic(graph.NotFound) }, "not_found"},
		"coded":   {func() { panic(graph.NotFound.Errorf("hidden")) }, "hidden"},
	} {
		t.Run(name, func(t *testing.T) {
			g, log := logged()
			notice.Handle(g, func(context.Context, string) (graph.Void, error) {
				c.panics()
				return graph.Void{}, nil
			})
			require.NoError(t, g.Load(graph.Roots{
				"untyped": func() { c.panics() },
				"method":  graph.Props{Methods: map[string]any{"m": func() { c.panics() }}},
				"around": graph.Props{Operator: func() {}, Middleware: []graph.Middleware{func(graph.Handler) graph.Handler {
					return func(context.Context, *graph.Call) (any, error) {
						c.panics()
						return nil, nil
					}
				}}},
				"decoder": func(panicky) {},
				"state":   graph.Props{State: map[string]any{"s": panicky{}}, Writable: []string{"s"}},
			}))
			decoding = c.panics
			for what, run := range map[string]func() error{
				"notice": func() error { _, err := notice.Run(t.Context(), g, ""); return err },
				"post":   func() error { return notice.Post(t.Context(), g, "") },
				"untyped": func() error {
					out, err := g.Run(t.Context(), "untyped")
					require.Nil(t, out)
					return err
				},
				"method":  func() error { _, err := g.Run(t.Context(), "method.m"); return err },
				"around":  func() error { _, err := g.Run(t.Context(), "around"); return err },
				"decoder": func() error { _, err := g.Do(t.Context(), &graph.Call{Route: "decoder", Args: js(`5`)}); return err },
				"state":   func() error { _, err := g.Do(t.Context(), &graph.Call{Route: "state.s", Args: js(`5`)}); return err },
			} {
				err := run()
				require.Error(t, err, what)
				require.Equal(t, graph.Internal, graph.CodeOf(err), what)
				require.ErrorIs(t, err, graph.Internal, what)
				require.NotErrorIs(t, err, graph.NotFound, what)
				require.NotErrorIs(t, err, io.ErrUnexpectedEOF, what)
				_, ok := errors.AsType[*graph.Error](err)
				require.False(t, ok, "the text of a panic is for no other process")
				require.ErrorContains(t, err, c.text, what)
			}
			require.Contains(t, log.String(), "panic recovered")
			require.Contains(t, log.String(), c.text)
			require.Contains(t, log.String(), "panic_test.go", "where it was")
		})
	}
}

// A panicky value panics when it is decoded.
type panicky struct{}

var decoding func()

func (*panicky) UnmarshalJSON([]byte) error {
	decoding()
	return nil
}

func TestPanicInACallback(t *testing.T) {
	for _, tap := range []bool{false, true} {
		g, log := logged()
		require.NoError(t, g.Load(graph.Roots{"n": func(i int) int { return i }}))
		var got recorder[string]
		for _, name := range []string{"a", "b", "c", "d"} {
			subscribe(t, g, "n", graph.WatchOptions{Tap: tap}, func(_ context.Context, e graph.Event) {
				if got.add(name); name == "b" || name == "d" {
					panic("callback " + name)
				}
			})
		}
		for i := range 2 {
			require.Equal(t, i, run(t, g, "n", i), "the run is not the callback's")
		}
		require.Equal(t, []string{"a", "b", "c", "d", "a", "b", "c", "d"}, got.all())
		require.Contains(t, log.String(), "callback d")
		require.Contains(t, log.String(), "a subscriber of n")
	}
}

// Where no logger was given the default one takes what nobody else does.
func TestDefaultLogger(t *testing.T) {
	old := slog.Default()
	defer slog.SetDefault(old)
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	g := graph.New()
	_, err := g.Add("n", func() { panic("in an operator") })
	require.NoError(t, err)
	require.Error(t, runError(t, g, "n"))
	require.Contains(t, log.String(), "in an operator")

	var v graph.Var[int]
	var got []int
	v.Watch(func(int) { panic("watching") })
	v.Watch(func(i int) { got = append(got, i) })
	v.Set(1)
	require.Equal(t, []int{1}, got)
	require.Contains(t, log.String(), "watching")
}

// A callback that ends its goroutine, as t.FailNow does, does not end the topic.
func TestGoexitInACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log := logged()
		require.NoError(t, g.Load(graph.Roots{"n": func(i int) int { return i }}))
		var got recorder[int]
		release := make(chan struct{})
		subscribe(t, g, "n", graph.WatchOptions{}, func(_ context.Context, e graph.Event) {
			if got.add(e.Value.(int)); e.Value == 1 {
				<-release
				runtime.Goexit()
			}
		})
		go g.Run(t.Context(), "n", 1) //nolint:errcheck // it does not return
		synctest.Wait()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			run(t, g, "n", 2)
		}()
		synctest.Wait()
		close(release)
		<-ended
		require.Equal(t, 3, run(t, g, "n", 3))
		require.Equal(t, []int{1, 2, 3}, got.all())

		// Also where nothing waits.
		subscribe(t, g, "n", graph.WatchOptions{}, func(_ context.Context, e graph.Event) {
			if e.Value == 4 {
				runtime.Goexit()
			}
		})
		go g.Run(t.Context(), "n", 4) //nolint:errcheck // it does not return
		synctest.Wait()
		require.Equal(t, 5, run(t, g, "n", 5))
		require.Equal(t, []int{1, 2, 3, 4, 5}, got.all())

		// An operator that does so has no result, and nothing waits for it.
		require.NoError(t, g.Load(graph.Roots{"exit": func() { runtime.Goexit() }}))
		add.Handle(g, func(context.Context, addIn) (int, error) { runtime.Goexit(); return 1, nil })
		for _, f := range []func(){
			func() { _, _ = g.Run(t.Context(), "exit") },
			func() { _, _ = add.Run(t.Context(), g, addIn{}) },
		} {
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				f()
				t.Error("came back")
			}()
			<-gone
		}
		require.Empty(t, log.String(), "that is no panic")
	})
}
