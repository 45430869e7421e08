package graph_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

// allowed are the codes a call may fail with while the graph changes around it.
func allowed(err error) bool {
	switch graph.CodeOf(err) {
	case 0, graph.NotFound, graph.AlreadyExists, graph.Unavailable:
		return true
	}
	return false
}

// All of it at once. Whether anything is wrong the race detector says, or a deadlock does, or a goroutine that stays.
func TestEverythingAtOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		everythingAtOnce(t)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("goroutines stayed:\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
}

func everythingAtOnce(t *testing.T) {
	const rounds = 200
	g := quiet()
	shared := new(graph.Var[int])
	require.NoError(t, g.Load(graph.Roots{
		"stays":    graph.Props{Operator: func(i int) int { return i }, State: map[string]any{"n": shared}},
		"listener": graph.Props{Operator: func(int) {}, Listeners: map[string]any{"stays": true, "comes": true, "comes.m": func(int) {}, "comes.k": true}},
	}))
	props := graph.Props{
		Operator:    func(i int) int { return i },
		Methods:     map[string]any{"m": func(i int) int { return i }},
		State:       map[string]any{"k": 0, "n": shared},
		Writable:    []string{"k"},
		Children:    graph.Roots{"c": graph.Props{Operator: func(i int) int { return i }, With: settings{"backward": true}}},
		Listeners:   map[string]any{"stays": graph.Listener{Do: true, Input: true}},
		With:        settings{"loop": 100 * time.Microsecond, "aliases": []string{"also.comes"}},
		OnConnected: func(n *graph.Node) { n.Go(func(ctx context.Context) { <-ctx.Done() }) },
	}
	var wg sync.WaitGroup
	check := func(err error) {
		if !allowed(err) {
			t.Error(err)
		}
	}
	doing := func(f func(i int)) {
		wg.Go(func() {
			for i := range rounds {
				f(i)
			}
		})
	}
	doing(func(i int) {
		check(g.Load(graph.Roots{"comes": props}))
		for g.Get("comes") != nil && i < rounds/2 {
			runtime.Gosched() // until it is removed
		}
		if i == rounds*3/4 {
			g.Close()
		}
	})
	doing(func(i int) {
		_, err := g.Add(fmt.Sprintf("extra.%d", i), props.Operator)
		check(err)
		if i%3 == 0 {
			g.Remove(fmt.Sprintf("extra.%d", i/2))
		}
	})
	wg.Go(func() {
		for removed := 0; removed < rounds/2; runtime.Gosched() {
			if g.Remove("comes") {
				removed++
			}
		}
	})
	for _, route := range []string{"stays", "comes", "comes.m", "also.comes", "comes.c"} {
		doing(func(i int) {
			_, err := g.Run(t.Context(), route, i)
			check(err)
		})
	}
	doing(func(i int) { check(graph.Post(t.Context(), g, "comes.k", i)) })
	doing(func(i int) { shared.Set(i) })
	doing(func(int) {
		_, err := shared.Update(func(i int) (int, error) { return i + 1, nil })
		check(err)
	})
	for _, route := range []string{"stays", "comes", "comes.k", "comes.n", "stays.n"} {
		for _, tap := range []bool{false, true} {
			doing(func(i int) {
				o := graph.WatchOptions{Tap: tap, Snapshot: i%2 == 0}
				out, err := g.Do(t.Context(), &graph.Call{Verb: graph.VerbSubscribe, Route: route, Watch: o, Deliver: ignore})
				check(err)
				if err == nil && i%5 > 0 {
					out.(*graph.Subscription).Stop()
				}
			})
		}
	}
	doing(func(i int) {
		if i%20 == 0 {
			g.UseAt("comes.**", func(next graph.Handler) graph.Handler { return next })
		}
		g.List()
		g.Resolve("comes.k")
		if n := g.Get("comes"); n != nil {
			n.Children()
			_, err := n.Add(fmt.Sprintf("more%d", i), 5)
			check(err)
			check(n.Set("looping", false))
		}
	})
	wg.Wait()
	g.Close()
	require.Empty(t, g.List())
	shared.Set(-1)
	require.Equal(t, -1, shared.Load())
}

// Whoever subscribes while the node goes is either refused or told of the end.
func TestSubscribeRacesRemove(t *testing.T) {
	for range 300 {
		v := new(graph.Var[int])
		g := loaded(t, graph.Roots{"n": graph.Props{Operator: func() int { return 1 }, State: map[string]any{"k": v}}})
		var wg sync.WaitGroup
		for _, route := range []string{"n", "n.k"} {
			wg.Go(func() {
				sub, err := g.Subscribe(t.Context(), route, ignore)
				if err == nil {
					<-sub.Done()
					err = sub.Err()
				}
				if graph.CodeOf(err) != graph.NotFound {
					t.Error(err)
				}
			})
		}
		wg.Go(func() { g.Remove("n") })
		wg.Wait()
	}
}

// The number of nodes must not make each of them slower: ten times as many cost about ten times as much. The bound is
// loose, and a quadratic step would make it a hundred times.
func TestGrowthIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for name, grow := range map[string]func(n int){
		"add, look up, remove": func(n int) {
			g := quiet()
			tags := numbered("room", n)
			for _, tag := range tags {
				_, err := g.Add(tag, 1)
				require.NoError(t, err)
				require.NotNil(t, g.Get(tag))
			}
			for _, tag := range tags {
				require.True(t, g.Remove(tag))
			}
		},
		"children": func(n int) {
			roots := graph.Roots{}
			for _, tag := range numbered("c", n) {
				roots[strings.ReplaceAll(tag, ".", "")] = func() {}
			}
			g := loaded(t, graph.Roots{"parent": graph.Props{Operator: func() int { return 1 }, Children: roots}})
			run(t, g, "parent")
			require.True(t, g.Remove("parent"))
		},
		"listeners on nothing": func(n int) {
			g := quiet()
			tags := numbered("room", n)
			for _, tag := range tags {
				_, err := g.Add(tag, graph.Props{Listeners: map[string]any{"nothing": func() {}, "n." + tag: func() {}}})
				require.NoError(t, err)
			}
			for _, tag := range tags {
				require.True(t, g.Remove(tag))
			}
		},
		"watchers": func(n int) {
			g := loaded(t, graph.Roots{"n": func() int { return 1 }})
			var subs []*graph.Subscription
			for range n {
				subs = append(subs, subscribe(t, g, "n", graph.WatchOptions{}, ignore))
			}
			run(t, g, "n")
			for _, s := range subs {
				s.Stop()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			const small = 3000
			grow(small) // warm up
			var few, many time.Duration
			for range 3 { // a busy machine may spoil a measurement, but not make all of them better
				few, many = best(func() { grow(small) }), best(func() { grow(10 * small) })
				if many < 30*few {
					return
				}
			}
			t.Fatalf("%v for %d, %v for %d", few, small, many, 10*small)
		})
	}
}

func numbered(prefix string, n int) []string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf("%s.%d", prefix, i)
	}
	return tags
}

// best is the least of three durations: what a busy machine adds is no property of the code.
func best(f func()) time.Duration {
	least := time.Hour
	for range 3 {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least
}
