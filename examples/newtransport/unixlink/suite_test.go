package unixlink_test

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/newtransport/unixlink"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/servicestest"
)

func TestTransport(t *testing.T) {
	var mu sync.Mutex // guards paths
	paths := make(map[*services.Service]string)
	servicestest.Run(t, servicestest.Transport{
		Name: "unix",
		Connect: func(t testing.TB, server, client *services.Service) servicestest.Connection {
			mu.Lock()
			path, listening := paths[server]
			if !listening {
				path = socketPath(t)
				paths[server] = path
			}
			mu.Unlock()
			if !listening {
				stop, err := unixlink.Listen(path, server)
				require.NoError(t, err)
				t.Cleanup(stop)
			}
			conn, err := net.Dial("unix", path)
			require.NoError(t, err)
			stallable := &stallableConn{Conn: conn.(*net.UnixConn), release: make(chan struct{})}
			peer, err := unixlink.Join(t.Context(), stallable, client)
			require.NoError(t, err)
			return servicestest.Connection{
				ToServer: peer, Client: peer, ToClient: server.Peer(peer.ID()),
				Stall: func() { stallable.stalled.Store(true) },
			}
		},
	})
}

// socketPath returns a path for a socket. It is not one of t.TempDir, whose paths may be longer than the 104 bytes that
// some systems allow.
func socketPath(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "unix") //nolint:usetesting // the path must be short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	return filepath.Join(folder, "socket")
}

// A stallableConn stops reading when it is told to, until the link ends, which sets its deadline or closes it.
type stallableConn struct {
	unixlink.Conn
	stalled atomic.Bool
	once    sync.Once
	release chan struct{}
}

func (c *stallableConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.stalled.Load() {
		<-c.release
	}
	return n, err
}

func (c *stallableConn) SetDeadline(at time.Time) error {
	c.once.Do(func() { close(c.release) })
	return c.Conn.SetDeadline(at)
}

func (c *stallableConn) Close() error {
	c.once.Do(func() { close(c.release) })
	return c.Conn.Close()
}
