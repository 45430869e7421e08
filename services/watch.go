package services

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/graphscript-go/graphscript/graph"
)

// A watch is a subscription of the other end to a route of ours. Its updates wait in its own queue, by
// its own lag policy; the outbox only knows that there are some.
type watch struct {
	peer     *Peer
	callback json.RawMessage
	base     Message // what each update has besides its event: whom it is for
	pad      bool    // see Graphscript.Pad
	queue    *graph.Queue[update]
	marked   atomic.Bool // whether the outbox knows
	lost     uint64      // events lost before they came here, or that could not be encoded; used by deliver alone
	failing  bool        // whether the last event could not be encoded; likewise
	told     uint64      // how many of these the other end knows of; used by drain alone

	mu      sync.Mutex // guards all below
	sub     *graph.Subscription
	stopped bool
	end     *Frame // tells the other end that the watch has ended, after all that is queued
}

// An update is what goes out for one event; the frame is shared with other peers where they
// would get the same bytes.
type update struct {
	frame   *Frame
	message Message
	lost    uint64 // how many were lost before they were queued, since the watch began
}

// subscribe answers a KindSubscribe.
func (p *Peer) subscribe(ctx context.Context, m *Message) (json.RawMessage, error) {
	o, err := watchOptions(m.Args, p.service.options.Limits)
	if err != nil {
		return nil, err
	}
	w := &watch{peer: p, callback: m.Callback, base: Message{Sub: m.Callback}, queue: graph.NewQueue[update](o.Lag)}
	if err := p.addWatch(w); err != nil {
		return nil, err
	}
	o.Tap = true
	if o.Lag.Policy == graph.Block {
		o.Room = w.queue.WaitRoom
	}
	v, err := p.service.Do(ctx, &graph.Call{Verb: graph.VerbSubscribe, Route: m.Route, Watch: o, Deliver: w.deliver})
	if err != nil {
		p.dropWatch(w)
		return nil, err
	}
	sub, ok := v.(*graph.Subscription)
	if !ok {
		p.dropWatch(w)
		return nil, graph.Internal.Errorf("subscribe gave no subscription")
	}
	w.started(sub)
	return json.RawMessage("true"), nil
}

// watchOptions decodes the args of a KindSubscribe, and cuts what the other end asks for down to what one peer may
// have: the size decides how much memory waits for it, and the wait how long it holds up others.
func watchOptions(raw json.RawMessage, l Limits) (graph.WatchOptions, error) {
	var o graph.WatchOptions
	if raw == nil {
		return o, nil
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, graph.InvalidArgument.Errorf("malformed subscription options")
	}
	if o.Lag.Size == 0 {
		o.Lag.Size = graph.DefaultQueueSize
	}
	o.Lag.Size = min(o.Lag.Size, l.QueueMessages)
	o.Lag.Wait = min(o.Lag.Wait, l.BlockWait)
	return o, nil
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

// takeWatch removes and returns the watch with this callback, or returns nil.
func (p *Peer) takeWatch(callback json.RawMessage) *watch {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.watches[string(callback)]
	delete(p.watches, string(callback))
	return w
}

// dropWatch removes w and reports whether it was there. Meanwhile there may be another one with its callback.
func (p *Peer) dropWatch(w *watch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watches[string(w.callback)] != w {
		return false
	}
	delete(p.watches, string(w.callback))
	return true
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

// release ends a watch that the other end no longer has: it lets go of what is queued for it and returns the
// graph's side, if there is one yet. Stopping that runs hooks of the application, which may take their time.
func (w *watch) release() *graph.Subscription {
	w.mu.Lock()
	w.stopped = true
	sub := w.sub
	w.mu.Unlock()
	w.queue.Close(nil)
	for {
		if _, _, ok := w.queue.TryPop(); !ok {
			return sub
		}
	}
}

// stop is release on a goroutine that may be held up.
func (w *watch) stop() {
	if sub := w.release(); sub != nil {
		sub.Stop()
	}
}

// ended tells the other end, after the last update, that what it watches is gone.
func (w *watch) ended(err error) {
	if !w.peer.dropWatch(w) {
		return // the other end has ended it
	}
	if err == nil {
		err = graph.Canceled.Errorf("the subscription was stopped")
	}
	w.queue.Close(nil)
	if w.base.Sub == nil { // a graphscript client has no word for it
		w.peer.forgetListener(w)
		return
	}
	end := w.base
	end.Error = w.peer.service.Failure(w.peer.ctx, "subscription", err)
	w.mu.Lock()
	w.end = w.peer.frame(&end)
	w.mu.Unlock()
	w.mark()
}

// deliver queues an event. It runs inside the publish and therefore only hands on. The events of a
// subscription come one at a time.
func (w *watch) deliver(_ context.Context, e graph.Event) {
	s := w.peer.service
	w.lost += e.Lost
	u := update{message: w.base, lost: w.lost}
	data, err := encodeEvent(e)
	if err == nil {
		u.message.Args, u.message.Position, u.message.Lost, u.message.Snapshot = data, e.Position, e.Lost, e.Snapshot
		u.frame, err = s.last.frame(&u.message, w.pad)
	}
	if err != nil {
		if !w.failing { // of many in a row the first is enough for a log
			s.log.Error("update cannot be sent", "subscription", string(w.callback), "error", err)
		}
		w.failing = true
		w.lost++
		return
	}
	w.failing = false
	if !w.queue.Push(u) {
		w.peer.fail(graph.ResourceExhausted.Errorf("the peer fell behind in a subscription"), false)
		return
	}
	w.mark()
}

// encodeEvent returns an event's value as JSON, and nil for no value. A value that panics when it is encoded does so
// once, for the first of its watchers, and gives the others nothing.
func encodeEvent(e graph.Event) (data json.RawMessage, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while a value was encoded: %v", r)
		}
	}()
	switch v := e.Value.(type) {
	case graph.Void:
		return nil, nil
	case json.RawMessage:
		return v, nil
	}
	if data, err = e.JSON(); data == nil && err == nil {
		err = errors.New("a value could not be encoded")
	}
	return data, err
}

func (w *watch) mark() {
	if !w.marked.Swap(true) {
		w.peer.out.mark(w)
	}
}

// drain appends the frames of all queued updates, and of the end.
func (w *watch) drain(frames []*Frame) []*Frame {
	w.marked.Store(false)
	w.mu.Lock()
	end := w.end // once it is set nothing more is queued
	w.end = nil
	w.mu.Unlock()
	for {
		u, dropped, ok := w.queue.TryPop()
		if !ok {
			break
		}
		// What was dropped may have told of others that were lost before it.
		if lost := u.lost - w.told + dropped; lost != u.message.Lost {
			u.message.Lost = lost
			u.frame = NewFrame(u.message.appendUpdate(w.pad))
		}
		w.told = u.lost
		frames = append(frames, u.frame)
	}
	if end != nil {
		frames = append(frames, end)
	}
	return frames
}
