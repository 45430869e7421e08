package unixlink_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/newtransport/unixlink"
	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// serve listens for a service until the test ends.
func serve(t *testing.T, o *services.Options) (svc *services.Service, path string) {
	t.Helper()
	svc, path = services.New(graph.New(), o), socketPath(t)
	stop, err := unixlink.Listen(path, svc)
	require.NoError(t, err)
	t.Cleanup(func() {
		stop()
		require.NoError(t, svc.Shutdown(context.WithoutCancel(t.Context())))
	})
	return svc, path
}

func client() *services.Service { return services.New(graph.New(), nil) }

func TestEachEndLearnsWhyTheOtherClosed(t *testing.T) {
	svc, path := serve(t, nil)
	ours, err := unixlink.Dial(t.Context(), path, client())
	require.NoError(t, err)
	theirs := svc.Peer(ours.ID())
	require.NotNil(t, theirs)
	theirs.Close(graph.FailedPrecondition, "the moon is full")
	<-ours.Done()
	require.Equal(t, &graph.Error{Code: graph.FailedPrecondition, Message: "the moon is full"}, ours.Err())

	ours, err = unixlink.Dial(t.Context(), path, client())
	require.NoError(t, err)
	theirs = svc.Peer(ours.ID())
	ours.Close(graph.Aborted, "enough")
	<-theirs.Done()
	require.Equal(t, &graph.Error{Code: graph.Aborted, Message: "enough"}, theirs.Err())
}

func TestWhoIsRefusedIsToldWhy(t *testing.T) {
	_, path := serve(t, &services.Options{OnConnect: func(*services.Peer) error {
		return graph.Unauthenticated.Errorf("not today")
	}})
	_, err := unixlink.Dial(t.Context(), path, client())
	require.Equal(t, &graph.Error{Code: graph.Unauthenticated, Message: "not today"}, err)
}

func TestListenAndDialFail(t *testing.T) {
	svc, path := serve(t, nil)
	_, err := unixlink.Listen(path, svc)
	require.Error(t, err, "the path is taken")
	_, err = unixlink.Dial(t.Context(), path+"2", client())
	require.ErrorIs(t, err, graph.Unavailable)
}

// A stopped listener has left nothing behind, and its connections live on.
func TestStop(t *testing.T) {
	svc, path := services.New(graph.New(), nil), socketPath(t)
	stop, err := unixlink.Listen(path, svc)
	require.NoError(t, err)
	peer, err := unixlink.Dial(t.Context(), path, client())
	require.NoError(t, err)
	stop()
	require.NoFileExists(t, path)
	_, err = peer.Run(t.Context(), "nothing")
	require.ErrorIs(t, err, graph.NotFound, "answered, though")
	require.NoError(t, svc.Shutdown(t.Context()))
	<-peer.Done()
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	path := socketPath(t)
	silent, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer silent.Close()
	connected, err := net.Dial("unix", path)
	require.NoError(t, err)
	c, err := silent.Accept()
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = unixlink.Join(ctx, connected.(*net.UnixConn), client())
	require.ErrorIs(t, err, context.Canceled)
	_, err = unixlink.Next(bufio.NewReader(c), 1<<10)
	require.Equal(t, &graph.Error{Code: graph.Canceled}, err, "the other end is told")
}

// The other end speaks without pause, so that messages come while the peer is closing.
func TestCloseWritesWhatIsQueued(t *testing.T) {
	for range 20 {
		svc, path := serve(t, nil)
		conn, err := net.Dial("unix", path)
		require.NoError(t, err)
		r := bufio.NewReader(conn)
		_, err = unixlink.Next(r, 1<<10)
		require.NoError(t, err)
		spoken := make(chan struct{})
		go func() {
			defer close(spoken)
			for err := error(nil); err == nil; {
				_, err = conn.Write(unixlink.AppendFrame(nil, 'm', []byte(`{"route":"nothing"}`)))
			}
		}()

		const messages = 100
		peer := svc.Peers()[0]
		for range messages {
			require.NoError(t, peer.Send(t.Context(), strings.Repeat("x", 5000)))
		}
		peer.Close(graph.FailedPrecondition, "enough")
		read := 0
		for ; err == nil; read++ {
			_, err = unixlink.Next(r, 1<<13)
		}
		require.Equal(t, &graph.Error{Code: graph.FailedPrecondition, Message: "enough"}, err)
		require.Equal(t, messages, read-1, "messages before the goodbye")
		require.NoError(t, conn.Close())
		<-spoken
	}
}

