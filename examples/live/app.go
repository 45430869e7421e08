package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/graphscript-go/graphscript/browser"
	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
	"github.com/graphscript-go/graphscript/services/ws"
)

// An app is the whole server but for its listener.
type app struct {
	graph   *graph.Graph
	service *services.Service
	handler http.Handler
}

// newApp makes one graph and puts it behind one service, which stands under both transports.
func newApp(addr net.Addr) (*app, error) {
	hosts, err := hostsOf(addr)
	if err != nil {
		return nil, err
	}
	g := graph.New()
	if err := serveSystem(g); err != nil {
		return nil, err
	}
	people := servePeople(g)
	serveChat(g, people)

	service := services.New(g, &services.Options{
		Expose:       exposed(),
		Hosts:        hosts,
		Authenticate: authenticate,
		OnConnect:    people.arrive,
		OnDisconnect: people.depart,
		Limits:       services.Limits{MessageBytes: 64 << 10, Peers: 1000},
	})
	stream, err := sse.New(service).SetupSSE(sse.Props{Path: "/sse", OnConnection: people.askTimeZone})
	if err != nil {
		return nil, fmt.Errorf("set up the stream: %w", err)
	}
	socket, err := ws.New(service).SetupWSS(ws.Props{Path: "/ws"})
	if err != nil {
		return nil, fmt.Errorf("set up the socket: %w", err)
	}

	mux := http.NewServeMux()
	mux.Handle("/sse", stream)
	mux.Handle("/ws", socket)
	mux.Handle("/graph.mjs", browser.Handler())
	mux.Handle("/", onlyFor(hosts, page()))
	return &app{graph: g, service: service, handler: mux}, nil
}

// onlyFor refuses requests for other hosts, as the service does with those that reach it.
func onlyFor(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !slices.Contains(hosts, strings.ToLower(strings.Trim(host, "[]"))) {
			http.Error(w, "this host is not served here", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
