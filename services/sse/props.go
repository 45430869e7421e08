package sse

import (
	"net/http"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A Backend serves a service over server-sent events. It may have several endpoints.
type Backend struct {
	service *services.Service

	mu    sync.Mutex // guards paths
	paths map[string]*ChannelInfo
}

// New returns a backend for svc.
func New(svc *services.Service) *Backend {
	return &Backend{service: svc, paths: make(map[string]*ChannelInfo)}
}

// Props describe an endpoint. All fields may be left zero.
type Props struct {
	// Path names the endpoint in the backend; where requests for it come from is the business of
	// the router it is mounted on.
	Path string
	// Channels are the types of the events the application sends besides messages. They are for readers of the
	// program and of Info; sending is not restricted to them.
	Channels []string
	// OnConnection runs for each new session, beside its traffic; it may call the client and wait. An
	// error ends the session with the error's code. What must run before anything is sent belongs in
	// services.Options.OnConnect.
	OnConnection func(c *ClientInfo, r *http.Request) error
	// OnConnectionClose runs once for each session when it is gone and OnConnection has returned, with the reason.
	OnConnectionClose func(c *ClientInfo, reason error)
	// OnClose runs when the endpoint is closed.
	OnClose func()
	// KeepAlive is how often a comment is sent to keep proxies from closing an idle stream, and to find out that
	// a client is gone. Default 15 s; negative is never.
	KeepAlive time.Duration
	// Retry is how long a browser waits before it comes back, in whole milliseconds. Default 2 s; negative leaves it to
	// the browser. A client that is turned away, because there are too many or the service shuts down, is
	// told to wait up to twice as long, so that they do not all come back at once.
	Retry time.Duration
	// BodyTimeout bounds the time a POST takes to arrive. Default 10 s.
	BodyTimeout time.Duration
	// Header is added to the response of the stream. Content-Type cannot be changed.
	Header http.Header
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// SetupSSE makes an endpoint. It fails if the backend has one with this Path.
func (b *Backend) SetupSSE(props Props) (*ChannelInfo, error) {
	props.KeepAlive = orDefault(props.KeepAlive, 15*time.Second)
	props.Retry = orDefault(props.Retry, 2*time.Second).Truncate(time.Millisecond)
	props.BodyTimeout = orDefault(props.BodyTimeout, 10*time.Second)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.paths[props.Path] != nil {
		return nil, graph.AlreadyExists.Errorf("event stream %q exists", props.Path)
	}
	info := &ChannelInfo{Props: props, backend: b, sessions: make(map[string]*ClientInfo)}
	b.paths[props.Path] = info
	return info, nil
}
