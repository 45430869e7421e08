package sse_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

func TestOnConnectionMayCallTheClientBesideItsTraffic(t *testing.T) {
	greetings := make(chan string, 1)
	release := make(chan struct{})
	requests := make(chan *http.Request, 1)
	s := serve(t, config{props: sse.Props{OnConnection: func(c *sse.ClientInfo, r *http.Request) error {
		requests <- r
		greeting, err := name.Run(r.Context(), c, "Hello")
		greetings <- greeting
		<-release
		return err
	}}})
	c := s.open(t, nil)
	require.Equal(t, "Hello Ann", receive(t, greetings, "the client is called"))
	works(t, c) // OnConnection still runs
	onServer := s.info.Session(c.ID())
	require.Equal(t, c.ID(), onServer.ID())
	r := receive(t, requests, "the request is passed on")
	require.Same(t, r, onServer.Request)
	require.NoError(t, r.Context().Err())
	close(release)
	works(t, c)
	c.Terminate()
	receive(t, r.Context().Done(), "the request's context ends with the stream")
}

func TestErrorOfOnConnectionEndsTheSession(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  func() error
		want graph.Code
	}{
		{"with a code", func() error { return graph.PermissionDenied.Errorf("not you") }, graph.PermissionDenied},
		{"without", func() error { return errors.New("table users has no column x") }, graph.Internal},
		{"a panic", func() error { panic("users") }, graph.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reasons := make(chan error, 2)
			s := serve(t, config{props: sse.Props{
				OnConnection:      func(*sse.ClientInfo, *http.Request) error { return tt.err() },
				OnConnectionClose: func(_ *sse.ClientInfo, reason error) { reasons <- reason },
			}})
			e := s.stream(t)
			reason := decoded[graph.Error](t, e.ends())
			require.Equal(t, tt.want, reason.Code)
			require.NotContains(t, reason.Message, "users")
			require.ErrorIs(t, receive(t, reasons, "OnConnectionClose"), tt.want)
		})
	}
}

func TestOnConnectionCloseRunsOnceWithTheReason(t *testing.T) {
	for _, tt := range []struct {
		name             string
		end              func(c *sse.Connection, onServer *sse.ClientInfo, s *server)
		atServer, atPeer string
	}{
		{"client terminates", func(c *sse.Connection, _ *sse.ClientInfo, _ *server) { c.Terminate() }, "unavailable: the client has gone", "canceled: terminated"},
		{"server terminates", func(_ *sse.Connection, c *sse.ClientInfo, _ *server) { c.Terminate() }, "canceled: terminated", "canceled: terminated"},
		{"server closes", func(_ *sse.Connection, c *sse.ClientInfo, _ *server) { c.Close(graph.DataLoss, "oops\n") }, "data_loss: oops\n", "data_loss: oops\n"},
		{"endpoint terminates", func(_ *sse.Connection, _ *sse.ClientInfo, s *server) { s.info.Terminate() }, "unavailable: the endpoint is closed", "unavailable: the endpoint is closed"},
		{"service shuts down", func(_ *sse.Connection, _ *sse.ClientInfo, s *server) { _ = s.svc.Shutdown(context.Background()) }, "unavailable: the service is shutting down", "unavailable: the service is shutting down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var connected, closed atomic.Int32
			reasons := make(chan error, 2)
			s := serve(t, config{props: sse.Props{
				OnConnection: func(c *sse.ClientInfo, _ *http.Request) error {
					<-c.Done()
					connected.Add(1)
					return nil
				},
				OnConnectionClose: func(c *sse.ClientInfo, reason error) {
					require.EqualValues(t, 1, connected.Load(), "OnConnection has returned")
					require.Equal(t, c.Err(), reason)
					closed.Add(1)
					reasons <- reason
				},
			}})
			c := s.open(t, nil)
			tt.end(c, s.info.Session(c.ID()), s)
			require.EqualError(t, receive(t, reasons, "OnConnectionClose"), tt.atServer)
			receive(t, c.Done(), "the client's end is gone")
			require.EqualError(t, c.Err(), tt.atPeer)
			require.Nil(t, s.info.Session(c.ID()))
			require.NoError(t, s.svc.Shutdown(t.Context()))
			require.EqualValues(t, 1, closed.Load())
		})
	}
}

func TestReasonReachesTheClient(t *testing.T) {
	s := serve(t, config{})
	for c := graph.Canceled; c <= graph.DataLoss; c++ {
		client := s.open(t, nil)
		s.info.Session(client.ID()).Lost(c.Errorf("because")) // without what is queued
		receive(t, client.Done(), "the client's end is gone")
		require.Equal(t, c, graph.CodeOf(client.Err()))
		require.EqualError(t, client.Err(), c.String()+": because")
	}
}

