package graph_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

// ticks returns an operator that records when it runs, in minutes since now, and with what.
func ticks() (func(v any), *recorder[[2]any]) {
	start := time.Now()
	r := &recorder[[2]any]{}
	return func(v any) { r.add([2]any{int(time.Since(start) / time.Minute), v}) }, r
}

// after lets the clock of the bubble run.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tick, got := ticks()
		g := loaded(t, graph.Roots{"n": with(tick, settings{"loop": 10 * time.Minute})})
		after(time.Hour)
		require.Empty(t, got.all(), "nothing loops before the first run")
		require.Equal(t, false, run(t, g, "n.looping"))

		run(t, g, "n", "a") // at 60; the loop begins an interval later
		require.Equal(t, true, run(t, g, "n.looping"))
		after(25 * time.Minute)
		run(t, g, "n", "b") // at 85; an ordinary run, and the arguments of the rounds from now on
		after(10 * time.Minute)
		require.Equal(t, [][2]any{{60, "a"}, {70, "a"}, {80, "a"}, {85, "b"}, {90, "b"}}, got.all())

		require.NoError(t, g.Get("n").Set("looping", false))
		after(time.Hour)
		require.Len(t, got.all(), 5, "stopped")

		run(t, g, "n", "c") // at 155 starts it again, with a whole interval to the next
		after(15 * time.Minute)
		require.NoError(t, g.Get("n").Set("looping", false))
		after(time.Minute)
		require.NoError(t, g.Get("n").Set("looping", true)) // at 171
		after(15 * time.Minute)
		require.Equal(t, [][2]any{{155, "c"}, {165, "c"}, {181, "c"}}, got.all()[5:])

		require.True(t, g.Remove("n"))
		after(time.Hour)
		require.Len(t, got.all(), 8)
	})
}

func TestLoopFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tick, got := ticks()
		g := loaded(t, graph.Roots{"n": graph.Props{
			Operator: tick, With: settings{"loop": 10 * time.Minute, "looping": true}, Writable: []string{"looping"},
		}})
		after(25 * time.Minute)
		require.Equal(t, [][2]any{{0, nil}, {10, nil}, {20, nil}}, got.all())
		run(t, g, "n.looping", false)
		after(time.Hour)
		require.Len(t, got.all(), 3)
		g.Close()
	})
}

func TestLoopNotFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tick, got := ticks()
		g := loaded(t, graph.Roots{"n": with(tick, settings{"loop": time.Minute, "looping": false})})
		after(time.Hour)
		require.Empty(t, got.all())
		g.Close()
	})
}

// A round is a run: watchers and middleware see it, and its failure is logged.
func TestLoopRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log := logged()
		defer g.Close()
		var seen atomic.Int64
		g.Use(func(next graph.Handler) graph.Handler {
			return func(ctx context.Context, c *graph.Call) (any, error) {
				seen.Add(1)
				return next(ctx, c)
			}
		})
		var got recorder[int]
		i := 0
		require.NoError(t, g.Load(graph.Roots{"n": with(func() (int, error) {
			switch i++; i {
			case 2:
				return 0, errors.New("round failed")
			case 3:
				panic("round panicked")
			}
			return i, nil
		}, settings{"loop": time.Minute, "looping": true})}))
		synctest.Wait()
		_, err := g.Subscribe(t.Context(), "n", got.event)
		require.NoError(t, err)
		after(3*time.Minute + time.Second)
		require.Equal(t, []int{4}, got.all())
		require.EqualValues(t, 5, seen.Load(), "four rounds and the subscription")
		require.Contains(t, log.String(), "round failed")
		require.Contains(t, log.String(), "round panicked")
	})
}

// Who stops the loop just when a round begins has stopped it, and who is told of that is told once.
func TestStopAtTheBeginningOfARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log := logged()
		defer g.Close()
		var stop atomic.Bool
		g.UseAt("n", func(next graph.Handler) graph.Handler {
			return func(ctx context.Context, c *graph.Call) (any, error) {
				if stop.Load() {
					require.NoError(t, g.Get("n").Set("looping", false))
				}
				return next(ctx, c)
			}
		})
		tick, got := ticks()
		require.NoError(t, g.Load(graph.Roots{"n": with(tick, settings{"loop": time.Minute})}))
		var told recorder[bool]
		subscribe(t, g, "n.looping", graph.WatchOptions{}, told.event)
		run(t, g, "n")
		run(t, g, "n")
		after(90 * time.Second)
		require.Equal(t, []bool{true}, told.all())
		stop.Store(true)
		after(time.Hour)
		require.Equal(t, [][2]any{{0, nil}, {0, nil}, {1, nil}, {2, nil}}, got.all())
		require.Equal(t, []bool{true, false}, told.all())
		require.Empty(t, log.String())
	})
}

// What a round fails with because the node goes is nobody's concern.
func TestRemoveInsideARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log := logged()
		_, err := g.Add("n", with(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, settings{"loop": time.Minute, "looping": true}))
		require.NoError(t, err)
		synctest.Wait()
		require.True(t, g.Remove("n"))
		require.Empty(t, log.String())
	})
}

func TestLoopingIsTheLoops(t *testing.T) {
	_, err := quiet().Add("n", graph.Props{Operator: func() {}, State: map[string]any{"looping": 1}, With: settings{"loop": time.Minute}})
	require.ErrorIs(t, err, graph.AlreadyExists)
}

// What a round runs has the round's context, and is still run like by anybody.
func TestLoopsThatStartEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tick, got := ticks()
		g := loaded(t, graph.Roots{
			"outer": graph.Props{
				Operator: func(n *graph.Node) string { return "from outer" },
				With:     settings{"loop": time.Hour, "looping": true},
				Children: graph.Roots{"inner": with(tick, settings{"loop": 10 * time.Minute})},
			},
		})
		defer g.Close()
		after(25 * time.Minute)
		require.Equal(t, [][2]any{{0, "from outer"}, {10, "from outer"}, {20, "from outer"}}, got.all())
	})
}

func TestLoopThatRunsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tick, got := ticks()
		g := quiet()
		defer g.Close()
		_, err := g.Add("n", with(func(ctx context.Context, n *graph.Node, v string) error {
			tick(v)
			if v == "" { // the first round sets the arguments of the next
				_, err := n.Run(ctx, "", "again")
				return err
			}
			return nil
		}, settings{"loop": 10 * time.Minute, "looping": true}))
		require.NoError(t, err)
		after(15 * time.Minute)
		require.Equal(t, [][2]any{{0, ""}, {0, "again"}, {10, "again"}}, got.all())
	})
}
