package ws

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/graphscript-go/graphscript/services"
)

// closeTimeout bounds each half of the close handshake: writing our close frame, and waiting for the answer.
const closeTimeout = time.Second

// A link writes frames to the connection below gorilla's. Nothing else writes to it.
type link struct {
	net    net.Conn
	client bool
	buf    []byte        // what Write gathers; kept for the next time unless it grew large
	token  chan struct{} // held while something is written; guards buf and torn
	torn   bool          // whether a frame was cut off, so that nothing can follow
	ending sync.Once

	mu     sync.Mutex // guards all below, and the deadlines
	closed bool       // set when no message may follow
	said   bool       // whether a close frame was sent
}

var _ services.Link = (*link)(nil)

// keptBuffer is how much of a buffer an idle socket keeps.
const keptBuffer = 4 << 10

func newLink(conn *websocket.Conn, client bool) *link {
	below := conn.NetConn()
	if u, ok := below.(*upgraded); ok {
		below = u.Conn
	}
	return &link{net: below, client: client, token: make(chan struct{}, 1)}
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
	if err := l.allow(deadline); err != nil {
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
	l.torn = err != nil
	return err
}

// allow sets the deadline of a write, unless the link is closed and Close has set its own.
func (l *link) allow(deadline time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	return l.net.SetWriteDeadline(deadline)
}

// Close sends a close frame and leaves it to the reader to close the connection when the other end has answered. Every
// call returns when the close frame has been written, or cannot be.
func (l *link) Close(reason error) (err error) {
	l.ending.Do(func() { err = l.end(reason) })
	return err
}

func (l *link) end(reason error) error {
	said := l.setClosed()
	l.token <- struct{}{}
	defer func() { <-l.token }()
	if !said && !l.torn {
		_, err := l.net.Write(appendFrame(nil, finalClose, closePayload(reason), l.client))
		l.torn = err != nil
	}
	if l.torn {
		return l.reset()
	}
	return l.net.SetReadDeadline(time.Now().Add(closeTimeout))
}

// noteGoodbye says that gorilla has sent a close frame by itself, as it does on the dialling side.
func (l *link) noteGoodbye() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = true
}

// setClosed refuses further messages and bounds what is still written, a Write in progress included. It reports
// whether a close frame was sent before.
func (l *link) setClosed() (said bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.net.SetWriteDeadline(time.Now().Add(closeTimeout))
	return l.said
}

// extend gives the other end time until it must have sent something, unless the link is closing.
func (l *link) extend(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		_ = l.net.SetReadDeadline(time.Now().Add(d))
	}
}

// reset closes a connection that cannot be closed in order. The system then forgets what it holds for a peer that
// does not read; nothing of TLS is written, as that would wait for the peer.
func (l *link) reset() error {
	below := l.net
	if c, ok := below.(*tls.Conn); ok {
		below = c.NetConn()
	}
	if c, ok := below.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	return below.Close()
}

// linger closes the connection in order: it ends this direction and reads on until the other end has ended its own. Closing
// with bytes unread would reset the connection while our close frame is on its way. Close has bounded the time.
// Answered says that the other end has sent its close frame, after which nothing should come.
func (l *link) linger(answered bool) {
	half, ok := l.net.(interface{ CloseWrite() error })
	if ok {
		_ = half.CloseWrite()
	}
	if ok || !answered {
		_, _ = io.Copy(io.Discard, l.net)
	}
	_ = l.net.Close()
}
