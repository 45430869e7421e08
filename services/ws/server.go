package ws

import (
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A Backend serves a service over WebSocket. It may have several endpoints.
type Backend struct {
	service *services.Service

	mu    sync.Mutex // guards paths
	paths map[string]*ServerInfo
}

// New returns a backend for svc.
func New(svc *services.Service) *Backend {
	return &Backend{service: svc, paths: make(map[string]*ServerInfo)}
}

// Props describe an endpoint. All fields may be left zero.
type Props struct {
	// Path names the endpoint in the backend; where requests for it come from is the business of
	// the router it is mounted on.
	Path string
	// OnConnection runs for each new socket, beside its traffic; it may call the socket and wait. An
	// error closes the socket with the error's code. The request's context lives as long as the socket. What
	// must run before the first message is read belongs in services.Options.OnConnect.
	OnConnection func(s *SocketInfo, r *http.Request) error
	// OnConnectionClose runs once for each socket when it is gone and OnConnection has returned, with the reason.
	OnConnectionClose func(s *SocketInfo, reason error)
	// OnClose runs when the endpoint is closed.
	OnClose func()
	// Ping is how often the other end is asked for a sign of life, and Pong how much longer it may take for
	// one before it is taken for dead. Defaults 25 s and 10 s.
	Ping, Pong time.Duration
	// MessageTimeout bounds the time from the first byte of a message to its last. Default 30 s.
	MessageTimeout time.Duration
	// Header is added to the answer of the handshake.
	Header http.Header
}

func (p *Props) timing() timing {
	return timing{
		ping:    orDefault(p.Ping, 25*time.Second),
		pong:    orDefault(p.Pong, 10*time.Second),
		message: orDefault(p.MessageTimeout, 30*time.Second),
	}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// A ServerInfo is an endpoint: an http.Handler that upgrades requests, and the set of its live sockets, with
// the verbs for all of them.
type ServerInfo struct {
	services.PeerSet
	Props   Props
	backend *Backend

	upgrader websocket.Upgrader

	mu      sync.Mutex // guards all below
	sockets map[string]*SocketInfo
	closed  bool
}

// SetupWSS makes an endpoint. It fails if the backend has one with this Path.
func (b *Backend) SetupWSS(props Props) (*ServerInfo, error) {
	info := &ServerInfo{Props: props, backend: b, sockets: make(map[string]*SocketInfo)}
	info.upgrader = websocket.Upgrader{
		ReadBufferSize:   512,
		WriteBufferPool:  &sync.Pool{},
		WriteBufferSize:  512,
		Subprotocols:     []string{Subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // Service.Admit has checked Host and Origin
		HandshakeTimeout: 5 * time.Second,
		Error:            info.refuseUpgrade,
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.paths[props.Path] != nil {
		return nil, graph.AlreadyExists.Errorf("websocket endpoint %q exists", props.Path)
	}
	b.paths[props.Path] = info
	return info, nil
}

// Socket returns the live socket with this id, or nil.
func (i *ServerInfo) Socket(id string) *SocketInfo {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sockets[id]
}

// add takes a socket into the endpoint and reports false if that is closed.
func (i *ServerInfo) add(s *SocketInfo) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return false
	}
	i.sockets[s.ID()] = s
	i.Add(s.Peer)
	return true
}

func (i *ServerInfo) remove(s *SocketInfo) {
	i.Remove(s.Peer)
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.sockets, s.ID())
}

// Terminate closes the endpoint with all its sockets and frees its Path. Later requests are answered
// with 503.
func (i *ServerInfo) Terminate() {
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return
	}
	i.closed = true
	i.mu.Unlock()
	b := i.backend
	b.mu.Lock()
	delete(b.paths, i.Props.Path)
	b.mu.Unlock()
	for _, p := range i.Peers() {
		p.Close(graph.Unavailable, "the endpoint is closed")
	}
	if i.Props.OnClose != nil {
		i.Props.OnClose()
	}
}

func (i *ServerInfo) isClosed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.closed
}
