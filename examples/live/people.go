package main

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/router"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

// maxName is the length of a display name in characters.
const maxName = 32

// people keeps the list of who is online. The router says whose connections are whose; what a person is called and where is
// kept here for as long as the person is connected.
type people struct {
	router *router.Router
	online *graph.Var[[]Person]

	mu       sync.Mutex // guards all below
	profiles map[SessionID]*profile
	arrivals int
}

type profile struct {
	name     string
	timeZone string
	arrival  int // the list is in this order
}

func servePeople(g *graph.Graph) *people {
	p := &people{online: Online.Serve(g, []Person{}), profiles: make(map[SessionID]*profile)}
	p.router = router.New(&router.Options{OnJoin: p.joined, OnLeave: p.left})
	Rename.Handle(g, p.rename)
	Me.Handle(g, func(ctx context.Context, _ graph.Void) (SessionID, error) { return caller(ctx), nil })
	return p
}

// caller is who asks, as the cookie says. No message can say otherwise.
func caller(ctx context.Context) SessionID { return SessionID(services.IdentityFrom(ctx).User) }

// arrive and depart follow the connections of all transports.
func (p *people) arrive(peer *services.Peer) error {
	p.router.Add(peer)
	p.refresh()
	return nil
}

func (p *people) depart(peer *services.Peer, _ error) {
	p.router.Remove(peer)
	p.refresh()
}

// joined and left follow the people. The router calls them one at a time, in the order in which people came and went.
func (p *people) joined(u *router.User) {
	p.mu.Lock()
	p.arrivals++
	p.profiles[SessionID(u.ID())] = &profile{name: "Guest " + u.ID()[:4], arrival: p.arrivals}
	p.mu.Unlock()
	p.refresh()
}

func (p *people) left(u *router.User) {
	p.mu.Lock()
	delete(p.profiles, SessionID(u.ID()))
	p.mu.Unlock()
	p.refresh()
}

// refresh stores the list anew. Update keeps a list that was made earlier from replacing one that was made later.
func (p *people) refresh() {
	_, _ = p.online.Update(func([]Person) ([]Person, error) { return p.list(), nil }) // the function does not fail
}

func (p *people) list() []Person {
	list := []Person{}
	users := p.router.Users()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		id := SessionID(u.ID())
		if known := p.profiles[id]; known != nil {
			list = append(list, Person{ID: id, Name: known.name, TimeZone: known.timeZone, Tabs: tabs(u)})
		}
	}
	slices.SortFunc(list, func(a, b Person) int { return p.profiles[a.ID].arrival - p.profiles[b.ID].arrival })
	return list
}

// tabs counts the pages of a user. Each has one stream and one socket, of which either may be there first.
func tabs(u *router.User) int {
	count := map[string]int{}
	for _, peer := range u.Peers() {
		count[peer.Transport()]++
	}
	return max(count["sse"], count["ws"])
}

// askTimeZone calls a route of the page that opened a stream. It goes over the leg that the router prefers: the socket
// if it is open already, and else the stream, with the answer coming by POST.
func (p *people) askTimeZone(c *sse.ClientInfo, _ *http.Request) error {
	user := p.router.Of(c.Peer)
	if user == nil {
		return nil // gone already
	}
	zone, err := TimeZone.Run(user.Context(), user, graph.Void{})
	if err == nil && !isTimeZone(zone) {
		err = graph.InvalidArgument.Errorf("%q is no time zone", zone)
	}
	if err != nil {
		slog.Debug("a page did not tell its time zone", "user", user.ID(), "error", err)
		return nil // it is missing in the list, and nothing else
	}
	p.change(SessionID(user.ID()), func(known *profile) { known.timeZone = zone })
	return nil
}

// isTimeZone bounds what a page can put into the list of everybody.
func isTimeZone(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/"
	return name != "" && len(name) <= 64 && strings.Trim(name, letters) == ""
}

func (p *people) rename(ctx context.Context, name string) (graph.Void, error) {
	name, err := cleanText(name, maxName)
	if err != nil {
		return graph.Void{}, err
	}
	if !p.change(caller(ctx), func(known *profile) { known.name = name }) {
		return graph.Void{}, graph.FailedPrecondition.Errorf("only somebody who is online has a name")
	}
	return graph.Void{}, nil
}

func (p *people) change(id SessionID, f func(known *profile)) bool {
	p.mu.Lock()
	known := p.profiles[id]
	if known != nil {
		f(known)
	}
	p.mu.Unlock()
	if known != nil {
		p.refresh()
	}
	return known != nil
}

// nameOf returns what a person is called.
func (p *people) nameOf(id SessionID) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.profiles[id]
	if known == nil {
		return "", false
	}
	return known.name, true
}

// cleanText returns what a person typed without blanks around it and with blanks for control characters, such as line
// ends. There must be something to read, and at most so many characters.
func cleanText(text string, most int) (string, error) {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "", graph.InvalidArgument.Errorf("there is nothing to read in it")
	case n > most:
		return "", graph.InvalidArgument.Errorf("%d characters, at most %d are taken", n, most)
	}
	return text, nil
}
