package router

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// RelayOptions say what clients may do through a router.
type RelayOptions struct {
	// Allow is asked before a client reaches another user: who asks, whom, and by which method ("run",
	// "post", "subscribe", …) which route. Nil allows nothing but a client's own user.
	Allow func(ctx context.Context, to *User, method, route string) error
	// Service is where connections are looked up by their ids.
	Service *services.Service
}

// Routes returns the routes by which graphscript's clients use a router: addUser, removeUser, setUserData, runConnection
// and routeConnections. Load them into the graph and expose them. They act for the caller's own connections
// only; what reaches other users is up to RelayOptions.Allow.
func (r *Router) Routes(o RelayOptions) graph.Roots {
	relay := &relay{router: r, options: o}
	return graph.Roots{
		"addUser":          graph.Operator(relay.addUser),
		"removeUser":       graph.Operator(relay.removeUser),
		"setUserData":      graph.Operator(relay.setUserData),
		"runConnection":    graph.Operator(relay.runConnection),
		"routeConnections": graph.Operator(relay.routeConnections),
	}
}

type relay struct {
	router  *Router
	options RelayOptions
}

// addUser takes [{"_id":USER}, {INDEX: CONNECTION, …}, …] and gives the user these connections. Of a connection that is not the
// caller's own only its id proves anything: it must be one that cannot be guessed. A user that exists is joined only from
// one of its own connections, or by naming one.
func (l *relay) addUser(ctx context.Context, a graph.Args) (any, error) {
	var in struct {
		Info struct {
			ID string `json:"_id"`
		}
		Connections map[string]string
		Config      json.RawMessage
		Receiving   json.RawMessage
	}
	if err := a.Bind(&in); err != nil {
		return nil, err
	}
	if in.Info.ID == "" || strings.HasPrefix(in.Info.ID, anonymous) {
		return nil, graph.InvalidArgument.Errorf("a user needs an _id")
	}
	own := l.connections(ctx, in.Connections)
	if len(own) == 0 {
		return nil, graph.PermissionDenied.Errorf("none of the connections is the caller's")
	}
	if err := l.router.claim(in.Info.ID, own); err != nil {
		return nil, err
	}
	return in.Info.ID, nil
}

// connections returns the caller's own connection and those it names by ids that only their owner can know.
func (l *relay) connections(ctx context.Context, named map[string]string) []*services.Peer {
	var own []*services.Peer
	caller, ok := services.PeerFrom(ctx)
	if ok {
		own = append(own, caller)
	}
	for _, id := range named {
		p := l.options.Service.Peer(id)
		if p != nil && p != caller && p.IDIsSecret() && p.Identity().User == services.IdentityFrom(ctx).User {
			own = append(own, p)
		}
	}
	return own
}

// self returns the user the caller belongs to, if its id is the one that is asked for.
func (l *relay) self(ctx context.Context, id string) (*User, error) {
	if p, ok := services.PeerFrom(ctx); ok {
		if u := l.router.Of(p); u != nil && u.ID() == id {
			return u, nil
		}
	}
	return nil, graph.PermissionDenied.Errorf("only for the caller's own user")
}

