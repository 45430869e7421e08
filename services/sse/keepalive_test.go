package sse_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

// A pipeListener is a network within the process, which a bubble of synctest needs.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// bubble runs f beside a server in fake time, over HTTP/1.1.
func bubble(t *testing.T, c config, f func(t *testing.T, s *server, client *http.Client)) {
	t.Helper()
	bubbleOver(t, nil, c, f)
}

func bubbleOver(t *testing.T, protocols *http.Protocols, c config, f func(t *testing.T, s *server, client *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, c)
		l := newPipeListener()
		server := &http.Server{Handler: s.info, Protocols: protocols}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		transport := &http.Transport{DialContext: l.dial, Protocols: protocols}
		f(t, s, &http.Client{Transport: transport})
		require.NoError(t, s.svc.Shutdown(t.Context()))
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
}

func TestKeepAliveCadence(t *testing.T) {
	for _, tt := range []struct {
		set, want time.Duration
	}{{0, 15 * time.Second}, {time.Second, time.Second}, {-1, 0}} {
		bubble(t, config{props: sse.Props{KeepAlive: tt.set}}, func(t *testing.T, s *server, client *http.Client) {
			response, err := client.Get("http://example.com/")
			require.NoError(t, err)
			defer response.Body.Close()
			comments := make(chan time.Time, 1000)
			go func() {
				for lines := bufio.NewScanner(response.Body); lines.Scan(); {
					if strings.HasPrefix(lines.Text(), ":") {
						comments <- time.Now()
					}
				}
			}()
			started := <-comments // the first is sent at once
			<-time.After(time.Minute + time.Millisecond)
			synctest.Wait()
			if tt.want == 0 {
				require.Empty(t, comments)
				return
			}
			require.Len(t, comments, int(time.Minute/tt.want))
			for n := 1; len(comments) > 0; n++ {
				require.Equal(t, time.Duration(n)*tt.want, (<-comments).Sub(started))
			}
		})
	}
}

// An hour without any message, as a proxy or a phone may have it, ends nothing: neither at the server nor at our client.
func TestQuietStreamStaysOpen(t *testing.T) {
	overHTTP2 := new(http.Protocols)
	overHTTP2.SetUnencryptedHTTP2(true)
	for name, protocols := range map[string]*http.Protocols{"HTTP/1.1": nil, "HTTP/2": overHTTP2} {
		for _, keepAlive := range []time.Duration{0, -1} {
			t.Run(name, func(t *testing.T) {
				c := config{props: sse.Props{KeepAlive: keepAlive}}
				bubbleOver(t, protocols, c, func(t *testing.T, s *server, client *http.Client) {
					c, err := sse.OpenSSE(t.Context(), "http://example.com/", nil, &sse.DialOptions{Client: client, Idle: 2 * time.Hour})
					require.NoError(t, err)
					require.Equal(t, name == "HTTP/2", s.info.Session(c.ID()).Request.ProtoMajor == 2)
					<-time.After(time.Hour)
					v, err := double.Run(t.Context(), c, 21)
					require.NoError(t, err)
					require.Equal(t, 42, v)
					c.Terminate()
					<-c.Done()
					synctest.Wait()
					require.Empty(t, s.svc.Peers())
				})
			})
		}
	}
	t.Run("with default options", func(t *testing.T) {
		bubble(t, config{}, func(t *testing.T, _ *server, client *http.Client) {
			c, err := sse.OpenSSE(t.Context(), "http://example.com/", nil, &sse.DialOptions{Client: client})
			require.NoError(t, err)
			<-time.After(time.Hour)
			require.NoError(t, c.Err())
			c.Terminate()
			<-c.Done()
		})
	})
}

// A client that stops reading is cut by the deadline of the write it does not take, to the second.
func TestWriteDeadline(t *testing.T) {
	bubble(t, config{options: services.Options{Limits: services.Limits{WriteTimeout: 7 * time.Second}}}, func(t *testing.T, s *server, client *http.Client) {
		reasons := make(chan error, 1)
		s.info.Props.OnConnectionClose = func(_ *sse.ClientInfo, reason error) { reasons <- reason }
		response, err := client.Get("http://example.com/")
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.ReadFull(response.Body, make([]byte, 50))
		require.NoError(t, err)
		synctest.Wait()
		started := time.Now()
		_, err = s.info.Send(strings.Repeat("x", 100<<10)) // more than buffers on the way take
		require.NoError(t, err)
		require.ErrorContains(t, <-reasons, "does not take what is sent")
		require.Equal(t, 7*time.Second, time.Since(started))
		synctest.Wait()
		require.Empty(t, s.svc.Peers())
	})
}