// A client that is to come back is told when: between once and twice Retry, not all at the same time. One that is not
// is told nothing.
func TestGoodbyeSpreadsThoseWhoComeBack(t *testing.T) {
	s := serve(t, config{props: sse.Props{Retry: time.Second}})
	seen := make(map[string]bool)
	for range 10 {
		e := s.stream(t)
		before := e.raw.Len()
		s.info.Session(e.id).Close(graph.Unavailable, "come back")
		e.ends()
		first, _, _ := strings.Cut(strings.TrimPrefix(e.raw.String()[before:], "event: close\n"), "\n")
		ms, err := strconv.Atoi(strings.TrimPrefix(first, "retry: "))
		require.NoError(t, err, first)
		require.GreaterOrEqual(t, ms, 1000)
		require.Less(t, ms, 2000)
		seen[first] = true
	}
	require.Greater(t, len(seen), 3)
	e := s.stream(t)
	before := e.raw.Len()
	s.info.Session(e.id).Terminate()
	e.ends()
	require.Equal(t, "event: close\n"+`data: {"code":"canceled","message":"terminated"}`+"\n\n", e.raw.String()[before:])
}

// Whoever comes when there is no room, or when the service goes, must come back: a browser's EventSource does that after
// a stream that ends, and never after a status other than 200.
func TestStreamsThatAreTurnedAway(t *testing.T) {
	away := func(t *testing.T, s *server) {
		t.Helper()
		e := s.get(t, http.MethodGet, "Accept: text/event-stream")
		require.Equal(t, http.StatusOK, e.response.StatusCode)
		require.Equal(t, "text/event-stream", e.response.Header.Get("Content-Type"))
		body, err := io.ReadAll(e.response.Body)
		require.NoError(t, err)
		require.Regexp(t, `^: ok\nretry: [23]\d\d\d\n\n$`, string(body))
		_, err = sse.OpenSSE(t.Context(), s.url, nil, nil)
		require.ErrorIs(t, err, graph.Unavailable)
	}
	t.Run("too many", func(t *testing.T) {
		s := serve(t, config{options: services.Options{Limits: services.Limits{Peers: 1}}})
		c := s.open(t, nil)
		away(t, s)
		works(t, c)
	})
	t.Run("shutting down", func(t *testing.T) {
		s := serve(t, config{})
		require.NoError(t, s.svc.Shutdown(t.Context()))
		away(t, s)
		status, answer := s.post(t, `{"route":"double","args":1}`)
		require.Equal(t, http.StatusServiceUnavailable, status, answer)
		require.Equal(t, http.StatusServiceUnavailable, s.get(t, http.MethodHead).response.StatusCode)
	})
	t.Run("endpoint closed", func(t *testing.T) {
		s := serve(t, config{})
		s.info.Terminate()
		away(t, s)
	})
}

func TestRefusalsThatAreFinal(t *testing.T) {
	s := serve(t, config{options: services.Options{
		Authenticate: func(r *http.Request) (services.Identity, error) {
			switch user := r.Header.Get("X-User"); user {
			case "":
				return services.Identity{}, graph.Unauthenticated.Errorf("who are you?")
			case "mallory":
				return services.Identity{}, graph.PermissionDenied.Errorf("not you")
			case "broken":
				return services.Identity{}, errors.New("no connection to 10.0.0.7")
			default:
				return services.Identity{User: user}, nil
			}
		},
		OnConnect: func(p *services.Peer) error {
			if p.Identity().User == "bob" {
				return graph.FailedPrecondition.Errorf("not open yet")
			}
			return nil
		},
	}})
	for _, tt := range []struct {
		user   string
		status int
		want   graph.Code
		body   string
	}{
		{"", 401, graph.Unauthenticated, `{"error":{"code":"unauthenticated","message":"who are you?"}}`},
		{"mallory", 403, graph.PermissionDenied, `{"error":{"code":"permission_denied","message":"not you"}}`},
		{"bob", 412, graph.FailedPrecondition, `{"error":{"code":"failed_precondition","message":"not open yet"}}`},
		{"broken", 500, graph.Internal, ""},
	} {
		e := s.get(t, http.MethodGet, "X-User: "+tt.user)
		require.Equal(t, tt.status, e.response.StatusCode)
		require.Equal(t, "application/json", e.response.Header.Get("Content-Type"))
		body, err := io.ReadAll(e.response.Body)
		require.NoError(t, err)
		if tt.body != "" {
			require.JSONEq(t, tt.body, string(body))
		}
		require.NotContains(t, string(body), "10.0.0.7")
		_, err = sse.OpenSSE(t.Context(), s.url, nil, &sse.DialOptions{Header: http.Header{"X-User": {tt.user}}})
		require.ErrorIs(t, err, tt.want)
	}
	c := s.open(t, &sse.DialOptions{Header: http.Header{"X-User": {"ann"}}})
	works(t, c)
	require.Equal(t, "ann", s.info.Session(c.ID()).Identity().User)
}

