package ws_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

// patience is how long a condition may take on a busy machine before it counts as never.
const patience = 10 * time.Second

const (
	double graph.Func[int, int]        = "double"
	name   graph.Func[string, string]  = "name" // served by clients
	ticks  graph.State[int]            = "ticks"
	hold   graph.Func[int, graph.Void] = "hold" // runs until it is cancelled
)

// A server is an endpoint on a loopback port.
type server struct {
	svc   *services.Service
	info  *ws.ServerInfo
	ticks *graph.Var[int]
	http  *httptest.Server
	url   string // ws://
	log   *logBuffer
}

// A logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
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

type config struct {
	options  services.Options
	props    ws.Props
	wrap     func(http.Handler) http.Handler
	listener func(net.Listener) net.Listener
	start    func(*httptest.Server) // instead of Start
}

func serve(t testing.TB, c config) *server {
	t.Helper()
	s := &server{log: &logBuffer{}}
	g := graph.New()
	double.Handle(g, func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	hold.Handle(g, func(ctx context.Context, _ int) (graph.Void, error) {
		<-ctx.Done()
		return graph.Void{}, ctx.Err()
	})
	s.ticks = ticks.Serve(g, 0)
	if c.options.Expose == nil {
		c.options.Expose = []string{"**"}
	}
	c.options.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	s.svc = services.New(g, &c.options)
	var err error
	s.info, err = ws.New(s.svc).SetupWSS(c.props)
	require.NoError(t, err)
	var h http.Handler = s.info
	if c.wrap != nil {
		h = c.wrap(h)
	}
	s.http = httptest.NewUnstartedServer(h)
	s.http.Config.ErrorLog = slog.NewLogLogger(c.options.Logger.Handler(), slog.LevelError)
	if c.listener != nil {
		s.http.Listener = c.listener(s.http.Listener)
	}
	if c.start != nil {
		c.start(s.http)
	} else {
		s.http.Start()
	}
	s.url = "ws" + strings.TrimPrefix(s.http.URL, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.svc.Shutdown(ctx), "goroutines of the service are left")
		s.http.Close()
	})
	return s
}

func (s *server) address() string { return s.http.Listener.Addr().String() }

// open connects one of our own clients, whose graph answers "name".
func (s *server) open(t testing.TB, options *ws.DialOptions) *ws.SocketInfo {
	t.Helper()
	g := graph.New()
	name.Handle(g, func(_ context.Context, greeting string) (string, error) { return greeting + " Ann", nil })
	svc := services.New(g, &services.Options{Expose: []string{"**"}})
	c, err := ws.OpenWS(t.Context(), s.url, svc, options)
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Terminate()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, svc.Shutdown(ctx), "goroutines of the client are left")
	})
	return c
}

// works asks the server something over a connection that should be alive.
func works(t testing.TB, c *ws.SocketInfo) {
	t.Helper()
	v, err := double.Run(t.Context(), c, 21)
	require.NoError(t, err)
	require.Equal(t, 42, v)
}

func receive[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "did not happen: "+what)
		panic("unreachable")
	}
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline, again := time.After(patience), time.NewTicker(2*time.Millisecond)
	defer again.Stop()
	for !f() { // on this goroutine, as some conditions count goroutines
		select {
		case <-again.C:
		case <-deadline:
			require.FailNow(t, "did not become true: "+what)
		}
	}
}
