package ws

import (
	"bufio"
	"net"
	"net/http"
	"sync/atomic"
)

// A muted connection swallows what gorilla writes by itself after the handshake: its close frames for peers
// that break the protocol. The link says why it closes, once, and is the only writer.
type muted struct {
	net.Conn
	on atomic.Bool
}

// Write writes the handshake and swallows everything after it.
func (m *muted) Write(p []byte) (int, error) {
	if m.on.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

// A hijacker makes the upgrader hijack a muted connection.
type hijacker struct {
	http.ResponseWriter
	conn *muted
}

// Hijack hijacks the response's connection, through any middleware that has an Unwrap method.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &muted{Conn: conn}
	return h.conn, rw, nil
}
