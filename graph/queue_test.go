package graph_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

type item struct {
	value int
	lost  uint64
}

func drain(q *graph.Queue[int]) (items []item) {
	for {
		v, lost, ok := q.TryPop()
		if !ok {
			return items
		}
		items = append(items, item{v, lost})
	}
}

func TestQueuePolicies(t *testing.T) {
	for _, c := range []struct {
		lag  graph.Lag
		want []item
		tail uint64 // lost at the end
		err  error
	}{
		{graph.Lag{}, []item{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}}, 0, io.EOF},
		{graph.Lag{Size: 3}, []item{{2, 2}, {3, 0}, {4, 0}}, 0, io.EOF},
		{graph.Lag{Policy: graph.Conflate, Size: 9}, []item{{4, 4}}, 0, io.EOF},
		{graph.Lag{Policy: graph.DropOldest, Size: 1}, []item{{4, 4}}, 0, io.EOF},
		{graph.Lag{Policy: graph.DropNewest, Size: 3}, []item{{0, 0}, {1, 0}, {2, 0}}, 2, io.EOF},
		{graph.Lag{Policy: graph.Block, Size: 3}, []item{{0, 0}, {1, 0}, {2, 0}}, 2, io.EOF},
		{graph.Lag{Policy: graph.Disconnect, Size: 4}, []item{{0, 0}, {1, 0}, {2, 0}, {3, 0}}, 1, graph.ResourceExhausted},
		{graph.Lag{Policy: graph.Disconnect, Size: 5}, []item{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}}, 0, io.EOF},
	} {
		t.Run(fmt.Sprintf("%s %d", c.lag.Policy, c.lag.Size), func(t *testing.T) {
			q := graph.NewQueue[int](c.lag)
			fits := true
			for i := range 5 {
				fits = q.Push(i) && fits
			}
			require.Equal(t, !errors.Is(c.err, graph.ResourceExhausted), fits)
			require.Equal(t, len(c.want), q.Len())
			require.Equal(t, c.want, drain(q))
			q.Close(nil)
			require.True(t, q.Push(9), "a closed queue ignores what is pushed")
			for _, tail := range []uint64{c.tail, 0} { // said once
				_, lost, err := q.Pop(t.Context())
				require.ErrorIs(t, err, c.err)
				require.Equal(t, tail, lost)
			}
		})
	}
}

// Whatever is pushed and popped in whatever order, nothing is lost without being counted.
func TestQueueCounts(t *testing.T) {
	for _, policy := range []graph.Policy{graph.Conflate, graph.DropOldest, graph.DropNewest, graph.Block} {
		for _, size := range []int{1, 2, 3, 7} {
			t.Run(fmt.Sprintf("%s %d", policy, size), func(t *testing.T) {
				q := graph.NewQueue[int](graph.Lag{Policy: policy, Size: size})
				next, pushed := 0, 0
				take := func(v int, lost uint64) {
					require.Equal(t, next+int(lost), v, "the loss is told with the very next value")
					next = v + 1
				}
				for step := range 2000 {
					if step%3 != 0 || step/50%2 == 0 { // at times faster than it is emptied
						q.Push(pushed)
						pushed++
					}
					if step%2 == 0 || step/50%2 == 1 {
						if v, lost, ok := q.TryPop(); ok {
							take(v, lost)
						}
					}
				}
				q.Close(graph.Aborted)
				for {
					v, lost, err := q.Pop(t.Context())
					if err != nil {
						require.Equal(t, graph.Aborted, err)
						require.Equal(t, pushed, next+int(lost))
						return
					}
					take(v, lost)
				}
			})
		}
	}
}

func TestQueuePop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := graph.NewQueue[int](graph.Lag{})
		var got recorder[any]
		for range 3 { // several may wait
			go func() {
				for {
					v, _, err := q.Pop(t.Context())
					if err != nil {
						got.add(err)
						return
					}
					got.add(v)
				}
			}()
		}
		synctest.Wait()
		for i := range 4 {
			q.Push(i)
		}
		synctest.Wait()
		require.ElementsMatch(t, []any{0, 1, 2, 3}, got.all())
		q.Push(4)
		q.Close(graph.Aborted)
		q.Close(graph.DataLoss)
		synctest.Wait()
		require.ElementsMatch(t, []any{0, 1, 2, 3, 4, graph.Aborted, graph.Aborted, graph.Aborted}, got.all())
	})
}

