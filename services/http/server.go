package httpservice

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// Props describe a server. All fields may be left zero.
type Props struct {
	// Host is the address to listen on. Default "localhost", which other machines do not reach; "0.0.0.0" and "::" are all
	// addresses of this one.
	Host string
	// Port is the port to listen on; 0 lets the system choose.
	Port int
	// Listener, where set, is listened on in place of Host and Port. The server closes it.
	Listener net.Listener
	// CertFile and KeyFile are PEM files; with them, or with certificates in TLS, the server speaks HTTPS with HTTP/2.
	CertFile, KeyFile string
	TLS               *tls.Config
	// Pages are served before files, and these before routes, to GET and HEAD.
	Pages Pages
	// Files are served by their paths, whatever lies in the tree but files hidden by a dot; folders are not listed. A tree
	// that may hold symbolic links is given as os.Root.FS.
	Files fs.FS
	// StartPage is the page or file for "/" if Pages has none.
	StartPage string
	// ErrPage is the page or file that a person sees, with status 404, who asks for what is not there.
	ErrPage string
	// Handlers are mounted by patterns of http.ServeMux, before all else: the endpoints of ws and sse, for instance.
	Handlers map[string]http.Handler
	// Grace is how long a shutdown that is begun by the end of SetupServer's context may take. Default 10 s.
	Grace time.Duration
	// IdleTimeout is how long a connection without a request is kept. Default 2 min.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds a request's header. Default 16 KiB.
	MaxHeaderBytes int
}

const (
	defaultGrace = 10 * time.Second
	defaultIdle  = 2 * time.Minute
)

// readHeaderTimeout is how long a request's header may take to arrive.
const readHeaderTimeout = 5 * time.Second

// SetupServer listens, and serves until ctx ends: Handlers, Pages, Files and the routes of the Backend. When ctx ends, the server is
// shut down with its service, as [ServerInfo.Shutdown] does it. So with a context that ends on a signal a program ends with
//
//	info, err := backend.SetupServer(ctx, props)
//	if err != nil { … }
//	<-info.Done()
func (b *Backend) SetupServer(ctx context.Context, props Props) (*ServerInfo, error) {
	root, err := b.root(&props)
	if err != nil {
		return nil, fmt.Errorf("set up server: %w", err)
	}
	config, err := props.tls()
	if err != nil {
		return nil, fmt.Errorf("set up server: %w", err)
	}
	listener, err := props.listen(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up server: %w", err)
	}
	limits := b.service.Limits()
	info := newServerInfo(b, props, listener.Addr().String(), config != nil)
	info.server = &http.Server{
		Handler: root, TLSConfig: config,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       orDefault(props.IdleTimeout, defaultIdle),
		MaxHeaderBytes:    orDefault(props.MaxHeaderBytes, 16<<10),
		ErrorLog:          slog.NewLogLogger(b.service.Logger().Handler(), slog.LevelDebug),
		// A connection of HTTP/2 has what a socket has: so many calls and so many watches.
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: limits.InFlight + limits.Subscriptions},
	}
	info.serve(ctx, listener)
	return info, nil
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// tls returns the configuration of an HTTPS server, nil for HTTP.
func (p *Props) tls() (*tls.Config, error) {
	if p.TLS == nil && p.CertFile == "" && p.KeyFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.TLS != nil {
		config = p.TLS.Clone()
	}
	if p.CertFile != "" || p.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("load certificate: %w", err)
		}
		config.Certificates = append(config.Certificates[:len(config.Certificates):len(config.Certificates)], pair)
	}
	if len(config.Certificates) == 0 && config.GetCertificate == nil && config.GetConfigForClient == nil {
		return nil, graph.InvalidArgument.Errorf("HTTPS needs a certificate: CertFile and KeyFile, or TLS with one")
	}
	return config, nil
}

func (p *Props) listen(ctx context.Context) (net.Listener, error) {
	if p.Listener != nil {
		return p.Listener, nil
	}
	host := p.Host
	if host == "" {
		host = "localhost"
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(p.Port)))
}

// root returns the handler of all requests.
func (b *Backend) root(p *Props) (h http.Handler, err error) {
	site, err := newSite(b, p)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for pattern, handler := range p.Handlers {
		if err := mount(mux, pattern, handler); err != nil {
			return nil, err
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mounted := forMux(r); mounted != nil {
			if _, pattern := mux.Handler(mounted); pattern != "" {
				mux.ServeHTTP(w, mounted)
				return
			}
		}
		site.ServeHTTP(w, r)
	}), nil
}

// forMux returns the request as ServeMux is to see it, or nil if it would only redirect it to a path of other
// spelling. Slashes too many at the start are taken away, as graphscript's node client writes them.
func forMux(r *http.Request) *http.Request {
	escaped := r.URL.EscapedPath()
	switch clean := "/" + strings.TrimLeft(escaped, "/"); {
	case !isClean(clean):
		return nil
	case clean == escaped:
		return r
	case r.URL.RawPath != "":
		return nil
	}
	mounted := r.Clone(r.Context())
	mounted.URL.Path = "/" + strings.TrimLeft(r.URL.Path, "/")
	return mounted
}

// isClean reports whether ServeMux takes a path as it is, rather than sending the client to another one.
func isClean(p string) bool {
	clean := path.Clean(p)
	return clean == p || clean != "/" && clean+"/" == p
}

// mount makes an error of ServeMux's panics about patterns.
func mount(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = graph.InvalidArgument.Errorf("handler %q: %v", pattern, r)
		}
	}()
	mux.Handle(pattern, h)
	return nil
}
