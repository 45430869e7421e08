package httpservice_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

// The contracts of the fixture.
const (
	addInts graph.Func[pair, int64]        = "add"
	greet   graph.Func[string, string]     = "greet"
	total   graph.Func[[]int, int]         = "total"
	counter graph.State[int64]             = "counter"
	slow    graph.Func[graph.Void, string] = "slow"
	notes   graph.Func[string, graph.Void] = "note"
	ticks   graph.Func[string, string]     = "ticks"
)

type pair struct{ A, B int64 }

// colour is a string type of its own.
type colour string

// stamp is no string although its JSON is one.
type stamp struct{}

func (stamp) MarshalJSON() ([]byte, error) { return []byte(`"stamp"`), nil }

// bomb goes off when it is encoded.
type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("s3cr3t-canary") }

// A fixture is a service whose routes do one thing each.
type fixture struct {
	svc     *services.Service
	backend *httpservice.Backend
	graph   *graph.Graph
	count   *graph.Var[int64]
	noted   chan string
	entered chan context.Context // gets the context of each run of slow and hold
	release chan struct{}        // lets hold return
	log     *logBuffer
}

func newFixture(t *testing.T, so services.Options, ho *httpservice.Options) *fixture {
	t.Helper()
	log := &logBuffer{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f := &fixture{
		graph: graph.NewWith(graph.Options{Logger: logger}), noted: make(chan string, 100), log: log,
		entered: make(chan context.Context, 100), release: make(chan struct{}),
	}
	f.count = counter.Serve(f.graph, 0, graph.Writable())
	f.load(t)
	if so.Expose == nil {
		so.Expose = []string{"**"}
	}
	so.Restrict = append(so.Restrict, "secret")
	so.Logger = logger
	f.svc = services.New(f.graph, &so)
	f.backend = httpservice.New(f.svc, ho)
	return f
}

func (f *fixture) load(t *testing.T) {
	addInts.Handle(f.graph, func(_ context.Context, in pair) (int64, error) { return in.A + in.B, nil })
	greet.Handle(f.graph, func(_ context.Context, name string) (string, error) { return "hello " + name, nil })
	total.Handle(f.graph, func(_ context.Context, in []int) (int, error) {
		sum := 0
		for _, n := range in {
			sum += n
		}
		return sum, nil
	})
	slow.Handle(f.graph, func(ctx context.Context, _ graph.Void) (string, error) {
		f.entered <- ctx
		<-ctx.Done()
		return "", ctx.Err()
	})
	notes.Handle(f.graph, func(_ context.Context, s string) (graph.Void, error) {
		f.noted <- s
		return graph.Void{}, nil
	})
	ticks.Handle(f.graph, func(_ context.Context, s string) (string, error) { return s, nil })
	via := func(name string) func(a graph.Args) any {
		return func(a graph.Args) any {
			values, _ := a.Values()
			return map[string]any{"via": name, "a": values}
		}
	}
	member := func(name string) graph.Operator {
		return func(_ context.Context, a graph.Args) (any, error) { return via(name)(a), nil }
	}
	require.NoError(t, f.graph.Load(graph.Roots{
		"math": graph.Props{
			Operator: func(x float64) float64 { return x },
			Methods:  map[string]any{"square": func(x float64) float64 { return x * x }},
			State:    map[string]any{"pi": 3.14, "label": "m", "secretKey": "key"}, Writable: []string{"label"},
			Children: graph.Roots{"mul": func(a, b float64) float64 { return a * b }},
		},
		"multi":  graph.Props{Methods: map[string]any{"get": member("get"), "post": member("post"), "put": member("put"), "custom": member("custom")}},
		"args":   member("run"),
		"both":   graph.Props{Operator: member("run"), Methods: map[string]any{"post": member("post")}},
		"same":   func(v any) any { return v },
		"raw":    func(raw json.RawMessage) json.RawMessage { return raw },
		"obj":    func() any { return map[string]any{"ok": true, "list": []int{1, 2, 3}} },
		"nul":    func() any { return nil },
		"zero":   func() int { return 0 },
		"fals":   func() bool { return false },
		"empty":  func() string { return "" },
		"none":   func() {},
		"markup": func() string { return "<b>hi</b>" },
		"page":   func() httpservice.HTML { return "<b>hi</b>" },
		"colour": func() colour { return "red" },
		"stamp":  func() stamp { return stamp{} },
		"nan":    func() any { return []any{func() {}} },
		"bad":    func() json.RawMessage { return json.RawMessage(`{"a":`) },
		"bomb":   func() bomb { return bomb{} },
		"quoted": func() json.RawMessage { return json.RawMessage(`"from afar"`) },
		"fail":   func() error { return errors.New("boom s3cr3t-canary") },
		"denied": func() error { return graph.FailedPrecondition.Errorf("not today") },
		"panics": func(kind string) { doPanic(kind) },
		"goexit": func() { runtime.Goexit() },
		"secret": func() string { return "s3cr3t-canary" },
		"big":    func(n int) string { return strings.Repeat("x", n) },
		"hold":   func(ctx context.Context) string { f.entered <- ctx; <-f.release; return "held" },
		"who":    func(ctx context.Context) string { return services.IdentityFrom(ctx).User },
		"trace":  func(ctx context.Context) string { return services.Traceparent(ctx) },
		"größe":  func() string { return "ü" },
		"a/b":    func() string { return "slash" },
		"left": func(ctx context.Context) any {
			deadline, ok := ctx.Deadline()
			if !ok {
				return nil
			}
			return time.Until(deadline).Milliseconds()
		},
	}))
}

func doPanic(kind string) {
	switch kind {
	case "error":
		panic(errors.New("s3cr3t-canary"))
	case "coded":
		panic(graph.NotFound)
	case "abort":
		panic(http.ErrAbortHandler)
	case "index":
		var list []int
		_ = list[len(kind)]
	case "nil":
		reflect.ValueOf(map[string]int(nil)).SetMapIndex(reflect.ValueOf(kind), reflect.ValueOf(1))
	default:
		panic("s3cr3t-canary")
	}
}

// A logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// noLeak fails the test if it leaves goroutines behind. It is called first, so that it checks last.
func noLeak(t *testing.T) {
	base := runtime.NumGoroutine()
	t.Cleanup(func() {
		gone := func() bool { return runtime.NumGoroutine() <= base }
		for deadline := time.Now().Add(10 * time.Second); !gone() && time.Now().Before(deadline); {
			runtime.Gosched()
		}
		if !gone() {
			stacks := make([]byte, 1<<20)
			t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), base, stacks[:runtime.Stack(stacks, true)])
		}
	})
}

