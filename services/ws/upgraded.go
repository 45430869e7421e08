package ws

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
)

// An upgraded connection is what gorilla sees of a connection on the serving side. What gorilla reads of it
// has passed a headerCheck, and what gorilla writes by itself after the handshake, its close frames for peers that break
// the protocol, goes nowhere: the link says why it closes, once, and is the only writer.
type upgraded struct {
	net.Conn
	muted   atomic.Bool // set when the handshake is over
	headers headerCheck // of the reader, as bad
	bad     error
}

// Read reads up to the first frame that is not allowed, and then fails.
func (u *upgraded) Read(p []byte) (int, error) {
	if u.bad != nil {
		return 0, u.bad
	}
	n, err := u.Conn.Read(p)
	n, u.bad = u.headers.pass(p[:n])
	switch {
	case u.bad == nil:
		return n, err
	case n == 0:
		return 0, u.bad
	default:
		return n, nil
	}
}

// Write writes the handshake and swallows everything after it.
func (u *upgraded) Write(p []byte) (int, error) {
	if u.muted.Load() {
		return len(p), nil
	}
	return u.Conn.Write(p)
}

// A hijacker makes the upgrader hijack an upgraded connection.
type hijacker struct {
	http.ResponseWriter
	conn *upgraded
}

// Hijack hijacks the response's connection, through any middleware that has an Unwrap method.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over the connection (a middleware that wraps the response writer needs an Unwrap method): %w", err)
	}
	h.conn = &upgraded{Conn: conn}
	return h.conn, rw, nil
}
