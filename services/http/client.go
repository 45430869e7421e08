package httpservice

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// ClientOptions adjust a Client. All fields may be left zero.
type ClientOptions struct {
	// Header returns headers for each request: credentials. It is not asked for a request that a redirect sends to another
	// origin, nor for any after it.
	Header func() http.Header
	// Transport makes the requests. The default is one of the Client's own, with TLS. A Transport that adds credentials
	// must itself mind where a redirect leads.
	Transport http.RoundTripper
	// TLS is used by the default Transport for https.
	TLS *tls.Config
	// Timeout bounds calls whose context has no deadline. Default 10 s.
	Timeout time.Duration
	// MaxBytes is the size of one result or update. Default 1 MiB.
	MaxBytes int64
	// Silence is how long a watched server may be silent before it is taken for lost. It must be longer than
	// the server's Options.KeepAlive. Default 45 s.
	Silence time.Duration
	// Logger takes panics of subscribers. The default is slog.Default().
	Logger *slog.Logger
}

func (o ClientOptions) withDefaults() ClientOptions {
	o.Timeout = orDefault(o.Timeout, 10*time.Second)
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 20
	}
	o.Silence = orDefault(o.Silence, 45*time.Second)
	if o.Header == nil {
		o.Header = func() http.Header { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.TLS, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true,
		}
	}
	return o
}

// A Client is a service behind a URL: a [graph.Target] whose results are JSON and whose calls are HTTP requests. It runs,
// posts and subscribes, and cannot be called itself. All methods may be called concurrently.
//
// Failures have the codes the service gave them; an answer that is not from a service, such as a proxy's, has
// the code its status stands for. A call that cannot have reached the server is services.ErrNotSent too. No call
// is sent twice.
type Client struct {
	base    *url.URL // its path ends without a slash
	options ClientOptions
	http    http.Client

	life context.Context // ends with Close
	end  context.CancelCauseFunc

	mu     sync.Mutex // guards closed, and that work does not grow after it
	closed bool
	work   sync.WaitGroup // calls and subscriptions
}

var _ graph.Target = (*Client)(nil)

// Open returns a client of the service at a URL, such as "https://example.com/api". It makes no connection. The options may be nil;
// they are copied.
func Open(baseURL string, o *ClientOptions) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, graph.InvalidArgument.Errorf("open client: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, graph.InvalidArgument.Errorf("open client: want http(s)://host[:port][/path], credentials go into Header")
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	c := &Client{base: u}
	if o != nil {
		c.options = *o
	}
	c.options = c.options.withDefaults()
	c.http = http.Client{
		Transport: c.options.Transport,
		// Redirects are followed by exchange, which knows what may go where.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.life, c.end = context.WithCancelCause(context.Background())
	return c, nil
}

// Do runs, posts to or subscribes to a route.
//
// VerbRun waits for the result, which is a json.RawMessage, or Void. VerbPost returns when the server has taken the call.
// VerbSubscribe returns when the subscription is in force; ctx bounds no more than that.
func (c *Client) Do(ctx context.Context, call *graph.Call) (any, error) {
	leave, err := c.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := c.callContext(ctx)
	defer cancel()
	if call.Verb == graph.VerbSubscribe {
		return c.subscribe(ctx, call)
	}
	return c.call(ctx, call)
}

// enter counts a call or subscription in, which Close waits for; leave counts it out.
func (c *Client) enter() (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed()
	}
	c.work.Add(1)
	return c.work.Done, nil
}

func errClosed() error { return graph.Unavailable.Errorf("the client is closed") }

// callContext bounds a call by Timeout, unless it has a deadline, and by the life of the Client.
func (c *Client) callContext(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.life, func() { cancel(context.Cause(c.life)) })
	end := func() {
		stop()
		cancel(nil)
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, end
	}
	ctx, cancelTimeout := context.WithTimeout(ctx, c.options.Timeout)
	return ctx, func() {
		cancelTimeout()
		end()
	}
}

// Close ends all calls and subscriptions with Unavailable and returns when they have ended. A subscriber must not
// call it: Close waits for it.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end(errClosed())
	c.work.Wait()
	c.http.CloseIdleConnections()
}
