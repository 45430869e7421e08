package router

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// Options adjust a Router. All fields may be left zero.
type Options struct {
	// Prefer orders transports; a user is reached over the first that lives. Those not named come last.
	// The default is "ws", "sse".
	Prefer []string
	// OnJoin runs when a user has come, OnLeave when the last connection of a user has gone.
	OnJoin  func(u *User)
	OnLeave func(u *User)
}

// A Router keeps the connections of users.
type Router struct {
	options Options
	hooks   hooks

	mu     sync.Mutex // guards all below, and which peers each user has
	users  map[string]*User
	owners map[*services.Peer]*User
}

// New returns an empty router. The options may be nil; they are copied.
func New(o *Options) *Router {
	r := &Router{users: make(map[string]*User), owners: make(map[*services.Peer]*User)}
	if o != nil {
		r.options = *o
	}
	if r.options.Prefer == nil {
		r.options.Prefer = []string{"ws", "sse"}
	}
	return r
}

// Add gives a peer to the user that its identity names, until the peer is gone. An anonymous peer is a user of its own, by
// the peer's id.
func (r *Router) Add(p *services.Peer) *User {
	id := p.Identity().User
	if id == "" {
		id = anonymous + p.ID()
	}
	return r.AddAs(p, id)
}

// anonymous keeps the ids of anonymous users apart from those of an application.
const anonymous = "anonymous:"

// AddAs is Add for a user that the application chose.
func (r *Router) AddAs(p *services.Peer, id string) *User {
	r.mu.Lock()
	u := r.addLocked(p, id)
	r.mu.Unlock()
	r.hooks.run()
	context.AfterFunc(p.Context(), func() { r.Remove(p) })
	return u
}

// claim gives peers to a user of that id. One that exists must have one of them already.
func (r *Router) claim(id string, peers []*services.Peer) error {
	r.mu.Lock()
	if u := r.users[id]; u != nil && !slices.ContainsFunc(peers, func(p *services.Peer) bool { return r.owners[p] == u }) {
		r.mu.Unlock()
		return graph.PermissionDenied.Errorf("user %s belongs to somebody else", id)
	}
	for _, p := range peers {
		r.addLocked(p, id)
	}
	r.mu.Unlock()
	r.hooks.run()
	for _, p := range peers {
		context.AfterFunc(p.Context(), func() { r.Remove(p) })
	}
	return nil
}

// addLocked gives p to the user of that id, from whatever user had it.
func (r *Router) addLocked(p *services.Peer, id string) *User {
	if have := r.owners[p]; have != nil {
		if have.id == id {
			return have
		}
		r.removeLocked(p)
	}
	u := r.users[id]
	joined := u == nil
	if joined {
		u = &User{router: r, id: id}
		u.ctx, u.cancel = context.WithCancel(context.Background())
		r.users[id] = u
	}
	r.owners[p] = u
	u.peers = append(slices.Clone(u.peers), p)
	slices.SortStableFunc(u.peers, r.byPreference)
	if joined {
		r.hooks.add(r.options.OnJoin, u)
	}
	return u
}

// Remove takes a peer from its user without closing it, and reports whether a user had it.
func (r *Router) Remove(p *services.Peer) bool {
	r.mu.Lock()
	had := r.removeLocked(p)
	r.mu.Unlock()
	r.hooks.run()
	return had
}

func (r *Router) removeLocked(p *services.Peer) bool {
	u := r.owners[p]
	if u == nil {
		return false
	}
	delete(r.owners, p)
	i := slices.Index(u.peers, p)
	u.peers = slices.Delete(slices.Clone(u.peers), i, i+1)
	if len(u.peers) == 0 {
		delete(r.users, u.id)
		u.cancel()
		r.hooks.add(r.options.OnLeave, u)
	}
	return true
}

func (r *Router) byPreference(a, b *services.Peer) int { return r.rank(a) - r.rank(b) }

func (r *Router) rank(p *services.Peer) int {
	if i := slices.Index(r.options.Prefer, p.Transport()); i >= 0 {
		return i
	}
	return len(r.options.Prefer)
}

// User returns the user with this id if connected, or nil.
func (r *Router) User(id string) *User {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.users[id]
}

// Of returns the user a peer belongs to, or nil.
func (r *Router) Of(p *services.Peer) *User {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.owners[p]
}

// Users returns the connected users, ordered by id.
func (r *Router) Users() []*User {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*User, 0, len(r.users))
	for _, u := range r.users {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *User) int { return strings.Compare(a.id, b.id) })
	return all
}

var _ graph.Target = (*User)(nil)
