package ws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

var _ http.Handler = (*ServerInfo)(nil)

// ServeHTTP upgrades a request and returns; the socket lives on in goroutines of the service, which
// frees the memory net/http holds for a request.
func (i *ServerInfo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	svc := i.backend.service
	identity, err := svc.Admit(r)
	if err == nil && i.isClosed() {
		err = graph.Unavailable.Errorf("the endpoint is closed")
	}
	if err != nil {
		f := svc.Failure(r.Context(), r.URL.Path, err)
		refuse(w, services.HTTPStatus(f.Code), f)
		return
	}
	h := &hijacker{ResponseWriter: w}
	conn, err := i.upgrader.Upgrade(h, r, i.Props.Header)
	if err != nil {
		return // the upgrader has answered
	}
	h.conn.muted.Store(true)
	conn.SetReadLimit(svc.Limits().MessageBytes)
	s, err := newSocket(svc, conn, i.Props.timing(), services.AttachOptions{
		Transport: "ws", Identity: identity, Graphscript: graphscript(r, conn.Subprotocol()),
	})
	if err != nil {
		// A browser tells a page nothing of a refused handshake, but it does tell the code of a close frame.
		l := newLink(conn, false)
		_ = l.Close(svc.Failure(r.Context(), r.URL.Path, err))
		l.linger(false)
		return
	}
	s.Request = r.WithContext(requestContext{s.Context(), r.Context()})
	i.open(s)
}

// A requestContext has the values of a request, whose own context ends with the handshake, and the end of its socket.
type requestContext struct {
	context.Context //nolint:containedctx // it is one
	request         context.Context
}

// Value looks in the context of the socket first: services.PeerFrom finds it there.
func (c requestContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.request.Value(key)
}

// open starts a socket and the hooks of the endpoint for it.
func (i *ServerInfo) open(s *SocketInfo) {
	if !i.add(s) {
		s.Close(graph.Unavailable, "the endpoint is closed")
		s.start(func() {})
		return
	}
	svc := i.backend.service
	greeted := make(chan struct{})
	s.start(func() {
		i.remove(s)
		if i.Props.OnConnectionClose == nil {
			return
		}
		<-greeted
		_ = i.hook("OnConnectionClose", func() error { i.Props.OnConnectionClose(s, s.Err()); return nil })
	})
	if i.Props.OnConnection == nil {
		close(greeted)
		return
	}
	svc.Go(func() {
		defer close(greeted)
		if err := i.hook("OnConnection", func() error { return i.Props.OnConnection(s, s.Request) }); err != nil {
			f := svc.Failure(s.Context(), "OnConnection", err)
			s.Close(f.Code, f.Message)
		}
	})
}

// hook runs code of the application. Its panic costs the socket and not the process.
func (i *ServerInfo) hook(name string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			i.backend.service.Logger().Error("panic recovered", "in", name, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in %s: %v", name, r)
		}
	}()
	return f()
}

// refuseUpgrade answers for the upgrader.
func (i *ServerInfo) refuseUpgrade(w http.ResponseWriter, _ *http.Request, status int, reason error) {
	text := strings.TrimPrefix(reason.Error(), "websocket: ")
	code := services.CodeOfStatus(status)
	if code == graph.Internal {
		i.backend.service.Logger().Error("websocket cannot be served", "error", text)
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodGet)
	}
	w.Header().Set("Sec-WebSocket-Version", "13")
	refuse(w, status, &graph.Error{Code: code, Message: text})
}

// refuse answers a request that is not upgraded.
func refuse(w http.ResponseWriter, status int, f *graph.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": f})
}
