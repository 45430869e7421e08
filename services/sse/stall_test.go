package sse_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

type listener struct{ net.Listener }

// Accept keeps the system from taking megabytes for a client that does not read.
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		_ = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return conn, err
}

func smallBuffers(l net.Listener) net.Listener { return listener{l} }

// smallReceiveBuffer is for net.Dialer.Control: the window of a connection is set when it is made.
func smallReceiveBuffer(_, _ string, c syscall.RawConn) (err error) {
	failed := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2<<10) })
	if failed != nil {
		return failed
	}
	return err
}

// stalled connects a client that never reads.
func stalled(t testing.TB, s *server) *services.Peer {
	t.Helper()
	known := make(map[string]bool)
	for _, p := range s.info.Peers() {
		known[p.ID()] = true
	}
	dialer := net.Dialer{Control: smallReceiveBuffer}
	conn, err := dialer.DialContext(t.Context(), "tcp", s.address())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = conn.Write([]byte(request("1.1", "Graphscript-Version: 1")))
	require.NoError(t, err)
	var p *services.Peer
	eventually(t, "the client joins", func() bool {
		for _, p = range s.info.Peers() {
			if !known[p.ID()] {
				return true
			}
		}
		return false
	})
	return p
}

// numbered is text no. n of a broadcast.
func numbered(n, size int) string {
	head := fmt.Sprintf("no. %d ", n)
	return head + strings.Repeat("x", size-len(head))
}

// complete requires that a stream brings all of a broadcast, in order.
func complete(t testing.TB, e *stream, n int) {
	t.Helper()
	for i := range n {
		data := e.data()
		require.True(t, strings.HasPrefix(data, fmt.Sprintf("no. %d ", i)), "message %d is %.20q", i, data)
	}
}

func TestStalledReaderDelaysNobody(t *testing.T) {
	s := serve(t, config{
		options:  services.Options{Limits: services.Limits{WriteTimeout: time.Hour, QueueMessages: 10_000}},
		listener: smallBuffers,
	})
	healthy := []*stream{s.stream(t), s.stream(t)}
	stuck := stalled(t, s)
	// Far more than the system takes for a client that does not read, and less than may wait for it.
	const n = 100
	for i := range n {
		sent, err := s.info.Send(numbered(i, 8<<10))
		require.NoError(t, err)
		require.Equal(t, 3, sent)
	}
	for _, e := range healthy {
		complete(t, e, n)
	}
	require.NoError(t, stuck.Err(), "all of that happened while the stalled client was still there")
	require.Equal(t, 3, s.info.Len())
	started := time.Now()
	stuck.Lost(graph.Aborted.Errorf("the test is over"))
	receive(t, stuck.Done(), "a write that is stuck is freed")
	require.Less(t, time.Since(started), 5*time.Second)
}

func TestStalledReaderIsCutByTheWriteDeadline(t *testing.T) {
	s := serve(t, config{
		options:  services.Options{Limits: services.Limits{WriteTimeout: time.Second, QueueMessages: 10_000}},
		listener: smallBuffers,
	})
	e := s.stream(t)
	stuck := stalled(t, s)
	const n = 60
	for i := range n {
		_, err := s.info.Send(numbered(i, 8<<10))
		require.NoError(t, err)
	}
	complete(t, e, n)
	receive(t, stuck.Done(), "the stalled client is cut")
	require.ErrorIs(t, stuck.Err(), graph.DeadlineExceeded)
	require.ErrorContains(t, stuck.Err(), "does not take what is sent")
	require.NoError(t, s.info.Session(e.id).Push("and on"))
	require.Equal(t, `"and on"`, e.data())
}

func TestStalledReaderIsCutWhenItsQueueIsFull(t *testing.T) {
	s := serve(t, config{options: services.Options{Limits: services.Limits{WriteTimeout: time.Hour}}, listener: smallBuffers})
	stuck := stalled(t, s)
	for i := range 1000 {
		if sent, err := s.info.Send(numbered(i, 8<<10)); sent == 0 {
			require.NoError(t, err)
			break
		}
	}
	receive(t, stuck.Done(), "the stalled client is cut")
	require.ErrorIs(t, stuck.Err(), graph.ResourceExhausted)
	require.ErrorContains(t, stuck.Err(), "messages behind")
}

