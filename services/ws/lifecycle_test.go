package ws_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

type contextKey struct{}

func TestOnConnectionMayCallTheSocketBesideItsTraffic(t *testing.T) {
	greetings := make(chan string, 1)
	release := make(chan struct{})
	requests := make(chan *http.Request, 1)
	s := serve(t, config{
		props: ws.Props{OnConnection: func(c *ws.SocketInfo, r *http.Request) error {
			requests <- r
			greeting, err := name.Run(r.Context(), c, "Hello")
			greetings <- greeting
			<-release
			return err
		}},
		wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, "kept")))
			})
		},
	})
	c := s.open(t, nil)
	require.Equal(t, "Hello Ann", receive(t, greetings, "the client is called"))
	works(t, c) // OnConnection still runs
	require.NotNil(t, s.info.Socket(c.ID()))

	r := receive(t, requests, "the request is passed on")
	require.NoError(t, r.Context().Err(), "the request's context lives as long as the socket")
	require.Equal(t, "kept", r.Context().Value(contextKey{}))
	peer, ok := services.PeerFrom(r.Context())
	require.True(t, ok)
	require.Equal(t, c.ID(), peer.ID())
	close(release)
	works(t, c)
	c.Terminate()
	receive(t, r.Context().Done(), "the request's context ends with the socket")
}

func TestErrorOfOnConnectionClosesTheSocket(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  func() error
		want graph.Code
		code int
		text string
	}{
		{"with a code", func() error { return graph.PermissionDenied.Errorf("not you") }, graph.PermissionDenied, websocket.ClosePolicyViolation, "permission_denied: not you"},
		{"without", func() error { return errors.New("table users has no column x") }, graph.Internal, websocket.CloseInternalServerErr, ""},
		{"a panic", func() error { panic("nobody expects it") }, graph.Internal, websocket.CloseInternalServerErr, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reasons := make(chan error, 2)
			s := serve(t, config{props: ws.Props{
				OnConnection:      func(*ws.SocketInfo, *http.Request) error { return tt.err() },
				OnConnectionClose: func(_ *ws.SocketInfo, reason error) { reasons <- reason },
			}})
			r := upgradeRaw(t, s)
			code, text := r.ending()
			require.Equal(t, tt.code, code)
			if tt.text != "" {
				require.Equal(t, tt.text, text)
			} else {
				require.Contains(t, text, "reference")
				require.NotContains(t, text, "users")
			}
			require.ErrorIs(t, receive(t, reasons, "OnConnectionClose"), tt.want)
		})
	}
}

func TestOnConnectionCloseRunsOnceWithTheReason(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(c, onServer *ws.SocketInfo, s *server)
		want graph.Code
		text string
	}{
		{"client terminates", func(c, _ *ws.SocketInfo, _ *server) { c.Terminate() }, graph.Canceled, "canceled: terminated"},
		{"client is lost", func(c, _ *ws.SocketInfo, _ *server) { c.Lost(graph.Aborted.Errorf("enough")) }, graph.Aborted, "aborted: enough"},
		{"server terminates", func(_, c *ws.SocketInfo, _ *server) { c.Terminate() }, graph.Canceled, "canceled: terminated"},
		{"endpoint terminates", func(_, _ *ws.SocketInfo, s *server) { s.info.Terminate() }, graph.Unavailable, "unavailable: the endpoint is closed"},
		{"service shuts down", func(_, _ *ws.SocketInfo, s *server) { _ = s.svc.Shutdown(context.Background()) }, graph.Unavailable, "unavailable: the service is shutting down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var connected, closed atomic.Int32
			reasons := make(chan error, 2)
			s := serve(t, config{props: ws.Props{
				OnConnection: func(c *ws.SocketInfo, _ *http.Request) error {
					<-c.Done()
					connected.Add(1)
					return nil
				},
				OnConnectionClose: func(c *ws.SocketInfo, reason error) {
					require.EqualValues(t, 1, connected.Load(), "OnConnection has returned")
					require.Equal(t, c.Err(), reason)
					closed.Add(1)
					reasons <- reason
				},
			}})
			c := s.open(t, nil)
			tt.end(c, s.info.Socket(c.ID()), s)
			reason := receive(t, reasons, "OnConnectionClose")
			require.ErrorIs(t, reason, tt.want)
			require.Equal(t, tt.text, reason.Error())
			receive(t, c.Done(), "the client's end is gone")
			require.Nil(t, s.info.Socket(c.ID()))
			require.NoError(t, s.svc.Shutdown(t.Context()))
			require.EqualValues(t, 1, closed.Load())
		})
	}
}

