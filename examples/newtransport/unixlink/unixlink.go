// Package unixlink carries graphs over Unix sockets, between programs of one machine. It is an example of a
// transport: see the README of the folder above.
//
// Who may connect is who may write to the socket's file: keep it in a folder of your own. Each connection has two
// goroutines, which belong to the service, whose Shutdown waits for them.
package unixlink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// Listen makes a socket at path and serves svc to whoever connects. It fails if there is a file at path. Stop
// removes the socket and takes no more connections; those that are open live on until they end or the service
// is shut down.
func Listen(path string, svc *services.Service) (stop func(), err error) {
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on unix socket: %w", err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() { accept(socket, svc) })
	return func() {
		_ = socket.Close()
		accepting.Wait()
	}, nil
}

// retry is how long accept waits when the system has no connection to give, for want of file descriptors for instance.
const retry = 100 * time.Millisecond

func accept(socket *net.UnixListener, svc *services.Service) {
	for {
		c, err := socket.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			svc.Logger().Warn("accept on unix socket", "error", err)
			<-time.After(retry)
			continue
		}
		// Whoever is refused has been told why.
		_, _ = start(c, svc, services.AttachOptions{Transport: "unix"})
	}
}

// Dial connects to the socket at path and returns the peer there when it has named the session. The graph of svc is what the
// other end may call. ctx bounds the connecting only. The connection ends with Terminate, or when it is lost; it does
// not come back by itself.
func Dial(ctx context.Context, path string, svc *services.Service) (*services.Peer, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, graph.Unavailable.Errorf("dial unix socket: %w", err)
	}
	return join(ctx, c.(*net.UnixConn), svc)
}

func join(ctx context.Context, c conn, svc *services.Service) (*services.Peer, error) {
	p, err := start(c, svc, services.AttachOptions{Transport: "unix", Client: true})
	if err != nil {
		return nil, err
	}
	select {
	case <-p.Ready():
		return p, nil
	case <-ctx.Done():
		p.Lost(context.Cause(ctx))
		<-p.Done()
	case <-p.Done():
	}
	return nil, p.Err()
}

// start makes a peer of a connection and runs it on goroutines of the service.
func start(c conn, svc *services.Service, o services.AttachOptions) (*services.Peer, error) {
	l := &link{conn: c, svc: svc, token: make(chan struct{}, 1)}
	p, err := svc.Attach(l, o)
	if err != nil {
		_ = l.Close(err)
		_ = c.Close()
		return nil, err
	}
	svc.Go(func() { _ = p.Serve(context.Background()) })
	svc.Go(func() { read(p, c) })
	return p, nil
}

// read delivers messages until the connection or the peer ends, and then closes the connection.
func read(p *services.Peer, c conn) {
	r := bufio.NewReader(c)
	for {
		message, err := next(r, p.Service().Limits().MessageBytes)
		if err != nil {
			p.Lost(err)
			break
		}
		if p.Deliver(message) != nil {
			break // the peer is closing; what is queued is still written
		}
	}
	<-p.Done() // the link has said goodbye and bounded the time
	// Until the other end has ended too: it would see an error if bytes of it were left unread.
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}