// One value for each that waits: nobody sleeps on while there is something for him.
func TestQueueWakesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := graph.NewQueue[int](graph.Lag{})
		var got recorder[int]
		for range 3 {
			go func() {
				v, _, _ := q.Pop(t.Context())
				got.add(v)
			}()
		}
		synctest.Wait()
		for i := range 3 {
			q.Push(i)
		}
		synctest.Wait()
		require.ElementsMatch(t, []int{0, 1, 2}, got.all())
	})
}

func TestQueueCloseWakesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := graph.NewQueue[int](graph.Lag{})
		var got recorder[error]
		for range 3 {
			go func() {
				_, _, err := q.Pop(t.Context())
				got.add(err)
			}()
		}
		synctest.Wait()
		q.Close(nil)
		synctest.Wait()
		require.Equal(t, []error{io.EOF, io.EOF, io.EOF}, got.all())
	})
}

func TestQueuePopEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := graph.NewQueue[int](graph.Lag{})
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		go func() {
			_, _, err := q.Pop(ctx)
			ended <- err
		}()
		synctest.Wait()
		cancel(cause)
		require.Equal(t, cause, <-ended)
		q.Push(1)
		_, _, err := q.Pop(ctx)
		require.Equal(t, cause, err, "also where there is something")
		require.Equal(t, 1, q.Len())
	})
}

func TestWaitRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, policy := range []graph.Policy{0, graph.Conflate, graph.DropOldest, graph.DropNewest, graph.Disconnect} {
			q := graph.NewQueue[int](graph.Lag{Policy: policy, Size: 1, Wait: time.Second})
			q.Push(1)
			q.WaitRoom(t.Context())
		}
		q := graph.NewQueue[int](graph.Lag{Policy: graph.Block, Size: 1, Wait: time.Second})
		q.WaitRoom(t.Context())
		q.Push(1)
		require.Zero(t, time.Since(start))

		q.WaitRoom(t.Context())
		require.Equal(t, time.Second, time.Since(start), "as long as the lag says")
		q.Push(2)
		require.Equal(t, []item{{1, 0}}, drain(q))

		q.Push(3)
		time.AfterFunc(time.Second/4, func() { q.TryPop() })
		q.WaitRoom(t.Context())
		require.Equal(t, 1250*time.Millisecond, time.Since(start), "no longer than it takes")
		q.Push(4)
		require.Equal(t, []item{{4, 0}}, drain(q))

		q.Push(5)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/4)
		defer cancel()
		q.WaitRoom(ctx)
		require.Equal(t, 1500*time.Millisecond, time.Since(start), "nor than the publisher's context")

		time.AfterFunc(time.Second/4, func() { q.Close(nil) })
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { q.WaitRoom(t.Context()) })
		}
		wg.Wait()
		require.Equal(t, 1750*time.Millisecond, time.Since(start), "a closed queue holds up nobody")

		without := graph.NewQueue[int](graph.Lag{Policy: graph.Block, Size: 1})
		without.Push(1)
		without.WaitRoom(t.Context())
		require.Equal(t, 1750*time.Millisecond, time.Since(start), "no wait by default")
		long := graph.NewQueue[int](graph.Lag{Policy: graph.Block, Size: 1, Wait: time.Hour})
		long.Push(1)
		long.WaitRoom(t.Context())
		require.Equal(t, 1750*time.Millisecond+graph.MaxQueueWait, time.Since(start))
	})
}

// A place that was waited for is kept: several publishers do not drop each other's values.
func TestWaitRoomKeepsThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := graph.NewQueue[int](graph.Lag{Policy: graph.Block, Size: 2, Wait: 10 * time.Second})
		const publishers, each = 10, 20
		var wg sync.WaitGroup
		for range publishers {
			wg.Go(func() {
				for i := range each {
					q.WaitRoom(t.Context())
					<-time.After(time.Millisecond) // between the two
					q.Push(i)
				}
			})
		}
		received := 0
		for received < publishers*each {
			_, lost, err := q.Pop(t.Context())
			require.NoError(t, err)
			require.Zero(t, lost)
			received++
		}
		wg.Wait()
		require.Zero(t, q.Len())
	})
}

