package graph_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/graphscript-go/graphscript/graph"
)

type sumIn struct{ A, B int }

const (
	benchSum   graph.Func[sumIn, int] = "math.sum"
	benchCount graph.State[int]       = "count"
)

func sum(_ context.Context, in sumIn) (int, error) { return in.A + in.B, nil }

func BenchmarkRunTyped(b *testing.B) {
	g := graph.New()
	benchSum.Handle(g, sum)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := benchSum.Run(ctx, g, sumIn{1, 2}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunByName(b *testing.B) {
	for name, def := range map[string]struct {
		def  any
		args []any
	}{
		"operator": {graph.Operator(func(context.Context, graph.Args) (any, error) { return 3, nil }), []any{1, 2}},
		"values":   {func(_ context.Context, v ...any) (any, error) { return v[0].(int) + v[1].(int), nil }, []any{1, 2}},
		"func":     {func(a, b int) int { return a + b }, []any{1, 2}},
	} {
		b.Run(name, func(b *testing.B) {
			g := graph.New()
			if _, err := g.Add("math.sum", def.def); err != nil {
				b.Fatal(err)
			}
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := g.Run(ctx, "math.sum", def.args...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("contract", func(b *testing.B) {
		g := graph.New()
		benchSum.Handle(g, sum)
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := g.Run(ctx, "math.sum", sumIn{1, 2}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("contract positional", func(b *testing.B) {
		g := graph.New()
		benchSum.Handle(g, sum)
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := g.Run(ctx, "math.sum", 1, 2); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		for _, tap := range []bool{false, true} {
			b.Run(fmt.Sprintf("watchers=%d/tap=%v", n, tap), func(b *testing.B) {
				g := graph.New()
				benchSum.Handle(g, sum)
				hits := 0
				ctx := b.Context()
				for range n {
					c := &graph.Call{Verb: graph.VerbSubscribe, Route: "math.sum", Deliver: func(context.Context, graph.Event) { hits++ }}
					c.Watch.Tap = tap
					if _, err := g.Do(ctx, c); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := benchSum.Run(ctx, g, sumIn{1, 2}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(hits), "ns/callback")
			})
		}
	}
}

func BenchmarkVarSet(b *testing.B) {
	for _, watchers := range []int{0, 1} {
		b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) {
			v := benchCount.Serve(graph.New(), 0)
			hits := 0
			for range watchers {
				v.Watch(func(int) { hits++ })
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				v.Set(i)
				i++
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	tags := make([]string, 10_000)
	for i := range tags {
		tags[i] = fmt.Sprintf("room.%d", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		g := graph.New()
		for _, tag := range tags {
			if _, err := g.Add(tag, sum); err != nil {
				b.Fatal(err)
			}
		}
	}
}
