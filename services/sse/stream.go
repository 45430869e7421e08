package sse

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

// header sets and sends the header of a stream.
func (i *ChannelInfo) header(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	maps.Copy(h, i.Props.Header.Clone())
	h.Set("Content-Type", eventstream.MediaType)
	// Before go-sse flushes: a compressing middleware decides at WriteHeader, and would else send compressed
	// bytes without saying so.
	w.WriteHeader(http.StatusOK)
}

// turnAway ends a stream at once and asks the client to come back. A status other than 200 would
// end a browser's EventSource for good.
func (i *ChannelInfo) turnAway(w http.ResponseWriter) {
	i.header(w)
	_, _ = w.Write(opening(jitter(i.Props.Retry)))
}

// opening is what a stream begins with.
func opening(retry time.Duration) []byte {
	start, _ := eventstream.AppendComment(nil, "ok")
	if retry > 0 {
		start, _ = eventstream.AppendRetry(start, retry)
	}
	return start
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
	l.encoding, l.retry = frames{svc.Logger()}, i.Props.Retry
	defer l.end()
	l.hold() // whoever closes the peer at once says goodbye after the header
	peer, err := svc.Attach(l, services.AttachOptions{Transport: "sse", Identity: identity, Graphscript: graphscript(r)})
	if err != nil {
		l.release()
		if code := graph.CodeOf(err); code == graph.Unavailable || code == graph.ResourceExhausted {
			i.turnAway(w)
		} else {
			refuse(svc, w, r, err)
		}
		return
	}
	i.header(w)
	err = l.flush(time.Now().Add(svc.Limits().WriteTimeout), opening(i.Props.Retry))
	l.release()
	if err != nil {
		peer.Lost(err)
	}
	i.serve(&ClientInfo{Peer: peer, Request: r, LastEventID: lastEventID(r)}, l)
}

func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("lastEventId")
}

// serve runs a session to its end.
func (i *ChannelInfo) serve(c *ClientInfo, l *link) {
	if !i.add(c) {
		c.Close(graph.Unavailable, "the endpoint is closed")
		_ = c.Serve(context.Background())
		return
	}
	if i.Props.KeepAlive > 0 {
		comment, _ := eventstream.AppendComment(nil, "")
		c.every, c.beat = i.Props.KeepAlive, services.NewEncodedFrame(l.encoding, comment)
		c.beats = time.AfterFunc(math.MaxInt64, c.keepAlive)
		c.beats.Reset(c.every)
		defer c.beats.Stop()
	}
	greeted := i.greet(c)
	watched := make(chan struct{})
	stop := context.AfterFunc(c.Request.Context(), func() {
		defer close(watched)
		if !l.abandon() {
			c.Lost(errGone())
		}
	})
	_ = c.Serve(context.Background())
	if !stop() {
		<-watched
	}
	i.remove(c)
	if i.Props.OnConnectionClose != nil {
		i.backend.service.Go(func() {
			<-greeted
			_ = i.hook("OnConnectionClose", func() error { i.Props.OnConnectionClose(c, c.Err()); return nil })
		})
	}
}

// greet runs OnConnection beside the session. The channel is closed when it has returned.
func (i *ChannelInfo) greet(c *ClientInfo) <-chan struct{} {
	greeted := make(chan struct{})
	if i.Props.OnConnection == nil {
		close(greeted)
		return greeted
	}
	svc := i.backend.service
	svc.Go(func() {
		defer close(greeted)
		if err := i.hook("OnConnection", func() error { return i.Props.OnConnection(c, c.Request) }); err != nil {
			f := svc.Failure(c.Context(), "OnConnection", err)
			c.Close(f.Code, f.Message)
		}
	})
	return greeted
}

// hook runs code of the application. Its panic costs the session and not the process.
func (i *ChannelInfo) hook(name string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			i.backend.service.Logger().Error("panic recovered", "in", name, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in %s: %v", name, r)
		}
	}()
	return f()
}
