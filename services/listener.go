package services

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/graphscript-go/graphscript/graph"
)

// A listener is what a graphscript client calls a subscription: several with the same arguments share one watch, as
// the client calls all its callbacks of a route for each update.
type listener struct {
	watch *watch
	route string
	ready chan struct{} // closed when the watch is there, or err says why not
	err   error

	numbers []uint64 // guarded by peer.mu
}

// graphscriptSubscribe takes [ROUTE, CONNECTION, ARGS, KEY, SUBINPUT, SESSION] and returns the subscription's number.
func (p *Peer) graphscriptSubscribe(ctx context.Context, args []json.RawMessage) (json.RawMessage, error) {
	var route, key string
	var input bool
	if err := at(args, 0, &route); err != nil || route == "" {
		return nil, graph.InvalidArgument.Errorf("want a route to subscribe to")
	}
	if err := at(args, 3, &key); err != nil {
		return nil, err
	}
	if err := at(args, 4, &input); err != nil {
		return nil, err
	}
	m := mappingOf(args)
	name := fmt.Sprintf("%q %q %t %s", route, key, input, m.text)
	number := listenerNumber()
	l, first, err := p.listen(name, route, number)
	if err != nil {
		return nil, err
	}
	if first {
		p.startListener(ctx, l, graph.WatchOptions{Key: key, Input: input}, m)
	}
	select {
	case <-l.ready:
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
	if l.err != nil {
		return nil, l.err
	}
	return json.Marshal(number)
}

// listen adds a number to the listener of this name, and reports whether it is the first, for whom the watch is
// to be started.
func (p *Peer) listen(name, route string, number uint64) (l *listener, first bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l = p.listeners[name]; l != nil {
		if most := p.service.options.Limits.Subscriptions; len(l.numbers) >= most {
			return nil, false, graph.ResourceExhausted.Errorf("%d subscriptions, no more are allowed", most)
		}
		l.numbers = append(l.numbers, number)
		return l, false, nil
	}
	w := &watch{
		peer: p, queue: graph.NewQueue[update](graph.Lag{}), base: Message{Callback: appendString(nil, route)},
		callback: appendString(nil, "listener "+name), pad: p.pads(),
	}
	l = &listener{watch: w, route: route, ready: make(chan struct{}), numbers: []uint64{number}}
	if p.listeners == nil {
		p.listeners = make(map[string]*listener)
	}
	p.listeners[name] = l
	return l, true, nil
}

// startListener makes a listener's watch.
func (p *Peer) startListener(ctx context.Context, l *listener, o graph.WatchOptions, m mapping) {
	l.err = graph.Internal.Errorf("subscribing ended its goroutine")
	defer func() {
		if l.err != nil {
			p.dropWatch(l.watch)
			p.forgetListener(l.watch)
		}
		close(l.ready)
	}()
	w := l.watch
	if l.err = p.addWatch(w); l.err != nil {
		return
	}
	c := &graph.Call{Verb: graph.VerbSubscribe, Route: l.route, Watch: o, Deliver: w.deliver}
	c.Watch.Tap = true
	if m.text != "" {
		// A mapping looks at other nodes, which a tap must not.
		c.Watch.Tap = false
		c.Deliver = func(ctx context.Context, e graph.Event) {
			// It does so for the subscriber, not for whoever published.
			ctx = context.WithValue(WithIdentity(ctx, p.identity), peerKey{}, p)
			if v, ok := m.apply(ctx, p.service, e.Value); ok {
				w.deliver(ctx, graph.Event{Value: v, Lost: e.Lost})
			}
		}
	}
	v, err := p.service.Do(ctx, c)
	sub, ok := v.(*graph.Subscription)
	if err == nil && !ok {
		err = graph.Internal.Errorf("subscribe gave no subscription")
	}
	if l.err = err; err == nil {
		w.started(sub)
	}
}

// forgetListener removes the listener of a watch that has ended, so that a later one starts anew.
func (p *Peer) forgetListener(w *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, l := range p.listeners {
		if l.watch == w {
			delete(p.listeners, name)
		}
	}
}

// listenerNumber returns a positive integer that a float64 holds and nobody can guess: a stream's client ends
// a subscription by a POST that names nothing else.
func listenerNumber() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])>>11 | 1<<52
}