// Whoever speaks while the other end closes must not be told by a failed write, before it has read the goodbye.
func TestAClosingEndReadsOn(t *testing.T) {
	svc, path := serve(t, nil)
	for range 50 {
		conn, err := net.Dial("unix", path)
		require.NoError(t, err)
		r := bufio.NewReader(conn)
		_, err = unixlink.Next(r, 1<<10)
		require.NoError(t, err)
		peer := svc.Peers()[0]
		peer.Close(graph.FailedPrecondition, "enough")
		_, err = unixlink.Next(r, 1<<10)
		require.Equal(t, &graph.Error{Code: graph.FailedPrecondition, Message: "enough"}, err)
		<-peer.Done()
		for range 300 {
			_, err = conn.Write(unixlink.AppendFrame(nil, 'm', []byte(`{"route":"nothing"}`)))
			require.NoError(t, err)
		}
		require.NoError(t, conn.Close())
	}
}

func TestServerRefusesWhatIsNoFrame(t *testing.T) {
	for name, c := range map[string]struct {
		sent []byte
		want graph.Code
	}{
		"too large":         {[]byte("m\xff\xff\xff\xff"), graph.ResourceExhausted},
		"an unknown kind":   {unixlink.AppendFrame(nil, 'x', []byte(`{"code":"canceled"}`)), graph.InvalidArgument},
		"no goodbye":        {unixlink.AppendFrame(nil, 'b', []byte("moon")), graph.InvalidArgument},
		"HTTP":              {[]byte("GET / HTTP/1.1\r\nHost: moon\r\n\r\n"), graph.ResourceExhausted},
		"part of a frame":   {[]byte("m\x00\x00"), graph.Unavailable},
		"part of a message": {[]byte("m\x00\x00\x00\x09{}"), graph.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			_, path := serve(t, nil)
			conn, err := net.Dial("unix", path)
			require.NoError(t, err)
			defer conn.Close()
			r := bufio.NewReader(conn)
			id, err := unixlink.Next(r, 1<<10)
			require.NoError(t, err)
			require.Contains(t, string(id), `"route":"setId"`)
			_, err = conn.Write(c.sent)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.UnixConn).CloseWrite())
			_, err = unixlink.Next(r, 1<<10)
			require.Equal(t, c.want, graph.CodeOf(err), "%v", err)
			_, err = r.ReadByte()
			require.Equal(t, io.EOF, err)
		})
	}
}

func FuzzNext(f *testing.F) {
	f.Add([]byte("m\x00\x00\x00\x02{}"))
	f.Add([]byte("m\x00\x00\x00\x00"))
	f.Add([]byte("m\x00\x00\x00\x09{}"))
	f.Add([]byte("m\xff\xff\xff\xff"))
	f.Add(unixlink.AppendFrame(nil, 'b', []byte(`{"code":"canceled","message":"enough"}`)))
	f.Add(unixlink.AppendFrame(nil, 'b', []byte(`{}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 64
		r := bufio.NewReader(bytes.NewReader(data))
		message, err := unixlink.Next(r, most)
		if err != nil {
			require.NotZero(t, graph.CodeOf(err))
			require.Nil(t, message)
			return
		}
		require.LessOrEqual(t, len(message), most)
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, data, append(unixlink.AppendFrame(nil, 'm', message), rest...))
	})
}
