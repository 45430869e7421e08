package services

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/graphscript-go/graphscript/graph"
)

// Deliver takes one message that the transport read. The bytes must not be changed afterwards. It
// never waits for a route to end, but it may wait for a place for one to run: then the
// transport reads no further, and the sender is held up. An error means that the peer is closed.
func (p *Peer) Deliver(data []byte) error {
	m, err := Decode(data)
	if err != nil {
		return p.badMessage(err)
	}
	p.receive(&m, data)
	return p.Err()
}

func (p *Peer) badMessage(err error) error {
	p.mu.Lock()
	p.bad++
	tooMany := p.bad > p.service.options.Limits.BadMessages
	p.mu.Unlock()
	if !tooMany {
		p.service.log.Debug("message ignored", "peer", p.ID(), "error", err)
		return nil
	}
	err = graph.InvalidArgument.Errorf("too many malformed messages, the last: %s", reasonText(err))
	p.fail(err, true)
	return err
}

func (p *Peer) receive(m *Message, data []byte) {
	switch m.Kind() {
	case KindReply:
		p.reply(m)
	case KindUpdate:
		p.update(m)
	case KindCancel:
		p.cancelCall(m.Callback)
	case KindID:
		p.takeID(m)
	case KindPost:
		p.start(nil, m, p.run)
	case KindRequest:
		p.start(m.Callback, m, p.run)
	case KindSubscribe:
		p.start(m.Callback, m, p.subscribe)
	default:
		if f := p.service.options.OnMessage; f != nil {
			p.start(nil, m, func(context.Context, *Message) (json.RawMessage, error) { f(p, data); return nil, nil })
		}
	}
}

// takeID learns the session's id on the dialling side. On the serving side the message is
// meaningless: nobody names himself.
func (p *Peer) takeID(m *Message) {
	var id string
	if !p.client || p.ID() != "" || json.Unmarshal(m.Args, &id) != nil || id == "" {
		return
	}
	p.assign(credentials{id: id, token: m.Meta.Token})
}

// start runs f for a message on a goroutine of its own and answers with what it returns, if
// the message has a callback.
func (p *Peer) start(callback json.RawMessage, m *Message, f func(context.Context, *Message) (json.RawMessage, error)) {
	ctx := WithTraceparent(p.ctx, m.Meta.Traceparent)
	var cancel context.CancelFunc
	if m.Meta.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, m.Meta.Timeout)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	if err := p.addRunning(callback, cancel); err != nil {
		cancel()
		p.answer(ctx, callback, m.Route, nil, err)
		return
	}
	err := p.admitWork(func() {
		defer cancel()
		var value json.RawMessage
		err := error(graph.Internal.Errorf("the route ended its goroutine"))
		defer func() { // also when f ends the goroutine
			if r := recover(); r != nil {
				err = p.service.panicked(m.Route, r)
			}
			p.dropRunning(callback)
			p.answer(ctx, callback, m.Route, value, err)
		}()
		value, err = f(ctx, m)
	})
	if err != nil {
		p.dropRunning(callback)
		cancel()
		p.answer(ctx, callback, m.Route, nil, err)
	}
}

// run answers a KindPost or KindRequest.
func (p *Peer) run(ctx context.Context, m *Message) (json.RawMessage, error) {
	c := &graph.Call{Route: m.Route, Method: strings.ToLower(m.Method), Args: graph.ArgsJSON(m.Args)}
	if m.Callback == nil {
		c.Verb = graph.VerbPost
	}
	v, err := p.service.Do(ctx, c)
	if err != nil {
		return nil, err
	}
	return EncodeResult(v)
}

func (p *Peer) answer(ctx context.Context, callback json.RawMessage, route string, value json.RawMessage, err error) {
	if callback == nil {
		if err != nil {
			p.service.log.Debug("post failed", "peer", p.ID(), "route", route, "error", err)
		}
		return
	}
	m := &Message{Callback: callback, Args: value}
	if err != nil {
		m.Args, m.Error = nil, p.service.Failure(ctx, route, err)
	}
	_ = p.out.putWait(p.ctx, p.frame(m)) // if the peer is gone, so is whoever waits
}

func (p *Peer) addRunning(callback json.RawMessage, cancel context.CancelFunc) error {
	if callback == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[string(callback)] != nil {
		return graph.AlreadyExists.Errorf("callbackId is in use")
	}
	p.running[string(callback)] = cancel
	return nil
}

func (p *Peer) dropRunning(callback json.RawMessage) {
	if callback == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, string(callback))
}

// cancelCall ends a call or subscription that the other end made.
func (p *Peer) cancelCall(callback json.RawMessage) {
	p.mu.Lock()
	cancel := p.running[string(callback)]
	p.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	if w := p.dropWatch(callback); w != nil {
		w.stop()
	}
}

// panicked logs a panic in code that is not the graph's, such as Authorize, and returns its error.
func (s *Service) panicked(where string, r any) error {
	s.log.Error("panic recovered", "in", where, "panic", r, "stack", string(debug.Stack()))
	return fmt.Errorf("panic in %s: %v", where, r)
}
