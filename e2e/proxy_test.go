package e2e_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A change is what a proxy replaces in everything the server sends. Both texts have the same length, so that no
// length that was sent before becomes wrong.
type change struct{ from, to string }

// startProxy puts a broken network between a browser and the server, and returns the URL through it.
func startProxy(t *testing.T, target string, c change) string {
	t.Helper()
	require.Len(t, c.to, len(c.from))
	u, err := url.Parse(target)
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		wg.Wait()
	})
	server := u.Host
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { forward(ctx, client, server, c) })
		}
	})
	u.Host = listener.Addr().String()
	return u.String()
}

func forward(ctx context.Context, client net.Conn, address string, c change) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer stop()
	go func() { // ends when either connection is closed, which the return of forward does
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if _, err := client.Write(bytes.ReplaceAll(buffer[:n], []byte(c.from), []byte(c.to))); err != nil {
			return
		}
	}
}
