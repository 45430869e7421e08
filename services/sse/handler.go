package sse

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

var _ http.Handler = (*ChannelInfo)(nil)

// ServeHTTP streams, takes messages, or says what it can do.
func (i *ChannelInfo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	svc := i.backend.service
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if svc.AllowOrigin(w, r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	identity, err := svc.Admit(r)
	var draining error
	if r.Method == http.MethodPost && graph.CodeOf(err) == graph.Unavailable {
		draining = err
		identity, err = svc.Identify(r)
	}
	if err == nil && i.isClosed() {
		err = graph.Unavailable.Errorf("the endpoint is closed")
	}
	switch {
	case graph.CodeOf(err) == graph.Unavailable && r.Method == http.MethodGet:
		i.turnAway(w)
	case err != nil:
		refuse(svc, w, r, err)
	case r.Method == http.MethodGet && !acceptsStream(r):
		w.WriteHeader(http.StatusNotAcceptable)
	case r.Method == http.MethodGet:
		i.stream(w, r, identity)
	case r.Method == http.MethodHead:
		i.header(w)
	case r.Method == http.MethodPost:
		i.receive(w, r, identity, draining)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func acceptsStream(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	return accept == "" || strings.Contains(accept, eventstream.MediaType) ||
		strings.Contains(accept, "*/*") || strings.Contains(accept, "text/*")
}

// refuse answers with an error, as far as the other end may know of it.
func refuse(svc *services.Service, w http.ResponseWriter, r *http.Request, err error) {
	f := svc.Failure(r.Context(), r.URL.Path, err)
	status := services.HTTPStatus(f.Code)
	if e, ok := errors.AsType[*bodyError](err); ok {
		status = e.status
	}
	data, err := json.Marshal(map[string]any{"error": f})
	if err != nil { // details that are no JSON
		data = []byte(`{"error":{"code":"internal"}}`)
	}
	writeJSON(w, status, data)
}

func writeJSON(w http.ResponseWriter, status int, data []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
