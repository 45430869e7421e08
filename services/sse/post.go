package sse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// receive takes the messages of a POST.
func (i *ChannelInfo) receive(w http.ResponseWriter, r *http.Request, identity services.Identity) {
	svc := i.backend.service
	body, err := i.body(w, r)
	if err != nil {
		refuse(svc, w, r, err)
		return
	}
	token := r.Header.Get(services.HeaderSession)
	if token == "" {
		i.once(w, r, identity, body)
		return
	}
	peer := svc.PeerByToken(token)
	// One answer for all that is wrong with a session, so that it tells nothing about those of others.
	if peer == nil || peer.Transport() != "sse" || peer.Identity().User != identity.User {
		refuse(svc, w, r, graph.NotFound.Errorf("no such session"))
		return
	}
	for line := range bytes.SplitSeq(body, []byte{'\n'}) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := peer.Deliver(line); err != nil {
			refuse(svc, w, r, graph.Unavailable.Errorf("the session is closed"))
			return
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

func (i *ChannelInfo) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	// A server that cannot bound the time still has its own timeouts; the size is bounded in any case.
	_ = control.SetReadDeadline(time.Now().Add(i.Props.BodyTimeout))
	most := i.backend.service.Limits().MessageBytes
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, graph.ResourceExhausted.Errorf("body over %d bytes", most)
	}
	if err != nil {
		return nil, graph.InvalidArgument.Errorf("read body: %w", err)
	}
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

// once runs a message that belongs to no session and answers with its result.
func (i *ChannelInfo) once(w http.ResponseWriter, r *http.Request, identity services.Identity, body []byte) {
	svc := i.backend.service
	m, err := services.Decode(body)
	if err == nil && m.Kind() != services.KindPost && m.Kind() != services.KindRequest {
		err = graph.InvalidArgument.Errorf("want a message with a route")
	}
	if err != nil {
		refuse(svc, w, r, err)
		return
	}
	ctx := services.WithIdentity(services.WithTraceparent(r.Context(), r.Header.Get("Traceparent")), identity)
	if m.Meta.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.Meta.Timeout)
		defer cancel()
	}
	v, err := svc.Do(ctx, &graph.Call{Route: m.Route, Method: strings.ToLower(m.Method), Args: graph.ArgsJSON(m.Args)})
	var data json.RawMessage
	if err == nil {
		data, err = services.EncodeResult(v)
	}
	switch {
	case err != nil:
		refuse(svc, w, r, svc.Failure(ctx, m.Route, err))
	case data == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, http.StatusOK, data)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":{"code":"internal"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
