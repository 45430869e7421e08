package servicestest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// The contracts, which both ends serve, so that every check of a call is one in both directions.
const (
	add     graph.Func[sum, int64]         = "suite.add"
	note    graph.Func[int, graph.Void]    = "suite.note"
	tick    graph.Func[int, int]           = "suite.tick"
	counter graph.State[int64]             = "suite.counter"
	text    graph.State[string]            = "suite.text"
	wait    graph.Func[string, string]     = "suite.wait"
	bounce  graph.Func[int, int]           = "suite.bounce"
	budget  graph.Func[graph.Void, int64]  = "suite.budget"
	trace   graph.Func[graph.Void, string] = "suite.trace"
	fail    graph.Func[failure, string]    = "suite.fail"
	blow    graph.Func[string, string]     = "suite.blow"
	void    graph.Func[graph.Void, any]    = "suite.void"
	null    graph.Func[graph.Void, any]    = "suite.null"
	large   graph.Func[int, string]        = "suite.large"
	private graph.Func[graph.Void, string] = "suite.private"
	hidden  graph.Func[graph.Void, string] = "hidden.secret"
)

// echoRoute returns its first argument, whatever that is.
const echoRoute = "suite.echo"

type sum struct{ A, B int64 }

// A failure says how a route is to fail.
type failure struct {
	Plain   bool // without a code
	Broken  bool // with details that are no JSON
	Code    graph.Code
	Message string
	Details json.RawMessage
}

// secret must never reach the other end.
const secret = "s3cr3t-canary"

// An end is a program at one end of a connection, and what has happened in it.
type end struct {
	name    string
	graph   *graph.Graph
	service *services.Service

	counter  *graph.Var[int64]
	text     *graph.Var[string]
	notes    record[int]
	messages record[string]
	private  atomic.Int64  // how often a route ran that must not be reachable
	watched  atomic.Int64  // how many subscriptions live in the graph
	waiting  chan string   // gets the argument of each wait that has begun
	released chan error    // gets why a wait was cancelled
	gate     chan struct{} // closed to let all waits return
	open     sync.Once
}

// free lets every route that waits return.
func (e *end) free() { e.open.Do(func() { close(e.gate) }) }

func (s *session) newEnd(name string) *end {
	log := slog.New(slog.NewTextHandler(io.Discard, nil)) // of routes that fail and panic on purpose
	e := &end{
		name: name, graph: graph.NewWith(graph.Options{Logger: log}),
		waiting: make(chan string, 1024), released: make(chan error, 1024), gate: make(chan struct{}),
	}
	e.graph.Use(e.countWatchers)
	e.serve()
	options := services.Options{
		Expose:    []string{"suite.**"},
		Restrict:  []string{"suite.private", "suite.box.closed"},
		OnMessage: func(_ *services.Peer, data []byte) { e.messages.add(string(data)) },
		Logger:    log,
	}
	if s.tune != nil {
		s.tune(&options)
	}
	e.service = services.New(e.graph, &options)
	return e
}

// countWatchers counts the subscriptions that live in the graph.
func (e *end) countWatchers(next graph.Handler) graph.Handler {
	return func(ctx context.Context, c *graph.Call) (any, error) {
		out, err := next(ctx, c)
		if sub, ok := out.(*graph.Subscription); ok {
			e.watched.Add(1)
			sub.OnEnd(func(error) { e.watched.Add(-1) })
		}
		return out, err
	}
}

func (e *end) serve() {
	g := e.graph
	e.counter = counter.Serve(g, 0)
	e.text = text.Serve(g, "")
	add.Handle(g, func(_ context.Context, in sum) (int64, error) { return in.A + in.B, nil })
	note.Handle(g, func(_ context.Context, n int) (graph.Void, error) { e.notes.add(n); return graph.Void{}, nil })
	tick.Handle(g, func(_ context.Context, n int) (int, error) { return n, nil })
	wait.Handle(g, e.wait)
	bounce.Handle(g, e.bounce)
	budget.Handle(g, func(ctx context.Context, _ graph.Void) (int64, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			return -1, nil
		}
		return time.Until(deadline).Milliseconds(), nil
	})
	trace.Handle(g, func(ctx context.Context, _ graph.Void) (string, error) { return services.Traceparent(ctx), nil })
	fail.Handle(g, func(_ context.Context, f failure) (string, error) {
		if f.Plain {
			return "", errors.New(f.Message)
		}
		if f.Broken {
			f.Details = json.RawMessage("{broken")
		}
		return "", fmt.Errorf("%s: %w", secret, &graph.Error{Code: f.Code, Message: f.Message, Details: f.Details})
	})
	blow.Handle(g, blowUp)
	void.Handle(g, func(context.Context, graph.Void) (any, error) { return graph.Void{}, nil })
	null.Handle(g, func(context.Context, graph.Void) (any, error) { return nil, nil })
	large.Handle(g, func(_ context.Context, n int) (string, error) { return letters(n), nil })
	forbidden := func(context.Context, graph.Void) (string, error) { e.private.Add(1); return secret, nil }
	private.Handle(g, forbidden)
	hidden.Handle(g, forbidden)
	e.add(echoRoute, graph.Props{Operator: graph.Operator(func(_ context.Context, a graph.Args) (any, error) {
		values, err := a.Values()
		if err != nil || len(values) == 0 {
			return nil, err
		}
		return values[0], nil
	})})
	e.add("suite.box", graph.Props{
		Methods: map[string]any{
			"open":   func() string { return "open" },
			"closed": func() string { e.private.Add(1); return secret },
		},
		State: map[string]any{"key": 1},
	})
}

func (e *end) add(tag string, p graph.Props) {
	if _, err := e.graph.Add(tag, p); err != nil {
		panic(err)
	}
}

// wait returns its argument when the gate is opened, and fails when it is cancelled.
func (e *end) wait(ctx context.Context, what string) (string, error) {
	e.waiting <- what
	select {
	case <-e.gate:
		return what, nil
	case <-ctx.Done():
		e.released <- context.Cause(ctx)
		return "", ctx.Err()
	}
}

// bounce calls itself at whoever calls it, n times.
func (e *end) bounce(ctx context.Context, n int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	p, ok := services.PeerFrom(ctx)
	if !ok {
		return 0, graph.FailedPrecondition.Errorf("not called by a peer")
	}
	below, err := bounce.Run(ctx, p, n-1)
	return below + 1, err
}

// blowUp ends in a way no route should.
func blowUp(_ context.Context, how string) (string, error) {
	switch how {
	case "text":
		panic(secret)
	case "error":
		panic(fmt.Errorf("%s: %w", secret, graph.NotFound))
	case "nil map":
		var m map[string]int
		m[how] = 1 //nolint:staticcheck // on purpose
	case "index":
		var list []int
		return fmt.Sprint(list[len(how)]), nil //nolint:gosec // on purpose
	case "goexit":
		runtime.Goexit()
	}
	return "", errors.New("no such way to blow up")
}

// letters returns a text of n bytes.
func letters(n int) string {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte('a' + i%26)
	}
	return string(data)
}
