package services

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// A call is one we wait for.
type call struct {
	result chan struct{} // closed when value and err are set
	value  json.RawMessage
	err    error
	sent   bool
}

func (c *call) end(value json.RawMessage, err error) {
	c.value, c.err = value, err
	close(c.result)
}

// Do runs, posts to or subscribes to a route of the other end. A context without a deadline is given
// Limits.CallTimeout. The remaining time, cancellation and trace context reach the route. If
// the peer is lost a pending call fails at once with Unavailable; errors.Is(err, ErrNotSent) tells that nothing was sent.
func (p *Peer) Do(ctx context.Context, c *graph.Call) (any, error) {
	switch c.Verb {
	case graph.VerbPost:
		args, err := wireArgs(c.Args)
		if err != nil {
			return nil, err
		}
		return graph.Void{}, p.send(ctx, &Message{Route: c.Route, Method: c.Method, Args: args, Meta: p.meta(ctx)})
	case graph.VerbSubscribe:
		return p.subscribeRemote(ctx, c)
	default:
		args, err := wireArgs(c.Args)
		if err != nil {
			return nil, err
		}
		value, err := p.request(ctx, &Message{Route: c.Route, Method: c.Method, Args: args})
		if err != nil {
			return nil, err
		}
		if value == nil {
			return graph.Void{}, nil
		}
		return value, nil
	}
}

func wireArgs(a graph.Args) (json.RawMessage, error) {
	if a.IsZero() {
		return nil, nil
	}
	data, err := a.MarshalJSON()
	if err != nil {
		return nil, graph.InvalidArgument.Errorf("encode arguments: %w", err)
	}
	return data, nil
}

// meta returns what a message says of the context it is sent under.
func (p *Peer) meta(ctx context.Context) Meta {
	m := Meta{Traceparent: Traceparent(ctx)}
	if deadline, ok := ctx.Deadline(); ok {
		m.Timeout = max(time.Until(deadline), time.Millisecond)
	}
	return m
}

func (p *Peer) send(ctx context.Context, m *Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), ErrNotSent)
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
	m.Meta = p.meta(ctx)
	c := &call{result: make(chan struct{})}
	if err := p.addCall(m, c); err != nil {
		return nil, err
	}
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

// contextError is the context's error, with a code.
func contextError(ctx context.Context) error {
	err := context.Cause(ctx)
	return graph.CodeOf(ctx.Err()).Errorf("%w", err)
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
		m.Callback = strconv.AppendUint(nil, p.lastID, 10)
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
	if p.out.put(p.frame(&Message{Method: methodCancel, Callback: callback})) != nil {
		return // the peer is going, which cancels more than this
	}
}

// reply matches an answer with the call it is for. An answer to nothing, or a second one, is ignored.
func (p *Peer) reply(m *Message) {
	if c := p.dropCall(m.Callback); c != nil {
		var err error
		if m.Error != nil {
			err = m.Error
		}
		c.end(m.Args, err)
	}
}
