package services

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/graphscript-go/graphscript/graph"
)

// A Peer is a connected remote graph: a [graph.Target] with an id, an identity and an end. Peers of
// all transports and of both sides of a connection are alike.
//
// All methods may be called concurrently. Messages are written in the order in which they were sent. The
// routes that the other end runs here run side by side, each on its own goroutine, so whoever needs
// an order waits for the reply.
type Peer struct {
	service   *Service
	transport string
	identity  Identity
	client    bool
	link      Link
	out       *outbox
	dialect   dialect
	ctx       context.Context //nolint:containedctx // the peer's life: parent of the calls it makes here
	cancel    context.CancelCauseFunc
	ready     chan struct{} // closed when the id is known
	done      chan struct{} // closed when the peer is gone and everything of it has ended
	name      atomic.Pointer[credentials]

	mu        sync.Mutex // guards all below
	reason    error      // why the peer is closing; nil while it lives
	cut       bool       // whether the link is being closed without writing what is queued
	lastID    uint64
	calls     map[string]*call      // made by us, by callback
	subs      map[string]*remoteSub // made by us, by callback
	named     map[string]struct{}   // the routes that were the callback of a subscription of ours
	watches   map[string]*watch     // made by the other end, by callback
	running   map[string]context.CancelFunc
	work      workload
	listeners map[string]*listener // made by a graphscript client; see graphscript.go
	bad       int
	expiry    *time.Timer
}

// credentials are what a session is called by.
type credentials struct{ id, token string }

var _ graph.Target = (*Peer)(nil)

// AttachOptions say what a transport knows of a new connection.
type AttachOptions struct {
	// Transport names it: "ws", "sse".
	Transport string
	Identity  Identity
	// Client is set on the dialling side, which is told its id by the other end.
	Client bool
	// Graphscript is set if the other end is a published graphscript client. Nil is a client that speaks our own
	// dialect.
	Graphscript *Graphscript
}

// Attach makes a peer of a link. The transport must then call [Peer.Serve], once, and Deliver for each
// message it reads. If Attach fails the link is still the transport's to close.
func (s *Service) Attach(link Link, o AttachOptions) (*Peer, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &Peer{
		service: s, transport: o.Transport, identity: o.Identity, client: o.Client, link: link,
		out: newOutbox(s.options.Limits), dialect: native{}, cancel: cancel,
		ready: make(chan struct{}), done: make(chan struct{}),
		calls: make(map[string]*call), subs: make(map[string]*remoteSub), named: make(map[string]struct{}),
		watches: make(map[string]*watch), running: make(map[string]context.CancelFunc),
	}
	p.ctx = context.WithValue(WithIdentity(ctx, o.Identity), peerKey{}, p)
	p.work.limits = s.options.Limits
	p.name.Store(&credentials{})
	id := uuid.NewString()
	if o.Graphscript != nil {
		p.dialect = &graphscriptDialect{client: *o.Graphscript}
		if o.Graphscript.ID != "" && s.Peer(o.Graphscript.ID) == nil {
			id = o.Graphscript.ID
		}
	}
	if !o.Client {
		p.assign(credentials{id: id, token: newToken()})
	}
	if err := s.join(p); err != nil {
		p.fail(err, true)
		_ = p.end()
		close(p.done)
		return nil, err
	}
	p.expireAt(o.Identity.Expires)
	return p, nil
}

// assign gives the peer its id and, on the serving side, tells the other end.
func (p *Peer) assign(c credentials) {
	p.name.Store(&c)
	if !p.client {
		id, _ := EncodeResult(c.id)
		// The queue is empty, so there is room.
		_ = p.out.put(p.frame(&Message{Route: routeSetID, Args: id, Meta: Meta{Token: c.token}}))
	}
	close(p.ready)
}

func (p *Peer) expireAt(at time.Time) {
	if at.IsZero() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expiry = time.AfterFunc(time.Until(at), func() { p.fail(errExpired(), true) })
}

func errExpired() error { return graph.Unauthenticated.Errorf("the identity has expired") }

// ID returns the session's public id, the same at both ends. On the dialling side it is empty until
// Ready.
func (p *Peer) ID() string { return p.name.Load().id }

// IDIsSecret reports whether the id cannot be guessed: only ids that the service made are.
func (p *Peer) IDIsSecret() bool {
	_, err := uuid.Parse(p.ID())
	return err == nil
}

// Token returns the secret that proves that a request belongs to this session.
func (p *Peer) Token() string { return p.name.Load().token }

// Ready is closed when the peer's id is known.
func (p *Peer) Ready() <-chan struct{} { return p.ready }

// Identity returns who the peer is. It is set by the serving side's Authenticate.
func (p *Peer) Identity() Identity { return p.identity }

// Context ends when the peer is going: it is the parent of the contexts of all that it runs here.
func (p *Peer) Context() context.Context { return p.ctx }

// Transport returns the name of what carries the messages, such as "ws".
func (p *Peer) Transport() string { return p.transport }

// Service returns the service whose graph the peer uses.
func (p *Peer) Service() *Service { return p.service }

// Done is closed when the peer is gone.
func (p *Peer) Done() <-chan struct{} { return p.done }

// Err returns why the peer is gone or going, and nil while it lives.
func (p *Peer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// Close ends the connection after what is queued has been written, and tells the other end why where
// the transport can. It does not wait; Done does. Only the first Close counts.
func (p *Peer) Close(code graph.Code, reason string) {
	p.fail(&graph.Error{Code: code, Message: reason}, true)
}

// Terminate ends the connection as finished.
func (p *Peer) Terminate() { p.Close(graph.Canceled, "terminated") }

// Lost ends the peer because its link is gone or must be cut; what is queued is not written. Transports call it
// when reading fails. It never blocks. After Close it keeps Close's reason.
func (p *Peer) Lost(reason error) { p.fail(reason, false) }

// fail begins the end of the peer. It may be called under the lock of a topic, so it only
// changes state: Serve does the rest. Without flush what is queued is lost.
func (p *Peer) fail(reason error, flush bool) {
	p.mu.Lock()
	first := p.reason == nil
	if first {
		p.reason = reason
	}
	reason = p.reason
	cut := !flush && !p.cut
	p.cut = p.cut || cut
	p.mu.Unlock()
	if first {
		p.out.close(fmt.Errorf("%w: %w", unavailable(reason), ErrNotSent))
	}
	if cut {
		// A Write in progress is freed, without waiting here for a close handshake.
		p.service.work.Go(func() { _ = p.link.Close(reason) })
	}
}

// unavailable is the error of whatever the peer's end cuts short.
func unavailable(reason error) error {
	return graph.Unavailable.Errorf("the peer is gone: %s", reasonText(reason))
}

// reasonText is what callers, who may be remote themselves, are told of a reason: the message of a
// *graph.Error, and nothing of errors that may hold addresses.
func reasonText(reason error) string {
	if e, ok := errors.AsType[*graph.Error](reason); ok && e.Message != "" {
		return e.Message
	}
	if code := graph.CodeOf(reason); code != graph.Internal {
		return code.String()
	}
	return "connection lost"
}
