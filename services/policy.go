package services

import (
	"context"
	"slices"

	"github.com/graphscript-go/graphscript/graph"
)

// Do answers a call that came from outside: it applies Expose, Restrict and Authorize, and then the
// graph and its middleware. Transports without peers, such as plain HTTP, call it; it makes a Service a [graph.Target].
func (s *Service) Do(ctx context.Context, c *graph.Call) (any, error) {
	tag, member, exists := s.graph.Locate(c)
	if !exists {
		tag, member = c.Route, ""
	}
	if s.restricts(tag, member) {
		return nil, graph.PermissionDenied.Errorf("%s may not be called", c.Route)
	}
	if !exists || !s.exposes(tag, member) {
		if route := s.defaultRoute(c); route != nil {
			return route(ctx, c.Args)
		}
		return nil, noRoute(c)
	}
	if s.options.Authorize != nil {
		asked := *c
		asked.Route, asked.Method, asked.Watch.Key = tag, member, ""
		if err := s.guard("Authorize", func() error { return s.options.Authorize(ctx, &asked) }); err != nil {
			return nil, err
		}
	}
	return s.graph.Do(ctx, c)
}

// noRoute is the one answer to what does not exist and to what is not exposed.
func noRoute(c *graph.Call) error {
	if c.Verb == graph.VerbSubscribe && c.Watch.Key != "" {
		return graph.NotFound.Errorf("no route %q with the key %q", c.Route, c.Watch.Key)
	}
	return graph.NotFound.Errorf("no route %q", c.Route)
}

// exposes reports whether Expose names a node, or a method or key of it. Names are those the graph's author gave: an
// alias or another case of them is no way around the policy.
func (s *Service) exposes(tag, member string) bool {
	return slices.ContainsFunc(s.options.Expose, func(p string) bool { return covers(p, tag, member) })
}

// restricts reports whether Restrict takes it out again.
func (s *Service) restricts(tag, member string) bool {
	return slices.ContainsFunc(s.options.Restrict, func(p string) bool { return covers(p, tag, member) || graph.Match(p+".**", tag) })
}

func covers(pattern, tag, member string) bool {
	return graph.Match(pattern, tag) || member != "" && graph.Match(pattern, tag+"."+member)
}

// defaultRoute returns a route that every service has: it is there unless the graph exposes
// one of that name.
func (s *Service) defaultRoute(c *graph.Call) graph.Operator {
	if c.Verb == graph.VerbSubscribe {
		return nil
	}
	switch c.Route {
	case "ping":
		return func(context.Context, graph.Args) (any, error) { return "pong", nil }
	case "echo":
		return func(_ context.Context, a graph.Args) (any, error) {
			values, err := a.Values()
			if values == nil {
				values = []any{}
			}
			return values, err
		}
	case "log", "error":
		return s.logRoute
	}
	return nil
}

// logRoute writes what a peer says to the log.
func (s *Service) logRoute(ctx context.Context, a graph.Args) (any, error) {
	text, err := a.MarshalJSON()
	if err != nil {
		return nil, err
	}
	const most = 1024
	id := ""
	if p, ok := PeerFrom(ctx); ok {
		id = p.ID()
	}
	s.log.Info("a peer says", "peer", id, "user", IdentityFrom(ctx).User, "message", string(text[:min(len(text), most)]))
	return true, nil
}
