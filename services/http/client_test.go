package httpservice_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

// open returns a client of a URL that trusts the server's certificate.
func open(t *testing.T, url string, o *httpservice.ClientOptions) *httpservice.Client {
	t.Helper()
	if o == nil {
		o = &httpservice.ClientOptions{}
	}
	c, err := httpservice.Open(url, o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// connected returns a fixture, and a client that reaches it by a protocol and below a prefix.
func connected(t *testing.T, p protocol, ho *httpservice.Options, co *httpservice.ClientOptions) (*fixture, *httpservice.Client) {
	t.Helper()
	f := newFixture(t, services.Options{}, ho)
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", f.backend))
	url, client := serveOn(t, p, mux)
	if co == nil {
		co = &httpservice.ClientOptions{}
	}
	if p.https {
		co.TLS = client.Transport.(*http.Transport).TLSClientConfig.Clone()
		co.TLS.NextProtos = nil
	}
	return f, open(t, url+"/api/", co)
}

func TestClientRuns(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			f, c := connected(t, p, nil, nil)
			ctx := t.Context()

			sum, err := addInts.Run(ctx, c, pair{math.MaxInt64 - 1, 1})
			require.NoError(t, err)
			require.EqualValues(t, math.MaxInt64, sum)
			for _, text := range []string{"", "bob", `"quoted" \ `, "<b>&", "a\nb\r\u2028\x00", "null", "[1]", `{"route":"secret"}`, "ü€😀"} {
				got, err := greet.Run(ctx, c, text)
				require.NoError(t, err)
				require.Equal(t, "hello "+text, got)
			}
			for _, list := range [][]int{nil, {}, {1}, {1, 2, 3}} {
				_, err := total.Run(ctx, c, list)
				require.NoError(t, err)
			}
			got, err := total.Run(ctx, c, []int{1, 2, 3})
			require.NoError(t, err)
			require.Equal(t, 6, got)

			require.NoError(t, counter.Set(ctx, c, 0))
			require.NoError(t, counter.Set(ctx, c, 5))
			value, err := counter.Get(ctx, c)
			require.NoError(t, err)
			require.EqualValues(t, 5, value)
			require.EqualValues(t, 5, f.count.Load())
		})
	}
}

// Whatever the arguments and the result are, both arrive as they were.
func TestClientRoundTrips(t *testing.T) {
	_, c := connected(t, protocols()[0], nil, nil)
	for _, c2 := range []struct {
		call graph.Call
		want string // "" is no value
	}{
		{graph.Call{Route: "same", Args: graph.ArgsOne(map[string]any{"route": "secret", "args": 1})}, `{"args":1,"route":"secret"}`},
		{graph.Call{Route: "args", Args: graph.ArgsOf()}, `{"a":null,"via":"run"}`},
		{graph.Call{Route: "args", Args: graph.ArgsOf(nil)}, `{"a":[null],"via":"run"}`},
		{graph.Call{Route: "args", Args: graph.ArgsOf("x", 1, []int{2})}, `{"a":["x",1,[2]],"via":"run"}`},
		{graph.Call{Route: "args", Args: graph.ArgsJSON(json.RawMessage(" [1 , 2]\n"))}, `{"a":[1,2],"via":"run"}`},
		{graph.Call{Route: "both"}, `{"a":null,"via":"run"}`},
		{graph.Call{Route: "both", Method: "post", Args: graph.ArgsOf(1)}, `{"a":[1],"via":"post"}`},
		{graph.Call{Route: "multi", Method: "custom"}, `{"a":null,"via":"custom"}`},
		{graph.Call{Route: "math", Method: "nosuch", Args: graph.ArgsOf(2)}, `2`},
		{graph.Call{Route: "math.square", Args: graph.ArgsOf(2)}, `4`},
		{graph.Call{Route: "a/b"}, `"slash"`},
		{graph.Call{Route: "größe"}, `"ü"`},
		{graph.Call{Route: "ping"}, `"pong"`},
		{graph.Call{Route: "page"}, `"\u003cb\u003ehi\u003c/b\u003e"`},
		{graph.Call{Route: "empty"}, `""`},
		{graph.Call{Route: "nul"}, `null`},
		{graph.Call{Route: "fals"}, `false`},
		{graph.Call{Route: "zero"}, `0`},
		{graph.Call{Route: "none"}, ``},
		{graph.Call{Route: "same", Args: graph.ArgsJSON(json.RawMessage(`[12345678901234567890]`))}, `12345678901234567890`},
	} {
		v, err := c.Do(t.Context(), &c2.call)
		require.NoError(t, err, "%+v", c2.call)
		if c2.want == "" {
			require.Equal(t, graph.Void{}, v)
			continue
		}
		require.IsType(t, json.RawMessage{}, v)
		require.Equal(t, c2.want, string(v.(json.RawMessage)), "%+v", c2.call)
	}
}

