package services

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/graphscript-go/graphscript/graph"
)

// Deliver takes one message that the transport read. The bytes must not be changed afterwards. It
// never waits for a route to end, but it may wait for a place for one to run: then the
// transport reads no further, and the sender is held up. An error means that the peer is closed, as it is
// by a message over Limits.MessageBytes; transports refuse that while they read, and in their own terms.
func (p *Peer) Deliver(data []byte) error {
	if most := p.service.options.Limits.MessageBytes; int64(len(data)) > most {
		err := graph.ResourceExhausted.Errorf("message of %d bytes, at most %d are allowed", len(data), most)
		p.fail(err, true)
		return err
	}
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
	if p.verb(m) {
		return
	}
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

// takeID learns the session's id on the dialling side. On the serving side, where there is one from the
// beginning, the message is meaningless: nobody names himself.
func (p *Peer) takeID(m *Message) {
	var id string
	if p.ID() != "" || json.Unmarshal(m.Args, &id) != nil || id == "" {
		return
	}
	p.assign(credentials{id: id, token: m.Meta.Token})
}

// start runs f for a message on a goroutine of its own and answers with what it returns, if
// the message has a callback.
func (p *Peer) start(callback json.RawMessage, m *Message, f func(context.Context, *Message) (json.RawMessage, error)) {
	j := &job{peer: p}
	ctx := context.WithValue(WithTraceparent(p.ctx, m.Meta.Traceparent), jobKey{}, j)
	var cancel context.CancelFunc
	if m.Meta.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, m.Meta.Timeout)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	j.run = func() {
		defer cancel()
		var value json.RawMessage
		err := graph.Internal.Errorf("the route ended its goroutine")
		defer func() { // also when f ends the goroutine
			if r := recover(); r != nil {
				err = p.service.panicked(m.Route, r)
			}
			p.dropRunning(callback)
			p.answer(ctx, callback, m.Route, value, err)
		}()
		// Nobody waits for a call that was cancelled, or got too late, while it waited for a place. A post is
		// run: for its sender, who may be gone by now, it was delivered.
		if callback != nil && ctx.Err() != nil {
			err = contextError(ctx)
			return
		}
		value, err = f(ctx, m)
	}
	err := p.addRunning(callback, cancel)
	if err == nil {
		if err = p.admit(j); err == nil {
			return
		}
		p.dropRunning(callback)
	}
	cancel()
	p.refuse(callback, m.Route, err)
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

// answer sends what a route returned. It waits for room in the queue, which holds up a peer that does not read
// its answers.
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

// refuse answers a message that is not run.
func (p *Peer) refuse(callback json.RawMessage, route string, err error) {
	if callback == nil {
		p.service.log.Debug("post refused", "peer", p.ID(), "route", route, "error", err)
		return
	}
	m := &Message{Callback: callback, Error: p.service.Failure(p.ctx, route, err)}
	if err := p.out.putRefusal(p.frame(m)); graph.CodeOf(err) == graph.ResourceExhausted {
		p.fail(err, false)
	}
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
	if w := p.takeWatch(callback); w != nil {
		if sub := w.release(); sub != nil {
			p.service.work.Go(sub.Stop)
		}
	}
}
