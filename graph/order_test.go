package graph_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

// Goroutines that run one node side by side: every subscriber sees the same sequence, complete.
func TestOneOrderForAll(t *testing.T) {
	const runners, runs = 8, 1000
	g := loaded(t, graph.Roots{"n": func(i int) int { return i }})
	seen := make([][]int, 5)
	for i := range seen {
		subscribe(t, g, "n", graph.WatchOptions{Tap: i%2 == 0}, func(_ context.Context, e graph.Event) {
			seen[i] = append(seen[i], e.Value.(int)) // one at a time, or the race detector says so
			require.Zero(t, e.Lost)
		})
	}
	var wg sync.WaitGroup
	for r := range runners {
		wg.Go(func() {
			for i := range runs {
				if _, err := g.Run(t.Context(), "n", r*runs+i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, seen[0], runners*runs)
	for _, s := range seen {
		require.Equal(t, seen[0], s)
	}
	last := make([]int, runners)
	for _, v := range seen[0] {
		r, i := v/runs, v%runs
		require.Equal(t, last[r], i, "each runner's own events are in his order")
		last[r]++
	}
}

// A run returns when its callbacks have run, whoever ran them.
func TestRunReturnsAfterItsCallbacks(t *testing.T) {
	const runs = 50
	for range 20 {
		g := loaded(t, graph.Roots{"n": func(i int) int { return i }})
		var hits atomic.Int64
		var called [runs]atomic.Bool
		subscribe(t, g, "n", graph.WatchOptions{}, func(_ context.Context, e graph.Event) {
			hits.Add(1)
			called[e.Value.(int)].Store(true)
		})
		var wg sync.WaitGroup
		for i := range runs {
			wg.Go(func() {
				if _, err := g.Run(t.Context(), "n", i); err != nil {
					t.Error(err)
				}
				if !called[i].Load() {
					t.Errorf("run %d returned before its callback ran", i)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, runs, hits.Load())
	}
}

// While one goroutine delivers, a run waits for it, but neither for ever nor longer than its caller wants.
func TestRunWaitsForADelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := loaded(t, graph.Roots{"n": func(i int) int { return i }})
		var got recorder[int]
		release := make(chan struct{})
		subscribe(t, g, "n", graph.WatchOptions{}, func(_ context.Context, e graph.Event) {
			if e.Value == 1 {
				<-release
			}
			got.add(e.Value.(int))
		})
		go run(t, g, "n", 1)
		synctest.Wait()

		start := time.Now()
		run(t, g, "n", 2)
		require.Equal(t, 5*time.Second, time.Since(start), "the bound")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := g.Run(ctx, "n", 3)
		require.NoError(t, err, "what was run was run")
		require.Equal(t, 6*time.Second, time.Since(start))
		require.Empty(t, got.all())
		close(release)
		synctest.Wait()
		require.Equal(t, []int{1, 2, 3}, got.all())
	})
}

// A publisher is not kept to deliver what others publish all the time.
func TestPublisherIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := counter.Serve(quiet(), 0)
		const others = 2000
		var got recorder[int]
		in, next := make(chan struct{}), make(chan struct{})
		v.Watch(func(i int) {
			if i == -1 {
				close(in)
				<-next
			}
			got.add(i)
			if i < others && i >= 0 {
				<-next
			}
		})
		back := make(chan struct{})
		go func() {
			v.Set(-1)
			close(back)
		}()
		<-in
		for i := range others + 1 { // nobody waits for these
			v.Set(i)
		}
		for n := 0; ; n++ {
			require.Less(t, n, others, "kept until nothing is pending")
			next <- struct{}{}
			synctest.Wait()
			select {
			case <-back:
			default:
				continue
			}
			break
		}
		close(next)
		synctest.Wait()
		all := got.all()
		require.Len(t, all, others+2, "and all is delivered nevertheless")
		for i, v := range all {
			require.Equal(t, i-1, v)
		}
	})
}

func TestReentrance(t *testing.T) {
	t.Run("a callback sets its own variable", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := counter.Serve(quiet(), 0)
			var got, second []int
			v.Watch(func(i int) {
				if got = append(got, i); i < 10 {
					v.Set(i + 1)
					require.Equal(t, i+1, v.Load())
				}
			})
			v.Watch(func(i int) { second = append(second, i) })
			v.Set(1)
			want := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
			require.Equal(t, want, got)
			require.Equal(t, want, second, "in one order, though the first callback is always ahead")
		})
	})
	t.Run("a callback sets its own key", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			g := loaded(t, graph.Roots{"n": graph.Props{State: map[string]any{"k": 0}, Writable: []string{"k"}}})
			var got []int
			subscribe(t, g, "n.k", graph.WatchOptions{}, func(ctx context.Context, e graph.Event) {
				i := e.Value.(int)
				if got = append(got, i); i < 4 {
					require.NoError(t, g.Get("n").Set("k", i+1))
				} else if i < 6 {
					_, err := g.Run(ctx, "n.k", i+1)
					require.NoError(t, err)
				}
			})
			run(t, g, "n.k", 1)
			require.Equal(t, []int{1, 2, 3, 4, 5, 6}, got)
			require.Zero(t, time.Since(start), "and nobody waited for himself")
		})
	})
	t.Run("a callback runs its own node", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			g := loaded(t, graph.Roots{"n": func(i int) int { return i }})
			var got, second []int
			subscribe(t, g, "n", graph.WatchOptions{}, func(ctx context.Context, e graph.Event) {
				i := e.Value.(int)
				if got = append(got, i); i < 5 {
					out, err := g.Run(ctx, "n", i+1)
					require.NoError(t, err)
					require.Equal(t, i+1, out)
				}
			})
			subscribe(t, g, "n", graph.WatchOptions{}, func(_ context.Context, e graph.Event) { second = append(second, e.Value.(int)) })
			run(t, g, "n", 1)
			require.Equal(t, []int{1, 2, 3, 4, 5}, got)
			require.Equal(t, got, second)
			require.Zero(t, time.Since(start), "and nobody waited for himself")
		})
	})
	t.Run("two nodes run each other from two goroutines", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			g := loaded(t, graph.Roots{"a": func(i int) int { return i }, "b": func(i int) int { return i }})
			var hits atomic.Int64
			for from, to := range map[string]string{"a": "b", "b": "a"} {
				subscribe(t, g, from, graph.WatchOptions{}, func(ctx context.Context, e graph.Event) {
					hits.Add(1)
					if i := e.Value.(int); i > 0 {
						if _, err := g.Run(ctx, to, i-1); err != nil {
							t.Error(err)
						}
					}
				})
			}
			var wg sync.WaitGroup
			for _, tag := range []string{"a", "b", "a", "b"} {
				wg.Go(func() {
					for range 50 {
						run(t, g, tag, 10)
					}
				})
			}
			wg.Wait()
			synctest.Wait()
			require.EqualValues(t, 4*50*11, hits.Load())
			require.Zero(t, time.Since(start))
		})
	})
	t.Run("two nodes that never stop", func(t *testing.T) {
		g := quiet()
		var rounds atomic.Int64
		enough := make(chan struct{})
		op := func(ctx context.Context, i int) (any, error) {
			if rounds.Add(1) == 3000 {
				close(enough)
			}
			if rounds.Load() > 5000 {
				return graph.Void{}, nil
			}
			return i, nil
		}
		require.NoError(t, g.Load(graph.Roots{
			"ping": graph.Props{Operator: op, Listeners: map[string]any{"pong": true}},
			"pong": graph.Props{Operator: op, Listeners: map[string]any{"ping": true}},
		}))
		run(t, g, "ping", 1)
		<-enough
	})
	t.Run("a callback subscribes and stops", func(t *testing.T) {
		v := counter.Serve(quiet(), 0)
		var got []int
		var sub *graph.Subscription
		sub = v.Watch(func(i int) {
			sub.Stop()
			v.Watch(func(i int) { got = append(got, i) })
		})
		v.Set(1)
		v.Set(2)
		require.Equal(t, []int{2}, got)
	})
}

