package services_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// catalogue is a graph with one of each thing a policy must see: a node, its method, its key, a child, an
// alias, state, and a mounted graph with the same.
func catalogue(t *testing.T) *graph.Graph {
	t.Helper()
	node := func(alias string) graph.Props {
		return graph.Props{
			Operator: func() string { return "ran" },
			Methods:  map[string]any{"open": func() string { return "open" }, "makeTea": func() string { return "tea" }},
			State:    map[string]any{"key": "value", "other": "value"},
			Children: graph.Roots{"child": func() string { return "child" }},
			With:     map[string]any{"aliases": []string{alias}},
		}
	}
	inner := graph.New()
	require.NoError(t, inner.Load(graph.Roots{"shop": node("store")}))
	g := graph.New()
	require.NoError(t, g.Load(graph.Roots{"shop": node("store"), "state": 1, "mall": inner}))
	return g
}

func TestPolicy(t *testing.T) {
	const (
		ok = iota
		missing
		denied
	)
	for _, c := range []struct {
		expose, restrict string
		routes           map[string]int // a route and, by choice, a method, and #key to subscribe to one
	}{
		{"", "", map[string]int{"shop": missing, "shop.open": missing, "shop.key": missing, "state": missing, "mall.shop": missing}},
		{"shop", "", map[string]int{
			"shop": ok, "shop.open": ok, "shop open": ok, "shop.key": ok, "shop #key": ok, "shop MAKETEA": ok, "shop.maketea": ok,
			"store": ok, "store.open": ok, "store open": ok, "store.OPEN": ok,
			"shop.child": missing, "shop.nothing": missing, "shop nothing": ok, "shop #nothing": missing, "SHOP": missing, "state": missing,
			"mall.shop": missing,
		}},
		{"shop.open", "", map[string]int{
			"shop.open": ok, "shop open": ok, "shop.OPEN": ok, "store.open": ok, "shop #open": ok,
			"shop": missing, "store": missing, "shop.key": missing, "shop #key": missing, "shop.child": missing, "shop nothing": missing,
			"shop.key #open": missing, "shop.makeTea open": missing, "shop makeTea #open": missing,
		}},
		{"shop.nothing", "", map[string]int{"shop nothing": missing, "shop": missing, "shop.nothing": missing}},
		{"shop.*", "", map[string]int{
			"shop.child": ok, "shop.open": ok, "shop.key": ok, "shop": missing, "shop nothing": missing, "shop x": missing,
		}},
		{"store", "", map[string]int{"shop": missing, "store": missing}},
		{"**", "shop", map[string]int{
			"shop": denied, "shop.open": denied, "shop open": denied, "shop.key": denied, "shop #key": denied, "shop.child": denied,
			"store": denied, "store.open": denied, "store OPEN": denied, "store #key": denied,
			"state": ok, "mall.shop": ok,
		}},
		{"**", "shop.makeTea", map[string]int{
			"shop.makeTea": denied, "shop.maketea": denied, "shop.MAKETEA": denied, "shop maketea": denied, "store.maketea": denied,
			"shop.makeTea open": denied, "shop #makeTea": denied, "shop.makeTea #open": denied,
			"shop": ok, "shop.open": ok, "shop.open makeTea": ok, "shop.child": ok, "mall.shop.makeTea": ok,
		}},
		{"**", "shop.key", map[string]int{"shop.key": denied, "shop #KEY": denied, "shop key": denied, "shop #other": ok}},
		{"mall.**", "", map[string]int{
			"mall.shop": ok, "mall.shop.open": ok, "mall.shop open": ok, "mall.store": ok, "mall.shop.child": ok, "shop": missing,
			"mall": missing, "mall.nothing": missing,
		}},
		{"mall.shop", "", map[string]int{"mall.shop": ok, "mall.shop.open": ok, "mall.store.open": ok, "mall.shop.child": missing}},
		{"**", "mall.shop.makeTea", map[string]int{
			"mall.shop.makeTea": denied, "mall.store.maketea": denied, "mall.shop MAKETEA": denied, "mall.store makeTea": denied,
			"mall.shop #makeTea": denied, "mall.shop": ok, "shop.makeTea": ok,
		}},
		{"**", "mall", map[string]int{"mall.shop": denied, "mall.store": denied, "mall.shop.open": denied, "shop": ok}},
		{"**", "ping", map[string]int{"ping": denied, "echo": ok, "log": ok, "error": ok, "Ping": missing}},
		{"", "", map[string]int{"ping": ok, "echo": ok, "log": ok, "error": ok, "ping #x": missing, "ping.x": missing}},
	} {
		o := &services.Options{Logger: quiet()}
		if c.expose != "" {
			o.Expose = strings.Fields(c.expose)
		}
		if c.restrict != "" {
			o.Restrict = strings.Fields(c.restrict)
		}
		s := services.New(catalogue(t), o)
		for call, want := range c.routes {
			words := strings.Fields(call)
			gc := &graph.Call{Route: words[0]}
			for _, word := range words[1:] {
				if key, subscribes := strings.CutPrefix(word, "#"); subscribes {
					gc.Verb, gc.Watch.Key, gc.Deliver = graph.VerbSubscribe, key, func(context.Context, graph.Event) {}
				} else {
					gc.Method = strings.ToLower(word)
				}
			}
			_, err := s.Do(t.Context(), gc)
			switch want {
			case ok:
				require.NoError(t, err, "expose %q, restrict %q: %s", c.expose, c.restrict, call)
			case missing:
				require.ErrorIs(t, err, graph.NotFound, "expose %q, restrict %q: %s", c.expose, c.restrict, call)
				require.Contains(t, err.Error(), "no route", "one answer for all")
			case denied:
				require.ErrorIs(t, err, graph.PermissionDenied, "expose %q, restrict %q: %s", c.expose, c.restrict, call)
			}
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestAuthorizeIsAskedByTheNamesOfTheGraph(t *testing.T) {
	var asked []string
	o := &services.Options{Expose: []string{"**"}, Logger: quiet()}
	o.Authorize = func(ctx context.Context, c *graph.Call) error {
		asked = append(asked, c.Verb.String()+" "+c.Route+" "+c.Method+" "+c.Watch.Key+" "+services.IdentityFrom(ctx).User)
		switch c.Method {
		case "makeTea":
			return graph.PermissionDenied.Errorf("coffee only")
		case "key":
			panic("bad hook")
		}
		return nil
	}
	s := services.New(catalogue(t), o)
	ctx := services.WithIdentity(t.Context(), services.Identity{User: "ann"})
	deliver := func(context.Context, graph.Event) {}
	for _, c := range []struct {
		call graph.Call
		want string
		code graph.Code
	}{
		{graph.Call{Route: "store"}, "run shop   ann", 0},
		{graph.Call{Route: "store.OPEN"}, "run shop open  ann", 0},
		{graph.Call{Route: "shop", Method: "maketea"}, "run shop makeTea  ann", graph.PermissionDenied},
		{graph.Call{Route: "shop", Method: "no such"}, "run shop   ann", 0},
		{graph.Call{Route: "state", Verb: graph.VerbPost}, "post state   ann", 0},
		{graph.Call{Route: "mall.store.Maketea"}, "run mall.shop makeTea  ann", graph.PermissionDenied},
		{graph.Call{Route: "shop", Verb: graph.VerbSubscribe, Watch: graph.WatchOptions{Key: "OTHER"}, Deliver: deliver}, "subscribe shop other  ann", 0},
		{graph.Call{Route: "shop.key"}, "run shop key  ann", graph.Internal}, // a panic is no permission
		{graph.Call{Route: "nothing"}, "", graph.NotFound},
		{graph.Call{Route: "ping"}, "", 0},
	} {
		asked = nil
		_, err := s.Do(ctx, &c.call)
		require.Equal(t, c.code, graph.CodeOf(err), "%+v: %v", c.call, err)
		require.Equal(t, c.want, strings.Join(asked, "; "))
	}
}

func TestDefaultRoutes(t *testing.T) {
	var log bytes.Buffer
	s := services.New(graph.New(), &services.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	run := func(s *services.Service, route string, args ...any) any {
		t.Helper()
		v, err := s.Do(t.Context(), &graph.Call{Route: route, Args: graph.ArgsOf(args...)})
		require.NoError(t, err)
		return v
	}
	require.Equal(t, "pong", run(s, "ping"))
	require.Equal(t, []any{1, "x"}, run(s, "echo", 1, "x"))
	require.Equal(t, []any{}, run(s, "echo"))
	require.Equal(t, true, run(s, "log", "hello\ntime=now level=INFO msg=forged", strings.Repeat("x", 5000)))
	require.Equal(t, true, run(s, "error", "again"))
	require.Equal(t, 2, strings.Count(log.String(), "\n"), "a line break within makes no line of its own: %s", &log)
	require.Less(t, log.Len(), 3000, "long messages are cut")
	_, err := s.Do(t.Context(), &graph.Call{Route: "echo", Args: graph.ArgsJSON(raw(`[`))})
	require.Error(t, err)
	_, err = s.Do(t.Context(), &graph.Call{Route: "log", Args: graph.ArgsOf(func() {})})
	require.Error(t, err)

	// What the graph has and exposes wins; what it has for itself does not.
	g := graph.New()
	require.NoError(t, g.Load(graph.Roots{"ping": func() string { return "mine" }, "echo": func() string { return "mine" }}))
	s = services.New(g, &services.Options{Expose: []string{"ping"}})
	require.Equal(t, "mine", run(s, "ping"))
	require.Equal(t, []any{1}, run(s, "echo", 1))
}

func TestFailure(t *testing.T) {
	const canary = "s3cr3t /etc/shadow 0xc000123456"
	var log bytes.Buffer
	s := services.New(graph.New(), &services.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for name, c := range map[string]struct {
		err  error
		want graph.Error // with no Message for Internal: a reference then
	}{
		"coded":                {graph.NotFound.Errorf("no %s", "x"), graph.Error{Code: graph.NotFound, Message: "no x"}},
		"coded, within others": {errors.Join(errors.New(canary), graph.Aborted.Errorf("again")), graph.Error{Code: graph.Aborted, Message: "again"}},
		"a code alone":         {graph.Unavailable, graph.Error{Code: graph.Unavailable}},
		"a code within others": {errors.Join(graph.Unavailable, errors.New(canary)), graph.Error{Code: graph.Unavailable}},
		"with details": {
			&graph.Error{Code: graph.Aborted, Message: "m", Details: raw("{\n\"a\":1}")},
			graph.Error{Code: graph.Aborted, Message: "m", Details: raw(`{"a":1}`)},
		},
		"with details that are none":  {&graph.Error{Code: graph.Aborted, Details: raw("{")}, graph.Error{Code: graph.Aborted}},
		"with details too deep":       {&graph.Error{Code: graph.Aborted, Details: raw(nested(31))}, graph.Error{Code: graph.Aborted}},
		"cancelled":                   {context.Canceled, graph.Error{Code: graph.Canceled}},
		"out of time":                 {context.DeadlineExceeded, graph.Error{Code: graph.DeadlineExceeded}},
		"internal, told on purpose":   {graph.Internal.Errorf("sorry"), graph.Error{Code: graph.Internal, Message: "sorry"}},
		"plain":                       {errors.New(canary), graph.Error{Code: graph.Internal}},
		"internal, but for the cause": {&graph.Error{Code: graph.Internal}, graph.Error{Code: graph.Internal}},
		"internal without a text":     {errors.Join(graph.Internal, errors.New(canary)), graph.Error{Code: graph.Internal}},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			f := s.Failure(t.Context(), "the.route", c.err)
			if c.want.Code == graph.Internal && c.want.Message == "" {
				require.Regexp(t, `^internal error, reference [0-9a-f-]{36}$`, f.Message)
				reference := strings.Fields(f.Message)[3]
				require.Contains(t, log.String(), reference)
				require.Contains(t, log.String(), "the.route")
				if strings.Contains(c.err.Error(), canary) {
					require.Contains(t, log.String(), "s3cr3t", "the log has what the caller has not")
				}
				f.Message = ""
			}
			require.Equal(t, &c.want, f)
			m := services.Message{Callback: raw(`1`), Error: f}
			wire := m.Append(nil)
			require.NotContains(t, string(wire), "s3cr3t")
			_, err := services.Decode(wire)
			require.NoError(t, err, "the other end must learn of a failure in any case: %s", wire)
		})
	}
}

func TestEncodeResult(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{graph.Void{}, ""},
		{json.RawMessage(nil), ""},
		{raw(""), "error"},
		{nil, `null`},
		{1, `1`},
		{"<", `"\u003c"`},
		{raw("[\n1]"), `[1]`},
		{[]int(nil), `null`},
		{raw(`{`), "error"},
		{raw(`1 2`), "error"},
		{raw("\"\xff\""), "error"},
		{func() {}, "error"},
		{raw(nested(31)), nested(31)},
		{raw(nested(32)), "error"},
	} {
		got, err := services.EncodeResult(c.v)
		if c.want == "error" {
			require.Error(t, err, "%v", c.v)
			require.Equal(t, graph.Internal, graph.CodeOf(err))
			continue
		}
		require.NoError(t, err, "%v", c.v)
		require.Equal(t, c.want, string(got))
		require.Equal(t, c.want == "", got == nil)
	}
}
