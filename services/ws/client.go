package ws

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
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
	conn, err := dial(ctx, url, o)
	if err != nil {
		return nil, fmt.Errorf("open websocket %s: %w", url, err)
	}
	conn.SetReadLimit(svc.Limits().MessageBytes)
	p := Props{Ping: o.Ping, Pong: o.Pong, MessageTimeout: o.MessageTimeout}
	s, err := newSocket(svc, conn, p.timing(), services.AttachOptions{Transport: "ws", Client: true})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("open websocket %s: %w", url, err)
	}
	s.start(func() {})
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

// dial makes the handshake.
func dial(ctx context.Context, url string, o *DialOptions) (*websocket.Conn, error) {
	connect := o.Dial
	if connect == nil {
		connect = new(net.Dialer).DialContext
	}
	stop := func() bool { return true }
	defer func() { stop() }()
	dialer := websocket.Dialer{
		NetDialContext: func(dialing context.Context, network, address string) (net.Conn, error) {
			conn, err := connect(dialing, network, address)
			if err == nil {
				// gorilla heeds the deadline of a context, but not that it is cancelled.
				stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		},
		TLSClientConfig: o.TLS, Subprotocols: []string{Subprotocol}, Proxy: http.ProxyFromEnvironment,
		ReadBufferSize: 4 << 10, WriteBufferSize: 512, HandshakeTimeout: 30 * time.Second,
	}
	conn, response, err := dialer.DialContext(ctx, url, o.Header)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case response != nil:
		return nil, refusal(response)
	}
	return nil, graph.Unavailable.Errorf("%w", err)
}

// refusal is the error of an answer that does not upgrade: the server's own, or one by its status.
func refusal(response *http.Response) error {
	defer response.Body.Close()
	var answer struct {
		Error *graph.Error `json:"error"`
	}
	body, _ := io.ReadAll(response.Body)
	if json.Unmarshal(body, &answer) == nil && answer.Error != nil && answer.Error.Code != 0 {
		return answer.Error
	}
	code := services.CodeOfStatus(response.StatusCode)
	if code == 0 {
		code = graph.Unimplemented
	}
	return code.Errorf("the server answered %s", response.Status)
}
