package ws_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

func TestBothEndsCallEachOther(t *testing.T) {
	s := serve(t, config{})
	c := s.open(t, nil)
	works(t, c)
	onServer := s.info.Socket(c.ID())
	require.Equal(t, c.ID(), onServer.ID())
	require.Nil(t, c.Request)
	require.Equal(t, "ws", c.Transport())
	greeting, err := name.Run(t.Context(), onServer, "Hello")
	require.NoError(t, err)
	require.Equal(t, "Hello Ann", greeting)
	results := s.info.Run(t.Context(), "name", "Hi")
	require.Len(t, results, 1)
	require.Equal(t, "Hi Ann", results[0].Value)
	large := strings.Repeat("🙂", 200_000)
	greeting, err = name.Run(t.Context(), onServer, large)
	require.NoError(t, err)
	require.Equal(t, large+" Ann", greeting)
}

func TestOpenWSWithoutAService(t *testing.T) {
	s := serve(t, config{})
	c, err := ws.OpenWS(t.Context(), s.url, nil, nil)
	require.NoError(t, err)
	works(t, c)
	c.Terminate()
	receive(t, c.Done(), "it ends")
}

// Cutting a call's connection fails the call at once.
func TestLostConnectionFailsPendingCalls(t *testing.T) {
	s := serve(t, config{})
	conns := make(chan net.Conn, 1)
	c := s.open(t, &ws.DialOptions{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		conns <- conn
		return conn, err
	}})
	failed := make(chan error, 1)
	go func() { _, err := hold.Run(context.Background(), c, 0); failed <- err }()
	eventually(t, "the route runs", func() bool { return s.svc.Stats().Running == 1 })
	p := s.info.Socket(c.ID())
	conn := receive(t, conns, "connected").(*net.TCPConn)
	require.NoError(t, conn.SetLinger(0))
	require.NoError(t, conn.Close())
	require.ErrorIs(t, receive(t, failed, "the call fails"), graph.Unavailable)
	receive(t, p.Done(), "the server notices")
	require.ErrorIs(t, p.Err(), graph.Unavailable)
	require.ErrorContains(t, p.Err(), "connection lost")
	eventually(t, "the route is cancelled", func() bool { return s.svc.Stats().Running == 0 })
}

func TestAnswersThatDoNotUpgrade(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    graph.Code
		text    string
	}{
		{"an error of ours", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":{"code":"aborted","message":"again"}}`)
		}, graph.Aborted, "again"},
		{"401", status(401), graph.Unauthenticated, "401 Unauthorized"},
		{"403", status(403), graph.PermissionDenied, "403"},
		{"404", status(404), graph.NotFound, "404"},
		{"429", status(429), graph.ResourceExhausted, "429"},
		{"502", status(502), graph.Unavailable, "502"},
		{"503", status(503), graph.Unavailable, "503"},
		{"500", status(500), graph.Internal, "500"},
		{"200", status(200), graph.Unimplemented, "200 OK"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, graph.Unimplemented, "302"},
		{"a JSON that is no error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{}}`)
		}, graph.NotFound, "404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := httptest.NewServer(tt.handler)
			defer h.Close()
			_, err := ws.OpenWS(t.Context(), "ws"+strings.TrimPrefix(h.URL, "http"), nil, nil)
			require.Equal(t, tt.want, graph.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, tt.text)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		_, err = ws.OpenWS(t.Context(), "ws://"+l.Addr().String(), nil, nil)
		require.ErrorIs(t, err, graph.Unavailable)
	})
	t.Run("no URL", func(t *testing.T) {
		_, err := ws.OpenWS(t.Context(), "http://example.com", nil, nil)
		require.ErrorIs(t, err, graph.Unavailable)
	})
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// A fake server answers the handshake, if it does, and then plays a part of its own.
func fakeServer(t *testing.T, answer bool, play func(conn net.Conn, in *bufio.Reader)) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		in := bufio.NewReader(conn)
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if answer {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
				acceptKey(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		}
		play(conn, in)
	}()
	t.Cleanup(func() { l.Close(); receive(t, done, "the fake server ends") })
	return "ws://" + l.Addr().String()
}

// untilEnd reads to the end of the connection.
func untilEnd(_ net.Conn, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) }

