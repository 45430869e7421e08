package sse_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
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
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

// patience is how long a condition may take on a busy machine before it counts as never.
const patience = 10 * time.Second

const (
	double graph.Func[int, int]           = "double"
	note   graph.Func[string, graph.Void] = "note" // keeps what it is given
	fail   graph.Func[string, graph.Void] = "fail" // with the code of that name
	whoami graph.Func[graph.Void, string] = "whoami"
	hold   graph.Func[int, graph.Void]    = "hold" // runs until it is cancelled
	name   graph.Func[string, string]     = "name" // served by clients
	ticks  graph.State[int]               = "ticks"
)

// A server is an endpoint on a loopback port.
type server struct {
	svc   *services.Service
	info  *sse.ChannelInfo
	ticks *graph.Var[int]
	notes chan string
	http  *httptest.Server
	url   string
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
	props    sse.Props
	wrap     func(http.Handler) http.Handler
	listener func(net.Listener) net.Listener
	start    func(*httptest.Server) // instead of Start
}

// program returns a service with the routes above.
func (s *server) program(c *config) {
	g := graph.New()
	double.Handle(g, func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	note.Handle(g, func(_ context.Context, text string) (graph.Void, error) {
		s.notes <- text
		return graph.Void{}, nil
	})
	fail.Handle(g, func(_ context.Context, name string) (graph.Void, error) {
		var c graph.Code
		if c.UnmarshalText([]byte(name)) == nil && c.String() == name {
			return graph.Void{}, c.Errorf("as you wish")
		}
		return graph.Void{}, io.ErrUnexpectedEOF
	})
	whoami.Handle(g, func(ctx context.Context, _ graph.Void) (string, error) { return services.IdentityFrom(ctx).User, nil })
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
}

func newServer(t testing.TB, c config) *server {
	t.Helper()
	s := &server{log: &logBuffer{}, notes: make(chan string, 1000)}
	s.program(&c)
	var err error
	s.info, err = sse.New(s.svc).SetupSSE(c.props)
	require.NoError(t, err)
	return s
}

func serve(t testing.TB, c config) *server {
	t.Helper()
	s := newServer(t, c)
	var h http.Handler = s.info
	if c.wrap != nil {
		h = c.wrap(h)
	}
	s.http = httptest.NewUnstartedServer(h)
	s.http.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(s.log, nil), slog.LevelError)
	if c.listener != nil {
		s.http.Listener = c.listener(s.http.Listener)
	}
	if c.start != nil {
		c.start(s.http)
	} else {
		s.http.Start()
	}
	s.url = s.http.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.svc.Shutdown(ctx), "goroutines of the service are left")
		s.http.Close()
		require.NotContains(t, s.log.String(), "superfluous")
		require.NotContains(t, s.log.String(), "http: panic")
	})
	return s
}

func (s *server) address() string { return s.http.Listener.Addr().String() }

// open connects one of our own clients, whose graph answers "name".
func (s *server) open(t testing.TB, options *sse.DialOptions) *sse.Connection {
	t.Helper()
	if options == nil {
		options = &sse.DialOptions{}
	}
	g := graph.New()
	name.Handle(g, func(_ context.Context, greeting string) (string, error) { return greeting + " Ann", nil })
	svc := services.New(g, &services.Options{Expose: []string{"**"}})
	c, err := sse.OpenSSE(t.Context(), s.url, svc, options)
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
func works(t testing.TB, c *sse.Connection) {
	t.Helper()
	v, err := double.Run(t.Context(), c, 21)
	require.NoError(t, err)
	require.Equal(t, 42, v)
}

// A stream is the client's end of an event stream, without a Peer.
type stream struct {
	t        testing.TB
	response *http.Response
	events   *eventstream.Reader
	id       string
	token    string
	cancel   context.CancelFunc
	raw      *bytes.Buffer // all that was read
}

// stream opens a stream and reads the first message. Lines are headers, "Name: value".
func (s *server) stream(t testing.TB, lines ...string) *stream {
	t.Helper()
	e := s.get(t, http.MethodGet, append([]string{"Graphscript-Version: 1"}, lines...)...)
	require.Equal(t, http.StatusOK, e.response.StatusCode)
	var first struct {
		Route string
		Args  string
		Meta  struct{ Token string }
	}
	require.NoError(t, json.Unmarshal([]byte(e.data()), &first))
	require.Equal(t, "setId", first.Route)
	e.id, e.token = first.Args, first.Meta.Token
	return e
}

// get makes a request whose response is read as a stream.
func (s *server) get(t testing.TB, method string, lines ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, s.url, nil)
	require.NoError(t, err)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	response, err := s.http.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	raw := &bytes.Buffer{}
	return &stream{
		t: t, response: response, cancel: cancel, raw: raw,
		events: eventstream.NewReader(io.TeeReader(response.Body, raw), nil),
	}
}

// next returns the next event.
func (e *stream) next() eventstream.Event {
	e.t.Helper()
	type result struct {
		event eventstream.Event
		err   error
	}
	c := make(chan result, 1)
	go func() {
		event, err := e.events.Next()
		c <- result{event, err}
	}()
	r := receive(e.t, c, "an event arrives")
	require.NoError(e.t, r.err)
	return r.event
}

// data returns the data of the next event, which is of the default type.
func (e *stream) data() string {
	e.t.Helper()
	event := e.next()
	require.Equal(e.t, "message", event.Type)
	return event.Data
}

// ends requires that the stream ends with a close event, and returns its data.
func (e *stream) ends() string {
	e.t.Helper()
	for {
		event := e.next()
		if event.Type != "close" {
			continue
		}
		_, err := e.events.Next()
		require.ErrorIs(e.t, err, io.EOF)
		return event.Data
	}
}

// post sends a body to the endpoint.
func (s *server) post(t testing.TB, body string, lines ...string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(body))
	require.NoError(t, err)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	response, err := s.http.Client().Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if len(data) > 0 {
		require.Equal(t, "application/json", response.Header.Get("Content-Type"))
		require.True(t, json.Valid(data), "%s", data)
	}
	return response.StatusCode, string(data)
}

// dial makes a TCP connection and writes to it.
func (s *server) dial(t testing.TB, request string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.address())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	return conn.(*net.TCPConn), bufio.NewReader(conn)
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
