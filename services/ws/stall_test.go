package ws_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

// A listener changes the connections it accepts.
type listener struct {
	net.Listener
	accepted func(net.Conn) net.Conn
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.accepted(conn), nil
}

// smallBuffers keeps the system from taking megabytes for a client that does not read.
func smallBuffers(l net.Listener) net.Listener {
	return &listener{l, func(conn net.Conn) net.Conn {
		_ = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
		return conn
	}}
}

// stalled connects a client that reads the handshake and then nothing more.
func stalled(t testing.TB, s *server) (*services.Peer, net.Conn) {
	t.Helper()
	known := make(map[string]bool)
	for _, p := range s.info.Peers() {
		known[p.ID()] = true
	}
	dialer := net.Dialer{Control: smallReceiveBuffer}
	below, err := dialer.DialContext(t.Context(), "tcp", s.address())
	require.NoError(t, err)
	t.Cleanup(func() { below.Close() })
	conn := below
	if s.http.TLS != nil {
		conn = tls.Client(below, &tls.Config{InsecureSkipVerify: true})
	}
	_, err = conn.Write([]byte(handshake(s.address())))
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
	return p, below
}

// fill sends until the queue is full and nothing leaves it.
func fill(t testing.TB, p *services.Peer) {
	t.Helper()
	for i := 0; ; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := p.Send(ctx, numbered(i, 8<<10))
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return
		}
	}
}

// A reader notes what its client is sent.
type reader struct {
	*ws.SocketInfo
	mu   sync.Mutex // guards got
	got  []string
	more chan struct{}
}

func (s *server) reader(t testing.TB) *reader {
	t.Helper()
	r := &reader{more: make(chan struct{}, 1)}
	svc := services.New(graph.New(), &services.Options{
		Limits: services.Limits{InFlight: 1, Backlog: 10_000}, // one after the other, and none refused
		OnMessage: func(_ *services.Peer, data []byte) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, string(data[:min(len(data), 32)]))
		},
	})
	var err error
	r.SocketInfo, err = ws.OpenWS(t.Context(), s.url, svc, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		r.Terminate()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, svc.Shutdown(ctx))
	})
	return r
}

func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// numbered is text no. n of a broadcast.
func numbered(n, size int) string {
	head := fmt.Sprintf("no. %d ", n)
	return head + strings.Repeat("x", size-len(head))
}

func (r *reader) complete(t testing.TB, n int) {
	t.Helper()
	eventually(t, "all messages arrive", func() bool { return r.count() == n })
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, text := range r.got {
		require.True(t, strings.HasPrefix(text, fmt.Sprintf("no. %d ", i)), "message %d is %q", i, text)
	}
}

func TestStalledReaderDelaysNobody(t *testing.T) {
	s := serve(t, config{
		options:  services.Options{Limits: services.Limits{WriteTimeout: time.Hour, QueueMessages: 10_000}},
		listener: smallBuffers,
	})
	readers := []*reader{s.reader(t), s.reader(t)}
	updates := make(chan int, 1000)
	sub, err := ticks.Listen(t.Context(), readers[0], func(u graph.Update[int]) { updates <- u.Value })
	require.NoError(t, err)
	defer sub.Stop()
	stuck, _ := stalled(t, s)
	require.NoError(t, stuck.Deliver([]byte(`{"route":"ticks","method":"subscribe","args":{"snapshot":true},"callbackId":1}`)))
	eventually(t, "the stalled client watches too", func() bool { return s.svc.Stats().Subscriptions == 2 })

	// Far more than the system takes for a client that does not read, and less than may wait for it.
	const n, size = 100, 8 << 10
	for i := range n {
		s.ticks.Set(i + 1)
		sent, err := s.info.Send(numbered(i, size))
		require.NoError(t, err)
		require.Equal(t, 3, sent)
		require.NoError(t, s.info.Post(t.Context(), "nothing", i))
	}
	for _, r := range readers {
		r.complete(t, n)
	}
	for receive(t, updates, "the newest update") != n {
	}
	// All of that happened while the stalled client was still there, an hour from its deadline.
	require.NoError(t, stuck.Err())
	require.Equal(t, 3, s.info.Len())
	stuck.Lost(graph.Aborted.Errorf("the test is over"))
	receive(t, stuck.Done(), "a write that is stuck is freed")
}

func TestStalledReaderIsCutByTheWriteDeadline(t *testing.T) {
	s := serve(t, config{
		options:  services.Options{Limits: services.Limits{WriteTimeout: time.Second, QueueMessages: 10_000}},
		listener: smallBuffers,
	})
	r := s.reader(t)
	stuck, _ := stalled(t, s)
	const n = 60
	for i := range n {
		_, err := s.info.Send(numbered(i, 8<<10))
		require.NoError(t, err)
	}
	started := time.Now()
	receive(t, stuck.Done(), "the stalled client is cut")
	require.Less(t, time.Since(started), 4*time.Second)
	require.ErrorIs(t, stuck.Err(), graph.DeadlineExceeded)
	require.ErrorContains(t, stuck.Err(), "does not take what is sent")
	r.complete(t, n)
	works(t, r.SocketInfo)
	require.Equal(t, 1, s.info.Len())
}

