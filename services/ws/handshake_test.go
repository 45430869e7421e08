package ws_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

func TestHandshakesThatAreRefused(t *testing.T) {
	s := serve(t, config{})
	neighbour := s.open(t, nil)
	whole := handshake(s.address())
	for _, tt := range []struct {
		name, request string
		status        int
		header        http.Header
	}{
		{"no key", strings.Replace(whole, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 1), 400, nil},
		{"key of 15 bytes", strings.Replace(whole, "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 1), 400, nil},
		{"key that is no base64", strings.Replace(whole, "dGhlIHNhbXBsZSBub25jZQ==", "????????????????????????", 1), 400, nil},
		{"version 8", strings.Replace(whole, "Version: 13", "Version: 8", 1), 400, http.Header{"Sec-Websocket-Version": {"13"}}},
		{"POST", strings.Replace(whole, "GET /", "POST /", 1), 405, http.Header{"Allow": {"GET"}}},
		{"no upgrade", "GET / HTTP/1.1\r\nHost: " + s.address() + "\r\n\r\n", 400, nil},
		{"upgrade to something else", strings.Replace(whole, "Upgrade: websocket", "Upgrade: h2c", 1), 400, nil},
		{"2000 headers of 1 KiB", handshake(s.address(), strings.Repeat("X: "+strings.Repeat("x", 1024)+"\r\n", 2000)+"Y: y"), 431, nil},
		{"header of 2 MiB", handshake(s.address(), "X: "+strings.Repeat("x", 2<<20)), 431, nil},
		{"no host", strings.Replace(whole, "Host: "+s.address()+"\r\n", "", 1), 400, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := dialRaw(t, s.address())
			go func() { _, _ = r.conn.Write([]byte(tt.request)) }() // the server need not read all of it
			response := r.response()
			require.Equal(t, tt.status, response.StatusCode)
			for name, values := range tt.header {
				require.Equal(t, values, response.Header.Values(name))
			}
			works(t, neighbour)
		})
	}
	require.Equal(t, 1, s.info.Len())
}

func TestRequestLineOf20KiBIsTaken(t *testing.T) {
	s := serve(t, config{})
	r := dialRaw(t, s.address())
	r.upgrade(strings.Replace(handshake(s.address()), "GET /", "GET /"+strings.Repeat("x", 20<<10), 1))
}

func TestSubprotocol(t *testing.T) {
	s := serve(t, config{})
	for _, tt := range []struct {
		name   string
		offers []string
		want   []string
	}{
		{"not offered", nil, nil},
		{"offered", []string{ws.Subprotocol}, []string{ws.Subprotocol}},
		{"offered among others", []string{"a, " + ws.Subprotocol + ", b"}, []string{ws.Subprotocol}},
		{"offered twice", []string{ws.Subprotocol + "," + ws.Subprotocol}, []string{ws.Subprotocol}},
		{"unknown", []string{"chat"}, nil},
		{"in other letters", []string{strings.ToUpper(ws.Subprotocol)}, nil},
		{"32000 blanks", []string{"b" + strings.Repeat(" ", 32_000) + "x"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			for _, offer := range tt.offers {
				lines = append(lines, "Sec-WebSocket-Protocol: "+offer)
			}
			r := dialRaw(t, s.address())
			started := time.Now()
			response := r.upgrade(handshake(s.address(), lines...))
			require.Less(t, time.Since(started), time.Second, "blanks are read once")
			require.Equal(t, tt.want, response.Header["Sec-Websocket-Protocol"])
		})
	}
}

func TestCompressionIsDeclined(t *testing.T) {
	s := serve(t, config{})
	for _, offer := range []string{
		"permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover; server_max_window_bits=8, permessage-deflate",
		`permessage-deflate; x="`, "x-webkit-deflate-frame",
	} {
		r := dialRaw(t, s.address())
		response := r.upgrade(handshake(s.address(), "Sec-WebSocket-Extensions: "+offer)) // which requires that none is agreed on
		require.Empty(t, response.Header.Values("Sec-WebSocket-Extensions"), offer)
		require.Contains(t, r.message(), "setId")
		r.write(masked(fin|0x40|opText, "\xca\x48\xcd\xc9\xc9\x07\x00"))
		code, _ := r.ending()
		require.Equal(t, 1002, code)
	}
}

// A client must not send anything before it has the answer to its handshake; see RFC 6455, section 4.1. What such a
// frame would mean is not left to chance: the connection ends.
func TestFrameInTheSegmentOfTheHandshakeEndsTheConnection(t *testing.T) {
	s := serve(t, config{})
	neighbour := s.open(t, nil)
	r := dialRaw(t, s.address())
	r.write(append([]byte(handshake(s.address())), text(`{"route":"ticks","args":7}`)...))
	rest, _ := io.ReadAll(r.in)
	require.NotContains(t, string(rest), " 101 ")
	require.Zero(t, s.ticks.Load())
	works(t, neighbour)
	require.Equal(t, 1, s.info.Len())
}

// The host is what the client's Host header says, the origin what a browser says of the page that connects.
func TestHostAndOrigin(t *testing.T) {
	s := serve(t, config{options: services.Options{
		Hosts: []string{"127.0.0.1", "app.example"}, Origins: []string{"https://partner.example"},
	}})
	_, port, _ := strings.Cut(s.address(), ":")
	const (
		yes = http.StatusSwitchingProtocols
		no  = http.StatusForbidden
	)
	origins := []string{
		"", "http://HOST", "https://partner.example", "http://partner.example", "null", "http://evil.example", "http://HOST.evil.example", "http://user@HOST",
	}
	for _, tt := range []struct {
		host string
		want []int // by origin
	}{
		{"127.0.0.1:" + port, []int{yes, yes, yes, no, no, no, no, no}},
		{"app.example", []int{yes, yes, yes, no, no, no, no, no}},
		// A page that has its own name point to this server: the browser sends that name as host and as origin.
		{"evil.example", []int{no, no, no, no, no, no, no, no}},
	} {
		for i, origin := range origins {
			origin = strings.ReplaceAll(origin, "HOST", tt.host)
			t.Run(fmt.Sprintf("%s from %s", tt.host, origin), func(t *testing.T) {
				var lines []string
				if origin != "" {
					lines = append(lines, "Origin: "+origin)
				}
				r := dialRaw(t, s.address())
				r.write([]byte(handshake(tt.host, lines...)))
				response := r.response()
				require.Equal(t, tt.want[i], response.StatusCode)
				if tt.want[i] == no {
					body, err := io.ReadAll(response.Body)
					require.NoError(t, err)
					require.Contains(t, string(body), `"permission_denied"`)
				}
			})
		}
	}
	t.Run("two origins", func(t *testing.T) {
		r := dialRaw(t, s.address())
		r.write([]byte(handshake("app.example", "Origin: http://app.example", "Origin: http://evil.example")))
		require.Equal(t, no, r.response().StatusCode)
	})
	t.Run("a browser that hides the origin", func(t *testing.T) {
		r := dialRaw(t, s.address())
		r.write([]byte(handshake("app.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: websocket")))
		require.Equal(t, no, r.response().StatusCode)
	})
}

func TestAuthenticate(t *testing.T) {
	s := serve(t, config{options: services.Options{Authenticate: func(r *http.Request) (services.Identity, error) {
		switch user := r.Header.Get("X-User"); user {
		case "":
			return services.Identity{}, graph.Unauthenticated.Errorf("who are you?")
		case "broken":
			return services.Identity{}, fmt.Errorf("no connection to 10.0.0.7")
		default:
			return services.Identity{User: user}, nil
		}
	}}})
	for _, tt := range []struct {
		line, body string
		status     int
	}{
		{"X-Nobody: x", `{"error":{"code":"unauthenticated","message":"who are you?"}}`, 401},
		{"X-User: broken", "", 500},
	} {
		r := dialRaw(t, s.address())
		r.write([]byte(handshake(s.address(), tt.line)))
		response := r.response()
		require.Equal(t, tt.status, response.StatusCode)
		require.Equal(t, "application/json", response.Header.Get("Content-Type"))
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NotContains(t, string(body), "10.0.0.7")
		if tt.body != "" {
			require.JSONEq(t, tt.body, string(body))
		}
	}
	require.Contains(t, s.log.String(), "10.0.0.7")

	_, err := ws.OpenWS(t.Context(), s.url, nil, nil)
	require.ErrorIs(t, err, graph.Unauthenticated)
	require.ErrorContains(t, err, "who are you?")
	c := s.open(t, &ws.DialOptions{Header: http.Header{"X-User": {"ann"}}})
	works(t, c)
	require.Equal(t, "ann", s.info.Socket(c.ID()).Identity().User)
	require.Equal(t, "ann", s.info.Socket(c.ID()).Request.Header.Get("X-User"))
}

// A counted writer is what middleware makes of a response writer.
type counted struct {
	http.ResponseWriter
	status int
}

func (c *counted) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

type unwrappable struct{ counted }

func (u *unwrappable) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func TestBehindMiddleware(t *testing.T) {
	t.Run("that can be unwrapped", func(t *testing.T) {
		s := serve(t, config{wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(&unwrappable{counted{ResponseWriter: &unwrappable{counted{ResponseWriter: w}}}}, r)
			})
		}})
		works(t, s.open(t, nil))
	})
	wrappers := map[string]func(http.Handler) http.Handler{
		"that cannot": func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(&counted{ResponseWriter: w}, r) })
		},
		"that buffers": func(h http.Handler) http.Handler { return http.TimeoutHandler(h, patience, "late") },
	}
	for name, wrap := range wrappers {
		t.Run(name, func(t *testing.T) {
			s := serve(t, config{wrap: wrap})
			_, err := ws.OpenWS(t.Context(), s.url, nil, nil)
			require.ErrorIs(t, err, graph.Internal)
			require.ErrorContains(t, err, "needs an Unwrap method")
			require.Contains(t, s.log.String(), "needs an Unwrap method")
		})
	}
}

