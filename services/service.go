package services

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// A Service answers the messages that reach a graph: the graph, a policy, and the peers that are
// connected now. One Service may stand under several transports. All methods may be called concurrently.
type Service struct {
	graph   *graph.Graph
	options Options
	log     *slog.Logger
	last    lastUpdates
	work    tasks // what the service started: routes, callbacks, closing links

	mu       sync.Mutex // guards all below
	peers    map[*Peer]struct{}
	byToken  map[string]*Peer
	shutdown bool
}

var _ graph.Target = (*Service)(nil)

// New returns a service for a graph. The options may be nil; they are copied.
func New(g *graph.Graph, o *Options) *Service {
	s := &Service{graph: g, peers: make(map[*Peer]struct{}), byToken: make(map[string]*Peer)}
	if o != nil {
		s.options = *o
	}
	s.options.Limits = s.options.Limits.withDefaults()
	s.log = s.options.Logger
	if s.log == nil {
		s.log = slog.Default()
	}
	return s
}

// Graph returns the graph the service answers with.
func (s *Service) Graph() *graph.Graph { return s.graph }

// Limits returns the limits in force.
func (s *Service) Limits() Limits { return s.options.Limits }

// Logger returns the service's log.
func (s *Service) Logger() *slog.Logger { return s.log }

// Peers returns the peers that are connected now, in no order.
func (s *Service) Peers() []*Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Peer, 0, len(s.peers))
	for p := range s.peers {
		all = append(all, p)
	}
	return all
}

// Peer returns the connected peer with this id, or nil.
func (s *Service) Peer(id string) *Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.peers {
		if p.ID() == id {
			return p
		}
	}
	return nil
}

// PeerByToken returns the peer whose secret this is, or nil.
func (s *Service) PeerByToken(token string) *Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byToken[token]
}

// newToken returns 128 random bits. A look-up by token needs no constant time: the map hashes
// with a secret seed, and the token is too long to be searched for.
func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (s *Service) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shutdown
}

// join makes p one of the service's peers, unless something speaks against it.
func (s *Service) join(p *Peer) error {
	if at := p.identity.Expires; !at.IsZero() && !time.Now().Before(at) {
		return errExpired()
	}
	if err := s.enlist(p); err != nil {
		return err
	}
	if s.options.OnConnect == nil {
		return nil
	}
	if err := s.guard("OnConnect", func() error { return s.options.OnConnect(p) }); err != nil {
		s.forget(p)
		return err
	}
	return nil
}

func (s *Service) enlist(p *Peer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch most := s.options.Limits.Peers; {
	case s.shutdown:
		return errShutdown()
	case most > 0 && len(s.peers) >= most:
		return graph.ResourceExhausted.Errorf("%d peers, no more are allowed", most)
	}
	s.peers[p] = struct{}{}
	if p.Token() != "" {
		s.byToken[p.Token()] = p
	}
	return nil
}

func (s *Service) forget(p *Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, p)
	if token := p.Token(); s.byToken[token] == p {
		delete(s.byToken, token)
	}
}

func (s *Service) leave(p *Peer, reason error) {
	s.forget(p)
	if s.options.OnDisconnect != nil {
		_ = s.guard("OnDisconnect", func() error { s.options.OnDisconnect(p, reason); return nil })
	}
}

// Broadcast sends a value to all peers as Peer.Send does, encoded once. A peer that has no room for it
// is closed. It returns how many it was queued for.
func (s *Service) Broadcast(v any) (int, error) {
	f, err := frameOf(v)
	if err != nil {
		return 0, err
	}
	return s.BroadcastFrame(NewSharedFrame(f.Payload)), nil
}

// BroadcastFrame is Broadcast for a frame, which must be a shared one.
func (s *Service) BroadcastFrame(f *Frame) int {
	n := 0
	for _, p := range s.Peers() {
		if p.Offer(f) == nil {
			n++
		}
	}
	return n
}

// Shutdown ends the service: it takes no new peers and requests, lets the routes that run finish,
// closes each peer as soon as it runs nothing, and returns when all have gone and all that the service started has
// ended. When ctx ends first, what still runs is cancelled and Shutdown returns the context's error at once.
func (s *Service) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.shutdown = true
	s.mu.Unlock()
	peers := s.Peers()
	for _, p := range peers {
		p.drain()
	}
	err := waitGone(ctx, peers)
	if err == nil {
		err = s.work.Wait(ctx)
	}
	if err == nil {
		return nil
	}
	for _, p := range peers {
		p.Lost(graph.Unavailable.Errorf("the service was shut down"))
	}
	return fmt.Errorf("shut down service: %w", err)
}

func waitGone(ctx context.Context, peers []*Peer) error {
	for _, p := range peers {
		select {
		case <-p.Done():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Go runs f in a goroutine that Shutdown waits for. Transports start what belongs to a
// connection with it.
func (s *Service) Go(f func()) { s.work.Go(f) }
