package sse_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/servicestest"
	"github.com/graphscript-go/graphscript/services/sse"
)

// A deaf connection can stop to read, for good.
type deaf struct {
	net.Conn
	stalled chan struct{} // closed when it stops
	once    sync.Once
	closed  chan struct{}
}

func (d *deaf) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	select {
	case <-d.stalled:
		<-d.closed
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (d *deaf) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Conn.Close()
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*httptest.Server){
		"sse": (*httptest.Server).Start,
		"sse over HTTP2": func(h *httptest.Server) {
			h.EnableHTTP2 = true
			h.StartTLS()
		},
	} {
		suite := servicestest.Transport{Name: name, Connect: func(t testing.TB, server, client *services.Service) servicestest.Connection {
			info, err := sse.New(server).SetupSSE(sse.Props{})
			require.NoError(t, err)
			h := httptest.NewUnstartedServer(info)
			start(h)
			t.Cleanup(h.Close)
			stalled := make(chan struct{})
			transport := h.Client().Transport.(*http.Transport).Clone()
			first := make(chan struct{}, 1)
			first <- struct{}{}
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
				select {
				case <-first: // the stream's connection
					d := &deaf{Conn: conn, stalled: stalled, closed: make(chan struct{})}
					t.Cleanup(func() { d.Close() }) // HTTP/2 keeps it for the next request
					return d, nil
				default:
					return conn, nil
				}
			}
			t.Cleanup(transport.CloseIdleConnections)
			peer, err := sse.OpenSSE(t.Context(), h.URL, client, &sse.DialOptions{Client: &http.Client{Transport: transport}})
			require.NoError(t, err)
			c := servicestest.Connection{ToServer: peer, Client: peer.Peer, ToClient: info.Session(peer.ID()).Peer}
			if h.TLS == nil { // HTTP/2 has tests of its own for that
				c.Stall = sync.OnceFunc(func() { close(stalled) })
			}
			return c
		}}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servicestest.Run(t, suite)
		})
	}
}
