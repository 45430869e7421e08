package browser

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the files below
	"encoding/base64"
	"net/http"
	"path"
	"time"
)

//go:embed graph.mjs
var module []byte

//go:embed graph.d.mts
var declarations []byte

// Handler returns a handler that serves graph.mjs and graph.d.mts by the last element of the request's path, so that it
// works under any prefix, or at the path of a single file. Everything else is not found. A cache must ask each
// time, and is answered 304 while the file is the same.
func Handler() http.Handler {
	files := map[string]http.Handler{
		"graph.mjs": file(module, "text/javascript; charset=utf-8"), // RFC 9239
		// No type is registered for TypeScript; as text a browser shows it.
		"graph.d.mts": file(declarations, "text/plain; charset=utf-8"),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := files[path.Base(r.URL.Path)]
		switch {
		case f == nil:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			f.ServeHTTP(w, r)
		}
	})
}

func file(data []byte, contentType string) http.Handler {
	sum := sha256.Sum256(data)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
}
