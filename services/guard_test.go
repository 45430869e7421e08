package services_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// request returns one for own.example with these header lines.
func request(header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://own.example/route", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestOrigins(t *testing.T) {
	listed := []string{"https://friend.example", "https://port.example:8443", "http://[2001:db8::1]"}
	for _, c := range []struct {
		name    string
		r       *http.Request
		host    string // if not own.example
		tls     bool
		origins []string
		allowed bool
	}{
		{name: "no origin: no browser", r: request(), allowed: true},
		{name: "own", r: request("Origin", "http://own.example"), allowed: true},
		{name: "own behind a proxy that ends TLS", r: request("Origin", "https://own.example"), allowed: true},
		{name: "own in capitals", r: request("Origin", "HTTP://OWN.Example"), allowed: true},
		{name: "own with the default port", r: request("Origin", "http://own.example:80"), allowed: true},
		{name: "own with the default port of https", r: request("Origin", "https://own.example:443"), allowed: true},
		{name: "own, the port in Host", r: request("Origin", "http://own.example"), host: "own.example:80", allowed: true},
		{name: "own with its port", r: request("Origin", "http://own.example:8080"), host: "own.example:8080", allowed: true},
		{name: "own by address", r: request("Origin", "http://127.0.0.1:8080"), host: "127.0.0.1:8080", allowed: true},
		{name: "own by IPv6 address", r: request("Origin", "http://[::1]:8080"), host: "[::1]:8080", allowed: true},
		{name: "own over TLS", r: request("Origin", "https://own.example"), tls: true, allowed: true},
		{name: "own without TLS, to a server with it", r: request("Origin", "http://own.example"), tls: true},
		{name: "own with another port", r: request("Origin", "http://own.example:8080")},
		{name: "own with the default port of the other scheme", r: request("Origin", "http://own.example:443")},
		{name: "evil", r: request("Origin", "http://evil.example")},
		{name: "evil as the parent of own", r: request("Origin", "http://own.example.evil.example")},
		{name: "evil below own", r: request("Origin", "http://evil.own.example")},
		{name: "evil that ends in own", r: request("Origin", "http://evilown.example")},
		{name: "evil that own begins", r: request("Origin", "http://own.example.com")},
		{name: "own as a user of evil", r: request("Origin", "http://own.example@evil.example")},
		{name: "own with a user", r: request("Origin", "http://user@own.example")},
		{name: "own as a path of evil", r: request("Origin", "http://evil.example/own.example")},
		{name: "own with a path", r: request("Origin", "http://own.example/")},
		{name: "own with a query", r: request("Origin", "http://own.example?")},
		{name: "own with a fragment", r: request("Origin", "http://own.example#")},
		{name: "own with space", r: request("Origin", " http://own.example")},
		{name: "own with a dot", r: request("Origin", "http://own.example.")},
		{name: "own with a colon", r: request("Origin", "http://own.example:")},
		{name: "own, escaped", r: request("Origin", "http://%6fwn.example")},
		{name: "own by another scheme", r: request("Origin", "ftp://own.example")},
		{name: "own as an extension", r: request("Origin", "chrome-extension://own.example")},
		{name: "own without a scheme", r: request("Origin", "own.example")},
		{name: "own without a scheme's name", r: request("Origin", "//own.example")},
		{name: "a file", r: request("Origin", "file://")},
		{name: "null", r: request("Origin", "null")},
		{name: "empty", r: request("Origin", "")},
		{name: "two", r: request("Origin", "http://own.example", "Origin", "http://evil.example")},
		{name: "the same twice", r: request("Origin", "http://own.example", "Origin", "http://own.example")},
		{name: "two in one line", r: request("Origin", "http://own.example, http://evil.example")},
		{name: "rebound: the page's own name is the host", r: request("Origin", "http://evil.example"), host: "evil.example", allowed: true},

		{name: "listed", r: request("Origin", "https://friend.example"), origins: listed, allowed: true},
		{name: "listed, to a server with TLS", r: request("Origin", "https://friend.example"), tls: true, origins: listed, allowed: true},
		{name: "listed in capitals", r: request("Origin", "https://FRIEND.example"), origins: listed, allowed: true},
		{name: "listed with a port", r: request("Origin", "https://port.example:8443"), origins: listed, allowed: true},
		{name: "listed by address", r: request("Origin", "http://[2001:db8::1]"), origins: listed, allowed: true},
		{name: "own besides the listed", r: request("Origin", "http://own.example"), origins: listed, allowed: true},
		{name: "listed by another scheme", r: request("Origin", "http://friend.example"), origins: listed},
		{name: "listed with another port", r: request("Origin", "https://friend.example:8443"), origins: listed},
		{name: "listed without its port", r: request("Origin", "https://port.example"), origins: listed},
		{name: "below the listed", r: request("Origin", "https://x.friend.example"), origins: listed},
		{name: "null is not in the list", r: request("Origin", "null"), origins: listed},
		{name: "everything", r: request("Origin", "http://evil.example"), origins: []string{"*"}, allowed: true},
		{name: "everything, and null", r: request("Origin", "null"), origins: []string{"*"}, allowed: true},

		{name: "a browser's request of its own site", r: request("Sec-Fetch-Site", "same-origin"), allowed: true},
		{name: "an address typed", r: request("Sec-Fetch-Site", "none"), allowed: true},
		{name: "an image of another site", r: request("Sec-Fetch-Site", "cross-site")},
		{name: "an image of a sister site", r: request("Sec-Fetch-Site", "same-site")},
		{name: "a link from another site", r: request("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), allowed: true},
		{name: "a form of another site", r: method(http.MethodPost, request("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"))},
		{name: "Origin counts more than Sec-Fetch-Site", r: request("Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.host != "" {
				c.r.Host = c.host
			}
			if c.tls {
				c.r.TLS = &tls.ConnectionState{}
			}
			asked := false
			s := services.New(graph.New(), &services.Options{
				Origins:      c.origins,
				Authenticate: func(*http.Request) (services.Identity, error) { asked = true; return services.Identity{User: "u"}, nil },
			})
			id, err := s.Admit(c.r)
			require.Equal(t, c.allowed, asked, "only what is allowed gets as far as authentication")
			if c.allowed {
				require.NoError(t, err)
				require.Equal(t, "u", id.User)
				return
			}
			require.ErrorIs(t, err, graph.PermissionDenied)
			require.Zero(t, id)
		})
	}
}

func method(method string, r *http.Request) *http.Request {
	r.Method = method
	return r
}

// A page that rebinds its name to this server's address sends that name in Host and in Origin.
func TestHosts(t *testing.T) {
	s := services.New(graph.New(), &services.Options{Hosts: []string{"own.example", "127.0.0.1", "::1"}})
	for host, allowed := range map[string]bool{
		"own.example": true, "OWN.example": true, "own.example:8080": true, "127.0.0.1": true, "127.0.0.1:80": true,
		"[::1]": true, "[::1]:8080": true,
		"evil.example": false, "evil.example:80": false, "x.own.example": false, "own.example.": false, "": false,
		"own.example:80:80": false, "127.0.0.2": false, "[::2]": false,
	} {
		r := request("Origin", "http://"+host)
		r.Host = host
		_, err := s.Admit(r)
		if !allowed {
			require.ErrorIs(t, err, graph.PermissionDenied, host)
			continue
		}
		require.NoError(t, err, host)
	}
}

func TestAdmitAuthenticates(t *testing.T) {
	refuse := graph.Unauthenticated.Errorf("who are you")
	s := services.New(graph.New(), &services.Options{Authenticate: func(r *http.Request) (services.Identity, error) {
		if r.Header.Get("Authorization") == "" {
			return services.Identity{}, refuse
		}
		return services.Identity{User: "ann"}, nil
	}})
	_, err := s.Admit(request())
	require.ErrorIs(t, err, refuse)
	id, err := s.Admit(request("Authorization", "x"))
	require.NoError(t, err)
	require.Equal(t, "ann", id.User)

	require.NoError(t, s.Shutdown(context.Background()))
	_, err = s.Admit(request("Authorization", "x"))
	require.ErrorIs(t, err, graph.Unavailable)
}

func TestAllowOrigin(t *testing.T) {
	s := services.New(graph.New(), &services.Options{Origins: []string{"https://friend.example"}})
	header := func(s *services.Service, r *http.Request) (http.Header, bool) {
		w := httptest.NewRecorder()
		preflight := s.AllowOrigin(w, r)
		return w.Header(), preflight
	}
	h, preflight := header(s, request())
	require.False(t, preflight)
	require.Empty(t, h)

	h, preflight = header(s, request("Origin", "https://friend.example"))
	require.False(t, preflight)
	require.Equal(t, "https://friend.example", h.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", h.Get("Access-Control-Allow-Credentials"))
	require.Equal(t, "Origin", h.Get("Vary"))

	ask := method(http.MethodOptions, request("Origin", "https://friend.example", "Access-Control-Request-Method", "POST"))
	h, preflight = header(s, ask)
	require.True(t, preflight)
	require.Contains(t, h.Get("Access-Control-Allow-Methods"), "POST")
	for _, name := range []string{services.HeaderSession, services.HeaderVersion, services.HeaderTimeout, "Authorization", "Content-Type"} {
		require.Contains(t, h.Get("Access-Control-Allow-Headers"), name)
	}

	for _, evil := range []string{"https://evil.example", "null"} {
		ask := method(http.MethodOptions, request("Origin", evil, "Access-Control-Request-Method", "POST"))
		h, preflight = header(s, ask)
		require.False(t, preflight)
		require.Equal(t, http.Header{"Vary": {"Origin"}}, h, "a page of another origin is allowed nothing")
	}

	all := services.New(graph.New(), &services.Options{Origins: []string{"*"}})
	h, _ = header(all, request("Origin", "https://evil.example"))
	require.Equal(t, "https://evil.example", h.Get("Access-Control-Allow-Origin"))
	require.Empty(t, h.Get("Access-Control-Allow-Credentials"), "not for everybody")
}

func TestHTTPStatus(t *testing.T) {
	for code, status := range map[graph.Code]int{
		0: 200, graph.Canceled: 499, graph.InvalidArgument: 400, graph.DeadlineExceeded: 504, graph.NotFound: 404,
		graph.AlreadyExists: 409, graph.PermissionDenied: 403, graph.Unauthenticated: 401, graph.ResourceExhausted: 429,
		graph.FailedPrecondition: 412, graph.Aborted: 409, graph.Unimplemented: 501, graph.Internal: 500, graph.Unavailable: 503,
		graph.DataLoss: 500, 99: 500,
	} {
		require.Equal(t, status, services.HTTPStatus(code), code)
	}
	for status, code := range map[int]graph.Code{
		200: 0, 202: 0, 204: 0, 400: graph.InvalidArgument, 401: graph.Unauthenticated, 403: graph.PermissionDenied, 404: graph.NotFound,
		409: graph.AlreadyExists, 412: graph.FailedPrecondition, 413: graph.ResourceExhausted, 418: graph.InvalidArgument,
		429: graph.ResourceExhausted, 499: graph.Canceled, 500: graph.Internal, 501: graph.Unimplemented, 502: graph.Unavailable,
		503: graph.Unavailable, 504: graph.DeadlineExceeded, 599: graph.Internal,
	} {
		require.Equal(t, code, services.CodeOfStatus(status), status)
	}
	for code := graph.Canceled; code <= graph.DataLoss; code++ {
		back := services.CodeOfStatus(services.HTTPStatus(code))
		require.Equal(t, services.HTTPStatus(code), services.HTTPStatus(back), "%v comes back as %v", code, back)
	}
}
