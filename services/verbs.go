package services

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/graphscript-go/graphscript/graph"
)

// Run runs a route of the other end with positional arguments and returns its result, decoded; Void{} is
// no value. Contracts are the typed way.
func (p *Peer) Run(ctx context.Context, route string, args ...any) (any, error) {
	return RunOn(ctx, p, route, args...)
}

// RunOn is Run for any target: it decodes a result that came as JSON.
func RunOn(ctx context.Context, t graph.Target, route string, args ...any) (any, error) {
	v, err := graph.Run(ctx, t, route, args...)
	if err != nil {
		return nil, err
	}
	if _, ok := v.(json.RawMessage); ok {
		return graph.As[any](v)
	}
	return v, nil
}

// Post runs a route of the other end and does not wait for it. The error says that the message could
// not be handed over.
func (p *Peer) Post(ctx context.Context, route string, args ...any) error {
	return graph.Post(ctx, p, route, args...)
}

// Request sends a whole message and returns the reply's result, nil for no value. The message's Callback and Meta are
// set here.
func (p *Peer) Request(ctx context.Context, m Message) (json.RawMessage, error) {
	if err := callable(m.Route, m.Method); err != nil {
		return nil, err
	}
	if m.Args != nil {
		args, err := sendable(m.Args, argsDepth)
		if err != nil {
			return nil, graph.InvalidArgument.Errorf("%w", err)
		}
		m.Args = args
	}
	m.Callback, m.Sub = nil, nil
	return p.request(ctx, &m)
}

// Send sends a value as it is, outside of any call: a string or bytes verbatim, anything else as JSON.
// The other end's OnMessage takes it, unless it reads as a message.
func (p *Peer) Send(ctx context.Context, v any) error {
	f, err := frameOf(v)
	if err != nil {
		return err
	}
	return p.SendFrame(ctx, f)
}

// SendFrame sends a frame. It waits for room in the peer's queue until ctx ends.
func (p *Peer) SendFrame(ctx context.Context, f *Frame) error { return p.out.putWait(ctx, f) }

// Offer sends a frame if there is room, and otherwise closes the peer with ResourceExhausted: it is for
// sending to many, where nobody may wait for one.
func (p *Peer) Offer(f *Frame) error {
	err := p.out.put(f)
	if graph.CodeOf(err) == graph.ResourceExhausted {
		p.fail(err, false)
	}
	return err
}

func frameOf(v any) (*Frame, error) {
	switch v := v.(type) {
	case string:
		return NewFrame([]byte(v)), nil
	case []byte:
		return NewFrame(slices.Clone(v)), nil // the caller may use its buffer again
	case json.RawMessage:
		return NewFrame(slices.Clone(v)), nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	return NewFrame(data), nil
}

// Subscribe calls f with each result or value of a route of the other end, in order, until the
// subscription is stopped or the peer is gone. f runs on a goroutine of its own and may block;
// by default it then misses the oldest events. A subscription that the other end ends, does so after the last event.
func (p *Peer) Subscribe(ctx context.Context, route string, f graph.Deliver, opts ...graph.SubOption) (*graph.Subscription, error) {
	return graph.Subscribe(ctx, p, route, f, opts...)
}

// Unsubscribe stops a subscription.
func (p *Peer) Unsubscribe(s *graph.Subscription) { s.Stop() }
