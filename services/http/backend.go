package httpservice

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// Options adjust a Backend. All fields may be left zero.
type Options struct {
	// HTML serves a string result that begins with "<" and holds a ">" as text/html, as graphscript does. By default
	// such a string is text/plain, because a route that repeats what it was given would otherwise let a link
	// put a script into the page. A result of type [HTML] is text/html in any case.
	HTML bool
	// BodyTimeout is how long a request's body may take to arrive. Default 10 s.
	BodyTimeout time.Duration
	// KeepAlive is how long a watch may be silent before it is sent a comment. Default 15 s.
	KeepAlive time.Duration
	// Watches is how many watches may be open at once; more are refused with ResourceExhausted. Default
	// no limit.
	Watches int
	// Posts is how many calls that nobody waits for may run at once; more are refused with
	// ResourceExhausted. Default 256.
	Posts int
}

func (o Options) withDefaults() Options {
	if o.BodyTimeout <= 0 {
		o.BodyTimeout = 10 * time.Second
	}
	if o.KeepAlive <= 0 {
		o.KeepAlive = 15 * time.Second
	}
	if o.Posts <= 0 {
		o.Posts = 256
	}
	return o
}

// A Backend serves a service's exposed routes over plain HTTP. It is an http.Handler that can be mounted on any
// router, below a prefix with http.StripPrefix. All methods may be called concurrently.
type Backend struct {
	service *services.Service
	options Options
	posts   chan struct{} // holds a token for each call that nobody waits for

	life context.Context // ends with Close: watches and posts hang on it
	end  context.CancelCauseFunc

	mu      sync.Mutex // guards watches
	watches int
}

var _ http.Handler = (*Backend)(nil)

// New returns a backend for svc. The options may be nil; they are copied.
func New(svc *services.Service, o *Options) *Backend {
	b := &Backend{service: svc}
	if o != nil {
		b.options = *o
	}
	b.options = b.options.withDefaults()
	b.posts = make(chan struct{}, b.options.Posts)
	b.life, b.end = context.WithCancelCause(context.Background())
	return b
}

// Close ends all watches with Unavailable, and the calls that nobody waits for. Watches that are asked for
// later are refused; calls are still answered. It does not wait: the server under the
// Backend knows its requests. On a server of your own:
//
//	server.RegisterOnShutdown(backend.Close)
func (b *Backend) Close() {
	b.end(graph.Unavailable.Errorf("the service is shutting down"))
}

// Shutdown ends the watches and shuts the service down: see [services.Service.Shutdown], which by itself
// knows nothing of watches over plain HTTP.
func (b *Backend) Shutdown(ctx context.Context) error {
	b.Close()
	return b.service.Shutdown(ctx)
}

// ServeHTTP answers one request.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	newExchange(b, w, r).serve()
}

// enterWatch counts a watch in; leave counts it out.
func (b *Backend) enterWatch() (leave func(), err error) {
	if b.life.Err() != nil {
		return nil, context.Cause(b.life)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if most := b.options.Watches; most > 0 && b.watches >= most {
		return nil, graph.ResourceExhausted.Errorf("%d watches are open, no more are allowed", b.watches)
	}
	b.watches++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.watches--
	}, nil
}
