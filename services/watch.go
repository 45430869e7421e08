package services

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"

	"github.com/graphscript-go/graphscript/graph"
)

// A watch is a subscription of the other end to a route of ours. Its updates wait in its own queue, by
// its own lag policy; the outbox only knows that there are some.
type watch struct {
	peer     *Peer
	callback json.RawMessage
	queue    *graph.Queue[update]
	marked   atomic.Bool // whether the outbox knows

	mu      sync.Mutex // guards all below
	sub     *graph.Subscription
	stopped bool
}

// An update is what goes out for one event; the frame is shared with other peers where they
// would get the same bytes.
type update struct {
	frame   *Frame
	message Message
}

// subscribe answers a KindSubscribe.
func (p *Peer) subscribe(ctx context.Context, m *Message) (json.RawMessage, error) {
	var o graph.WatchOptions
	if m.Args != nil {
		if err := json.Unmarshal(m.Args, &o); err != nil {
			return nil, graph.InvalidArgument.Errorf("malformed subscription options")
		}
	}
	w := &watch{peer: p, callback: m.Callback, queue: graph.NewQueue[update](o.Lag)}
	if err := p.addWatch(w); err != nil {
		return nil, err
	}
	o.Tap, o.Room = true, nil
	if o.Lag.Policy == graph.Block {
		o.Room = w.queue.WaitRoom
	}
	v, err := p.service.Do(ctx, &graph.Call{Verb: graph.VerbSubscribe, Route: m.Route, Watch: o, Deliver: w.deliver})
	if err != nil {
		p.dropWatch(w.callback)
		return nil, err
	}
	sub, ok := v.(*graph.Subscription)
	if !ok {
		p.dropWatch(w.callback)
		return nil, graph.Internal.Errorf("subscribe gave no subscription")
	}
	w.started(sub)
	return json.RawMessage("true"), nil
}

func (p *Peer) addWatch(w *watch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.reason != nil:
		return unavailable(p.reason)
	case p.watches[string(w.callback)] != nil:
		return graph.AlreadyExists.Errorf("callbackId is in use")
	case len(p.watches) >= p.service.options.Limits.Subscriptions:
		return graph.ResourceExhausted.Errorf("%d subscriptions, no more are allowed", len(p.watches))
	}
	p.watches[string(w.callback)] = w
	return nil
}

func (p *Peer) dropWatch(callback json.RawMessage) *watch {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.watches[string(callback)]
	delete(p.watches, string(callback))
	return w
}

// started keeps the graph's side of the watch, or stops it if the watch was stopped meanwhile.
func (w *watch) started(sub *graph.Subscription) {
	w.mu.Lock()
	w.sub = sub
	stopped := w.stopped
	w.mu.Unlock()
	if stopped {
		sub.Stop()
		return
	}
	sub.OnEnd(w.ended)
}

// stop ends the watch from the other end's side.
func (w *watch) stop() {
	w.mu.Lock()
	w.stopped = true
	sub := w.sub
	w.mu.Unlock()
	if sub != nil {
		sub.Stop()
	}
	w.queue.Close(nil)
}

// ended tells the other end that what it watches is gone.
func (w *watch) ended(err error) {
	if err == nil || w.peer.dropWatch(w.callback) == nil {
		return
	}
	failure := w.peer.service.Failure(w.peer.ctx, "subscription", err)
	w.push(update{message: Message{Sub: w.callback, Error: failure}})
}

// deliver queues an event. It runs inside the publish and therefore only hands on.
func (w *watch) deliver(_ context.Context, e graph.Event) {
	data, err := e.JSON()
	if err != nil {
		w.peer.service.log.Error("update cannot be encoded", "error", err)
		return
	}
	u := update{message: Message{Sub: w.callback, Args: data, Position: e.Position, Lost: e.Lost, Snapshot: e.Snapshot}}
	u.frame = w.peer.service.updateFrame(w.peer, &u.message)
	w.push(u)
}

func (w *watch) push(u update) {
	if !w.queue.Push(u) {
		w.peer.fail(graph.ResourceExhausted.Errorf("the peer fell behind in a subscription"), false)
		return
	}
	if !w.marked.Swap(true) {
		w.peer.out.mark(w)
	}
}

// drain appends the frames of all queued updates.
func (w *watch) drain(frames []*Frame) []*Frame {
	w.marked.Store(false)
	for {
		u, lost, ok := w.queue.TryPop()
		if !ok {
			return frames
		}
		if lost > 0 || u.frame == nil {
			u.message.Lost += lost
			u.frame = w.peer.frame(&u.message)
		}
		frames = append(frames, u.frame)
	}
}

// lastUpdate remembers the frame made last, for the next peer that watches the same.
type lastUpdate struct {
	data    *byte
	message Message
	dialect dialect
	frame   *Frame
}

// updateFrame returns a frame for m. One publish reaches all its watchers one after the
// other, so remembering a single frame is enough to encode it once.
func (s *Service) updateFrame(p *Peer, m *Message) *Frame {
	if len(m.Args) == 0 {
		return p.frame(m)
	}
	if last := s.last.Load(); last != nil && last.data == &m.Args[0] && last.dialect == p.dialect &&
		string(last.message.Sub) == string(m.Sub) && last.message.Position == m.Position &&
		last.message.Lost == m.Lost && last.message.Snapshot == m.Snapshot {
		return last.frame
	}
	f := NewSharedFrame(p.dialect.encode(p, m))
	s.last.Store(&lastUpdate{data: &m.Args[0], message: *m, dialect: p.dialect, frame: f})
	return f
}
