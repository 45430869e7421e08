package services

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// A call is one we wait for.
type call struct {
	result chan struct{} // closed when value and err are set
	value  json.RawMessage
	err    error
}

func (c *call) end(value json.RawMessage, err error) {
	c.value, c.err = value, err
	close(c.result)
}

// Do runs, posts to or subscribes to a route of the other end. A context without a deadline is given
// Limits.CallTimeout, except for posts. The remaining time, cancellation and trace context reach the route. If
// the peer is lost a pending call fails at once with Unavailable; errors.Is(err, ErrNotSent) tells that nothing was sent.
func (p *Peer) Do(ctx context.Context, c *graph.Call) (any, error) {
	if err := callable(c.Route, c.Method); err != nil {
		return nil, err
	}
	if c.Verb == graph.VerbSubscribe {
		return p.subscribeRemote(ctx, c)
	}
	args, err := wireArgs(c.Args)
	if err != nil {
		return nil, err
	}
	m := &Message{Route: c.Route, Method: c.Method, Args: args}
	if c.Verb == graph.VerbPost {
		m.Meta = metaOf(ctx)
		return graph.Void{}, p.send(ctx, m)
	}
	value, err := p.request(ctx, m)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return graph.Void{}, nil
	}
	return value, nil
}

// callable refuses what would be another kind of message at the other end.
func callable(route, method string) error {
	if route == "" {
		return graph.NotFound.Errorf("no route %q", route)
	}
	if method == methodSubscribe {
		return graph.InvalidArgument.Errorf("the method %q cannot be called over a wire", method)
	}
	return nil
}

func wireArgs(a graph.Args) (json.RawMessage, error) {
	if a.IsZero() {
		return nil, nil
	}
	data, err := a.MarshalJSON()
	if err == nil {
		data, err = sendable(data, argsDepth)
	}
	if err != nil {
		return nil, graph.InvalidArgument.Errorf("encode arguments: %w", err)
	}
	return data, nil
}

// metaOf returns what a message says of the context it is sent under.
func metaOf(ctx context.Context) Meta {
	m := Meta{Traceparent: Traceparent(ctx)}
	if deadline, ok := ctx.Deadline(); ok {
		m.Timeout = max(time.Until(deadline), time.Millisecond)
	}
	return m
}

func (p *Peer) send(ctx context.Context, m *Message) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", contextError(ctx), ErrNotSent)
	}
	return p.out.putWait(ctx, p.frame(m))
}

// request sends m with a callback of its own and waits for the reply.
func (p *Peer) request(ctx context.Context, m *Message) (json.RawMessage, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.service.options.Limits.CallTimeout)
		defer cancel()
	}
	m.Meta = metaOf(ctx)
	c := &call{result: make(chan struct{})}
	if err := p.addCall(m, c); err != nil {
		return nil, err
	}
	j := jobFrom(ctx)
	j.wait()
	defer j.resume()
	if err := p.send(ctx, m); err != nil {
		p.dropCall(m.Callback)
		return nil, err
	}
	select {
	case <-c.result:
		return c.value, c.err
	case <-ctx.Done():
		p.abandon(m.Callback)
		return nil, contextError(ctx)
	}
}

// contextError is why a context ended, with the code and text of its error. errors.Is finds its cause too, but the cause's
// text, which may be meant for this process only, does not go to a peer.
func contextError(ctx context.Context) error {
	ended, cause := ctx.Err(), context.Cause(ctx)
	err := graph.CodeOf(ended).Errorf("%w", ended)
	if cause == ended { //nolint:errorlint // is there another cause at all
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

func (p *Peer) addCall(m *Message, c *call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.reason != nil:
		return fmt.Errorf("%w: %w", unavailable(p.reason), ErrNotSent)
	case len(p.calls) >= p.service.options.Limits.Pending:
		return fmt.Errorf("%w: %w", graph.ResourceExhausted.Errorf("%d calls to the peer are pending", len(p.calls)), ErrNotSent)
	}
	if m.Callback == nil {
		p.lastID++
		m.Callback = p.dialect.callback(p.lastID)
	}
	p.calls[string(m.Callback)] = c
	p.work.wake() // a reader that waits for a place must now go on, or it could never read the reply
	return nil
}

func (p *Peer) dropCall(callback json.RawMessage) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls[string(callback)]
	delete(p.calls, string(callback))
	return c
}

// abandon tells the other end that nobody waits for a call or subscription any more.
func (p *Peer) abandon(callback json.RawMessage) {
	p.dropCall(callback)
	if data := p.dialect.encode(p, &Message{Method: methodCancel, Callback: callback}); data != nil {
		p.out.putCancel(NewFrame(data))
	}
}

// reply matches an answer with the call it is for. An answer to nothing, or a second one, is ignored.
func (p *Peer) reply(m *Message) {
	c := p.dropCall(m.Callback)
	if c == nil {
		p.graphscriptUpdate(m)
		return
	}
	var err error
	if m.Error != nil {
		err = m.Error
	}
	c.end(m.Args, err)
}
