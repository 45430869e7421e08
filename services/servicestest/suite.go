package servicestest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A Connection is a transport under test, joined at both ends.
type Connection struct {
	// ToServer is what the client sees of the server.
	ToServer graph.Target
	// Client is ToServer where that is a peer, and nil where the client is none, as one of plain HTTP.
	Client *services.Peer
	// ToClient is what the server sees of the client; nil if the transport cannot call its clients.
	ToClient *services.Peer
	// Stall makes the client stop reading, for good or until the connection ends; nil if it cannot. What is
	// sent to the client after it must pile up at the server.
	Stall func()
	// Raw sends bytes as the client would send a message. Nil stands for Client.Send, if there is a Client.
	Raw func(data []byte) error
}

// A Transport is what Run checks.
type Transport struct {
	// Name is the name of the test.
	Name string
	// Connect joins client to server and returns when calls can be made. It is called several times with the same server. It
	// leaves with t.Cleanup what ends its listeners and idle connections; the suite has shut
	// both services down before. What Connect starts must end then: the suite looks for goroutines that are left.
	Connect func(t testing.TB, server, client *services.Service) Connection
	// CallOnly is set if the transport carries calls but no subscriptions.
	CallOnly bool
	// Bubble runs each check in a bubble of testing/synctest, where timeouts take no time. It is for transports that
	// use no network.
	Bubble bool
	// Patience is how long a check waits for what has to happen. Default 10 s.
	Patience time.Duration
}

// Run checks a transport, each promise in a subtest of its own.
func Run(t *testing.T, tr Transport) {
	if tr.Patience <= 0 {
		tr.Patience = 10 * time.Second
	}
	t.Run(tr.Name, func(t *testing.T) {
		for _, c := range checks() {
			if c.oneWay {
				t.Run(c.name, func(t *testing.T) { tr.check(t, c, false) })
				continue
			}
			t.Run(c.name+"/to the server", func(t *testing.T) { tr.check(t, c, false) })
			t.Run(c.name+"/to the client", func(t *testing.T) { tr.check(t, c, true) })
		}
	})
}

// A check is one promise.
type check struct {
	name string
	// needs says what of a transport the check cannot do without.
	needs ability
	// oneWay is set if the check is not the same in both directions.
	oneWay bool
	// tune changes the options of both services.
	tune func(o *services.Options)
	run  func(s *session)
}

// An ability is a part of a Connection that not every transport has; abilities are added.
type ability uint8

const (
	clientPeer ability = 1 << iota
	calledClient
	subscriptions
	stalling
	rawInput
)

func checks() []check {
	var all []check
	for _, group := range [][]check{
		callChecks(), valueChecks(), failureChecks(), orderChecks(), lagChecks(), stopChecks(), slowChecks(), closeChecks(),
		callbackChecks(), sizeChecks(), inputChecks(), policyChecks(),
	} {
		all = append(all, group...)
	}
	return all
}

func (tr Transport) check(t *testing.T, c check, toClient bool) {
	if tr.Bubble {
		synctest.Test(t, func(t *testing.T) { tr.begin(t, c, toClient) })
		return
	}
	findLeaks(t, tr.Patience)
	tr.begin(t, c, toClient)
}

func (tr Transport) begin(t *testing.T, c check, toClient bool) {
	s := &session{T: t, transport: tr, tune: c.tune}
	s.server = s.newEnd("server")
	s.client = s.newEnd("client")
	s.Connection = s.connect(s.client)
	needs := c.needs
	s.near, s.far, s.to = s.client, s.server, s.ToServer
	if toClient {
		needs |= calledClient
		s.near, s.far, s.to = s.server, s.client, s.ToClient
	}
	if missing := needs &^ s.abilities(); missing != 0 {
		t.Skip("not for this transport: it has no " + missing.String())
	}
	c.run(s)
}

func (s *session) abilities() ability {
	var a ability
	for _, has := range []struct {
		ability
		is bool
	}{
		{clientPeer, s.Client != nil},
		{calledClient, s.ToClient != nil},
		{subscriptions, !s.transport.CallOnly},
		{stalling, s.Stall != nil},
		{rawInput, s.Raw != nil},
	} {
		if has.is {
			a |= has.ability
		}
	}
	return a
}

func (a ability) String() string {
	text := ""
	for i, name := range []string{"peer at the client", "way to call the client", "subscriptions", "way to stall the client", "raw input"} {
		if a&(1<<i) != 0 {
			if text != "" {
				text += " and no "
			}
			text += name
		}
	}
	return text
}

// connect joins a client to the server, and ends both before what Connect leaves for the end.
func (s *session) connect(client *end) Connection {
	s.Helper()
	c := s.transport.Connect(s.T, s.server.service, client.service)
	if c.Raw == nil && c.Client != nil {
		c.Raw = func(data []byte) error { return c.Client.Send(s.Context(), data) }
	}
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), s.transport.Patience)
		defer cancel()
		for _, e := range []*end{client, s.server} {
			e.free()
			if err := e.service.Shutdown(ctx); err != nil {
				s.Errorf("the %s does not end: %v", e.name, err)
			}
		}
	})
	return c
}
