package httpservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// maxHops bounds how many redirects one request follows, as net/http does.
const maxHops = 10

// An outgoing is a request that may have to be made again elsewhere, because of a redirect.
type outgoing struct {
	method string
	url    *url.URL
	header http.Header // without credentials
	body   []byte
}

// call runs or posts to a route.
func (c *Client) call(ctx context.Context, call *graph.Call) (any, error) {
	out, err := c.outgoing(call)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := max(time.Until(deadline).Milliseconds(), 1)
		out.header.Set(services.HeaderTimeout, strconv.FormatInt(left, 10))
	}
	response, err := c.exchange(ctx, out)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", call.Verb, call.Route, err)
	}
	defer response.Body.Close()
	v, err := c.result(response, call.Verb)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", call.Verb, call.Route, inContext(ctx, err))
	}
	return v, nil
}

// outgoing encodes a call. The body is the arguments alone, which HeaderVersion tells; a call that a URL cannot name
// is an envelope.
func (c *Client) outgoing(call *graph.Call) (*outgoing, error) {
	var args []byte
	if !call.Args.IsZero() {
		var err error
		if args, err = call.Args.MarshalJSON(); err != nil {
			return nil, graph.InvalidArgument.Errorf("encode arguments: %w", err)
		}
	}
	out := &outgoing{method: http.MethodPost, header: http.Header{"Accept": {typeJSON}, "Content-Type": {typeJSON}}}
	if call.Verb == graph.VerbPost {
		out.header.Set("Prefer", "respond-async")
	}
	path, ok := pathOf(call.Route)
	if ok && call.Method == "" {
		out.url, out.body = c.base.JoinPath(path), args
		out.header.Set(services.HeaderVersion, "1")
		return out, nil
	}
	if call.Route == "" {
		return nil, errNoRoute()
	}
	out.url = c.base.JoinPath("/")
	m := services.Message{Route: call.Route, Method: call.Method, Args: args}
	out.body = m.Append(nil)
	return out, nil
}

func errNoRoute() error { return graph.InvalidArgument.Errorf("the call names no route") }

// exchange sends a request, follows redirects and returns the answer if it is a success. The caller closes its body.
func (c *Client) exchange(ctx context.Context, out *outgoing) (*http.Response, error) {
	trusted := true // whether the request may carry credentials; once it has left its origin it never may again
	for range maxHops {
		trusted = trusted && sameOrigin(out.url, c.base)
		response, err := c.roundTrip(ctx, out, trusted)
		if err != nil {
			return nil, err
		}
		if response.StatusCode < http.StatusMultipleChoices {
			return response, nil
		}
		next, err := redirectOf(response, out)
		if next == nil && err == nil {
			err = c.failure(response)
		}
		_ = response.Body.Close()
		if err != nil {
			return nil, inContext(ctx, err)
		}
		out = next
	}
	return nil, graph.Unavailable.Errorf("stopped after %d redirects", maxHops)
}

// roundTrip makes one request. The error tells whether anything can have been sent.
func (c *Client) roundTrip(ctx context.Context, out *outgoing, trusted bool) (*http.Response, error) {
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	r, err := http.NewRequestWithContext(traced, out.method, out.url.String(), bytes.NewReader(out.body))
	if err != nil {
		return nil, graph.InvalidArgument.Errorf("%w", err)
	}
	if trusted {
		for key, values := range c.options.Header() {
			r.Header[http.CanonicalHeaderKey(key)] = values
		}
	}
	maps.Copy(r.Header, out.header)
	if trace := services.Traceparent(ctx); trace != "" {
		r.Header.Set("Traceparent", trace)
	}
	response, err := c.http.Do(r)
	if err == nil {
		return response, nil
	}
	// The text names addresses, so it is for the caller and not for whoever the caller answers.
	err = inContext(ctx, fmt.Errorf("%w: %w", graph.Unavailable, err))
	if !connected.Load() {
		err = fmt.Errorf("%w: %w", err, services.ErrNotSent)
	}
	return nil, err
}

// inContext returns why a context ended, if it did, in place of what that did to a request.
func inContext(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	cause := context.Cause(ctx)
	if _, coded := errors.AsType[*graph.Error](cause); coded {
		return cause
	}
	return graph.CodeOf(ctx.Err()).Errorf("%w", cause)
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// redirectOf returns the request to make in place of out, or nil if the response is no redirect. A call is only sent on where
// the status says that it stays the same call: after any other it would become a GET.
func redirectOf(response *http.Response, out *outgoing) (*outgoing, error) {
	location := response.Header.Get("Location")
	switch response.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if out.method != http.MethodGet {
			return nil, graph.Unavailable.Errorf("the server answered a call with %s", response.Status)
		}
	default:
		return nil, nil
	}
	to, err := out.url.Parse(location)
	if err != nil || location == "" || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, graph.Unavailable.Errorf("the server redirects to %q", location)
	}
	if out.url.Scheme == "https" && to.Scheme == "http" {
		return nil, graph.Unavailable.Errorf("the server redirects from https to http")
	}
	to.User = nil
	next := *out
	next.url = to
	return &next, nil
}

// result reads a successful answer.
func (c *Client) result(response *http.Response, verb graph.Verb) (any, error) {
	body, err := c.read(response)
	if verb == graph.VerbPost || response.StatusCode == http.StatusNoContent || response.StatusCode == http.StatusAccepted {
		return graph.Void{}, nil // the body was read so that the connection can be used again
	}
	if err != nil {
		return nil, err
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case mediaType == "text/plain": // a server that does not mind Accept
		return services.EncodeResult(string(body))
	case mediaType != typeJSON:
		return nil, graph.Internal.Errorf("the answer is %q and not a service's", mediaType)
	case !json.Valid(body):
		return nil, graph.Internal.Errorf("the answer is not valid JSON")
	}
	return json.RawMessage(body), nil
}

func (c *Client) read(response *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, c.options.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%w: read answer: %w", graph.Unavailable, err)
	}
	if int64(len(body)) > c.options.MaxBytes {
		return nil, graph.ResourceExhausted.Errorf("the answer is larger than %d bytes", c.options.MaxBytes)
	}
	return body, nil
}

// failure reads an answer that is no success.
func (c *Client) failure(response *http.Response) error {
	var envelope struct {
		Error *graph.Error `json:"error"`
	}
	body, err := c.read(response)
	if err == nil && json.Unmarshal(body, &envelope) == nil && envelope.Error != nil && envelope.Error.Code != 0 {
		return envelope.Error
	}
	code := services.CodeOfStatus(response.StatusCode)
	if code == 0 {
		code = graph.Unavailable
	}
	return code.Errorf("the server answered %s", response.Status)
}