func TestStalledReaderIsCutWhenItsQueueIsFull(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){"ws": (*httptest.Server).Start, "wss": (*httptest.Server).StartTLS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, config{
				options:  services.Options{Limits: services.Limits{WriteTimeout: time.Hour, QueueBytes: 1 << 20}},
				listener: smallBuffers, start: start,
			})
			stuck, conn := stalled(t, s)
			fill(t, stuck)
			sent, err := s.info.Send("one too many")
			require.NoError(t, err)
			require.Zero(t, sent)
			started := time.Now()
			receive(t, stuck.Done(), "the stalled client is cut")
			require.Less(t, time.Since(started), 4*time.Second)
			require.ErrorIs(t, stuck.Err(), graph.ResourceExhausted)
			require.ErrorContains(t, stuck.Err(), "messages behind")
			require.Zero(t, s.info.Len())
			// Nor does the system keep megabytes for it: the connection is reset, not closed behind what it has not read.
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
			_, err = io.Copy(io.Discard, conn)
			require.ErrorIs(t, err, syscall.ECONNRESET)
		})
	}
}

func TestStalledReadersHoldBoundedMemory(t *testing.T) {
	const clients, queue = 10, 256 << 10
	s := serve(t, config{
		options:  services.Options{Limits: services.Limits{WriteTimeout: time.Hour, QueueBytes: queue}},
		listener: smallBuffers,
	})
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var all []*services.Peer
	for range clients {
		p, _ := stalled(t, s)
		all = append(all, p)
	}
	before := heap()
	for _, p := range all { // each with bytes of its own, as long as it takes them
		for i := 0; i < 1000 && p.Offer(services.NewFrame([]byte(numbered(i, 8<<10)))) == nil; i++ {
		}
	}
	require.Less(t, heap()-before, int64(clients*3*queue+(4<<20)), "a queue, and what is being written")
	for _, p := range all {
		receive(t, p.Done(), "cut")
		require.ErrorIs(t, p.Err(), graph.ResourceExhausted)
	}
}

// A gate is a connection whose writes are counted, and wait while it is shut.
type gate struct {
	net.Conn
	mu     sync.Mutex // guards all below
	writes int
	bytes  bytes.Buffer
	open   chan struct{} // nil if writes need not wait
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	g.writes++
	g.bytes.Write(p)
	open := g.open
	g.mu.Unlock()
	if open != nil {
		<-open
	}
	return g.Conn.Write(p)
}

func TestQueuedMessagesLeaveInOneWrite(t *testing.T) {
	gates := make(chan *gate, 1)
	s := serve(t, config{listener: func(l net.Listener) net.Listener {
		return &listener{l, func(conn net.Conn) net.Conn {
			g := &gate{Conn: conn}
			gates <- g
			return g
		}}
	}})
	r := s.reader(t)
	g := receive(t, gates, "the connection is accepted")
	g.mu.Lock()
	g.writes = 0
	g.open = make(chan struct{})
	g.mu.Unlock()
	const n = 500
	for i := range n {
		_, err := s.info.Send(numbered(i, 100))
		require.NoError(t, err)
	}
	eventually(t, "a write has begun", func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.writes > 0 })
	close(g.open)
	r.complete(t, n)
	g.mu.Lock()
	defer g.mu.Unlock()
	require.LessOrEqual(t, g.writes, 2, "what was queued while the first write waited leaves in one")
}

// A sender that waits for room, at the speed of a client that reads, is not taken for one that floods: neither by the
// queue nor by pings that find it full.
func TestFullQueueOfAHealthyClient(t *testing.T) {
	s := serve(t, config{
		options: services.Options{Limits: services.Limits{QueueMessages: 4}},
		props:   ws.Props{Ping: 2 * time.Millisecond, Pong: patience},
	})
	r := s.reader(t)
	onServer := s.info.Socket(r.ID())
	const n = 5000
	for i := range n {
		require.NoError(t, onServer.Send(t.Context(), numbered(i, 200)))
	}
	r.complete(t, n)
	works(t, r.SocketInfo)
}

func TestPingFloodIsHeldUp(t *testing.T) {
	s := serve(t, config{
		options:  services.Options{Limits: services.Limits{WriteTimeout: 300 * time.Millisecond, QueueMessages: 50}},
		listener: smallBuffers,
	})
	neighbour := s.open(t, nil)
	r := upgradeRaw(t, s)
	p := peerBeside(t, s, neighbour)
	pings := bytes.Repeat(masked(fin|opPing, strings.Repeat("p", 125)), 100)
	flood := make(chan int, 1)
	go func() {
		for n := 0; ; n++ {
			if _, err := r.conn.Write(pings); err != nil {
				flood <- n
				return
			}
		}
	}()
	for p.Err() == nil {
		works(t, neighbour)
	}
	receive(t, p.Done(), "the client that floods is cut")
	require.ErrorIs(t, p.Err(), graph.DeadlineExceeded)
	require.ErrorContains(t, p.Err(), "does not take what is sent")
	receive(t, flood, "the flood ends")
	works(t, neighbour)
}

// Pings of a client that reads the answers are all answered.
func TestManyPings(t *testing.T) {
	s := serve(t, config{options: services.Options{Limits: services.Limits{QueueMessages: 8}}})
	r := upgradeRaw(t, s)
	const n = 2000
	go func() {
		for i := range n {
			if _, err := r.conn.Write(masked(fin|opPing, fmt.Sprint(i))); err != nil {
				return
			}
		}
	}()
	for i := range n {
		opcode, payload := r.frame()
		require.Equal(t, byte(opPong), opcode)
		require.Equal(t, fmt.Sprint(i), string(payload))
	}
	r.write(closing(websocket.CloseNormalClosure, ""))
	code, _ := r.ending()
	require.Equal(t, websocket.CloseNormalClosure, code)
}
