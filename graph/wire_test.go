package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

// A wire is a Target that has only the JSON of everything, as if the graph were in another process.
type wire struct{ to graph.Target }

func (w wire) Do(ctx context.Context, c *graph.Call) (any, error) {
	far := &graph.Call{Verb: c.Verb, Route: c.Route, Method: c.Method}
	if !c.Args.IsZero() {
		raw, err := json.Marshal(c.Args)
		if err != nil {
			return nil, err
		}
		far.Args = graph.ArgsJSON(raw)
	}
	if c.Verb == graph.VerbSubscribe {
		if err := rewrite(c.Watch, &far.Watch); err != nil {
			return nil, err
		}
		far.Watch.Tap, far.Watch.Room = c.Watch.Tap, c.Watch.Room
		far.Deliver = func(ctx context.Context, e graph.Event) {
			raw, err := e.JSON()
			if err != nil {
				panic(err)
			}
			c.Deliver(ctx, graph.Event{Value: raw, Position: e.Position, Lost: e.Lost, Snapshot: e.Snapshot})
		}
	}
	out, err := w.to.Do(ctx, far)
	if err != nil {
		return nil, wireError(err)
	}
	switch out := out.(type) {
	case graph.Void, *graph.Subscription:
		return out, nil
	}
	raw, err := json.Marshal(out)
	return json.RawMessage(raw), err
}

// wireError is what the other end learns of an error.
func wireError(err error) error {
	failure := &graph.Error{Code: graph.CodeOf(err)}
	if e, ok := errors.AsType[*graph.Error](err); ok {
		failure.Message = e.Message
	}
	var arrived graph.Error
	if err := rewrite(failure, &arrived); err != nil {
		return err
	}
	return &arrived
}

func rewrite(from, to any) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

// eachTarget runs a test against a graph in the process and across a wire.
func eachTarget(t *testing.T, f func(t *testing.T, g *graph.Graph, target graph.Target)) {
	t.Run("graph", func(t *testing.T) {
		g := graph.New()
		f(t, g, g)
	})
	t.Run("wire", func(t *testing.T) {
		g := graph.New()
		f(t, g, wire{g})
	})
}

// A logBuffer keeps what a graph logs.
type logBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// logged returns a graph whose log can be read.
func logged() (*graph.Graph, *logBuffer) {
	log := &logBuffer{}
	return graph.NewWith(graph.Options{Logger: slog.New(slog.NewTextHandler(log, nil))}), log
}

// quiet is a graph whose log nobody reads.
func quiet() *graph.Graph {
	return graph.NewWith(graph.Options{Logger: slog.New(slog.DiscardHandler)})
}

// loaded returns a graph with these nodes.
func loaded(t testing.TB, roots graph.Roots) *graph.Graph {
	t.Helper()
	g := quiet()
	require.NoError(t, g.Load(roots))
	return g
}

// run runs a route that must succeed.
func run(t testing.TB, target graph.Target, route string, args ...any) any {
	t.Helper()
	out, err := graph.Run(t.Context(), target, route, args...)
	require.NoError(t, err)
	return out
}

// A recorder keeps the values it is given; it may be used concurrently.
type recorder[T any] struct {
	mu   sync.Mutex // guards seen
	seen []T
}

func (r *recorder[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, v)
}

func (r *recorder[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]T(nil), r.seen...)
}

// event is a Deliver that keeps the values of events.
func (r *recorder[T]) event(_ context.Context, e graph.Event) { r.add(e.Value.(T)) }

// subscribe watches a route with the given options, which must succeed.
func subscribe(t testing.TB, target graph.Target, route string, o graph.WatchOptions, f graph.Deliver) *graph.Subscription {
	t.Helper()
	out, err := target.Do(t.Context(), &graph.Call{Verb: graph.VerbSubscribe, Route: route, Watch: o, Deliver: f})
	require.NoError(t, err)
	return out.(*graph.Subscription)
}
