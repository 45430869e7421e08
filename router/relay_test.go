package router_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/router"
	"github.com/graphscript-go/graphscript/services"
)

// A relayed server has the relay's routes; what its clients may do to others is up to allow.
func newRelay(t *testing.T, allow func(context.Context, *router.User, string, string) error) (*services.Service, *router.Router) {
	t.Helper()
	g := graph.New()
	server := services.New(g, &services.Options{Expose: []string{"**"}})
	r := router.New(nil)
	require.NoError(t, g.Load(r.Routes(router.RelayOptions{Service: server, Allow: allow})))
	return server, r
}

func allowAll(context.Context, *router.User, string, string) error { return nil }

func (d *device) call(route string, args ...any) (any, error) {
	return d.far.Run(context.Background(), route, args...)
}

func TestAddUserTakesTheCallersOwnConnections(t *testing.T) {
	server, r := newRelay(t, nil)
	socket, stream := join(t, server, "", "ws", "socket"), join(t, server, "", "sse", "stream")
	got, err := socket.call("addUser", map[string]any{"_id": "ann"}, map[string]any{"0": socket.peer.ID(), "1": stream.peer.ID()}, nil, true)
	require.NoError(t, err)
	require.Equal(t, "ann", got)
	require.Equal(t, []*services.Peer{socket.peer, stream.peer}, r.User("ann").Peers(), "an id that nobody can guess proves ownership")

	thief := join(t, server, "", "ws", "thief")
	for name, connections := range map[string]map[string]any{
		"without a connection of the user": {"0": thief.peer.ID()},
		"with an unknown connection":       {"0": "nobody"},
	} {
		_, err := thief.call("addUser", map[string]any{"_id": "ann"}, connections)
		require.ErrorIs(t, err, graph.PermissionDenied, name)
	}
	for name, info := range map[string]any{"no id": map[string]any{}, "a reserved id": map[string]any{"_id": "anonymous:x"}} {
		_, err := thief.call("addUser", info)
		require.ErrorIs(t, err, graph.InvalidArgument, name)
	}
	require.Len(t, r.User("ann").Peers(), 2)

	second := join(t, server, "", "ws", "second tab")
	_, err = second.call("addUser", map[string]any{"_id": "ann"}, map[string]any{"0": stream.peer.ID()})
	require.NoError(t, err, "who knows a connection of the user belongs to it")
	require.Len(t, r.User("ann").Peers(), 3)
}

func TestIdentitiesKeepUsersApart(t *testing.T) {
	server, r := newRelay(t, nil)
	ann, bob := join(t, server, "ann", "ws", "a"), join(t, server, "bob", "ws", "b")
	_, err := bob.call("addUser", map[string]any{"_id": "x"}, map[string]any{"0": ann.peer.ID()})
	require.NoError(t, err)
	require.Equal(t, []*services.Peer{bob.peer}, r.User("x").Peers(), "a connection of another identity is not taken")
}

func TestOnlyOnesOwnUserIsChanged(t *testing.T) {
	server, r := newRelay(t, nil)
	ann, bob := join(t, server, "", "ws", "a"), join(t, server, "", "ws", "b")
	for id, d := range map[string]*device{"ann": ann, "bob": bob} {
		_, err := d.call("addUser", map[string]any{"_id": id})
		require.NoError(t, err)
	}
	got, err := ann.call("setUserData", "ann", map[string]any{"color": "red", "__proto__": map[string]any{"x": 1}})
	require.NoError(t, err)
	require.Equal(t, true, got)
	require.JSONEq(t, `"red"`, string(r.User("ann").Data("color")))
	require.Nil(t, r.User("ann").Data("size"))
	for _, route := range []string{"setUserData", "removeUser"} {
		_, err := bob.call(route, "ann")
		require.ErrorIs(t, err, graph.PermissionDenied, route)
	}
	got, err = ann.call("removeUser", "ann")
	require.NoError(t, err)
	require.Equal(t, true, got)
	require.Nil(t, r.User("ann"))
	require.NoError(t, ann.peer.Err(), "the connection stays")
}