func TestClientFailures(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			_, c := connected(t, p, nil, nil)
			for _, f := range []struct {
				call graph.Call
				code graph.Code
				text string
			}{
				{graph.Call{Route: "nosuch"}, graph.NotFound, "nosuch"},
				{graph.Call{Route: "secret"}, graph.PermissionDenied, "secret"},
				{graph.Call{Route: "denied"}, graph.FailedPrecondition, "not today"},
				{graph.Call{Route: "fail"}, graph.Internal, "reference"},
				{graph.Call{Route: "panics", Args: graph.ArgsOf("index")}, graph.Internal, "reference"},
				{graph.Call{Route: "goexit"}, graph.Internal, "goroutine"},
				{graph.Call{Route: "add", Args: graph.ArgsOf("x")}, graph.InvalidArgument, "argument"},
				{graph.Call{Route: "same", Args: graph.ArgsJSON(json.RawMessage(`[`))}, graph.InvalidArgument, "JSON"},
				{graph.Call{Route: "same", Args: graph.ArgsOf(strings.Repeat("x", 1<<20))}, graph.ResourceExhausted, "larger"},
				{graph.Call{Route: "big", Args: graph.ArgsOf(1 << 20)}, graph.ResourceExhausted, "larger"},
				{graph.Call{Route: "same", Args: graph.ArgsOf(func() {})}, graph.InvalidArgument, "encode arguments"},
				{graph.Call{}, graph.InvalidArgument, "no route"},
				{graph.Call{Route: "nosuch", Verb: graph.VerbSubscribe}, graph.NotFound, "nosuch"},
				{graph.Call{Route: "secret", Verb: graph.VerbSubscribe}, graph.PermissionDenied, "secret"},
				{graph.Call{Route: "../secret", Verb: graph.VerbSubscribe}, graph.NotFound, "secret"},
				{graph.Call{Verb: graph.VerbSubscribe}, graph.InvalidArgument, "no route"},
				{graph.Call{Route: "math", Verb: graph.VerbSubscribe, Watch: graph.WatchOptions{Key: "nosuch"}}, graph.NotFound, "nosuch"},
			} {
				f.call.Deliver = func(context.Context, graph.Event) {}
				_, err := c.Do(t.Context(), &f.call)
				require.Equal(t, f.code, graph.CodeOf(err), "%+v: %v", f.call, err)
				require.ErrorIs(t, err, f.code)
				require.ErrorContains(t, err, f.text)
				require.NotContains(t, err.Error(), "canary")
				require.NotErrorIs(t, err, services.ErrNotSent)
			}
			v, err := greet.Run(t.Context(), c, "bob")
			require.NoError(t, err)
			require.Equal(t, "hello bob", v)
		})
	}
}

func TestClientPosts(t *testing.T) {
	noLeak(t)
	f, c := connected(t, protocols()[0], nil, nil)
	require.NoError(t, notes.Post(t.Context(), c, "hi"))
	require.Equal(t, "hi", <-f.noted)
	// It does not wait for the route, and what the route runs under does not end with the call.
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	require.NoError(t, graph.Post(ctx, c, "hold"))
	running := <-f.entered
	cancel()
	_, hasDeadline := running.Deadline()
	require.True(t, hasDeadline)
	require.NoError(t, running.Err())
	f.release <- struct{}{}
	require.ErrorIs(t, graph.Post(t.Context(), c, "same", make([]string, 1<<20)), graph.ResourceExhausted)
}

