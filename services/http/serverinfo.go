package httpservice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
)

// A ServerInfo is a running server. All methods may be called concurrently.
type ServerInfo struct {
	Props Props
	// Address is where the server listens, with the port the system chose.
	Address string

	backend  *Backend
	server   *http.Server
	secure   bool
	accepted chan struct{} // closed when no more connections are accepted
	done     chan struct{} // closed when that is so and no Shutdown runs

	mu        sync.Mutex // guards all below
	err       error
	ended     bool // whether accepted is closed
	shutdowns int  // that run now
}

func newServerInfo(b *Backend, p Props, address string, secure bool) *ServerInfo {
	return &ServerInfo{
		Props: p, Address: address, backend: b, secure: secure,
		accepted: make(chan struct{}), done: make(chan struct{}),
	}
}

// serve starts the goroutine that accepts connections, which ends with the server, and ties the server to ctx.
func (i *ServerInfo) serve(ctx context.Context, listener net.Listener) {
	untie := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orDefault(i.Props.Grace, defaultGrace))
		defer cancel()
		if err := i.Shutdown(ctx); err != nil {
			i.backend.service.Logger().Error("server stopped", "address", i.Address, "error", err)
		}
	})
	go func() {
		var err error
		if i.secure {
			err = i.server.ServeTLS(listener, "", "")
		} else {
			err = i.server.Serve(listener)
		}
		untie()
		i.stopped(err)
	}()
}

// URL returns the address of a path on the server, by a name that reaches it from this machine.
func (i *ServerInfo) URL(path string) string {
	scheme := "http"
	if i.secure {
		scheme = "https"
	}
	address := i.Address
	if host, port, err := net.SplitHostPort(address); err == nil {
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			address = net.JoinHostPort("localhost", port)
		}
	}
	return scheme + "://" + address + "/" + strings.TrimPrefix(path, "/")
}

// Done is closed when the server has stopped, and a Shutdown that stopped it has returned.
func (i *ServerInfo) Done() <-chan struct{} { return i.done }

// Err returns why the server stopped by itself, or why its Shutdown was cut short. It is nil while the server
// runs and after an orderly end.
func (i *ServerInfo) Err() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.err
}

// Shutdown ends the server and its service: it takes no new connections and requests, ends the watches, lets the calls that
// run finish and the peers drain, and returns when all is done. When ctx ends first, what still runs is cut and
// Shutdown returns the context's error. A Shutdown of a server that has stopped shuts down the service alone.
func (i *ServerInfo) Shutdown(ctx context.Context) error {
	i.mu.Lock()
	i.shutdowns++
	i.mu.Unlock()
	var drained error
	var wg sync.WaitGroup
	wg.Go(func() { drained = i.backend.Shutdown(ctx) })
	err := i.server.Shutdown(ctx)
	wg.Wait()
	if err = errors.Join(err, drained); err != nil {
		_ = i.server.Close()
		err = fmt.Errorf("shut down server: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.err = errors.Join(i.err, err)
	i.shutdowns--
	i.checkDoneLocked()
	return err
}

// Close cuts all connections at once and returns when no more are accepted. The service goes on.
func (i *ServerInfo) Close() error {
	err := i.server.Close()
	<-i.accepted
	return err
}

// stopped notes that no more connections are accepted.
func (i *ServerInfo) stopped(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !errors.Is(err, http.ErrServerClosed) {
		i.err = errors.Join(i.err, err)
	}
	i.ended = true
	close(i.accepted)
	i.checkDoneLocked()
}

func (i *ServerInfo) checkDoneLocked() {
	if !i.ended || i.shutdowns > 0 {
		return
	}
	select {
	case <-i.done:
	default:
		close(i.done)
	}
}