func TestRunConnection(t *testing.T) {
	server, _ := newRelay(t, allowAll)
	ann, bob := join(t, server, "", "ws", "a"), join(t, server, "", "ws", "b")
	_, err := ann.call("addUser", map[string]any{"_id": "ann"})
	require.NoError(t, err)

	for method, c := range map[string]struct {
		args any
		want any
	}{
		"run":        {[]any{"where", "?"}, "a"},
		"request":    {[]any{map[string]any{"route": "where", "args": "?"}}, "a"},
		"runAll":     {[]any{"where", "?"}, []any{"a"}},
		"requestAll": {[]any{map[string]any{"route": "where", "args": []any{"?"}}}, []any{"a"}},
		"post":       {[]any{"note", "post"}, true},
		"postAll":    {[]any{"note", "postAll"}, true},
		"send":       {[]any{map[string]any{"route": "note", "args": "send"}}, true},
		"sendAll":    {[]any{map[string]any{"route": "note", "args": "sendAll"}}, true},
	} {
		got, err := bob.call("runConnection", "ann", method, c.args)
		require.NoError(t, err, method)
		require.Equal(t, c.want, got, method)
	}
	require.ElementsMatch(t, []string{"post", "postAll", "send", "sendAll"}, take(ann.notes, 4))

	got, err := bob.call("runConnection", "nobody", "run", []any{"where", "?"})
	require.NoError(t, err)
	require.Equal(t, graph.Void{}, got)
	_, err = bob.call("runConnection", "ann", "terminate", []any{"x"})
	require.ErrorIs(t, err, graph.Unimplemented, "nobody may end the connections of others")
	_, err = bob.call("runConnection", "ann", "run", []any{})
	require.ErrorIs(t, err, graph.InvalidArgument)
	_, err = bob.call("runConnection", "ann", "run", []any{"where", "fail"})
	require.ErrorIs(t, err, graph.FailedPrecondition)
}

func TestRelaysAskForPermission(t *testing.T) {
	var asked []string
	server, _ := newRelay(t, func(_ context.Context, to *router.User, method, route string) error {
		asked = append(asked, to.ID()+" "+method+" "+route)
		if route == "where" {
			return graph.PermissionDenied.Errorf("not that")
		}
		return nil
	})
	ann, bob := join(t, server, "", "ws", "a"), join(t, server, "", "ws", "b")
	_, err := ann.call("addUser", map[string]any{"_id": "ann"})
	require.NoError(t, err)
	_, err = bob.call("runConnection", "ann", "run", []any{"where", "?"})
	require.ErrorIs(t, err, graph.PermissionDenied)
	_, err = bob.call("runConnection", "ann", "post", []any{"note", "hi"})
	require.NoError(t, err)
	require.Equal(t, "hi", <-ann.notes)
	got, err := ann.call("runConnection", "ann", "run", []any{"where", "?"})
	require.NoError(t, err, "one's own user needs no permission")
	require.Equal(t, "a", got)
	require.Equal(t, []string{"ann run where", "ann post note"}, asked)

	closed, _ := newRelay(t, nil)
	carl := join(t, closed, "", "ws", "c")
	for _, user := range []string{"ann", "nobody"} {
		_, err = carl.call("runConnection", user, "run", []any{"where", "?"})
		require.ErrorIs(t, err, graph.PermissionDenied, "without Allow nobody is reached, and none is known to exist")
	}
}

func TestRouteConnections(t *testing.T) {
	server, _ := newRelay(t, allowAll)
	ann, bob := join(t, server, "", "ws", "a"), join(t, server, "", "ws", "b")
	_, err := ann.call("addUser", map[string]any{"_id": "ann"})
	require.NoError(t, err)

	_, err = bob.call("routeConnections", "tick", "ann", ann.peer.ID())
	require.ErrorIs(t, err, graph.PermissionDenied, "updates only go to the caller")
	got, err := bob.call("routeConnections", "tick", "nobody", bob.peer.ID())
	require.NoError(t, err)
	require.Equal(t, graph.Void{}, got)
	got, err = bob.call("routeConnections", "tick", "ann", bob.peer.ID())
	require.NoError(t, err)
	require.Equal(t, true, got)
	ann.tick.Set(7)
	select {
	case data := <-bob.raw:
		var m struct {
			Args       int    `json:"args"`
			CallbackID string `json:"callbackId"`
		}
		require.NoError(t, json.Unmarshal(data, &m))
		require.Equal(t, 7, m.Args)
		require.Equal(t, "tick", m.CallbackID)
	case <-time.After(5 * time.Second):
		t.Fatal("no update")
	}
	bob.close()
	require.Eventually(t, func() bool { return server.Stats().Peers == 1 }, 5*time.Second, time.Millisecond)
}
