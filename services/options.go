package services

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// Options adjust a Service. All fields may be left zero.
type Options struct {
	// Expose names what remote peers may run and watch, as patterns of [graph.Match] on the tags of
	// nodes ("chat.**"), or on a tag and one method or state key ("math.pi"). A pattern that covers a node covers
	// its methods and keys. Without any, nothing of the graph is reachable.
	Expose []string
	// Restrict takes nodes and all below them out of what Expose names.
	Restrict []string
	// Authenticate tells who makes a request. It runs once for each connection and for each HTTP request,
	// before anything else of the request is used. An error refuses it with the status of its code; the
	// default is that everybody is the zero Identity.
	Authenticate func(r *http.Request) (Identity, error)
	// Authorize is asked about every run, post and subscription that Expose lets through, after the caller's
	// identity is known: see IdentityFrom. However the caller spelled it, Call.Route is the tag of a node and Call.Method
	// the name of its method or key, if one is meant. Who may run a route may, unless Authorize says otherwise, also watch
	// its results, and with Call.Watch.Input its arguments, whoever runs it.
	Authorize func(ctx context.Context, c *graph.Call) error
	// OnConnect runs before a peer's first message is read; an error refuses the peer. It may send and post to the
	// peer, but not wait for it. OnDisconnect runs once, when an accepted peer is gone, with the reason;
	// Done is closed after it.
	OnConnect    func(p *Peer) error
	OnDisconnect func(p *Peer, reason error)
	// OnMessage takes what a peer sends that is no message, such as the text of Peer.Send. Like routes, calls of it
	// run side by side.
	OnMessage func(p *Peer, data []byte)
	// Origins are the web origins ("https://example.com") whose pages may connect, besides those from the
	// host they connect to. "*" allows every origin.
	Origins []string
	// Hosts are the values the Host header may have, without port. Empty allows all; a server
	// on a loopback or private address should name its own, against DNS rebinding.
	Hosts []string
	// Logger takes what has no caller to go to. The default is slog.Default().
	Logger *slog.Logger
	Limits Limits
}

// Limits bound what one connection can make a service do. A zero field takes its default.
type Limits struct {
	// MessageBytes is the size of one message, inflated. Default 1 MiB.
	MessageBytes int64
	// InFlight is how many calls of one peer run at once, without those that wait for a peer to answer a call of
	// theirs. Default 64.
	InFlight int
	// Backlog is how many further calls wait for a place; then reading stops, or, while a call to
	// the peer is pending or it is watched, calls are refused with ResourceExhausted and posts dropped. Default 256.
	Backlog int
	// Subscriptions is how many routes one peer may watch. Default 128.
	Subscriptions int
	// Pending is how many calls to one peer may wait for replies. Default 1024.
	Pending int
	// QueueMessages and QueueBytes bound what waits to be written to one peer. A peer that is further behind is
	// closed with ResourceExhausted. Defaults 1000 and 1 MiB; one message may always wait. Updates wait
	// in the queue of their subscription, whose size the peer chooses up to QueueMessages.
	QueueMessages int
	QueueBytes    int
	// BlockWait is the longest time for which the policy Block of a peer's subscription makes who publishes
	// wait. Default 1 s.
	BlockWait time.Duration
	// WriteTimeout is how long one write may take. Default 5 s.
	WriteTimeout time.Duration
	// CallTimeout bounds calls to a peer whose context has no deadline. Default 10 s.
	CallTimeout time.Duration
	// BadMessages is how many undecodable messages a connection may send. Default 10.
	BadMessages int
	// Peers is how many peers the service has at most. Default no limit.
	Peers int
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.MessageBytes, 1<<20)
	setDefault(&l.InFlight, 64)
	setDefault(&l.Backlog, 256)
	setDefault(&l.Subscriptions, 128)
	setDefault(&l.Pending, 1024)
	setDefault(&l.QueueMessages, 1000)
	setDefault(&l.QueueBytes, 1<<20)
	setDefault(&l.BlockWait, time.Second)
	setDefault(&l.WriteTimeout, 5*time.Second)
	setDefault(&l.CallTimeout, 10*time.Second)
	setDefault(&l.BadMessages, 10)
	return l
}

func setDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// An Identity is who a peer is, as Authenticate found out. It never comes from a message.
type Identity struct {
	// User is the stable id of a person or program; empty is anonymous.
	User string
	// Claims is whatever the application wants to know of the user.
	Claims any
	// Expires is when the peer is closed with Unauthenticated; zero is never.
	Expires time.Time
}

type identityKey struct{}

// WithIdentity returns a context for calls made for someone.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// IdentityFrom returns who the call under ctx is made for: whom WithIdentity named last, and else the peer whose
// message is being answered.
func IdentityFrom(ctx context.Context) Identity {
	id, _ := ctx.Value(identityKey{}).(Identity)
	return id
}

type peerKey struct{}

// PeerFrom returns the peer whose message is being answered under ctx. A route calls back its caller with it.
func PeerFrom(ctx context.Context) (*Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(*Peer)
	return p, ok
}

type traceKey struct{}

// WithTraceparent returns a context whose calls to peers carry a W3C traceparent.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, traceparent)
}

// Traceparent returns the W3C traceparent of the call under ctx, or "".
func Traceparent(ctx context.Context) string {
	s, _ := ctx.Value(traceKey{}).(string)
	return s
}
