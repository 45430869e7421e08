package sse

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

// A ChannelInfo is an endpoint: an http.Handler whose GET streams and whose POST speaks back, and the set of its live
// sessions, with the verbs for all of them.
type ChannelInfo struct {
	services.PeerSet
	Props   Props
	backend *Backend

	mu       sync.Mutex // guards all below
	sessions map[*services.Peer]*ClientInfo
	closed   bool
}

var _ http.Handler = (*ChannelInfo)(nil)

// A ClientInfo is one session: a services.Peer, and what only an event stream can do.
type ClientInfo struct {
	*services.Peer
	// Request is the one that opened the stream. Its context ends with the stream.
	Request *http.Request
	// LastEventID is what the client says it received last, in the header Last-Event-ID or the query
	// parameter lastEventId. It is the client's word: check it before use.
	LastEventID string

	keepAlive *time.Timer
}

// Push sends a value, as JSON, in an event of the default type. It never waits: a client that has no room is closed.
func (c *ClientInfo) Push(v any) error { return c.PushEvent("", v) }

// PushEvent is Push with an event type.
func (c *ClientInfo) PushEvent(event string, v any) error {
	f, err := eventFrame(event, v)
	if err != nil {
		return err
	}
	return c.Offer(f)
}

// Push sends a value to all sessions, encoded once, and returns how many it was queued for.
func (i *ChannelInfo) Push(v any) (int, error) { return i.PushEvent("", v) }

// PushEvent is Push with an event type, such as one of Channels.
func (i *ChannelInfo) PushEvent(event string, v any) (int, error) {
	f, err := eventFrame(event, v)
	if err != nil {
		return 0, err
	}
	return i.SendFrame(f), nil
}

// Session returns the live session with this id, or nil.
func (i *ChannelInfo) Session(id string) *ClientInfo {
	i.mu.Lock()
	defer i.mu.Unlock()
	for p, c := range i.sessions {
		if p.ID() == id {
			return c
		}
	}
	return nil
}

// ServeHTTP streams, takes messages, or says what it can do.
func (i *ChannelInfo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	svc := i.backend.service
	w.Header().Set("X-Content-Type-Options", "nosniff")
	identity, err := svc.Admit(r)
	if err == nil && i.isClosed() {
		err = graph.Unavailable.Errorf("the endpoint is closed")
	}
	// The answer to a preflight needs no identity; it tells nothing but what is allowed.
	if preflight(r) && graph.CodeOf(err) != graph.PermissionDenied {
		svc.AllowOrigin(w, r)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err == nil || graph.CodeOf(err) != graph.PermissionDenied {
		svc.AllowOrigin(w, r)
	}
	switch {
	case err != nil && graph.CodeOf(err) == graph.Unavailable && r.Method == http.MethodGet:
		i.turnAway(w)
	case err != nil:
		refuse(svc, w, r, err)
	case r.Method == http.MethodGet && !acceptsStream(r):
		w.WriteHeader(http.StatusNotAcceptable)
	case r.Method == http.MethodGet:
		i.stream(w, r, identity)
	case r.Method == http.MethodHead:
		i.header(w)
	case r.Method == http.MethodPost:
		i.receive(w, r, identity)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

func acceptsStream(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	return accept == "" || strings.Contains(accept, eventstream.MediaType) ||
		strings.Contains(accept, "*/*") || strings.Contains(accept, "text/*")
}

// header sets the header of a stream.
func (i *ChannelInfo) header(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	maps.Copy(h, i.Props.Header)
	h.Set("Content-Type", eventstream.MediaType)
	// Before go-sse flushes: a compressing middleware decides at WriteHeader, and would else send compressed
	// bytes without saying so.
	w.WriteHeader(http.StatusOK)
}

// turnAway ends a stream at once and asks the client to come back. A status other than 200 would
// end a browser's EventSource for good.
func (i *ChannelInfo) turnAway(w http.ResponseWriter) {
	i.header(w)
	_, _ = w.Write(i.opening(nil))
}

// opening is what a stream begins with.
func (i *ChannelInfo) opening(dst []byte) []byte {
	dst, _ = eventstream.AppendComment(dst, "ok")
	if i.Props.Retry > 0 {
		dst, _ = eventstream.AppendRetry(dst, i.Props.Retry)
	}
	return dst
}

// stream serves one session on the handler's goroutine, so that nothing writes when the handler has returned.
func (i *ChannelInfo) stream(w http.ResponseWriter, r *http.Request, identity services.Identity) {
	svc := i.backend.service
	l, err := newLink(w, r)
	if err != nil {
		svc.Logger().Error("event stream cannot be served", "error", err)
		http.Error(w, "the server cannot stream", http.StatusInternalServerError)
		return
	}
	defer l.end()
	peer, err := svc.Attach(l, services.AttachOptions{Transport: "sse", Identity: identity})
	if code := graph.CodeOf(err); code == graph.Unavailable || code == graph.ResourceExhausted {
		i.turnAway(w)
		return
	} else if err != nil {
		refuse(svc, w, r, err)
		return
	}
	i.header(w)
	if err := l.flush(time.Now().Add(svc.Limits().WriteTimeout), i.opening(nil)); err != nil {
		peer.Lost(err)
	}
	c := &ClientInfo{Peer: peer, Request: r, LastEventID: lastEventID(r)}
	i.open(c)
	_ = peer.Serve(r.Context())
	if c.keepAlive != nil {
		c.keepAlive.Stop()
	}
}

func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("lastEventId")
}

// open starts what belongs to a session besides its writer.
func (i *ChannelInfo) open(c *ClientInfo) {
	svc := i.backend.service
	i.mu.Lock()
	i.sessions[c.Peer] = c
	i.mu.Unlock()
	i.Add(c.Peer)
	if i.Props.KeepAlive > 0 {
		comment, _ := eventstream.AppendComment(nil, "")
		beat := services.NewEncodedFrame(frames{}, comment)
		c.keepAlive = time.AfterFunc(i.Props.KeepAlive, func() {
			if c.Offer(beat) == nil {
				c.keepAlive.Reset(i.Props.KeepAlive)
			}
		})
	}
	// The handler's context ends when it returns, and a hook may still log by it.
	ctx := context.WithoutCancel(c.Request.Context())
	svc.Go(func() {
		if i.Props.OnConnection != nil {
			if err := i.Props.OnConnection(c, c.Request); err != nil {
				f := svc.Failure(ctx, "OnConnection", err)
				c.Close(f.Code, f.Message)
			}
		}
		<-c.Done()
		i.mu.Lock()
		delete(i.sessions, c.Peer)
		i.mu.Unlock()
		if i.Props.OnConnectionClose != nil {
			i.Props.OnConnectionClose(c, c.Err())
		}
	})
}

// Terminate closes the endpoint with all its sessions and frees its Path. Later requests are turned away.
func (i *ChannelInfo) Terminate() {
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return
	}
	i.closed = true
	i.mu.Unlock()
	b := i.backend
	b.mu.Lock()
	delete(b.paths, i.Props.Path)
	b.mu.Unlock()
	for _, p := range i.Peers() {
		p.Close(graph.Unavailable, "the endpoint is closed")
	}
	if i.Props.OnClose != nil {
		i.Props.OnClose()
	}
}

func (i *ChannelInfo) isClosed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.closed
}

func refuse(svc *services.Service, w http.ResponseWriter, r *http.Request, err error) {
	f, ok := errors.AsType[*graph.Error](err)
	if !ok {
		f = svc.Failure(r.Context(), r.URL.Path, err)
	}
	writeJSON(w, services.HTTPStatus(f.Code), map[string]any{"error": f})
}