// The context of a callback has the values of who published and does not end with him.
func TestCallbackContext(t *testing.T) {
	g := loaded(t, graph.Roots{"n": func(i int) int { return i }, "deep": func(i int) int { return i }})
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	var first, second context.Context
	subscribe(t, g, "n", graph.WatchOptions{}, func(ctx context.Context, e graph.Event) {
		first = ctx
		_, err := g.Run(ctx, "deep", 1)
		require.NoError(t, err)
	})
	subscribe(t, g, "deep", graph.WatchOptions{}, func(ctx context.Context, e graph.Event) { second = ctx })
	_, err := g.Run(ctx, "n", 1)
	require.NoError(t, err)
	cancel()
	for _, c := range []context.Context{first, second} {
		require.Equal(t, "value", c.Value(key{}))
		require.NoError(t, c.Err())
	}
	require.Equal(t, first, second, "a chain of nodes does not make it longer")

	// That of a snapshot has the values of who subscribed.
	v := counter.Serve(g, 1)
	_, err = counter.Listen(ctx, contextOf(t, g, func(ctx context.Context) { first = ctx }), func(graph.Update[int]) {})
	require.NoError(t, err)
	require.Equal(t, "value", first.Value(key{}))
	v.Set(2)
	require.Nil(t, first.Value(key{}))
}

// contextOf is a target that shows the contexts events come with.
func contextOf(t *testing.T, g *graph.Graph, see func(context.Context)) graph.Target {
	t.Helper()
	return targetFunc(func(ctx context.Context, c *graph.Call) (any, error) {
		seen := *c
		seen.Deliver = func(ctx context.Context, e graph.Event) {
			see(ctx)
			c.Deliver(ctx, e)
		}
		return g.Do(ctx, &seen)
	})
}

