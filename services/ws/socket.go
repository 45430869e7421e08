package ws

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

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
	// Request is the handshake on the serving side, and nil on the dialling side.
	Request *http.Request

	conn    *websocket.Conn
	link    *link
	timing  timing
	pings   *time.Timer
	reading bool // of the reader: whether a message has begun and is not complete
	buffer  bytes.Buffer
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
	return s, nil
}

// start runs the socket on goroutines of the service.
func (s *SocketInfo) start() {
	svc := s.Service()
	s.pings = time.AfterFunc(s.timing.ping, s.ping)
	svc.Go(func() { s.read() })
	svc.Go(func() {
		_ = s.Serve(context.Background())
		s.pings.Stop()
	})
}

// ping asks the other end for a sign of life, through the queue that all writes go through.
func (s *SocketInfo) ping() {
	if s.Offer(s.control(finalPing, nil)) == nil {
		s.pings.Reset(s.timing.ping)
	}
}

func (s *SocketInfo) control(first byte, payload []byte) *services.Frame {
	return services.NewEncodedFrame(s.link.encoding(), appendFrame(nil, first, payload, s.link.client))
}

// read delivers messages until the connection fails or the peer is closed. It is the one that closes the connection.
func (s *SocketInfo) read() {
	defer s.conn.Close() //nolint:errcheck // it is gone either way
	s.conn.SetPingHandler(func(data string) error {
		s.alive()
		_ = s.Offer(s.control(finalPong, []byte(data)))
		return nil
	})
	s.conn.SetPongHandler(func(string) error { s.alive(); return nil })
	s.conn.SetCloseHandler(func(int, string) error { return nil }) // Lost answers it, through Close
	for {
		s.reading = false
		s.alive()
		data, err := s.next()
		if err != nil {
			s.Lost(err)
			<-s.Done() // Close has answered a close frame, or said why this end gave up
			s.awaitClose()
			return
		}
		if s.Deliver(data) != nil {
			<-s.Done()
			s.awaitClose()
			return
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
		return nil, lost(err)
	}
	s.reading = true
	s.link.extend(s.timing.message)
	most := s.Service().Limits().MessageBytes
	s.buffer.Reset()
	n, err := s.buffer.ReadFrom(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, lost(err)
	case n > most:
		return nil, tooBig(most)
	case kind == websocket.TextMessage && !utf8.Valid(s.buffer.Bytes()):
		return nil, &closeError{websocket.CloseInvalidFramePayloadData, "text is not valid UTF-8", graph.InvalidArgument}
	}
	data := slices.Clone(s.buffer.Bytes())
	if s.buffer.Cap() > keptBuffer {
		s.buffer = bytes.Buffer{}
	}
	return data, nil
}

func tooBig(most int64) error {
	return &closeError{websocket.CloseMessageTooBig, "message over " + byteCount(most), graph.ResourceExhausted}
}

// awaitClose reads on until the other end has closed too, so that closing does not reset the connection while our
// close frame is on its way. Link.Close has bounded the time.
func (s *SocketInfo) awaitClose() {
	for {
		if _, _, err := s.conn.NextReader(); err != nil {
			return
		}
	}
}
