package sse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A bodyError is a body that could not be read, with the status that says so.
type bodyError struct {
	status int
	reason error
}

func (e *bodyError) Error() string { return e.reason.Error() }

func (e *bodyError) Unwrap() error { return e.reason }

// receive takes the messages of a POST. If draining is not nil it is why nothing new begins; what belongs to a session is
// still taken, as the calls that run may need it to finish.
func (i *ChannelInfo) receive(w http.ResponseWriter, r *http.Request, identity services.Identity, draining error) {
	svc := i.backend.service
	body, err := i.body(w, r)
	if err != nil {
		refuse(svc, w, r, err)
		return
	}
	token := r.Header.Get(services.HeaderSession)
	if token == "" {
		i.once(w, r, identity, body, draining)
		return
	}
	if err := i.deliver(token, identity, body, isText(r)); err != nil {
		refuse(svc, w, r, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// isText reports whether the whole body is one message, whatever it is, and not one message on each line.
func isText(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "text/plain"
}

// deliver hands messages to the session a token stands for. There is one answer for all that is wrong with a session, so
// that it tells nothing about those of others, or whether there was one.
func (i *ChannelInfo) deliver(token string, identity services.Identity, body []byte, whole bool) error {
	gone := graph.NotFound.Errorf("no such session")
	peer := i.backend.service.PeerByToken(token)
	if peer == nil || i.Session(peer.ID()) == nil || peer.Identity().User != identity.User {
		return gone
	}
	if whole {
		if peer.Deliver(body) != nil {
			return gone
		}
		return nil
	}
	for line := range bytes.SplitSeq(body, []byte{'\n'}) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if peer.Deliver(line) != nil {
			return gone
		}
	}
	return nil
}

func (i *ChannelInfo) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	// A server that cannot bound the time still has its own timeouts; the size is bounded in any case.
	deadline := time.Now().Add(i.Props.BodyTimeout)
	_ = control.SetReadDeadline(deadline)
	most := i.backend.service.Limits().MessageBytes
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err == nil {
		return body, nil // net/http clears the deadline, and watches for the client's end
	}
	w.Header().Set("Connection", "close") // the rest of the body is in the way of another request
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &bodyError{http.StatusRequestEntityTooLarge, graph.ResourceExhausted.Errorf("the body is over %d bytes", most)}
	}
	if !time.Now().Before(deadline) {
		return nil, &bodyError{http.StatusRequestTimeout, graph.DeadlineExceeded.Errorf("the body was not complete within %s", i.Props.BodyTimeout)}
	}
	return nil, graph.InvalidArgument.Errorf("the body could not be read")
}

// once runs a message that comes without a session's secret and answers with its result.
func (i *ChannelInfo) once(w http.ResponseWriter, r *http.Request, identity services.Identity, body []byte, draining error) {
	svc := i.backend.service
	m, err := services.Decode(body)
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
	data, handled, err := i.graphscriptMessage(ctx, &m, identity, body)
	switch {
	case handled:
	case draining != nil:
		err = draining
	default:
		data, err = i.run(ctx, &m)
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

func (i *ChannelInfo) run(ctx context.Context, m *services.Message) (json.RawMessage, error) {
	if kind := m.Kind(); kind != services.KindPost && kind != services.KindRequest {
		return nil, graph.InvalidArgument.Errorf("want a message with a route")
	}
	call := &graph.Call{Route: m.Route, Method: strings.ToLower(m.Method), Args: graph.ArgsJSON(m.Args)}
	v, err := i.backend.service.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	return services.EncodeResult(v)
}
