package router

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A User is a person or program with one or more live connections. It is a [graph.Target]: a call goes over the
// preferred connection.
type User struct {
	router *Router
	id     string
	ctx    context.Context //nolint:containedctx // ends when the user is gone
	cancel context.CancelFunc

	peers []*services.Peer           // guarded by router.mu; replaced, not changed; in order of preference
	data  map[string]json.RawMessage // guarded by router.mu
}

// SetData stores values for the user; those under other names stay. They are private to the server.
func (u *User) SetData(values map[string]json.RawMessage) {
	u.router.mu.Lock()
	defer u.router.mu.Unlock()
	if u.data == nil {
		u.data = make(map[string]json.RawMessage, len(values))
	}
	maps.Copy(u.data, values)
}

// Data returns what SetData stored under a name, or nil.
func (u *User) Data(name string) json.RawMessage {
	u.router.mu.Lock()
	defer u.router.mu.Unlock()
	return u.data[name]
}

// ID returns the user's id.
func (u *User) ID() string { return u.id }

// Context ends when the last connection of the user has gone.
func (u *User) Context() context.Context { return u.ctx }

// Peers returns the user's connections, the preferred ones first.
func (u *User) Peers() []*services.Peer {
	u.router.mu.Lock()
	defer u.router.mu.Unlock()
	return append([]*services.Peer(nil), u.peers...)
}

// Do does what a call asks over the preferred connection. If that one is gone before anything was
// sent, the next is tried; once something was sent it is not done twice.
func (u *User) Do(ctx context.Context, c *graph.Call) (any, error) {
	err := graph.Unavailable.Errorf("user %s has no connection", u.id)
	for _, p := range u.Peers() {
		var v any
		if v, err = p.Do(ctx, c); err == nil || !errors.Is(err, services.ErrNotSent) || ctx.Err() != nil {
			return v, err
		}
	}
	return nil, err
}

// Run runs a route of the user over one connection and returns its result, decoded.
func (u *User) Run(ctx context.Context, route string, args ...any) (any, error) {
	return services.RunOn(ctx, u, route, args...)
}

// Post posts to a route over one connection.
func (u *User) Post(ctx context.Context, route string, args ...any) error {
	return graph.Post(ctx, u, route, args...)
}

// Send sends a value over one connection, as Peer.Send does.
func (u *User) Send(ctx context.Context, v any) error {
	err := graph.Unavailable.Errorf("user %s has no connection", u.id)
	for _, p := range u.Peers() {
		if err = p.Send(ctx, v); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// Request sends a message over one connection and returns the reply's result.
func (u *User) Request(ctx context.Context, m services.Message) (any, error) {
	err := graph.Unavailable.Errorf("user %s has no connection", u.id)
	for _, p := range u.Peers() {
		raw, requestErr := p.Request(ctx, m)
		if err = requestErr; err == nil && raw != nil {
			return graph.As[any](raw)
		}
		if err == nil || !errors.Is(err, services.ErrNotSent) || ctx.Err() != nil {
			return graph.Void{}, err
		}
	}
	return nil, err
}

// Subscribe watches a route over one connection. When that one is lost the subscription ends with Unavailable.
func (u *User) Subscribe(ctx context.Context, route string, f graph.Deliver, opts ...graph.SubOption) (*graph.Subscription, error) {
	return graph.Subscribe(ctx, u, route, f, opts...)
}

// Unsubscribe stops a subscription.
func (u *User) Unsubscribe(s *graph.Subscription) { s.Stop() }

// All returns the user's connections as a set, to speak over all of them with services.RunAll.
func (u *User) All() *services.PeerSet { return services.SetOf(u.Peers()...) }

// RunAll runs a route over every connection at once and returns a result for each.
func (u *User) RunAll(ctx context.Context, route string, args ...any) []services.Result {
	return u.All().Run(ctx, route, args...)
}

// PostAll posts to a route over every connection; the errors are of those it could not be handed to.
func (u *User) PostAll(ctx context.Context, route string, args ...any) error {
	return u.All().Post(ctx, route, args...)
}

// SendAll sends a value over every connection, encoded once, and returns how many it was queued for. It never
// waits: a connection that has no room is closed.
func (u *User) SendAll(v any) (int, error) { return u.All().Send(v) }

// SubscribeAll watches a route of every connection the user has now; services.PeerFrom the callback's
// context tells which one an event is from.
func (u *User) SubscribeAll(ctx context.Context, route string, f graph.Deliver, opts ...graph.SubOption) (*graph.Subscription, error) {
	return u.All().Subscribe(ctx, route, f, opts...)
}

// Terminate closes every connection of the user.
func (u *User) Terminate() {
	for _, p := range u.Peers() {
		p.Terminate()
	}
}