func (l *relay) removeUser(ctx context.Context, a graph.Args) (any, error) {
	var id string
	if err := a.Bind(&id); err != nil {
		return nil, err
	}
	u, err := l.self(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, p := range u.Peers() {
		l.router.Remove(p)
	}
	return true, nil
}

func (l *relay) setUserData(ctx context.Context, a graph.Args) (any, error) {
	var in struct {
		ID   string
		Data map[string]json.RawMessage
	}
	if err := a.Bind(&in); err != nil {
		return nil, err
	}
	u, err := l.self(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	u.SetData(in.Data)
	return true, nil
}

// target returns the user a client wants to reach, if it may.
func (l *relay) target(ctx context.Context, id, method, route string) (*User, error) {
	u := l.router.User(id)
	if _, err := l.self(ctx, id); err == nil {
		return u, nil
	}
	if l.options.Allow == nil {
		return nil, graph.PermissionDenied.Errorf("only for the caller's own user")
	}
	if u == nil {
		return nil, nil
	}
	return u, l.options.Allow(ctx, u, method, route)
}

// runConnection takes [USER, METHOD, ARGUMENTS] and calls a method of the user with them. An unknown user is no value.
func (l *relay) runConnection(ctx context.Context, a graph.Args) (any, error) {
	var in struct {
		User   string
		Method string
		Args   json.RawMessage
		Rest   json.RawMessage
	}
	if err := a.Bind(&in); err != nil {
		return nil, err
	}
	m, err := messageOf(in.Method, in.Args)
	if err != nil {
		return nil, err
	}
	u, err := l.target(ctx, in.User, in.Method, m.Route)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return graph.Void{}, nil
	}
	return call(ctx, u, in.Method, m, in.Args)
}

// messageOf reads the arguments of a method: [ROUTE, ARGS, METHOD], or a message.
func messageOf(method string, args json.RawMessage) (services.Message, error) {
	var list []json.RawMessage
	if json.Unmarshal(args, &list) != nil {
		list = []json.RawMessage{args}
	}
	if len(list) == 0 {
		return services.Message{}, graph.InvalidArgument.Errorf("%s needs arguments", method)
	}
	var m services.Message
	if json.Unmarshal(list[0], &m.Route) == nil {
		if len(list) > 1 {
			m.Args = list[1]
		}
		if len(list) > 2 {
			_ = json.Unmarshal(list[2], &m.Method) // null is none
		}
		return m, nil
	}
	return services.Decode(list[0])
}

func call(ctx context.Context, u *User, method string, m services.Message, args json.RawMessage) (any, error) {
	c := &graph.Call{Route: m.Route, Method: strings.ToLower(m.Method), Args: graph.ArgsJSON(m.Args)}
	switch method {
	case "run", "request":
		return u.Do(ctx, c)
	case "runAll", "requestAll":
		var values []any
		for _, r := range u.All().Request(ctx, m) {
			if r.Err == nil {
				values = append(values, r.Value)
			}
		}
		return values, nil
	case "post", "postAll":
		c.Verb = graph.VerbPost
		if method == "postAll" {
			_, err := u.All().Do(ctx, c)
			return true, err
		}
		_, err := u.Do(ctx, c)
		return true, err
	case "send":
		return true, u.Send(ctx, sent(args))
	case "sendAll":
		_, err := u.SendAll(sent(args))
		return true, err
	}
	return nil, graph.Unimplemented.Errorf("no method %q", method)
}

// sent is the value a send was given: its first argument.
func sent(args json.RawMessage) any {
	var list []json.RawMessage
	if json.Unmarshal(args, &list) == nil && len(list) > 0 {
		args = list[0]
	}
	var text string
	if json.Unmarshal(args, &text) == nil {
		return text
	}
	return args
}

// routeConnections takes [ROUTE, USER, CONNECTION|null]: the results of the user's route are sent to the caller, as updates
// of a subscription to ROUTE, until either is gone.
func (l *relay) routeConnections(ctx context.Context, a graph.Args) (any, error) {
	var in struct {
		Route, User, Connection string
		Rest                    json.RawMessage
	}
	if err := a.Bind(&in); err != nil {
		return nil, err
	}
	receiver, ok := services.PeerFrom(ctx)
	if !ok || in.Connection != "" && in.Connection != receiver.ID() {
		return nil, graph.PermissionDenied.Errorf("only to the caller's own connection")
	}
	u, err := l.target(ctx, in.User, "subscribe", in.Route)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return graph.Void{}, nil
	}
	callback, err := json.Marshal(in.Route)
	if err != nil {
		return nil, err
	}
	sub, err := u.Subscribe(ctx, in.Route, func(ctx context.Context, e graph.Event) {
		data, err := e.JSON()
		if err != nil {
			return // it came as JSON
		}
		m := services.Message{Callback: callback, Args: data}
		_ = receiver.Offer(services.NewFrame(m.Append(nil)))
	})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(receiver.Context(), sub.Stop)
	return true, nil
}
