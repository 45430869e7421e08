package sse

import (
	"net/http"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A ChannelInfo is an endpoint: an http.Handler whose GET streams and whose POST speaks back, and the set of its live
// sessions, with the verbs for all of them.
type ChannelInfo struct {
	services.PeerSet
	Props   Props
	backend *Backend

	mu       sync.Mutex // guards all below
	sessions map[string]*ClientInfo
	closed   bool
}

// A ClientInfo is one session: a services.Peer, and what only an event stream can do.
type ClientInfo struct {
	*services.Peer
	// Request is the one that opened the stream. Its context ends with the stream.
	Request *http.Request
	// LastEventID is what the client says it received last, in the header Last-Event-ID or the query
	// parameter lastEventId. It is the client's word: check it before use.
	LastEventID string

	every time.Duration // how often a comment is sent
	beat  *services.Frame
	beats *time.Timer // nil if never
}

// Push sends a value, as JSON, in an event of the default type. It never waits: a client that has no room is closed.
func (c *ClientInfo) Push(v any) error { return c.PushEvent("", v) }

// PushEvent is Push with an event type. A type that could be taken for another, or that ends the stream, gives
// InvalidArgument: control, format and other invisible characters, and "close".
func (c *ClientInfo) PushEvent(event string, v any) error { return c.PushEventID(event, "", v) }

// PushEventID is PushEvent with an id, which the client sends back in LastEventID. An id is up to 64
// characters out of A-Z a-z 0-9 . _ ~ -.
func (c *ClientInfo) PushEventID(event, id string, v any) error {
	f, err := eventFrame(event, id, v)
	if err != nil {
		return err
	}
	return c.Offer(f)
}

// Push sends a value to all sessions, encoded once, and returns how many it was queued for.
func (i *ChannelInfo) Push(v any) (int, error) { return i.PushEvent("", v) }

// PushEvent is Push with an event type, such as one of Channels.
func (i *ChannelInfo) PushEvent(event string, v any) (int, error) { return i.PushEventID(event, "", v) }

// PushEventID is PushEvent with an id.
func (i *ChannelInfo) PushEventID(event, id string, v any) (int, error) {
	f, err := eventFrame(event, id, v)
	if err != nil {
		return 0, err
	}
	return i.SendFrame(f), nil
}

// keepAlive sends a comment and sets the timer for the next. It waits for room in the queue, which may be full for a moment
// because much is sent and read.
func (c *ClientInfo) keepAlive() {
	if c.SendFrame(c.Context(), c.beat) != nil {
		return
	}
	c.beats.Reset(c.every)
	if c.Err() != nil { // serve may have stopped the timer before it was set again
		c.beats.Stop()
	}
}

// Session returns the live session with this id, or nil.
func (i *ChannelInfo) Session(id string) *ClientInfo {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sessions[id]
}

// add takes a session into the endpoint and reports false if that is closed.
func (i *ChannelInfo) add(c *ClientInfo) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return false
	}
	i.sessions[c.ID()] = c
	i.Add(c.Peer)
	return true
}

func (i *ChannelInfo) remove(c *ClientInfo) {
	i.Remove(c.Peer)
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.sessions, c.ID())
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
