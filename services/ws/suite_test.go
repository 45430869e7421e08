package ws_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/servicestest"
	"github.com/graphscript-go/graphscript/services/ws"
)

// A deaf connection can stop to read, for good: from then on it reads from a pipe that nobody writes to, under the deadlines
// of the connection.
type deaf struct {
	net.Conn
	silence, unused net.Conn
	stalled         atomic.Bool
}

func newDeaf(conn net.Conn) *deaf {
	silence, unused := net.Pipe()
	return &deaf{Conn: conn, silence: silence, unused: unused}
}

func (d *deaf) Read(p []byte) (int, error) {
	if !d.stalled.Load() {
		n, err := d.Conn.Read(p)
		if !d.stalled.Load() {
			return n, err
		}
	}
	return d.silence.Read(p)
}

func (d *deaf) SetReadDeadline(t time.Time) error {
	_ = d.silence.SetReadDeadline(t)
	return d.Conn.SetReadDeadline(t)
}

func (d *deaf) Close() error {
	_ = d.silence.Close()
	return d.Conn.Close()
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*httptest.Server){"ws": (*httptest.Server).Start, "wss": (*httptest.Server).StartTLS} {
		suite := servicestest.Transport{Name: name, Connect: func(t testing.TB, server, client *services.Service) servicestest.Connection {
			info, err := ws.New(server).SetupWSS(ws.Props{})
			require.NoError(t, err)
			h := httptest.NewUnstartedServer(info)
			start(h)
			t.Cleanup(h.Close)
			conns := make(chan *deaf, 1)
			options := &ws.DialOptions{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
				d := newDeaf(conn)
				conns <- d
				return d, nil
			}}
			if h.TLS != nil {
				options.TLS = h.Client().Transport.(*http.Transport).TLSClientConfig
			}
			peer, err := ws.OpenWS(t.Context(), "ws"+strings.TrimPrefix(h.URL, "http"), client, options)
			require.NoError(t, err)
			c := servicestest.Connection{ToServer: peer, Client: peer.Peer, ToClient: info.Socket(peer.ID()).Peer}
			if h.TLS == nil { // what stalls is the same below TLS, and takes time
				c.Stall = func() { (<-conns).stalled.Store(true) }
			}
			return c
		}}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servicestest.Run(t, suite)
		})
	}
}