func TestContextBoundsTheConnecting(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer bool
	}{{"the handshake", false}, {"the first message", true}} {
		t.Run(tt.name, func(t *testing.T) {
			reached := make(chan struct{})
			url := fakeServer(t, tt.answer, func(conn net.Conn, in *bufio.Reader) {
				close(reached)
				untilEnd(conn, in)
			})
			enough := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() { <-reached; cancel(enough) }()
			svc := services.New(graph.New(), nil)
			started := time.Now()
			_, err := ws.OpenWS(ctx, url, svc, nil)
			require.ErrorIs(t, err, enough)
			require.Less(t, time.Since(started), patience/2)
			require.NoError(t, svc.Shutdown(t.Context()))
			require.Empty(t, svc.Peers())
		})
	}
	t.Run("and nothing after it", func(t *testing.T) {
		s := serve(t, config{})
		ctx, cancel := context.WithCancel(t.Context())
		c, err := ws.OpenWS(ctx, s.url, nil, nil)
		require.NoError(t, err)
		cancel()
		works(t, c)
		c.Terminate()
	})
}

func TestServiceThatIsShutDownOpensNothing(t *testing.T) {
	s := serve(t, config{})
	svc := services.New(graph.New(), nil)
	require.NoError(t, svc.Shutdown(t.Context()))
	_, err := ws.OpenWS(t.Context(), s.url, svc, nil)
	require.ErrorIs(t, err, graph.Unavailable)
	eventually(t, "the server notices", func() bool { return s.info.Len() == 0 })
}

const named = `{"route":"setId","args":"s1","meta":{"token":"t"}}`

// A server that breaks the protocol is answered with one close frame.
func TestClientEndsABrokenServer(t *testing.T) {
	frame := func(first byte, payload string) []byte { return ws.AppendFrame(nil, first, []byte(payload), false) }
	for _, tt := range []struct {
		name  string
		bytes []byte
		code  int
		want  graph.Code
	}{
		{"masked frame", text("hi"), 1002, graph.InvalidArgument},
		{"reserved bit", frame(fin|0x40|opText, "hi"), 1002, graph.InvalidArgument},
		{"text that is not UTF-8", frame(fin|opText, "a\xff"), 1007, graph.InvalidArgument},
		{"too big", frame(fin|opText, strings.Repeat("x", 2<<20)), 1009, graph.ResourceExhausted},
		{"close", frame(fin|opClose, "\x03\xe9unavailable: come back"), 1001, graph.Unavailable},
		{"close for another reason", frame(fin|opClose, "\x0f\xa0mine"), 4000, graph.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			closes := make(chan []byte, 1)
			opened := make(chan struct{})
			url := fakeServer(t, true, func(conn net.Conn, in *bufio.Reader) {
				_, _ = conn.Write(frame(fin|opText, named))
				<-opened
				go func() { _, _ = conn.Write(tt.bytes) }()
				all, _ := io.ReadAll(in)
				closes <- all
			})
			svc := services.New(graph.New(), nil)
			c, err := ws.OpenWS(t.Context(), url, svc, nil)
			require.NoError(t, err)
			require.Equal(t, "s1", c.ID())
			close(opened)
			receive(t, c.Done(), "the client gives up")
			require.Equal(t, tt.want, graph.CodeOf(c.Err()), "%v", c.Err())
			all := receive(t, closes, "the connection ends")
			frames := readClientFrames(t, all)
			require.Len(t, frames, 1, "one close frame and nothing else")
			require.Equal(t, tt.code, frames[0])
			require.NoError(t, svc.Shutdown(t.Context()))
		})
	}
}

// readClientFrames returns the codes of the close frames a client has sent; any other frame fails the test.
func readClientFrames(t *testing.T, p []byte) (codes []int) {
	for len(p) > 0 {
		require.GreaterOrEqual(t, len(p), 8)
		require.Equal(t, byte(fin|opClose), p[0])
		require.NotZero(t, p[1]&0x80, "clients mask")
		length, key := int(p[1]&0x7f), p[2:6]
		payload := p[6 : 6+length]
		codes = append(codes, int(payload[0]^key[0])<<8|int(payload[1]^key[1]))
		p = p[6+length:]
	}
	return codes
}

func TestClientTakesASilentServerForDead(t *testing.T) {
	pinged := make(chan struct{})
	url := fakeServer(t, true, func(conn net.Conn, in *bufio.Reader) {
		_, _ = conn.Write(ws.AppendFrame(nil, fin|opText, []byte(named), false))
		header := make([]byte, 6)
		if _, err := io.ReadFull(in, header); err == nil && header[0] == fin|opPing {
			close(pinged)
		}
		untilEnd(conn, in)
	})
	svc := services.New(graph.New(), nil)
	c, err := ws.OpenWS(t.Context(), url, svc, &ws.DialOptions{Ping: 50 * time.Millisecond, Pong: 50 * time.Millisecond})
	require.NoError(t, err)
	receive(t, pinged, "the client asks for a sign of life")
	receive(t, c.Done(), "the client gives up")
	require.ErrorIs(t, c.Err(), graph.Unavailable)
	require.ErrorContains(t, c.Err(), "no sign of life for 100ms")
	require.NoError(t, svc.Shutdown(t.Context()))
}
