package services

import (
	"context"
	"slices"

	"github.com/graphscript-go/graphscript/graph"
)

// Do answers a call that came from outside: it applies Expose, Restrict and Authorize, and then the
// graph and its middleware. Transports without peers, such as plain HTTP, call it; it makes a Service a [graph.Target].
func (s *Service) Do(ctx context.Context, c *graph.Call) (any, error) {
	exposed, err := s.admit(c)
	if err != nil {
		return nil, err
	}
	if !exposed || s.graph.Get(c.Route) == nil {
		if route := s.defaultRoute(c); route != nil {
			return route(ctx, c.Args)
		}
	}
	if !exposed {
		return nil, graph.NotFound.Errorf("no route %q", c.Route)
	}
	if s.options.Authorize != nil {
		if err := s.options.Authorize(ctx, c); err != nil {
			return nil, err
		}
	}
	return s.graph.Do(ctx, c)
}

// admit reports whether the call's route is exposed. What is restricted is refused; what is not
// exposed is answered like what does not exist.
func (s *Service) admit(c *graph.Call) (exposed bool, err error) {
	tag, member := s.resolve(c)
	if slices.ContainsFunc(s.options.Restrict, func(p string) bool {
		return covers(p, tag, member) || graph.Match(p+".**", tag)
	}) {
		return false, graph.PermissionDenied.Errorf("%s may not be called", c.Route)
	}
	return slices.ContainsFunc(s.options.Expose, func(p string) bool { return covers(p, tag, member) }), nil
}

// resolve returns what a call is about: a node's own tag, whatever alias it was called by, and a member.
func (s *Service) resolve(c *graph.Call) (tag, member string) {
	n, member := s.graph.Resolve(c.Route)
	if n == nil {
		return c.Route, ""
	}
	if member == "" {
		member = c.Method
	}
	if c.Watch.Key != "" {
		member = c.Watch.Key
	}
	return n.Tag(), member
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