// Over HTTP/2 a stream that is not read has its own window; the others on the same connection go on.
func TestStalledStreamOfHTTP2(t *testing.T) {
	s := serve(t, config{
		options: services.Options{Limits: services.Limits{WriteTimeout: 3 * time.Second, QueueMessages: 10_000, QueueBytes: 64 << 20}},
		start:   func(h *httptest.Server) { h.EnableHTTP2 = true; h.StartTLS() },
	})
	stuck := s.get(t, http.MethodGet, "Graphscript-Version: 1") // whose body nobody reads
	eventually(t, "the session is there", func() bool { return s.info.Len() == 1 })
	p := s.info.Peers()[0]
	e := s.stream(t)
	require.Equal(t, "HTTP/2.0", stuck.response.Proto)
	payload := strings.Repeat("x", 64<<10)
	n := 0
	for p.Err() == nil {
		require.NoError(t, p.Send(t.Context(), payload))
		require.NoError(t, s.info.Session(e.id).Send(t.Context(), numbered(n, 100)))
		if n++; n > 1000 {
			require.Fail(t, "64 MiB were taken for a stream that is not read")
		}
		require.True(t, strings.HasPrefix(e.data(), "no. "))
		if n >= 200 { // well over the 4 MiB that the client takes for a stream
			receive(t, p.Done(), "the stalled stream is cut")
		}
	}
	receive(t, p.Done(), "the stalled stream is cut")
	require.ErrorIs(t, p.Err(), graph.DeadlineExceeded)
	require.ErrorContains(t, p.Err(), "does not take what is sent")
	require.NoError(t, s.info.Session(e.id).Push("and on"))
	require.Equal(t, `"and on"`, e.data())
}

// Over HTTP/2 net/http does not free a write that waits for the connection. The session ends all the same; the handler
// does when the server gives the connection up, or the client does.
func TestStalledConnectionOfHTTP2(t *testing.T) {
	for _, tt := range []struct {
		name string
		http *http.HTTP2Config
	}{{"that the client closes", nil}, {"that the server closes", &http.HTTP2Config{WriteByteTimeout: 4 * time.Second}}} {
		t.Run(tt.name, func(t *testing.T) {
			returned := make(chan struct{}, 1)
			s := serve(t, config{
				options: services.Options{Limits: services.Limits{WriteTimeout: 2 * time.Second}},
				wrap: func(h http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						h.ServeHTTP(w, r)
						returned <- struct{}{}
					})
				},
				start: func(h *httptest.Server) {
					h.EnableHTTP2 = true
					h.Config.HTTP2 = tt.http
					h.StartTLS()
				},
			})
			conns := make(chan *deaf, 1)
			stalled := make(chan struct{})
			transport := s.http.Client().Transport.(*http.Transport)
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				dialer := net.Dialer{Control: smallReceiveBuffer}
				conn, err := dialer.DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				d := &deaf{Conn: conn, stalled: stalled, closed: make(chan struct{})}
				conns <- d
				return d, nil
			}
			e := s.stream(t)
			require.Equal(t, "HTTP/2.0", e.response.Proto)
			c := s.info.Session(e.id)
			close(stalled)
			for c.Send(t.Context(), strings.Repeat("x", 64<<10)) == nil { // it waits for room
			}
			receive(t, c.Done(), "the session ends")
			require.ErrorIs(t, c.Err(), graph.DeadlineExceeded)
			require.Empty(t, s.svc.Peers())
			if tt.http == nil {
				require.NoError(t, receive(t, conns, "connected").Close())
			}
			receive(t, returned, "the handler returns")
		})
	}
}

// A sender that waits for room, at the speed of a client that reads, is not taken for one that floods; nor do
// keep-alives that find its queue full end it.
func TestFullQueueOfAHealthyClient(t *testing.T) {
	c := config{options: services.Options{Limits: services.Limits{QueueMessages: 4}}}
	c.props.KeepAlive = time.Millisecond
	s := serve(t, c)
	e := s.stream(t)
	const n = 5000
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := s.info.Session(e.id).Send(t.Context(), numbered(i, 200)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	complete(t, e, n)
	require.NoError(t, receive(t, sent, "all are sent"))
	require.Contains(t, e.raw.String(), ": \n")
}
