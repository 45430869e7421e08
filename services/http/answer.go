package httpservice

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// HTML is a result that is served as text/html: a route returns it where it means HTML and has escaped what it
// was given. It is html/template's type, so a graph need not import this package to return one.
type HTML = template.HTML

const (
	typeJSON = "application/json"
	typeHTML = "text/html; charset=utf-8"
	typeText = "text/plain; charset=utf-8"
)

// writePiece is how much is written under one deadline: a slow client has Limits.WriteTimeout for each piece, not
// for the whole.
const writePiece = 64 << 10

// An answer is what is sent for one request.
type answer struct {
	status      int
	contentType string
	body        []byte
}

// resultOf encodes a route's result.
func resultOf(v any, wantsJSON, sniffHTML bool) (answer, error) {
	if !wantsJSON {
		if text, isHTML, ok := textOf(v); ok {
			a := answer{http.StatusOK, typeText, []byte(text)}
			if isHTML || sniffHTML && looksLikeHTML(text) {
				a.contentType = typeHTML
			}
			return a, nil
		}
	}
	data, err := services.EncodeResult(v)
	switch {
	case err != nil:
		return answer{}, err
	case data == nil:
		return answer{status: http.StatusNoContent}, nil
	}
	return answer{http.StatusOK, typeJSON, data}, nil
}

// textOf returns a string result, whatever its type is called.
func textOf(v any) (text string, isHTML, ok bool) {
	switch v := v.(type) {
	case string:
		return v, false, true
	case HTML:
		return string(v), true, true
	case json.RawMessage: // from another process; HTML has become a string on the way
		if len(v) == 0 || v[0] != '"' || json.Unmarshal(v, &text) != nil {
			return "", false, false
		}
		return text, false, true
	case json.Number, json.Marshaler, encoding.TextMarshaler:
		return "", false, false
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.String {
		return r.String(), false, true
	}
	return "", false, false
}

func looksLikeHTML(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n")
	return strings.HasPrefix(s, "<") && strings.Contains(s, ">")
}

// fail answers with what the caller may know of an error.
func (x *exchange) fail(ctx context.Context, err error) {
	if graph.CodeOf(err) == graph.NotFound && x.missing != nil && x.missing() {
		return
	}
	f := x.service.Failure(ctx, x.r.URL.Path, err)
	a := answer{status: services.HTTPStatus(f.Code), contentType: typeJSON, body: encodeFailure(f)}
	if closer, ok := errors.AsType[*statusError](err); ok {
		a.status = closer.status
	}
	x.send(a)
}

func encodeFailure(f *graph.Error) []byte {
	body, _ := json.Marshal(struct {
		Error *graph.Error `json:"error"`
	}{f}) // Failure left out details that do not encode
	return body
}

// send writes the answer, each piece under a deadline of its own. An error means that the client is gone,
// and there is nobody left to tell.
func (x *exchange) send(a answer) {
	x.started = true
	h := x.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Add("Vary", "Accept")
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	if a.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	x.w.WriteHeader(a.status)
	if x.r.Method == http.MethodHead {
		return
	}
	for rest := a.body; len(rest) > 0; {
		piece := rest[:min(len(rest), writePiece)]
		if err := x.write(piece); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return
		}
		rest = rest[len(piece):]
	}
}

// write writes and flushes under a deadline, which it takes away again: one left behind would reset a
// stream of HTTP/2 that only waits, and cut the next answer on a connection of HTTP/1.
func (x *exchange) write(data []byte) error {
	_ = x.control.SetWriteDeadline(time.Now().Add(x.service.Limits().WriteTimeout))
	defer func() { _ = x.control.SetWriteDeadline(time.Time{}) }()
	if _, err := x.w.Write(data); err != nil { //nolint:gosec // what may be HTML is decided by resultOf
		return err
	}
	return x.control.Flush() // what a deadline cut is reported here and not by Write, which only fills a buffer
}