func TestPathsAreTakenOnce(t *testing.T) {
	b := sse.New(services.New(graph.New(), nil))
	closed := 0
	first, err := b.SetupSSE(sse.Props{Path: "/a", OnClose: func() { closed++ }})
	require.NoError(t, err)
	_, err = b.SetupSSE(sse.Props{Path: "/b"})
	require.NoError(t, err)
	_, err = b.SetupSSE(sse.Props{Path: "/a"})
	require.ErrorIs(t, err, graph.AlreadyExists)
	first.Terminate()
	first.Terminate()
	require.Equal(t, 1, closed)
	_, err = b.SetupSSE(sse.Props{Path: "/a"})
	require.NoError(t, err, "Terminate frees the path")
}

// A session that was on its way when the endpoint closed is closed too.
func TestTerminateWhileAStreamOpens(t *testing.T) {
	var info atomic.Pointer[sse.ChannelInfo]
	connected := make(chan struct{}, 1)
	s := serve(t, config{
		options: services.Options{OnConnect: func(*services.Peer) error { info.Load().Terminate(); return nil }},
		props:   sse.Props{OnConnection: func(*sse.ClientInfo, *http.Request) error { connected <- struct{}{}; return nil }},
	})
	info.Store(s.info)
	e := s.stream(t)
	require.JSONEq(t, `{"code":"unavailable","message":"the endpoint is closed"}`, e.ends())
	require.Zero(t, s.info.Len())
	require.Empty(t, connected)
}

// Whether a request that comes while the endpoint closes is turned away or its session closed, none stays.
func TestTerminateBesideNewSessions(t *testing.T) {
	s := serve(t, config{})
	opened := make(chan *sse.Connection)
	const clients = 8
	for range clients {
		go func() {
			c, err := sse.OpenSSE(context.Background(), s.url, nil, nil)
			if err != nil {
				c = nil
			}
			opened <- c
		}()
	}
	first := receive(t, opened, "a client connects")
	s.info.Terminate()
	for range clients - 1 {
		if c := receive(t, opened, "a client connects or is turned away"); c != nil {
			receive(t, c.Done(), "the client is closed")
		}
	}
	if first != nil {
		receive(t, first.Done(), "the client is closed")
	}
	eventually(t, "no session is left", func() bool { return s.info.Len() == 0 && len(s.svc.Peers()) == 0 })
}

func TestClientThatGoesEndsItsHandler(t *testing.T) {
	for _, how := range []string{"fin", "reset"} {
		t.Run(how, func(t *testing.T) {
			returned := make(chan struct{}, 1)
			s := serve(t, config{props: sse.Props{KeepAlive: -1}, wrap: func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(w, r)
					returned <- struct{}{}
				})
			}})
			before := runtime.NumGoroutine()
			conn, in := s.dial(t, request("1.1", "Graphscript-Version: 1"))
			_, err := http.ReadResponse(in, nil)
			require.NoError(t, err)
			eventually(t, "the session is there", func() bool { return s.info.Len() == 1 })
			p := s.info.Peers()[0]
			// Two goroutines, both of net/http: the handler, and one that watches for the client's end.
			eventually(t, "a session takes no goroutine of its own", func() bool { return runtime.NumGoroutine() <= before+2 })
			require.NoError(t, p.Deliver([]byte(`{"route":"hold","args":1,"callbackId":1}`)))
			require.NoError(t, p.Deliver([]byte(`{"route":"ticks","method":"subscribe","callbackId":2}`)))
			eventually(t, "the route runs, the state is watched", func() bool {
				return s.svc.Stats() == services.Stats{Peers: 1, Running: 1, Subscriptions: 1}
			})
			if how == "reset" {
				require.NoError(t, conn.SetLinger(0))
			}
			started := time.Now()
			require.NoError(t, conn.Close())
			receive(t, returned, "the handler returns")
			require.Less(t, time.Since(started), time.Second)
			require.ErrorIs(t, p.Err(), graph.Unavailable)
			require.Zero(t, s.info.Len())
			eventually(t, "all that the session did is over", func() bool {
				return s.svc.Stats() == services.Stats{} && runtime.NumGoroutine() <= before
			})
		})
	}
}

// A session that is closed between its beginning and its header, as by a broadcast that overflows, writes nothing out of turn.
func TestSessionsThatAreCutAtOnce(t *testing.T) {
	s := serve(t, config{options: services.Options{OnConnect: func(p *services.Peer) error {
		go p.Lost(graph.Unavailable.Errorf("cut"))
		return nil
	}}})
	for range 20 {
		e := s.get(t, http.MethodGet)
		require.Equal(t, http.StatusOK, e.response.StatusCode)
		body, err := io.ReadAll(e.response.Body)
		require.NoError(t, err)
		require.Regexp(t, `^(: ok\nretry: 2000\n\n)?(data: \{"route":"setId".*\}\n\n)?(event: close\nretry: \d+\ndata: \{.*\}\n\n)?$`, string(body))
	}
}
