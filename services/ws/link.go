package ws

import (
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/graphscript-go/graphscript/services"
)

// closeTimeout bounds the close handshake: writing our close frame, and waiting for the answer.
const closeTimeout = time.Second

// A link writes frames to the connection below gorilla's. Nothing else writes to it.
type link struct {
	conn   *websocket.Conn // for reading
	net    net.Conn
	client bool
	buf    []byte        // what Write gathers; kept for the next time unless it grew large
	token  chan struct{} // held while something is written

	mu     sync.Mutex // guards closed and the read deadline
	closed bool       // set when no message may follow
}

var _ services.Link = (*link)(nil)

// keptBuffer is how much of a write buffer an idle socket keeps.
const keptBuffer = 4 << 10

func newLink(conn *websocket.Conn, client bool) *link {
	below := conn.NetConn()
	if m, ok := below.(*muted); ok {
		below = m.Conn
	}
	return &link{conn: conn, net: below, client: client, token: make(chan struct{}, 1)}
}

func (l *link) encoding() services.Encoding {
	if l.client {
		return clientFrames{}
	}
	return serverFrames{}
}

// Write frames all messages and writes them at once.
func (l *link) Write(deadline time.Time, frames []*services.Frame) error {
	l.token <- struct{}{}
	defer func() { <-l.token }()
	if l.isClosed() {
		return net.ErrClosed
	}
	if err := l.net.SetWriteDeadline(deadline); err != nil {
		return err
	}
	encoding := l.encoding()
	for _, f := range frames {
		l.buf = f.AppendTo(l.buf, encoding)
	}
	_, err := l.net.Write(l.buf)
	if cap(l.buf) > keptBuffer {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	return err
}

// Close sends a close frame, unless a write is stuck, and leaves it to the reader to close the connection when the
// other end has answered or closeTimeout is over.
func (l *link) Close(reason error) error {
	if l.setClosed() {
		return nil
	}
	select {
	case l.token <- struct{}{}:
		defer func() { <-l.token }()
	default:
		return l.net.Close()
	}
	frame := appendFrame(nil, finalClose, closePayload(reason), l.client)
	_ = l.net.SetWriteDeadline(time.Now().Add(closeTimeout))
	if _, err := l.net.Write(frame); err != nil {
		return l.net.Close()
	}
	return nil
}

func (l *link) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// setClosed bounds what is still read and reports whether the link was closed before.
func (l *link) setClosed() (before bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, l.closed = l.closed, true
	if !before {
		_ = l.net.SetReadDeadline(time.Now().Add(2 * closeTimeout)) // one for our frame, one for the answer
	}
	return before
}

// extend gives the other end time until it must have sent something, unless the link is closing.
func (l *link) extend(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		_ = l.net.SetReadDeadline(time.Now().Add(d))
	}
}