// A protocol is how a test's server is reached.
type protocol struct {
	name  string
	https bool
}

func protocols() []protocol { return []protocol{{"HTTP/1.1", false}, {"HTTP/2", true}} }

// serveOn starts a server for h and returns its URL and a client for it.
func serveOn(t *testing.T, p protocol, h http.Handler, configure ...func(*http.Server)) (url string, client *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	for _, f := range configure {
		f(server.Config)
	}
	if p.https {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL, server.Client()
}

// An exchanged is a request's answer, read to its end.
type exchanged struct {
	status int
	header http.Header
	body   string
	proto  string
}

func send(t *testing.T, client *http.Client, method, url, body string, header ...string) exchanged {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, reader)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return exchanged{response.StatusCode, response.Header, string(data), response.Proto}
}

// code returns the code of a failure.
func (e exchanged) code(t *testing.T) string {
	t.Helper()
	var envelope struct {
		Error struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(e.body), &envelope), e.body)
	require.Equal(t, "application/json", e.header.Get("Content-Type"))
	return envelope.Error.Code
}

// A rawConn is a connection that says what a test tells it to.
type rawConn struct {
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, url string) *rawConn {
	t.Helper()
	scheme, address, _ := strings.Cut(url, "://")
	var conn net.Conn
	var err error
	if scheme == "https" {
		conn, err = tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	} else {
		conn, err = net.Dial("tcp", address)
	}
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	t.Cleanup(func() { conn.Close() })
	return &rawConn{conn, bufio.NewReader(conn)}
}

func (c *rawConn) say(t *testing.T, format string, args ...any) {
	t.Helper()
	_, err := fmt.Fprintf(c.Conn, format, args...)
	require.NoError(t, err)
}

// answer reads one response.
func (c *rawConn) answer(t *testing.T) exchanged {
	t.Helper()
	response, err := http.ReadResponse(c.r, nil)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return exchanged{response.StatusCode, response.Header, string(data), response.Proto}
}

// ended reads until the connection ends and returns what came before.
func (c *rawConn) ended(t *testing.T) string {
	t.Helper()
	rest, err := io.ReadAll(c.r)
	if err != nil {
		require.NotErrorIs(t, err, net.ErrClosed)
		netErr, ok := errors.AsType[net.Error](err)
		require.False(t, ok && netErr.Timeout(), "the server did not end the connection")
	}
	return string(rest)
}
