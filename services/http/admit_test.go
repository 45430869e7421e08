package httpservice_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

func TestOrigins(t *testing.T) {
	f := newFixture(t, services.Options{Origins: []string{"https://friend.example"}}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	for _, c := range []struct {
		header []string
		status int
		allow  string
	}{
		{nil, 200, ""},
		{[]string{"Origin", "https://friend.example"}, 200, "https://friend.example"},
		{[]string{"Origin", url}, 200, url},
		{[]string{"Origin", "https://evil.example"}, 403, ""},
		{[]string{"Origin", "https://friend.example.evil.example"}, 403, ""},
		{[]string{"Origin", "null"}, 403, ""},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200, ""},
	} {
		for _, method := range []string{"GET", "POST"} {
			got := send(t, client, method, url+"/add", "", c.header...)
			require.Equal(t, c.status, got.status, "%s %v", method, c.header)
			require.Equal(t, c.allow, got.header.Get("Access-Control-Allow-Origin"), "%s %v", method, c.header)
		}
		watch := send(t, client, "HEAD", url+"/counter", "", append([]string{"Accept", "text/event-stream"}, c.header...)...)
		require.Equal(t, c.status, watch.status, "watch %v", c.header)
		require.Equal(t, c.allow, watch.header.Get("Access-Control-Allow-Origin"))
	}
}

func TestPreflight(t *testing.T) {
	f := newFixture(t, services.Options{
		Origins:      []string{"https://friend.example"},
		Authenticate: func(*http.Request) (services.Identity, error) { return services.Identity{}, graph.Unauthenticated },
	}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	preflight := func(origin string) exchanged {
		return send(t, client, "OPTIONS", url+"/add", "", "Origin", origin, "Access-Control-Request-Method", "POST")
	}
	ok := preflight("https://friend.example")
	require.Equal(t, 204, ok.status, "a preflight carries no credentials")
	require.Equal(t, "https://friend.example", ok.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, ok.header.Get("Access-Control-Allow-Headers"), services.HeaderTimeout)
	refused := preflight("https://evil.example")
	require.Equal(t, 403, refused.status)
	require.Empty(t, refused.header.Get("Access-Control-Allow-Origin"))
	require.Empty(t, refused.header.Get("Access-Control-Allow-Methods"))
	require.Equal(t, 401, send(t, client, "OPTIONS", url+"/add", "").status)
}

func TestHosts(t *testing.T) {
	f := newFixture(t, services.Options{Hosts: []string{"127.0.0.1"}}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	require.Equal(t, 200, send(t, client, "GET", url+"/ping", "").status)
	got := send(t, client, "GET", url+"/ping", "", "Host", "evil.example", "Origin", "http://evil.example")
	require.Equal(t, 403, got.status)
	require.Equal(t, "permission_denied", got.code(t))
}

func TestAuthenticate(t *testing.T) {
	asked := 0
	f := newFixture(t, services.Options{
		Authenticate: func(r *http.Request) (services.Identity, error) {
			asked++
			switch r.Header.Get("Authorization") {
			case "ann":
				return services.Identity{User: "ann"}, nil
			case "old":
				return services.Identity{User: "ann", Expires: time.Now().Add(-time.Second)}, nil
			case "panic":
				panic("s3cr3t-canary")
			case "error":
				return services.Identity{}, errors.New("s3cr3t-canary")
			}
			return services.Identity{}, graph.Unauthenticated.Errorf("say who you are")
		},
		Authorize: func(ctx context.Context, c *graph.Call) error {
			if c.Route == "greet" {
				return graph.PermissionDenied.Errorf("%s may not greet", services.IdentityFrom(ctx).User)
			}
			if c.Route == "total" {
				panic("s3cr3t-canary")
			}
			return nil
		},
	}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	for _, c := range []struct {
		path, credentials string
		status            int
		body              string // or a part of it
	}{
		{"/who", "ann", 200, "ann"},
		{"/who", "", 401, "say who you are"},
		{"/nosuch", "", 401, "say who you are"},
		{"/who", "old", 401, "expired"},
		{"/who", "panic", 500, "internal"},
		{"/who", "error", 500, "internal"},
		{"/greet", "ann", 403, "ann may not greet"},
		{"/total", "ann", 500, "internal"},
	} {
		for _, accept := range []string{"*/*", "text/event-stream"} {
			if accept == "text/event-stream" && c.status == 200 {
				continue
			}
			before := asked
			got := send(t, client, "GET", url+c.path, "", "Authorization", c.credentials, "Accept", accept)
			require.Equal(t, c.status, got.status, "%+v: %s", c, got.body)
			require.Contains(t, got.body, c.body)
			require.NotContains(t, got.body, "canary")
			require.Equal(t, before+1, asked, "once for each request")
		}
	}
}

// A link on another site is followed with the user's cookies and without asking; it must not run anything.
func TestCrossSiteLinks(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	for path, linked := range map[string]int{
		"/counter": 200, "/math/pi": 200, "/multi": 200, "/add": 403, "/math": 403, "/hold": 403, "/nosuch": 404, "/secret": 403,
	} {
		got := send(t, client, "GET", url+path, "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
		require.Equal(t, linked, got.status, path)
	}
	for _, site := range []string{"none", "same-origin"} {
		require.Equal(t, 200, send(t, client, "GET", url+"/add", "", "Sec-Fetch-Site", site, "Sec-Fetch-Mode", "navigate").status, site)
	}
}