// The reason of an end reaches the other end with its code, whoever ends it.
func TestReasonReachesTheOtherEnd(t *testing.T) {
	for c := graph.Canceled; c <= graph.DataLoss; c++ {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			s := serve(t, config{})
			a, b := s.open(t, nil), s.open(t, nil)
			onServer := s.info.Socket(b.ID())
			s.info.Socket(a.ID()).Close(c, "because")
			b.Close(c, "because")
			for _, end := range []*ws.SocketInfo{a, onServer} {
				receive(t, end.Done(), "the other end is gone")
				require.Equal(t, c, graph.CodeOf(end.Err()))
				require.Equal(t, c.String()+": because", end.Err().Error())
			}
		})
	}
}

func TestClosePayload(t *testing.T) {
	long := graph.Unavailable.Errorf("%s", "aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂aé…🙂")
	payload := ws.ClosePayload(long)
	require.LessOrEqual(t, len(payload), 125)
	require.Greater(t, len(payload), 121)
	require.Equal(t, "unavailable: aé…🙂", string(payload[2:])[:len("unavailable: aé…🙂")])
	require.True(t, len(payload) == 125 || string(payload[len(payload)-4:]) != "\xf0\x9f\x99", "cut between runes")
	require.Equal(t, []byte("\x03\xe8canceled"), ws.ClosePayload(context.Canceled))
	require.Equal(t, []byte("\x03\xf3internal"), ws.ClosePayload(errors.New("secret")))
	for _, tt := range []struct {
		code int
		text string
		want graph.Code
	}{
		{1000, "", graph.Canceled},
		{1005, "", graph.Canceled},
		{1001, "bye", graph.Unavailable},
		{1002, "", graph.InvalidArgument},
		{1003, "", graph.InvalidArgument},
		{1007, "", graph.InvalidArgument},
		{1008, "", graph.PermissionDenied},
		{1008, "unauthenticated: x", graph.Unauthenticated},
		{1000, "unauthenticated: x", graph.Canceled},
		{1009, "", graph.ResourceExhausted},
		{1013, "", graph.ResourceExhausted},
		{1011, "", graph.Internal},
		{4000, "", graph.Unavailable},
	} {
		require.Equal(t, tt.want, graph.CodeOf(ws.ReasonOf(tt.code, tt.text)), "%d %s", tt.code, tt.text)
	}
}

func TestTerminateEndsTheEndpoint(t *testing.T) {
	closed := make(chan struct{}, 2)
	s := serve(t, config{props: ws.Props{OnClose: func() { closed <- struct{}{} }}})
	c := s.open(t, nil)
	s.info.Terminate()
	s.info.Terminate()
	receive(t, closed, "OnClose")
	require.Empty(t, closed, "OnClose runs once")
	receive(t, c.Done(), "the socket is closed")
	require.ErrorIs(t, c.Err(), graph.Unavailable)
	require.Equal(t, "unavailable: the endpoint is closed", c.Err().Error())

	r := dialRaw(t, s.address())
	r.write([]byte(handshake(s.address())))
	require.Equal(t, http.StatusServiceUnavailable, r.response().StatusCode)
	_, err := ws.OpenWS(t.Context(), s.url, nil, nil)
	require.ErrorIs(t, err, graph.Unavailable)
}

// A socket that was on its way when the endpoint closed is closed too.
func TestTerminateDuringAHandshake(t *testing.T) {
	var info atomic.Pointer[ws.ServerInfo]
	connected := make(chan struct{}, 1)
	s := serve(t, config{
		options: services.Options{OnConnect: func(*services.Peer) error { info.Load().Terminate(); return nil }},
		props:   ws.Props{OnConnection: func(*ws.SocketInfo, *http.Request) error { connected <- struct{}{}; return nil }},
	})
	info.Store(s.info)
	r := upgradeRaw(t, s)
	code, text := r.ending()
	require.Equal(t, websocket.CloseGoingAway, code)
	require.Equal(t, "unavailable: the endpoint is closed", text)
	require.Zero(t, s.info.Len())
	require.Empty(t, connected)
}

// What was sent before Close arrives, also while the other end sends on.
func TestCloseFlushesBesideIncomingMessages(t *testing.T) {
	s := serve(t, config{})
	for range 8 {
		r := upgradeRaw(t, s)
		eventually(t, "the socket is there", func() bool { return s.info.Len() == 1 })
		p := s.info.Peers()[0]
		go func() {
			for {
				if _, err := r.conn.Write(text(`{"route":"nothing"}`)); err != nil {
					return
				}
			}
		}()
		const n = 100
		for i := range n {
			require.NoError(t, p.Send(t.Context(), numbered(i, 4<<10)))
		}
		p.Close(graph.Aborted, "enough")
		for i := range n {
			require.Equal(t, numbered(i, 4<<10), r.message())
		}
		code, text := r.ending()
		require.Equal(t, websocket.CloseInternalServerErr, code)
		require.Equal(t, "aborted: enough", text)
		require.NoError(t, r.conn.Close())
		receive(t, p.Done(), "gone")
	}
}

