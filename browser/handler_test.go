package browser_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/browser"
)

func request(t *testing.T, method, target string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Header = header
	w := httptest.NewRecorder()
	browser.Handler().ServeHTTP(w, r)
	return w
}

func TestFiles(t *testing.T) {
	for name, contentType := range map[string]string{
		"graph.mjs":   "text/javascript; charset=utf-8",
		"graph.d.mts": "text/plain; charset=utf-8",
	} {
		want, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, prefix := range []string{"/", "/lib/", "/a/b/c/"} {
			w := request(t, http.MethodGet, prefix+name, nil)
			require.Equal(t, http.StatusOK, w.Code, prefix+name)
			require.Equal(t, string(want), w.Body.String())
			require.Equal(t, contentType, w.Header().Get("Content-Type"))
			require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		}
	}
}

func TestRevalidation(t *testing.T) {
	first := request(t, http.MethodGet, "/graph.mjs", nil)
	etag := first.Header().Get("ETag")
	require.Regexp(t, `^"[\w-]{22}"$`, etag, "a strong tag")
	require.NotEqual(t, etag, request(t, http.MethodGet, "/graph.d.mts", nil).Header().Get("ETag"))
	require.Equal(t, "no-cache", first.Header().Get("Cache-Control"))

	again := request(t, http.MethodGet, "/graph.mjs", http.Header{"If-None-Match": {etag}})
	require.Equal(t, http.StatusNotModified, again.Code)
	require.Zero(t, again.Body.Len())

	stale := request(t, http.MethodGet, "/graph.mjs", http.Header{"If-None-Match": {`"older"`}})
	require.Equal(t, http.StatusOK, stale.Code)
}

func TestOtherRequests(t *testing.T) {
	for _, target := range []string{"/", "/lib", "/lib/", "/doc.go", "/graph.mjs/x", "/handler.go", "/lib/GRAPH.MJS"} {
		require.Equal(t, http.StatusNotFound, request(t, http.MethodGet, target, nil).Code, target)
	}
	w := request(t, http.MethodPost, "/graph.mjs", nil)
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))

	head := request(t, http.MethodHead, "/graph.mjs", nil)
	require.Equal(t, http.StatusOK, head.Code)
	require.Zero(t, head.Body.Len())
	require.NotEmpty(t, head.Header().Get("Content-Length"))
}
