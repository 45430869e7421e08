package httpservice_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
)

// spelled is the reference: the one spelling of each route of the path tests, but for "." and "/".
func spelled() map[string]string {
	return map[string]string{
		"ping": "pong", "math.pi": "3.14", "math.mul": "0", "math.square": "0", "math": "0", "gr%C3%B6%C3%9Fe": "ü",
	}
}

// wantAt returns what a GET of a raw path gives; no other path gives anything.
func wantAt(path string) (string, bool) {
	route, rooted := strings.CutPrefix(path, "/")
	want, ok := spelled()[strings.ReplaceAll(route, "/", ".")]
	return want, ok && rooted
}

// rawGet sends a request target as it is. It reports false where net/http itself refuses the target.
func rawGet(h http.Handler, target string) (*httptest.ResponseRecorder, bool) {
	if strings.ContainsAny(target, " \r\n") || target == "" {
		return nil, false
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")))
	if err != nil {
		return nil, false
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, true
}

// hostilePaths are other spellings of /math/pi, /math/mul and /ping, and what is like them.
func hostilePaths() []string {
	return []string{
		"/math/PI", "/Math/pi", "/MATH/PI", "/math//pi", "//math/pi", "///math/pi", "/math/pi/", "/math/./pi", "/./math/pi",
		"/math/../math/pi", "/x/../math/pi", "/../math/pi", "/math/pi/..", "/math/pi/../pi", "/..", "/.", "/...", "/math..pi",
		"/math/%70i", "/%6dath/pi", "/math%2fpi", "/math%2Fpi", "/math%2epi", "/math%2Epi", "/math/%2e/pi", "/%2e%2e/math/pi",
		"/math%252fpi", "/math%255cpi", `/math\pi`, "/math%5cpi", "/math/pi;x", "/math;x/pi", "/math/pi;", "/math/pi%3b",
		"/math/pi%00", "/%00math/pi", "/math/pi%20", "/%20math/pi", "/math/pi%09", "/math/pi%0a", "/math/pi%0d%0a", "/math/pi%3fx",
		"/math/pi%23x", "/math/pi*", "/*", "/math/*", "/**", "/gr%c3%b6%c3%9fe", "/gr\xc3\xb6\xc3\x9fe", "/gr%C3%B6", "/gr%F6%DFe",
		"/math/p%C4%B1", "/math/%EF%BD%90i", "/math%E2%88%95pi", "/math%C2%A0pi", "/%E2%80%AEip/htam", "/math/pi%E2%80%8B", "/math|pi",
		"/math%7Cpi", "/math,pi", "/math:pi", "/math/pi/get", "/math/pi/pi", "/math/__node", "/__proto__", "/constructor", "/graph",
		"/math/square/square", "/mul", "/pi", "/square", "/" + strings.Repeat("a", 300), "/" + strings.Repeat("a.", 200) + "a", "/ping%", "/ping%zz",
		"/etc/passwd", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", `/..%5c..%5cetc%5cpasswd`, "http://localhost//math/pi", "*",
	}
}

func TestPaths(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	for route, want := range spelled() {
		for _, path := range []string{"/" + route, "/" + strings.ReplaceAll(route, ".", "/"), "http://localhost/" + route, "/" + route + "?x=//..%2f"} {
			w, ok := rawGet(f.backend, path)
			require.True(t, ok)
			require.Equal(t, 200, w.Code, path)
			require.Equal(t, want, w.Body.String(), path)
		}
	}
	for _, path := range hostilePaths() {
		if w, ok := rawGet(f.backend, path); ok {
			require.Equal(t, 404, w.Code, path)
		}
	}
}

// Only the spelling of the reference gives a route's value, whatever bytes are asked for.
func FuzzPath(f *testing.F) {
	for _, path := range hostilePaths() {
		f.Add(path)
	}
	for route := range spelled() {
		f.Add("/" + route)
		f.Add("/" + strings.ReplaceAll(route, ".", "/"))
	}
	f.Fuzz(func(t *testing.T, path string) {
		fix := newFixture(t, services.Options{Expose: []string{"math", "math.mul", "größe"}}, nil)
		raw, _, _ := strings.Cut(path, "?")
		if found := strings.Contains(raw, "#"); found || strings.Contains(raw, "://") {
			t.Skip("no origin form")
		}
		w, ok := rawGet(fix.backend, path)
		if !ok {
			return
		}
		if want, ok := wantAt(raw); ok {
			require.Equal(t, 200, w.Code, path)
			require.Equal(t, want, w.Body.String())
			return
		}
		switch raw { // what every service has besides
		case "/echo", "/log", "/error":
			return
		}
		require.Equal(t, 404, w.Code, path)
	})
}

func TestPrefix(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", f.backend))
	mux.Handle("/slash/", http.StripPrefix("/slash/", f.backend))
	url, client := serveOn(t, protocols()[0], mux)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for path, status := range map[string]int{
		"/api/math/pi": 200, "/slash/math/pi": 200, "/api/math.pi": 200, "/math/pi": 404, "/api/api/math/pi": 404,
		"/api/%6dath/pi": 404, "/api/math%2Fpi": 404, "/%61pi/math/pi": 404,
	} {
		require.Equal(t, status, send(t, client, "GET", url+path, "").status, path)
	}
	for _, path := range []string{"/api//math/pi", "/slash//math/pi", "/api/../api/math/pi"} {
		require.NotEqual(t, 200, send(t, client, "GET", url+path, "").status, path)
	}
	require.Equal(t, "5", send(t, client, "POST", url+"/api/", `{"route":"add","args":[2,3]}`).body)
	w, ok := rawGet(http.StripPrefix("/slash/", f.backend), "/slash//math/pi")
	require.True(t, ok)
	require.Equal(t, 404, w.Code, "one slash too many, and no mux to take it away")
}