// Whoever begins to watch while others write sees the value and then every change: no hole, no repeat.
func TestSnapshotThenChanges(t *testing.T) {
	const writes, watchers = 3000, 8
	for _, kind := range []string{"watch", "listen"} {
		t.Run(kind, func(t *testing.T) {
			g := quiet()
			v := counter.Serve(g, 0)
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range writes / 2 {
						if _, err := v.Update(func(i int) (int, error) { return i + 1, nil }); err != nil {
							t.Error(err)
						}
					}
				})
			}
			for range watchers {
				wg.Go(func() {
					if kind == "listen" {
						listenFrom(t, g, writes)
					} else {
						watchFrom(t, g, writes)
					}
				})
			}
			wg.Wait()
			require.Equal(t, writes, v.Load())
		})
	}
}

func watchFrom(t *testing.T, g *graph.Graph, last int) {
	next := -1
	for u, err := range counter.Watch(t.Context(), g, graph.Lag{Policy: graph.DropOldest, Size: last + 1}) {
		if err != nil || u.Lost > 0 || u.Snapshot != (next < 0) || next >= 0 && u.Value != next {
			t.Errorf("got %+v, %v, want %d", u, err, next)
			return
		}
		if next = u.Value + 1; next > last {
			return
		}
	}
}

func listenFrom(t *testing.T, g *graph.Graph, last int) {
	next := -1
	done := make(chan struct{})
	sub, err := counter.Listen(t.Context(), g, func(u graph.Update[int]) {
		if u.Lost > 0 || u.Snapshot != (next < 0) || next >= 0 && u.Value != next {
			t.Errorf("got %+v, want %d", u, next)
		}
		if next = u.Value + 1; next > last {
			close(done)
		}
	})
	if err != nil {
		t.Error(err)
		return
	}
	<-done
	sub.Stop()
}

// Whoever waits for an event that is left out does not wait for its turn.
func TestNobodyWaitsForWhatIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quiet()
		v := counter.Serve(g, 0, graph.Writable())
		release := make(chan struct{})
		v.Watch(func(i int) {
			if i == 1 {
				<-release
			}
		})
		go v.Set(1)
		synctest.Wait()
		start := time.Now()
		returned := false
		go func() {
			returned = counter.Set(t.Context(), g, 2) == nil
		}()
		synctest.Wait()
		require.False(t, returned)
		for range 4096 {
			v.Set(3)
		}
		synctest.Wait()
		require.True(t, returned)
		require.Zero(t, time.Since(start))
		close(release)
	})
}

// A tap gets its snapshot with the subscription, also while a callback takes its time.
func TestSnapshotOfATap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quiet()
		v := counter.Serve(g, 0)
		release := make(chan struct{})
		v.Watch(func(int) { <-release })
		go v.Set(1)
		synctest.Wait()
		var got recorder[int]
		subscribe(t, g, "counter", graph.WatchOptions{Tap: true, Snapshot: true}, got.event)
		require.Equal(t, []int{1}, got.all())
		v.Set(2)
		require.Equal(t, []int{1, 2}, got.all())
		close(release)
	})
}

// Nor is a loop held up by callbacks.
func TestWatchBesideASlowCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quiet()
		v := counter.Serve(g, 0)
		release := make(chan struct{})
		v.Watch(func(int) { <-release })
		go v.Set(1)
		synctest.Wait()
		for u, err := range counter.Watch(t.Context(), g) {
			require.NoError(t, err)
			if u.Value == 2 {
				break
			}
			v.Set(2)
		}
		close(release)
	})
}

// What is left out because too much waits for a callback is counted, for each subscriber by itself.
func TestTooMuchPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const held, writes = 4096, 5000
		g := quiet()
		v := counter.Serve(g, 0)
		release := make(chan struct{})
		type seen struct {
			value int
			lost  uint64
		}
		var early, late, gone []seen
		watch := func(to *[]seen, o graph.WatchOptions) *graph.Subscription {
			return subscribe(t, g, "counter", o, func(_ context.Context, e graph.Event) {
				if e.Value == 1 {
					<-release
				}
				*to = append(*to, seen{e.Value.(int), e.Lost})
			})
		}
		watch(&early, graph.WatchOptions{})
		sub := watch(&gone, graph.WatchOptions{})
		go v.Set(1)
		synctest.Wait()
		for i := 2; i <= writes; i++ {
			if v.Set(i); i == 500 {
				watch(&late, graph.WatchOptions{Snapshot: true}) // its snapshot will not fit either
			}
		}
		sub.Stop()
		close(release)
		synctest.Wait()
		for name, c := range map[string]struct {
			got   []seen
			first int // the events that were published for it
		}{"early": {early[1:], writes - 1}, "late": {late, writes - 500 + 1}} {
			require.Len(t, c.got, held, name)
			require.Equal(t, seen{writes - held + 1, uint64(c.first - held)}, c.got[0], name)
			for i, s := range c.got[1:] {
				require.Equal(t, seen{writes - held + 2 + i, 0}, s, name)
			}
		}
		require.Equal(t, seen{1, 0}, early[0])
		require.Empty(t, gone)
	})
}
