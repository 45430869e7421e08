package ws

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// DialOptions adjust OpenWS. All fields may be left zero.
type DialOptions struct {
	// Header is sent with the handshake: credentials, Origin.
	Header http.Header
	// TLS is used for wss URLs.
	TLS *tls.Config
	// Dial makes the connection. The default is a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Ping, Pong and MessageTimeout are as in Props.
	Ping, Pong, MessageTimeout time.Duration
}

// OpenWS connects to an endpoint and returns the socket when the server has named it. The graph of svc is what the server may
// call; svc may be nil. ctx bounds the connecting only. The socket ends with Terminate, or
// when the connection is lost; it does not come back by itself.
func OpenWS(ctx context.Context, url string, svc *services.Service, o *DialOptions) (*SocketInfo, error) {
	if o == nil {
		o = &DialOptions{}
	}
	if svc == nil {
		svc = services.New(graph.New(), nil)
	}
	dialer := websocket.Dialer{
		NetDialContext: o.Dial, TLSClientConfig: o.TLS, Subprotocols: []string{Subprotocol},
		Proxy: http.ProxyFromEnvironment, ReadBufferSize: 4 << 10, WriteBufferSize: 512,
		HandshakeTimeout: 30 * time.Second,
	}
	conn, response, err := dialer.DialContext(ctx, url, o.Header)
	if err != nil {
		return nil, dialError(url, response, err)
	}
	conn.SetReadLimit(svc.Limits().MessageBytes)
	p := Props{Ping: o.Ping, Pong: o.Pong, MessageTimeout: o.MessageTimeout}
	s, err := newSocket(svc, conn, p.timing(), services.AttachOptions{Transport: "ws", Client: true})
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	s.start()
	select {
	case <-s.Ready():
		return s, nil
	case <-s.Done():
		return nil, fmt.Errorf("open websocket %s: %w", url, s.Err())
	case <-ctx.Done():
		s.Lost(context.Cause(ctx))
		<-s.Done()
		return nil, fmt.Errorf("open websocket %s: %w", url, context.Cause(ctx))
	}
}

// dialError gives a refused handshake the code its status stands for.
func dialError(url string, response *http.Response, err error) error {
	if response == nil {
		return graph.Unavailable.Errorf("open websocket %s: %w", url, err)
	}
	defer response.Body.Close() //nolint:errcheck // gorilla has read what there is
	return services.CodeOfStatus(response.StatusCode).Errorf("open websocket %s: the server answered %s", url, response.Status)
}
