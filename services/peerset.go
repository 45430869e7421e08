package services

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/graphscript-go/graphscript/graph"
)

// A PeerSet is a set of live peers that can be spoken to at once: all sockets of an endpoint, all sessions of a
// stream. Peers that are gone leave it. The zero PeerSet is empty; all methods may be called concurrently.
type PeerSet struct {
	mu    sync.Mutex // guards peers
	peers []*Peer    // in the order they were added
}

// A Result is what one peer of a set answered.
type Result struct {
	Peer  *Peer
	Value any
	Err   error
}

// SetOf returns a set of these peers, which does not change when they go.
func SetOf(peers ...*Peer) *PeerSet { return &PeerSet{peers: peers} }

// Add adds a peer until it is gone. A peer that is in the set is not added again.
func (s *PeerSet) Add(p *Peer) {
	s.mu.Lock()
	if slices.Contains(s.peers, p) {
		s.mu.Unlock()
		return
	}
	s.peers = append(s.peers, p)
	s.mu.Unlock()
	context.AfterFunc(p.ctx, func() { s.Remove(p) })
}

// Remove takes a peer out and reports whether it was there.
func (s *PeerSet) Remove(p *Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.peers, p)
	if i >= 0 {
		s.peers = slices.Delete(s.peers, i, i+1)
	}
	return i >= 0
}

// Peers returns the peers in the order they were added.
func (s *PeerSet) Peers() []*Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.peers)
}

// Len returns how many peers there are.
func (s *PeerSet) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.peers)
}

// Send sends a value to all peers, as Peer.Send does but encoded once, and never waits: a peer that has no room is
// closed. It returns how many it was queued for.
func (s *PeerSet) Send(v any) (int, error) {
	f, err := frameOf(v)
	if err != nil {
		return 0, err
	}
	return s.SendFrame(NewSharedFrame(f.Payload)), nil
}

// SendFrame is Send for a frame, which must be a shared one.
func (s *PeerSet) SendFrame(f *Frame) int {
	n := 0
	for _, p := range s.Peers() {
		if p.Offer(f) == nil {
			n++
		}
	}
	return n
}

// Post posts to a route of every peer, encoded once, and never waits: a peer that has no room is closed. It returns
// the errors of those it could not be handed to.
func (s *PeerSet) Post(ctx context.Context, route string, args ...any) error {
	_, err := s.Do(ctx, &graph.Call{Verb: graph.VerbPost, Route: route, Args: graph.ArgsOf(args...)})
	return err
}

// Run runs a route on every peer at once and returns one result for each, in the order of Peers, when all have
// answered or failed. A peer that was lost meanwhile has an Unavailable error.
func (s *PeerSet) Run(ctx context.Context, route string, args ...any) []Result {
	return s.each(func(p *Peer) (any, error) { return p.Run(ctx, route, args...) })
}

// Request sends a message to every peer and returns one result for each, as Run does.
func (s *PeerSet) Request(ctx context.Context, m Message) []Result {
	return s.each(func(p *Peer) (any, error) {
		raw, err := p.Request(ctx, m)
		if err != nil || raw == nil {
			return graph.Void{}, err
		}
		return graph.As[any](raw)
	})
}

func (s *PeerSet) each(f func(p *Peer) (any, error)) []Result {
	peers := s.Peers()
	results := make([]Result, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() {
			v, err := f(p)
			results[i] = Result{p, v, err}
		})
	}
	wg.Wait()
	return results
}

// Subscribe watches a route of every peer that is in the set now. [PeerFrom] the callback's context tells whose
// event it is. It fails if no peer could be watched.
func (s *PeerSet) Subscribe(ctx context.Context, route string, f graph.Deliver, opts ...graph.SubOption) (*graph.Subscription, error) {
	return graph.Subscribe(ctx, s, route, f, opts...)
}

// Unsubscribe stops a subscription.
func (s *PeerSet) Unsubscribe(sub *graph.Subscription) { sub.Stop() }

// Terminate closes every peer of the set.
func (s *PeerSet) Terminate() {
	for _, p := range s.Peers() {
		p.Terminate()
	}
}

var _ graph.Target = (*PeerSet)(nil)

// Do posts and subscribes to all peers. It cannot run, as that gives one result for each peer: RunAll does.
func (s *PeerSet) Do(ctx context.Context, c *graph.Call) (any, error) {
	switch c.Verb {
	case graph.VerbPost:
		return graph.Void{}, s.post(ctx, c)
	case graph.VerbSubscribe:
		return s.subscribe(ctx, c)
	}
	return nil, graph.Unimplemented.Errorf("a set of peers gives one result for each; use RunAll")
}

func (s *PeerSet) post(ctx context.Context, c *graph.Call) error {
	if err := callable(c.Route, c.Method); err != nil {
		return err
	}
	args, err := wireArgs(c.Args)
	if err != nil {
		return err
	}
	m := &Message{Route: c.Route, Method: c.Method, Args: args, Meta: metaOf(ctx)}
	var errs []error
	var spoken dialect
	var f *Frame
	for _, p := range s.Peers() {
		if f == nil || p.dialect != spoken {
			f, spoken = NewSharedFrame(p.dialect.encode(p, m)), p.dialect
		}
		errs = append(errs, p.Offer(f))
	}
	return errors.Join(errs...)
}

// subscribe watches all peers. Their events come side by side and are handed on one at a time; the order of each
// peer's stays. The subscription ends when those to all peers have.
func (s *PeerSet) subscribe(ctx context.Context, c *graph.Call) (any, error) {
	each := *c
	turn := make(chan struct{}, 1) // held by the event that is being delivered
	each.Deliver = func(ctx context.Context, e graph.Event) {
		turn <- struct{}{}
		defer func() { <-turn }()
		c.Deliver(ctx, e)
	}
	var subs []*graph.Subscription
	err := graph.Unavailable.Errorf("no peer to subscribe to")
	for _, r := range s.each(func(p *Peer) (any, error) { return p.Do(ctx, &each) }) {
		if r.Err != nil {
			err = r.Err
			continue
		}
		subs = append(subs, r.Value.(*graph.Subscription))
	}
	if len(subs) == 0 {
		return nil, err
	}
	whole := graph.NewSubscription(func() {
		for _, sub := range subs {
			sub.Stop()
		}
	})
	var live atomic.Int64
	live.Store(int64(len(subs)))
	for _, sub := range subs {
		sub.OnEnd(func(err error) {
			if live.Add(-1) == 0 {
				whole.End(err)
			}
		})
	}
	return whole, nil
}

// An Answer is what one peer answered to RunAll.
type Answer[Out any] struct {
	Peer  *Peer
	Value Out
	Err   error
}

// RunAll runs a contract on every peer of a set at once and returns one answer for each.
func RunAll[In, Out any](ctx context.Context, f graph.Func[In, Out], s *PeerSet, in In) []Answer[Out] {
	results := s.each(func(p *Peer) (any, error) { return f.Run(ctx, p, in) })
	answers := make([]Answer[Out], len(results))
	for i, r := range results {
		value, _ := r.Value.(Out)
		answers[i] = Answer[Out]{r.Peer, value, r.Err}
	}
	return answers
}