// Through a subscription: what comes and what is said to be lost is all that was published.
func TestLagThroughWatch(t *testing.T) {
	const writes = 100
	type update = graph.Update[int]
	snapshot := update{Snapshot: true}
	for policy, c := range map[graph.Policy]struct {
		want []update
		end  error
	}{
		graph.Conflate:   {[]update{snapshot, {Value: 100, Lost: 99}, {}}, graph.NotFound},
		graph.DropOldest: {[]update{snapshot, {Value: 98, Lost: 97}, {Value: 99}, {Value: 100}, {}}, graph.NotFound},
		graph.DropNewest: {[]update{snapshot, {Value: 1}, {Value: 2}, {Value: 3}, {Lost: 97}}, graph.NotFound},
		graph.Block:      {[]update{snapshot, {Value: 1}, {Value: 2}, {Value: 3}, {Lost: 97}}, graph.NotFound},
		graph.Disconnect: {[]update{snapshot, {Value: 1}, {Value: 2}, {Value: 3}, {Lost: 1}}, graph.ResourceExhausted},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			eachTarget(t, func(t *testing.T, g *graph.Graph, target graph.Target) {
				v := counter.Serve(g, 0)
				var got []update
				var end error
				for u, err := range counter.Watch(t.Context(), target, graph.Lag{Policy: policy, Size: 3}) {
					if got, end = append(got, u), err; u.Snapshot {
						for i := range writes {
							v.Set(i + 1)
						}
						g.Remove("counter")
					}
				}
				require.Equal(t, c.want, got)
				require.ErrorIs(t, end, c.end)
			})
		})
	}
}

func TestBlockThroughWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := loaded(t, graph.Roots{"n": func(i int) int { return i }})
		const result graph.Func[int, int] = "n"
		defer after(time.Minute)
		defer g.Close()
		var got recorder[graph.Update[int]]
		pace := time.Second
		go func() {
			for u, err := range graph.State[int]("n").Watch(t.Context(), g, graph.Lag{Policy: graph.Block, Size: 1, Wait: 3 * time.Second}) {
				if err != nil {
					return
				}
				got.add(u)
				<-time.After(pace)
			}
		}()
		synctest.Wait()
		start := time.Now()
		for i := range 4 {
			_, err := result.Run(t.Context(), g, i)
			require.NoError(t, err)
		}
		require.Equal(t, 2*time.Second, time.Since(start), "one is being looked at, one waits, and the others wait for it")
		after(time.Minute)
		pace = 10 * time.Second
		start = time.Now()
		for i := range 4 {
			_, err := result.Run(t.Context(), g, i+4)
			require.NoError(t, err)
		}
		require.Equal(t, 6*time.Second, time.Since(start), "longer than it may")
		after(time.Minute)
		_, err := result.Run(t.Context(), g, 8)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []graph.Update[int]{{Value: 0}, {Value: 1}, {Value: 2}, {Value: 3}, {Value: 4}, {Value: 5}, {Value: 8, Lost: 2}}, got.all())
	})
}

// An Update waits for room once, however often it starts over, and what it does not use is there for the next.
func TestUpdateAndRoom(t *testing.T) {
	for name, c := range map[string]struct {
		update  func(int) (int, error)
		want    []item // published by the Update and what comes between
		hurries bool   // nothing comes between
	}{
		"starts over and fails": {func(i int) (int, error) {
			if i > 0 {
				return 0, graph.Aborted
			}
			return 10, nil
		}, []item{{1, 0}}, false},
		"starts over and succeeds": {func(i int) (int, error) { return i + 10, nil }, []item{{1, 0}, {11, 0}}, false},
		"fails at once":            {func(int) (int, error) { return 0, graph.Aborted }, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := quiet()
				v := counter.Serve(g, 0)
				q := graph.NewQueue[int](graph.Lag{Policy: graph.Block, Size: 2, Wait: 5 * time.Second})
				between := c.hurries
				subscribe(t, g, "counter", graph.WatchOptions{Tap: true, Room: func(ctx context.Context) {
					q.WaitRoom(ctx)
					if !between {
						between = true
						v.Set(1) // another write comes between
					}
				}}, func(_ context.Context, e graph.Event) { q.Push(e.Value.(int)) })
				start := time.Now()
				_, _ = v.Update(c.update)
				require.Equal(t, c.want, drain(q))
				v.Set(2)
				v.Set(3)
				require.Zero(t, time.Since(start), "both places can be used")
				v.Set(4)
				require.Equal(t, 5*time.Second, time.Since(start), "and there is no third")
				require.Equal(t, []item{{2, 0}, {3, 0}}, drain(q))
			})
		})
	}
}