// at decodes an argument; null and what is left out stay zero, as arrays cannot hold undefined.
func at(args []json.RawMessage, i int, dst any) error {
	if i >= len(args) || isNull(args[i]) {
		return nil
	}
	if json.Unmarshal(args[i], dst) != nil {
		return graph.InvalidArgument.Errorf("argument %d has the wrong type", i+1)
	}
	return nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// A mapping is the third argument of a subscription, of which only the first element counts: what is delivered
// in place of the value.
type mapping struct {
	text  string // empty if the value is delivered as it is
	value json.RawMessage
}

func mappingOf(args []json.RawMessage) mapping {
	if len(args) < 3 || isNull(args[2]) {
		return mapping{}
	}
	first := args[2]
	var list []json.RawMessage
	if json.Unmarshal(args[2], &list) == nil {
		if len(list) == 0 {
			return mapping{}
		}
		first = list[0]
	}
	switch string(first) {
	case `"__output"`, `"__input"`, `"__callback"`:
		return mapping{}
	}
	return mapping{text: string(first), value: first}
}

// apply returns what stands for v: the value of a state key, a node's result for v, or else a constant.
func (m mapping) apply(ctx context.Context, s *Service, v any) (any, bool) {
	var route string
	if json.Unmarshal(m.value, &route) != nil {
		return m.value, true
	}
	n, member := s.graph.Resolve(route)
	if n == nil {
		return m.value, true
	}
	c := &graph.Call{Route: route}
	if _, err := n.Load(member); err != nil {
		c.Args = graph.ArgsOne(v)
	}
	out, err := s.Do(ctx, c)
	switch {
	case errors.Is(err, graph.NotFound): // what is not exposed is like what does not exist
		return m.value, true
	case err != nil:
		s.log.Debug("subscription mapping failed", "route", route, "error", err)
		return nil, false
	}
	_, none := out.(graph.Void)
	return out, !none
}

// graphscriptUnsubscribe takes [ROUTE, NUMBER|null] and ends the peer's own subscription, or all its
// subscriptions of the route. It answers true only if something was ended.
func (p *Peer) graphscriptUnsubscribe(args []json.RawMessage) (json.RawMessage, error) {
	var route string
	var number uint64
	if err := at(args, 0, &route); err != nil {
		return nil, err
	}
	if err := at(args, 1, &number); err != nil {
		return nil, err
	}
	if !p.dropListeners(route, number) {
		return nil, nil
	}
	return json.RawMessage("true"), nil
}

func (p *Peer) dropListeners(route string, number uint64) bool {
	var stop []*watch
	found := false
	p.mu.Lock()
	for name, l := range p.listeners {
		switch {
		case number == 0 && l.route == route:
			l.numbers, found = nil, true
		case number != 0 && slices.Contains(l.numbers, number):
			l.numbers, found = slices.DeleteFunc(l.numbers, func(n uint64) bool { return n == number }), true
		}
		if len(l.numbers) == 0 {
			delete(p.listeners, name)
			delete(p.watches, string(l.watch.callback))
			stop = append(stop, l.watch)
		}
	}
	p.mu.Unlock()
	for _, w := range stop {
		w.stop()
	}
	return found
}

// DropListener ends the peer's subscription that an unsubscribe names by its number, and reports whether it had it.
func (p *Peer) DropListener(m *Message) bool {
	var args []json.RawMessage
	var number uint64
	if json.Unmarshal(m.Args, &args) != nil || at(args, 1, &number) != nil || number == 0 {
		return false
	}
	return p.dropListeners("", number)
}
