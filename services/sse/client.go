package sse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// DialOptions adjust OpenSSE. All fields may be left zero.
type DialOptions struct {
	// Header is sent with every request: credentials.
	Header http.Header
	// Client makes the requests. It must have no Timeout, which would end the stream. The default has a transport of its
	// own. Redirects to another origin are not followed, as they would carry the session's secret there.
	Client *http.Client
	// OnEvent takes the events that are no messages, in order, on the goroutine that reads.
	OnEvent func(event string, data json.RawMessage)
	// Idle is how long the stream may be silent, keep-alives included, before it is taken for lost.
	// Default 45 s.
	Idle time.Duration
}

// A Connection is the client's end of a session: a services.Peer whose graph is the server's.
type Connection struct {
	*services.Peer
}

// OpenSSE opens a stream and returns when the server has named the session. The graph of svc is what the server may
// call; svc may be nil. ctx bounds the connecting only. The session ends with Terminate, or when
// the stream is lost; it does not come back by itself. A stream cannot say why the client ends it: the server
// learns that the client has gone.
func OpenSSE(ctx context.Context, url string, svc *services.Service, o *DialOptions) (*Connection, error) {
	if o == nil {
		o = &DialOptions{}
	}
	if svc == nil {
		svc = services.New(graph.New(), nil)
	}
	l := newClientLink(url, *o)
	body, err := l.open(ctx)
	if err != nil {
		_ = l.Close(nil)
		return nil, fmt.Errorf("open event stream %s: %w", url, err)
	}
	peer, err := svc.Attach(l, services.AttachOptions{Transport: "sse", Client: true})
	if err != nil {
		_ = l.Close(nil)
		_ = body.Close()
		return nil, fmt.Errorf("open event stream %s: %w", url, err)
	}
	l.peer = peer
	svc.Go(func() { l.read(body) })
	svc.Go(func() { _ = peer.Serve(context.Background()) })
	select {
	case <-peer.Ready():
		return &Connection{Peer: peer}, nil
	case <-peer.Done():
		return nil, fmt.Errorf("open event stream %s: %w", url, peer.Err())
	case <-ctx.Done():
		peer.Lost(context.Cause(ctx))
		<-peer.Done()
		return nil, fmt.Errorf("open event stream %s: %w", url, context.Cause(ctx))
	}
}
