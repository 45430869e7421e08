package ws

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// Subprotocol is what our own clients offer in the handshake.
const Subprotocol = "graphscript.v1"

// A SocketInfo is one WebSocket connection: a [services.Peer] that can be spoken to with all verbs. It is the same type
// on the serving and on the dialling side.
type SocketInfo struct {
	*services.Peer
	// Request is the handshake on the serving side, and nil on the dialling side. Its context lives as long as the socket.
	Request *http.Request

	conn    *websocket.Conn // for reading
	link    *link
	timing  timing
	pings   *time.Timer
	reading bool   // of the reader: whether a message has begun and is not complete
	buffer  []byte // of the reader
}

// timing says when a socket is taken for dead.
type timing struct {
	ping, pong, message time.Duration
}

func newSocket(svc *services.Service, conn *websocket.Conn, t timing, o services.AttachOptions) (*SocketInfo, error) {
	s := &SocketInfo{conn: conn, link: newLink(conn, o.Client), timing: t}
	peer, err := svc.Attach(s.link, o)
	if err != nil {
		return nil, err
	}
	s.Peer = peer
	s.pings = time.AfterFunc(math.MaxInt64, s.ping)
	return s, nil
}

// start runs the socket on goroutines of the service; ended is called on one of them when the peer is gone.
func (s *SocketInfo) start(ended func()) {
	svc := s.Service()
	s.pings.Reset(s.timing.ping)
	svc.Go(s.read)
	svc.Go(func() {
		_ = s.Serve(context.Background())
		s.pings.Stop()
		ended()
	})
}

// ping asks the other end for a sign of life, through the queue that all writes go through. It waits for room there: a
// queue may be full for a moment because much is sent and read.
func (s *SocketInfo) ping() {
	if s.SendFrame(s.Context(), s.control(finalPing, nil)) != nil {
		return
	}
	s.pings.Reset(s.timing.ping)
	if s.Err() != nil { // start may have stopped the timer before it was set again
		s.pings.Stop()
	}
}

func (s *SocketInfo) control(first byte, payload []byte) *services.Frame {
	return services.NewEncodedFrame(s.link.encoding(), appendFrame(nil, first, payload, s.link.client))
}

// read delivers messages until the connection fails or the peer is closed. It is the one that closes the connection.
func (s *SocketInfo) read() {
	s.conn.SetPingHandler(func(data string) error {
		s.alive()
		// Waiting for room holds up a peer that pings faster than it reads the answers.
		_ = s.SendFrame(s.Context(), s.control(finalPong, []byte(data)))
		return nil
	})
	s.conn.SetPongHandler(func(string) error { s.alive(); return nil })
	s.conn.SetCloseHandler(func(int, string) error { return nil }) // Lost answers it, through Link.Close
	if err := s.deliver(); err != nil {
		s.Lost(err)
	}
	<-s.Done() // Link.Close has answered a close frame, or said why this end gave up
	// When a message broke off the connection has failed, and nobody waits for an answer; see RFC 6455, section 7.1.7.
	s.link.linger(!s.reading && s.awaitClose())
}

// deliver returns what reading ended with, or nil if the peer is closed: Lost would cut what it still has to write.
func (s *SocketInfo) deliver() error {
	for {
		s.alive()
		data, err := s.next()
		if err != nil {
			return s.lost(err)
		}
		if s.Deliver(data) != nil {
			return nil
		}
	}
}

// alive extends the time in which the other end must give a sign of life. Control frames do not extend that of
// a message that is being received.
func (s *SocketInfo) alive() {
	if !s.reading {
		s.link.extend(s.timing.ping + s.timing.pong)
	}
}

// next reads one message.
func (s *SocketInfo) next() ([]byte, error) {
	kind, r, err := s.conn.NextReader()
	if err != nil {
		return nil, err
	}
	s.reading = true
	s.link.extend(s.timing.message)
	s.buffer, err = readMessage(s.buffer[:0], r, kind == websocket.TextMessage)
	if err != nil {
		return nil, err
	}
	s.reading = false
	data := s.buffer
	if cap(data) > keptBuffer {
		s.buffer = nil
		return data, nil
	}
	return bytes.Clone(data), nil
}

// lost returns the reason the peer ends with when reading failed.
func (s *SocketInfo) lost(err error) error {
	if _, broken := broken(err); broken && s.link.client { // on the serving side it is muted
		s.link.noteGoodbye()
	}
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() { // gorilla hides os.ErrDeadlineExceeded
		return lost(err)
	}
	if s.reading {
		late := graph.DeadlineExceeded.Errorf("a message was not complete within %s", s.timing.message)
		return &closeError{websocket.ClosePolicyViolation, late.Error(), late}
	}
	silent := graph.Unavailable.Errorf("no sign of life for %s", s.timing.ping+s.timing.pong)
	return &closeError{websocket.CloseGoingAway, silent.Error(), silent}
}

// awaitClose reads on until the other end has sent its close frame, or fails. It reports whether it has.
func (s *SocketInfo) awaitClose() bool {
	for {
		if _, _, err := s.conn.NextReader(); err != nil {
			_, closed := closedBy(err)
			return closed
		}
	}
}
