package services

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/graphscript-go/graphscript/graph"
)

// Admit decides about an HTTP request before anything of it is used: that its Host and Origin are allowed and who
// makes it. Every transport calls it for every request. The error's code gives the
// status; see [HTTPStatus].
func (s *Service) Admit(r *http.Request) (Identity, error) {
	if s.closing() {
		return Identity{}, errShutdown()
	}
	return s.Identify(r)
}

// Identify is Admit, also while the service shuts down: it is for a request that belongs to a session, whose calls may
// need it to finish.
func (s *Service) Identify(r *http.Request) (Identity, error) {
	if !hostAllowed(r.Host, s.options.Hosts) {
		return Identity{}, graph.PermissionDenied.Errorf("host %q is not served here", r.Host)
	}
	if !originAllowed(r, s.options.Origins) {
		return Identity{}, graph.PermissionDenied.Errorf("origin %q is not allowed", r.Header.Get("Origin"))
	}
	if s.options.Authenticate == nil {
		return Identity{}, nil
	}
	return s.options.Authenticate(r)
}

// hostAllowed checks the Host header, which a page that rebinds its name to this server's address cannot choose.
func hostAllowed(host string, allowed []string) bool {
	if len(allowed) == 0 {
		return true
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, hostName(host)) })
}

func hostName(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// originAllowed checks where a page comes from. Programs that are no browsers send no Origin;
// a browser that leaves it out says in Sec-Fetch-Site whether the request crosses sites.
func originAllowed(r *http.Request, allowed []string) bool {
	if slices.Contains(allowed, "*") {
		return true
	}
	headers := r.Header.Values("Origin")
	if len(headers) == 0 {
		site := r.Header.Get("Sec-Fetch-Site")
		navigation := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Method == http.MethodGet
		return site == "" || site == "same-origin" || site == "none" || navigation
	}
	if len(headers) > 1 {
		return false
	}
	origin := headers[0]
	return slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, origin) }) || ownOrigin(origin, r)
}

// ownOrigin reports whether an origin is the host the request is for. A server behind a proxy cannot know the
// scheme its clients used; one that speaks TLS itself can.
func ownOrigin(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !strings.EqualFold(origin, u.Scheme+"://"+u.Host) {
		return false
	}
	return (u.Scheme == "https" || u.Scheme == "http" && r.TLS == nil) && sameHost(u, r.Host)
}

// sameHost compares hosts with their ports; a default port may be left out.
func sameHost(origin *url.URL, host string) bool {
	port := map[string]string{"http": ":80", "https": ":443"}[origin.Scheme]
	return strings.EqualFold(strings.TrimSuffix(origin.Host, port), strings.TrimSuffix(host, port))
}

// AllowOrigin sets the CORS headers that let the page of an allowed origin read the response,
// and reports whether the request was a preflight, which needs nothing but these. A page of another origin gets none: its
// browser keeps the response from it. It may be called before Admit, as a preflight carries no credentials.
func (s *Service) AllowOrigin(w http.ResponseWriter, r *http.Request) (preflight bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !originAllowed(r, s.options.Origins) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if !slices.Contains(s.options.Origins, "*") {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID, Traceparent, "+
		HeaderSession+", "+HeaderVersion+", "+HeaderTimeout)
	h.Set("Access-Control-Max-Age", "600")
	return true
}

// The headers of our own HTTP requests.
const (
	// HeaderSession carries a session's token on the requests that belong to it.
	HeaderSession = "Graphscript-Session"
	// HeaderVersion is sent by clients that speak our dialect of the messages; its value is "1".
	HeaderVersion = "Graphscript-Version"
	// HeaderTimeout is how long the client will wait for the answer, in milliseconds.
	HeaderTimeout = "Graphscript-Timeout"
)

// HTTPStatus returns the status that stands for a code: the one table for all transports.
func HTTPStatus(c graph.Code) int {
	switch c {
	case 0:
		return http.StatusOK
	case graph.Canceled:
		return 499 // nginx's "client closed request"; nobody is left to read it
	case graph.InvalidArgument:
		return http.StatusBadRequest
	case graph.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case graph.NotFound:
		return http.StatusNotFound
	case graph.AlreadyExists, graph.Aborted:
		return http.StatusConflict
	case graph.PermissionDenied:
		return http.StatusForbidden
	case graph.Unauthenticated:
		return http.StatusUnauthorized
	case graph.ResourceExhausted:
		return http.StatusTooManyRequests
	case graph.FailedPrecondition:
		return http.StatusPreconditionFailed
	case graph.Unimplemented:
		return http.StatusNotImplemented
	case graph.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// CodeOfStatus returns the code for an HTTP status that came without one, as from a proxy; 0 for success.
func CodeOfStatus(status int) graph.Code {
	if status < http.StatusBadRequest {
		return 0
	}
	for c := graph.Canceled; c <= graph.DataLoss; c++ {
		if status != http.StatusInternalServerError && HTTPStatus(c) == status {
			return c
		}
	}
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return graph.ResourceExhausted
	case status == http.StatusBadGateway:
		return graph.Unavailable
	case status < http.StatusInternalServerError:
		return graph.InvalidArgument
	default:
		return graph.Internal
	}
}
