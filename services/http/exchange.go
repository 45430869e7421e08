package httpservice

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

const (
	methodsAllowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
	// maxTimeout bounds what a caller says of its patience, as services.Decode does.
	maxTimeout = 24 * time.Hour
	// traceparentLen is the length of version 00; later versions may append to it.
	traceparentLen = 55
)

// An exchange is one request and its answer. It is used by the goroutine that serves the request.
type exchange struct {
	*Backend
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	started bool // whether the header was sent
	// missing, where set, answers in place of a NotFound and reports whether it did.
	missing func() bool
}

func newExchange(b *Backend, w http.ResponseWriter, r *http.Request) *exchange {
	return &exchange{Backend: b, w: w, r: r, control: http.NewResponseController(w)}
}

func (x *exchange) serve() {
	x.guard(func() {
		ctx, done := x.admit()
		if done {
			return
		}
		if err := x.answer(ctx); err != nil {
			x.fail(ctx, err)
		}
	})
}

// guard runs f and answers if it panics, so that no panic reaches net/http. The one exception is a panic after
// the answer was begun: then the connection is cut, or the client would take the part it got for the whole.
func (x *exchange) guard(f func()) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		err := x.panicked(r)
		if x.started {
			panic(http.ErrAbortHandler)
		}
		x.fail(x.r.Context(), err)
	}()
	f()
}

// panicked logs a panic that the graph did not catch and returns its error.
func (b *Backend) panicked(r any) error {
	b.service.Logger().Error("panic recovered", "in", "services/http", "panic", r, "stack", string(debug.Stack()))
	return fmt.Errorf("panic: %v", r)
}

// admit lets the service decide about the request and returns the context for whatever is done for it.
// It reports whether the request has been answered.
func (x *exchange) admit() (ctx context.Context, answered bool) {
	ctx = x.r.Context()
	if x.service.AllowOrigin(x.w, x.r) { // a preflight
		x.send(answer{status: http.StatusNoContent})
		return ctx, true
	}
	identity, err := x.service.Admit(x.r)
	if at := identity.Expires; err == nil && !at.IsZero() && !time.Now().Before(at) {
		err = errExpired()
	}
	if err != nil {
		x.fail(ctx, err)
		return ctx, true
	}
	x.r = x.r.WithContext(services.WithIdentity(ctx, identity))
	if trace := x.r.Header.Get("Traceparent"); len(trace) == traceparentLen {
		x.r = x.r.WithContext(services.WithTraceparent(x.r.Context(), trace))
	}
	return x.r.Context(), false
}

func errExpired() error { return graph.Unauthenticated.Errorf("the identity has expired") }

// answer does what the request's method asks for.
func (x *exchange) answer(ctx context.Context) error {
	switch x.r.Method {
	case http.MethodOptions:
		x.w.Header().Set("Allow", methodsAllowed)
		x.send(answer{status: http.StatusNoContent})
		return nil
	case http.MethodConnect, http.MethodTrace:
		x.w.Header().Set("Allow", methodsAllowed)
		return graph.Unimplemented.Errorf("method %s is not served", x.r.Method)
	case http.MethodGet, http.MethodHead:
		if accepts(x.r, eventstream.MediaType) {
			return x.watch(ctx)
		}
	}
	c, timeout, err := x.call()
	if err != nil {
		return err
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	if c.Verb == graph.VerbPost {
		return x.post(ctx, c)
	}
	a, err := x.run(ctx, c)
	if err != nil {
		return err
	}
	x.send(a)
	return nil
}

// call reads the request as a call of a route, and how long the caller will wait.
func (x *exchange) call() (c *graph.Call, timeout time.Duration, err error) {
	if timeout, err = headerTimeout(x.r.Header); err != nil {
		return nil, 0, err
	}
	if x.r.Method == http.MethodGet || x.r.Method == http.MethodHead {
		c, err = x.read()
		return c, timeout, err
	}
	body, err := readBody(x.w, x.r, x.service.Limits().MessageBytes, x.options.BodyTimeout)
	if err != nil {
		return nil, 0, err
	}
	argsOnly := x.r.Header.Get(services.HeaderVersion) != ""
	m, err := parseBody(body, argsOnly)
	if err != nil {
		return nil, 0, err
	}
	c = &graph.Call{Route: m.Route, Method: strings.ToLower(m.Method), Args: graph.ArgsJSON(m.Args)}
	if m.Route == "" {
		if c.Route, err = x.route(); err != nil {
			return nil, 0, err
		}
		if !argsOnly {
			c.Method = strings.ToLower(x.r.Method)
		}
	}
	if prefersAsync(x.r) {
		c.Verb = graph.VerbPost
	}
	if m.Meta.Timeout > 0 && (timeout == 0 || m.Meta.Timeout < timeout) {
		timeout = m.Meta.Timeout
	}
	return c, timeout, nil
}

// read returns the call a GET makes. A browser follows a link from any site with the user's cookies, so a link from
// elsewhere may read only: it runs no operator.
func (x *exchange) read() (*graph.Call, error) {
	route, err := x.route()
	if err != nil {
		return nil, err
	}
	c := &graph.Call{Route: route, Method: "get"}
	if linkedFromElsewhere(x.r) {
		g := x.service.Graph()
		if _, member, ok := g.Locate(c); ok && member == "" && !isState(g, c) {
			return nil, graph.PermissionDenied.Errorf("a link on another site cannot run a route that has no method get")
		}
	}
	return c, nil
}

func linkedFromElsewhere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && (site == "cross-site" || site == "same-site")
}

func (x *exchange) route() (string, error) {
	route, ok := routeOf(x.r.URL)
	if !ok || hasEmptySegment(x.r.RequestURI) || !spelledAsIs(x.service.Graph(), route) {
		return "", graph.NotFound.Errorf("no route %q", x.r.URL.Path)
	}
	return route, nil
}

// headerTimeout returns how long the caller will wait, 0 if it does not say.
func headerTimeout(h http.Header) (time.Duration, error) {
	text := h.Get(services.HeaderTimeout)
	if text == "" {
		return 0, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 {
		return 0, graph.InvalidArgument.Errorf("%s must be a number of milliseconds above 0", services.HeaderTimeout)
	}
	return time.Duration(min(ms, maxTimeout.Milliseconds())) * time.Millisecond, nil
}
