package ws

import (
	"encoding/json"
	"net/http"
	"strconv"
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
	// error closes the socket with the error's code. What must run before the first message is read belongs in
	// services.Options.OnConnect.
	OnConnection func(s *SocketInfo, r *http.Request) error
	// OnConnectionClose runs once for each socket when it is gone, with the reason.
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
	sockets map[*services.Peer]*SocketInfo
	closed  bool
}

var _ http.Handler = (*ServerInfo)(nil)

// SetupWSS makes an endpoint. It fails if the backend has one with this Path.
func (b *Backend) SetupWSS(props Props) (*ServerInfo, error) {
	info := &ServerInfo{Props: props, backend: b, sockets: make(map[*services.Peer]*SocketInfo)}
	info.upgrader = websocket.Upgrader{
		ReadBufferSize:   512,
		WriteBufferPool:  &sync.Pool{},
		WriteBufferSize:  512,
		Subprotocols:     []string{Subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // Service.Admit has checked Host and Origin
		HandshakeTimeout: 5 * time.Second,
		Error:            func(w http.ResponseWriter, _ *http.Request, status int, reason error) { refuse(w, status, reason) },
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.paths[props.Path] != nil {
		return nil, graph.AlreadyExists.Errorf("websocket endpoint %q exists", props.Path)
	}
	b.paths[props.Path] = info
	return info, nil
}

// ServeHTTP upgrades a request and returns; the socket lives on in goroutines of the service, which
// frees the memory net/http holds for a request.
func (i *ServerInfo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	svc := i.backend.service
	identity, err := svc.Admit(r)
	if err == nil && i.isClosed() {
		err = graph.Unavailable.Errorf("the endpoint is closed")
	}
	if err != nil {
		f := svc.Failure(r.Context(), r.URL.Path, err)
		refuse(w, services.HTTPStatus(f.Code), f)
		return
	}
	h := &hijacker{ResponseWriter: w}
	conn, err := i.upgrader.Upgrade(h, r, i.Props.Header)
	if err != nil {
		return // the upgrader has answered
	}
	h.conn.on.Store(true)
	conn.SetReadLimit(svc.Limits().MessageBytes)
	s, err := newSocket(svc, conn, i.Props.timing(), services.AttachOptions{Transport: "ws", Identity: identity})
	if err != nil {
		f := svc.Failure(r.Context(), r.URL.Path, err)
		_ = newLink(conn, false).Close(f)
		_ = conn.Close()
		return
	}
	s.Request = r
	i.open(s)
}

func (i *ServerInfo) open(s *SocketInfo) {
	i.mu.Lock()
	i.sockets[s.Peer] = s
	i.mu.Unlock()
	i.Add(s.Peer)
	svc := i.backend.service
	s.start()
	svc.Go(func() {
		if i.Props.OnConnection != nil {
			if err := i.Props.OnConnection(s, s.Request); err != nil {
				f := svc.Failure(s.Request.Context(), "OnConnection", err)
				s.Close(f.Code, f.Message)
			}
		}
		<-s.Done()
		i.mu.Lock()
		delete(i.sockets, s.Peer)
		i.mu.Unlock()
		if i.Props.OnConnectionClose != nil {
			i.Props.OnConnectionClose(s, s.Err())
		}
	})
}

// Socket returns the live socket with this id, or nil.
func (i *ServerInfo) Socket(id string) *SocketInfo {
	i.mu.Lock()
	defer i.mu.Unlock()
	for p, s := range i.sockets {
		if p.ID() == id {
			return s
		}
	}
	return nil
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

// refuse answers a request that is not upgraded.
func refuse(w http.ResponseWriter, status int, reason error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Sec-WebSocket-Version", "13")
	w.WriteHeader(status)
	f, ok := reason.(*graph.Error) //nolint:errorlint // Failure returned it as it is
	if !ok {
		f = &graph.Error{Code: graph.InvalidArgument, Message: reason.Error()}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"error": f})
}

func byteCount(n int64) string { return strconv.FormatInt(n, 10) + " bytes" }