// Whether a request that comes while the endpoint closes is refused or its socket closed, none stays.
func TestTerminateBesideNewConnections(t *testing.T) {
	s := serve(t, config{})
	opened := make(chan *ws.SocketInfo)
	const clients = 8
	for range clients {
		go func() {
			c, err := ws.OpenWS(context.Background(), s.url, nil, nil)
			if err != nil {
				c = nil
			}
			opened <- c
		}()
	}
	first := receive(t, opened, "a client connects")
	s.info.Terminate()
	for range clients - 1 {
		if c := receive(t, opened, "a client connects or is refused"); c != nil {
			receive(t, c.Done(), "the client is closed")
		}
	}
	if first != nil {
		receive(t, first.Done(), "the client is closed")
	}
	eventually(t, "no socket is left", func() bool { return s.info.Len() == 0 && len(s.svc.Peers()) == 0 })
}

func TestPeersThatAreRefusedAreToldWhy(t *testing.T) {
	t.Run("too many", func(t *testing.T) {
		s := serve(t, config{options: services.Options{Limits: services.Limits{Peers: 1}}})
		c := s.open(t, nil)
		r := dialRaw(t, s.address())
		r.upgrade(handshake(s.address()))
		code, text := r.ending()
		require.Equal(t, websocket.CloseTryAgainLater, code)
		require.Contains(t, text, "resource_exhausted: ")
		_, err := ws.OpenWS(t.Context(), s.url, nil, nil)
		require.ErrorIs(t, err, graph.ResourceExhausted)
		works(t, c)
	})
	t.Run("though they have sent something", func(t *testing.T) {
		sent := make(chan struct{})
		s := serve(t, config{options: services.Options{OnConnect: func(*services.Peer) error {
			<-sent
			return graph.PermissionDenied.Errorf("not you")
		}}})
		r := dialRaw(t, s.address())
		r.upgrade(handshake(s.address()))
		r.write(text(`{"route":"double","args":1}`))
		close(sent)
		code, text := r.ending()
		require.Equal(t, websocket.ClosePolicyViolation, code)
		require.Equal(t, "permission_denied: not you", text)
	})
	t.Run("by OnConnect", func(t *testing.T) {
		s := serve(t, config{options: services.Options{OnConnect: func(*services.Peer) error {
			return graph.FailedPrecondition.Errorf("not open yet")
		}}})
		_, err := ws.OpenWS(t.Context(), s.url, nil, nil)
		require.ErrorIs(t, err, graph.FailedPrecondition)
		require.ErrorContains(t, err, "not open yet")
	})
}

func TestGoroutinesEndWithTheirSocket(t *testing.T) {
	s := serve(t, config{})
	before := runtime.NumGoroutine()
	const clients = 20
	var sockets []*raw
	for range clients {
		sockets = append(sockets, upgradeRaw(t, s))
	}
	eventually(t, "all are there", func() bool { return s.info.Len() == clients })
	eventually(t, "a socket takes two goroutines", func() bool { return runtime.NumGoroutine() <= before+2*clients })
	s.info.Terminate()
	for _, r := range sockets {
		_, _ = r.ending()
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}

func TestIdentityExpires(t *testing.T) {
	s := serve(t, config{options: services.Options{Authenticate: func(*http.Request) (services.Identity, error) {
		return services.Identity{User: "ann", Expires: time.Now().Add(100 * time.Millisecond)}, nil
	}}})
	c := s.open(t, nil)
	receive(t, c.Done(), "the socket is closed")
	require.ErrorIs(t, c.Err(), graph.Unauthenticated)
}

func TestTLS(t *testing.T) {
	s := serve(t, config{start: (*httptest.Server).StartTLS})
	pool := x509.NewCertPool()
	pool.AddCert(s.http.Certificate())
	_, err := ws.OpenWS(t.Context(), s.url, nil, nil)
	require.ErrorIs(t, err, graph.Unavailable)
	require.ErrorContains(t, err, "certificate")

	c := s.open(t, &ws.DialOptions{TLS: &tls.Config{RootCAs: pool}})
	works(t, c)
	onServer := s.info.Socket(c.ID())
	greeting, err := name.Run(t.Context(), onServer, "Hello")
	require.NoError(t, err)
	require.Equal(t, "Hello Ann", greeting)
	require.NotNil(t, onServer.Request.TLS)
	onServer.Close(graph.Aborted, "enough")
	receive(t, c.Done(), "the reason crosses TLS")
	require.ErrorIs(t, c.Err(), graph.Aborted)
}