func TestHandshakeHeader(t *testing.T) {
	s := serve(t, config{props: ws.Props{Header: http.Header{"Set-Cookie": {"a=1", "b=2"}, "X-Split": {"a\r\nInjected: 1"}}}})
	r := dialRaw(t, s.address())
	response := r.upgrade(handshake(s.address()))
	require.Equal(t, []string{"a=1", "b=2"}, response.Header.Values("Set-Cookie"))
	require.Empty(t, response.Header.Values("Injected"))
}

func TestPathsAreTakenOnce(t *testing.T) {
	b := ws.New(services.New(graph.New(), nil))
	first, err := b.SetupWSS(ws.Props{Path: "/a"})
	require.NoError(t, err)
	_, err = b.SetupWSS(ws.Props{Path: "/b"})
	require.NoError(t, err)
	_, err = b.SetupWSS(ws.Props{Path: "/a"})
	require.ErrorIs(t, err, graph.AlreadyExists)
	first.Terminate()
	_, err = b.SetupWSS(ws.Props{Path: "/a"})
	require.NoError(t, err, "Terminate frees the path")
}

func TestServerTimeoutsDoNotEndASocket(t *testing.T) {
	s := serve(t, config{props: ws.Props{Ping: 20 * time.Millisecond}, start: func(h *httptest.Server) {
		h.Config.ReadTimeout, h.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
		h.Start()
	}})
	r := upgradeRaw(t, s)
	for range 15 { // 300 ms
		opcode, _ := r.frame()
		require.Equal(t, byte(opPing), opcode)
		r.write(masked(fin|opPong, ""))
	}
	r.write(text(`{"route":"double","args":21,"callbackId":1}`))
	require.JSONEq(t, `{"args":42,"callbackId":1}`, r.message())
}