func TestClientContexts(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			f, c := connected(t, p, nil, nil)

			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() { _, err := slow.Run(ctx, c, graph.Void{}); failed <- err }()
			running := <-f.entered
			cancel()
			err := <-failed
			require.ErrorIs(t, err, graph.Canceled)
			require.ErrorIs(t, err, context.Canceled)
			<-running.Done()

			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err = slow.Run(ctx, c, graph.Void{})
			require.ErrorIs(t, err, graph.DeadlineExceeded)
			running = <-f.entered
			<-running.Done()

			ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			left, err := graph.Run(ctx, c, "left")
			require.NoError(t, err)
			ms, err := graph.As[int64](left)
			require.NoError(t, err)
			require.InDelta(t, 3600_000, ms, 60_000)

			left, err = graph.Run(t.Context(), c, "left")
			require.NoError(t, err)
			ms, err = graph.As[int64](left)
			require.NoError(t, err)
			require.InDelta(t, 10_000, ms, 5_000, "the default")

			const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
			v, err := graph.Run(services.WithTraceparent(t.Context(), trace), c, "trace")
			require.NoError(t, err)
			require.Equal(t, `"`+trace+`"`, string(v.(json.RawMessage)))
		})
	}
}

func TestClientNotConnected(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, nil)
	url, _ := serveOn(t, protocols()[0], f.backend)
	c := open(t, url, &httpservice.ClientOptions{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("no route to 10.1.2.3")
	})})
	for _, verb := range []graph.Verb{graph.VerbRun, graph.VerbPost, graph.VerbSubscribe} {
		_, err := c.Do(t.Context(), &graph.Call{Verb: verb, Route: "ping"})
		require.ErrorIs(t, err, graph.Unavailable)
		require.ErrorIs(t, err, services.ErrNotSent, verb)
		require.NotContains(t, f.svc.Failure(t.Context(), "x", err).Error(), "10.1.2.3", "addresses are not for those we answer")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOpen(t *testing.T) {
	for _, url := range []string{
		"", "example.com", "ftp://example.com", "http://", "http://user:secret@example.com", "http://example.com/?x=1", "http://example.com/#x", "http://[::1", "ws://example.com",
	} {
		_, err := httpservice.Open(url, nil)
		require.ErrorIs(t, err, graph.InvalidArgument, url)
	}
}

// Answers that are no service's.
func TestClientForeignAnswers(t *testing.T) {
	type reply struct {
		status int
		header string // the media type
		body   string
	}
	var now atomic.Pointer[reply]
	url, _ := serveOn(t, protocols()[0], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r := now.Load()
		w.Header().Set("Content-Type", r.header)
		w.WriteHeader(r.status)
		_, _ = w.Write([]byte(r.body))
	}))
	c := open(t, url, nil)
	for _, f := range []struct {
		reply
		code graph.Code
	}{
		{reply{502, "text/html", "<html>Bad Gateway"}, graph.Unavailable},
		{reply{503, "text/html", "<html>"}, graph.Unavailable},
		{reply{504, "text/html", "<html>"}, graph.DeadlineExceeded},
		{reply{401, "text/html", "<html>"}, graph.Unauthenticated},
		{reply{403, "text/html", "<html>"}, graph.PermissionDenied},
		{reply{404, "text/html", "<html>"}, graph.NotFound},
		{reply{413, "text/html", "<html>"}, graph.ResourceExhausted},
		{reply{429, "text/html", "<html>"}, graph.ResourceExhausted},
		{reply{418, "text/html", "<html>"}, graph.InvalidArgument},
		{reply{500, asJSON, `{"error":{"message":"no code"}}`}, graph.Internal},
		{reply{500, asJSON, `{"error":"text"}`}, graph.Internal},
		{reply{500, asJSON, `{"error":{"code":"aborted"}}`}, graph.Aborted},
		{reply{503, asJSON, `{"error":`}, graph.Unavailable},
		{reply{503, "text/plain", strings.Repeat("x", 2<<20)}, graph.Unavailable},
		{reply{304, "", ""}, graph.Unavailable},
		{reply{200, "text/html", "<html>Log in to this network"}, graph.Internal},
		{reply{200, "", ""}, graph.Internal},
		{reply{200, asJSON, `{"a":`}, graph.Internal},
		{reply{200, asJSON, ``}, graph.Internal},
	} {
		now.Store(&f.reply)
		_, err := graph.Run(t.Context(), c, "ping")
		require.Equal(t, f.code, graph.CodeOf(err), "%+v: %v", f.reply, err)
	}
	now.Store(&reply{200, "text/plain; charset=utf-8", `say "hi"`})
	v, err := graph.Run(t.Context(), c, "ping")
	require.NoError(t, err)
	require.Equal(t, `"say \"hi\""`, string(v.(json.RawMessage)))
	_, err = c.Do(t.Context(), &graph.Call{Verb: graph.VerbSubscribe, Route: "ping"})
	require.ErrorIs(t, err, graph.Unimplemented, "a server that does not stream")
}
