package services

import (
	"context"
	"crypto/rand"
	"encoding/json"

	"github.com/graphscript-go/graphscript/graph"
)

// This file is the dialect of the published graphscript clients (npm graphscript 0.3.12): what they send that is not
// our own form, and what must be sent to them in theirs. Each oddity names the client's reason.
// docs/wire.md shows both dialects side by side.

// Graphscript says that a connection's other end is a published graphscript client, and what such a client
// needs to know.
type Graphscript struct {
	// ID is what the client is to take for its id, where that is not the peer's own: a WebSocket client looks its
	// socket up by the id it was told, but keeps sockets by their address.
	ID string
	// Address is the URL the client connected to.
	Address string
	// ReplyURL is where an event stream's client POSTs its answers to: it takes the URL as given.
	ReplyURL string
	// Pad is set for event streams. Their client parses an update twice unless the first eight
	// characters hold no brace.
	Pad bool
}

// The routes by which a graphscript client says what our own clients say by the form of a message.
const (
	verbRunRequest      = "runRequest"
	verbSubscribeSocket = "subscribeSocket"
	verbSubscribeSSE    = "subscribeSSE"
	verbUnsubscribe     = "unsubscribe"
)

// graphscriptDialect encodes what is sent to a graphscript client.
type graphscriptDialect struct{ client Graphscript }

func (d *graphscriptDialect) encode(p *Peer, m *Message) []byte {
	switch m.Kind() {
	case KindRequest:
		return d.request(p, &Message{Route: m.Route, Args: m.Args, Method: m.Method}, m.Callback)
	case KindSubscribe:
		var o graph.WatchOptions
		_ = json.Unmarshal(m.Args, &o) // our own encoding
		return d.request(p, &Message{Route: verbSubscribeSocket, Args: subscribeArgs(m.Route, d.client.Address, o)}, m.Callback)
	case KindCancel:
		return nil // the client has no word for it
	default:
		return m.Append(nil)
	}
}

// request wraps a message as the clients expect it: the second place names the socket they answer on, which they find
// by the id they were told; a stream's client wants the URL to answer to, and its session.
func (d *graphscriptDialect) request(p *Peer, inner *Message, callback json.RawMessage) []byte {
	args := append([]byte{'['}, inner.Append(nil)...)
	if d.client.ReplyURL != "" {
		args = append(appendString(append(args, ','), d.client.ReplyURL), ',')
		args = append(append(args, callback...), ',')
		args = appendString(args, p.ID())
	} else {
		args = append(appendString(append(args, ','), p.ID()), ',')
		args = append(args, callback...)
	}
	return (&Message{Route: verbRunRequest, Args: append(args, ']')}).Append(nil)
}

func subscribeArgs(route, address string, o graph.WatchOptions) json.RawMessage {
	args := []any{route, address, nil, nil, nil}
	if o.Key != "" {
		args[3] = o.Key
	}
	if o.Input {
		args[4] = true
	}
	data, _ := json.Marshal(args) // strings and booleans always encode
	return data
}

// callback returns a name for a call that nobody can guess. Whoever knows it can answer the call: a stream's client
// answers by a POST that nothing else ties to its session.
func (d *graphscriptDialect) callback(uint64) json.RawMessage {
	return appendString(nil, rand.Text())
}

// verb answers the messages whose route is a graphscript verb, and reports whether m was one.
func (p *Peer) verb(m *Message) bool {
	switch m.Route {
	case verbRunRequest:
		p.runRequest(m)
	case verbSubscribeSocket, verbSubscribeSSE, verbUnsubscribe:
		p.start(m.Callback, m, p.graphscriptVerb)
	default:
		return false
	}
	return true
}

// runRequest unwraps [MESSAGE, CONNECTION|null, CALLBACK] and answers it. Whatever connection is named, the answer goes
// to the one the message came from: clients that call before they were told their id send null, and
// others must not be able to name somebody else's.
func (p *Peer) runRequest(m *Message) {
	var args []json.RawMessage
	if json.Unmarshal(m.Args, &args) != nil || len(args) == 0 {
		p.refuse(m.Callback, m.Route, graph.InvalidArgument.Errorf("runRequest needs a message"))
		return
	}
	outer := m.Callback
	if len(args) > 2 && !isNull(args[2]) {
		c, err := callback("callbackId", args[2])
		if err != nil {
			_ = p.badMessage(err)
			return
		}
		outer = c
	}
	inner, err := Decode(args[0])
	if err == nil && inner.Route == verbRunRequest {
		err = graph.InvalidArgument.Errorf("a runRequest within a runRequest")
	}
	if err != nil {
		p.refuse(outer, m.Route, err)
		return
	}
	inner.Callback = outer
	if inner.Method == "" {
		inner.Method = m.Method // request(message, method) puts the method outside
	}
	if inner.Route == "" {
		p.refuse(outer, m.Route, graph.InvalidArgument.Errorf("runRequest needs a message with a route"))
		return
	}
	if !p.verb(&inner) {
		p.start(outer, &inner, p.run)
	}
}

func (p *Peer) graphscriptVerb(ctx context.Context, m *Message) (json.RawMessage, error) {
	var args []json.RawMessage
	if m.Args != nil && json.Unmarshal(m.Args, &args) != nil {
		return nil, graph.InvalidArgument.Errorf("%s takes an array", m.Route)
	}
	if m.Route == verbUnsubscribe {
		return p.graphscriptUnsubscribe(args)
	}
	return p.graphscriptSubscribe(ctx, args)
}

// graphscriptUpdate takes {"args":VALUE,"callbackId":ROUTE}, which is how a graphscript client sends updates: the
// subscriptions of one route are not told apart.
func (p *Peer) graphscriptUpdate(m *Message) {
	var route string
	if _, ok := p.dialect.(*graphscriptDialect); !ok || json.Unmarshal(m.Callback, &route) != nil {
		return
	}
	p.mu.Lock()
	var subs []*remoteSub
	for _, s := range p.subs {
		if s.route == route {
			subs = append(subs, s)
		}
	}
	p.mu.Unlock()
	for _, s := range subs {
		p.deliverTo(s, m)
	}
}

// graphscriptStop tells a graphscript client that a subscription to its route has ended.
func (p *Peer) graphscriptStop(s *remoteSub) {
	d, ok := p.dialect.(*graphscriptDialect)
	if !ok || s.number == nil {
		return
	}
	args, _ := json.Marshal([]any{s.route, s.number}) // strings and checked JSON always encode
	p.mu.Lock()
	p.lastID++
	callback := d.callback(p.lastID)
	p.mu.Unlock()
	p.out.putCancel(NewFrame(d.request(p, &Message{Route: verbUnsubscribe, Args: args}, callback)))
}

// IsGraphscript reports whether the other end is a published graphscript client.
func (p *Peer) IsGraphscript() bool {
	_, ok := p.dialect.(*graphscriptDialect)
	return ok
}

// GraphscriptVerb answers a subscribeSSE or unsubscribe that reached the peer other than by Deliver.
func (p *Peer) GraphscriptVerb(ctx context.Context, m *Message) (json.RawMessage, error) {
	return p.graphscriptVerb(ctx, m)
}

func (p *Peer) pads() bool {
	d, ok := p.dialect.(*graphscriptDialect)
	return ok && d.client.Pad
}

// updatePadding stands before an update to a stream's client; see Graphscript.Pad.
const updatePadding = "        "
