package services

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"

	"github.com/graphscript-go/graphscript/graph"
)

// A remoteSub is a subscription of ours to a route of the other end.
type remoteSub struct {
	peer     *Peer
	callback json.RawMessage
	route    string
	number   json.RawMessage // what a graphscript client calls it
	deliver  graph.Deliver
	sub      *graph.Subscription
	queue    *graph.Queue[arrival] // between the reader and the callback; nil for taps
	stopped  atomic.Bool
	told     uint64 // how many lost updates the callback knows of; used by run alone

	mu     sync.Mutex // guards all below, and the order of what is queued and the end
	active bool       // whether a goroutine empties queue
	lost   uint64     // how many updates the other end has left out so far
	over   bool       // whether what is queued is the last
	reason error      // why, if over
}

// An arrival is an event with how many were lost at the other end until then. The queue may drop events,
// and must not drop with them what they said of others.
type arrival struct {
	event graph.Event
	lost  uint64
}

func (p *Peer) subscribeRemote(ctx context.Context, c *graph.Call) (*graph.Subscription, error) {
	options, err := json.Marshal(c.Watch)
	if err != nil {
		return nil, graph.InvalidArgument.Errorf("encode options: %w", err)
	}
	s := &remoteSub{peer: p, route: c.Route, deliver: c.Deliver}
	if !c.Watch.Tap {
		s.queue = graph.NewQueue[arrival](c.Watch.Lag)
	}
	s.sub = graph.NewSubscription(s.stop)
	s.callback, err = p.addSub(c.Route, s)
	if err != nil {
		return nil, err
	}
	s.number, err = p.request(ctx, &Message{Route: c.Route, Method: methodSubscribe, Args: options, Callback: s.callback})
	if err == nil && s.number == nil {
		err = graph.NotFound.Errorf("no route %q", c.Route) // all that a graphscript client says of it
	}
	if err != nil {
		s.stopped.Store(true)
		p.dropSub(s.callback)
		return nil, err
	}
	return s.sub, nil
}

// maxNamed is how many subscriptions of one peer can have a route as their callback.
const maxNamed = 1024

// addSub registers s under a callback that is the route where that can be: peers that watch one
// route then get identical bytes, which the other end encodes once. It is so the first time only: after a
// stop there may be updates on their way, which must not reach the next subscription to the route.
func (p *Peer) addSub(route string, s *remoteSub) (json.RawMessage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason != nil {
		return nil, unavailable(p.reason)
	}
	callback := appendString(nil, route)
	_, used := p.named[route]
	// Escapes could be written in another way by an end that decodes and encodes the callback.
	escaped := len(callback) != len(route)+2
	// A graphscript client's updates name the route already.
	_, ours := p.dialect.(native)
	if used || escaped || !ours || len(p.named) == maxNamed || len(callback) > maxCallbackLen {
		p.lastID++
		callback = p.dialect.callback(p.lastID)
	} else {
		p.named[route] = struct{}{}
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
	s.stopped.Store(true)
	if s.peer.dropSub(s.callback) != nil {
		s.peer.abandon(s.callback)
		s.peer.graphscriptStop(s)
	}
}

// update hands an update to the subscription it is for.
func (p *Peer) update(m *Message) {
	p.mu.Lock()
	s := p.subs[string(m.Sub)]
	p.mu.Unlock()
	if s != nil {
		p.deliverTo(s, m)
	}
}

func (p *Peer) deliverTo(s *remoteSub, m *Message) {
	if m.Error != nil {
		p.dropSub(s.callback)
		s.end(m.Error)
		return
	}
	e := graph.Event{Value: m.Args, Position: m.Position, Lost: m.Lost, Snapshot: m.Snapshot}
	if m.Args == nil {
		e.Value = graph.Void{}
	}
	if s.queue == nil {
		s.call(e)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += m.Lost
	if s.queue.Push(arrival{e, s.lost}) {
		s.wakeLocked()
		return
	}
	if p.dropSub(s.callback) != nil {
		p.abandon(s.callback)
		p.graphscriptStop(s)
	}
	s.endLocked(graph.ResourceExhausted.Errorf("the subscriber fell behind"))
}

// end ends the subscription after what is queued.
func (s *remoteSub) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(reason)
}

func (s *remoteSub) endLocked(reason error) {
	if !s.over {
		s.over, s.reason = true, reason
		s.wakeLocked()
	}
}

// wakeLocked has a goroutine call back for what is queued. Neither callbacks nor what is to be told of the end run on the
// goroutine that reads: they may call the peer.
func (s *remoteSub) wakeLocked() {
	if !s.active {
		s.active = true
		s.peer.service.work.Go(s.run)
	}
}

// run ends when the queue is empty, so that an idle subscription costs no goroutine.
func (s *remoteSub) run() {
	finished := false
	defer func() {
		if !finished { // a callback ended the goroutine; another one goes on
			s.peer.service.work.Go(s.run)
		}
	}()
	for s.step() {
	}
	finished = true
}

// step calls back for one event, or for the end, and reports whether there may be more.
func (s *remoteSub) step() bool {
	s.mu.Lock()
	if s.queue != nil {
		if a, dropped, ok := s.queue.TryPop(); ok {
			s.mu.Unlock()
			a.event.Lost = a.lost - s.told + dropped
			s.told = a.lost
			s.call(a.event)
			return true
		}
	}
	s.active = false
	over, reason := s.over, s.reason
	s.mu.Unlock()
	if over {
		s.sub.End(reason)
	}
	return false
}

func (s *remoteSub) call(e graph.Event) {
	if s.stopped.Load() {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			_ = s.peer.service.panicked("a subscriber callback", r)
		}
	}()
	s.deliver(s.peer.ctx, e)
}
