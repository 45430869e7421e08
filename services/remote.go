package services

import (
	"context"
	"encoding/json"
	"strconv"
	"sync/atomic"

	"github.com/graphscript-go/graphscript/graph"
)

// A remoteSub is a subscription of ours to a route of the other end.
type remoteSub struct {
	peer     *Peer
	callback json.RawMessage
	deliver  graph.Deliver
	sub      *graph.Subscription
	queue    *graph.Queue[graph.Event] // for callbacks; nil for taps
	active   atomic.Bool               // whether a goroutine empties queue
	stopped  atomic.Bool
}

func (p *Peer) subscribeRemote(ctx context.Context, c *graph.Call) (*graph.Subscription, error) {
	options, err := json.Marshal(c.Watch)
	if err != nil {
		return nil, err
	}
	s := &remoteSub{peer: p, deliver: c.Deliver}
	if !c.Watch.Tap {
		s.queue = graph.NewQueue[graph.Event](c.Watch.Lag)
	}
	s.sub = graph.NewSubscription(s.stop)
	s.callback, err = p.addSub(c.Route, s)
	if err != nil {
		return nil, err
	}
	_, err = p.request(ctx, &Message{Route: c.Route, Method: methodSubscribe, Args: options, Callback: s.callback})
	if err != nil {
		p.dropSub(s.callback)
		return nil, err
	}
	return s.sub, nil
}

// addSub registers s under a callback that is the route where that is free: peers that
// watch one route then get identical bytes, which the other end encodes once.
func (p *Peer) addSub(route string, s *remoteSub) (json.RawMessage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason != nil {
		return nil, unavailable(p.reason)
	}
	callback := appendString(nil, route)
	if p.subs[string(callback)] != nil || len(callback) > maxCallbackLen {
		p.lastID++
		callback = strconv.AppendUint(nil, p.lastID, 10)
	}
	p.subs[string(callback)] = s
	return callback, nil
}

func (p *Peer) dropSub(callback json.RawMessage) *remoteSub {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.subs[string(callback)]
	delete(p.subs, string(callback))
	return s
}

// stop is what ends the subscription, whoever ends it.
func (s *remoteSub) stop() {
	if s.peer.dropSub(s.callback) != nil {
		s.peer.abandon(s.callback)
	}
	if s.sub.Err() == nil {
		s.stopped.Store(true) // stopped here; what came before the other end's end is still delivered
	}
}

// update hands an update to the subscription it is for.
func (p *Peer) update(m *Message) {
	p.mu.Lock()
	s := p.subs[string(m.Sub)]
	p.mu.Unlock()
	if s == nil {
		return
	}
	if m.Error != nil {
		p.dropSub(m.Sub)
		s.sub.End(m.Error)
		return
	}
	e := graph.Event{Value: m.Args, Position: m.Position, Lost: m.Lost, Snapshot: m.Snapshot}
	if m.Args == nil {
		e.Value = graph.Void{}
	}
	if s.queue == nil {
		s.deliver(p.ctx, e)
		return
	}
	if !s.queue.Push(e) {
		p.service.work.Go(func() { s.sub.End(graph.ResourceExhausted.Errorf("the subscriber fell behind")) })
		return
	}
	if !s.active.Swap(true) {
		p.service.work.Go(s.run)
	}
}

// run calls back for what is queued. It ends when the queue is empty, so that an idle
// subscription costs no goroutine.
func (s *remoteSub) run() {
	for {
		for {
			e, lost, ok := s.queue.TryPop()
			if !ok {
				break
			}
			e.Lost += lost
			s.call(e)
		}
		s.active.Store(false)
		if s.queue.Len() == 0 || s.active.Swap(true) {
			return
		}
	}
}

func (s *remoteSub) call(e graph.Event) {
	if s.stopped.Load() {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			s.peer.service.panicked("a subscriber callback", r)
		}
	}()
	s.deliver(s.peer.ctx, e)
}
