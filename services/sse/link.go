package sse

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	gosse "github.com/tmaxmax/go-sse"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

// frames is the encoding of an event stream. Frames were checked when they were made.
type frames struct{}

func (frames) AppendFrame(dst []byte, f *services.Frame) []byte {
	dst, err := eventstream.Append(dst, eventstream.Block{Type: f.Event, ID: f.ID, Data: string(f.Payload)})
	if err != nil {
		dst, _ = eventstream.AppendComment(dst, "event left out")
	}
	return dst
}

// eventFrame makes a frame of an event, or says why it cannot be one.
func eventFrame(event string, v any) (*services.Frame, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("push event: %w", err)
	}
	if _, err := eventstream.Append(nil, eventstream.Block{Type: event}); err != nil {
		return nil, graph.InvalidArgument.Errorf("push event: %w", err)
	}
	f := services.NewSharedFrame(data)
	f.Event = event
	return f, nil
}

// A link writes to one response. All writes happen on the handler's goroutine, except that Close may set
// a deadline to free it.
type link struct {
	session *gosse.Session
	control *http.ResponseController
	buf     []byte
	token   chan struct{} // held while something is written, and for good when the handler has returned

	mu     sync.Mutex // guards all below
	closed bool
	ended  bool // whether the handler has returned; the response must not be touched then
}

var _ services.Link = (*link)(nil)

// keptBuffer is how much of a write buffer an idle session keeps.
const keptBuffer = 4 << 10

var errClosed = errors.New("stream closed")

// newLink checks that the response can be streamed to, through whatever middleware wraps it.
func newLink(w http.ResponseWriter, r *http.Request) (*link, error) {
	session, err := gosse.Upgrade(w, r)
	if err != nil {
		return nil, fmt.Errorf("a middleware hides http.Flusher: give its response writer an Unwrap method: %w", err)
	}
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("a middleware hides write deadlines: give its response writer an Unwrap method: %w", err)
	}
	// A server's ReadTimeout would end the stream too: its background read watches for the client's end.
	_ = control.SetReadDeadline(time.Time{})
	return &link{session: session, control: control, token: make(chan struct{}, 1)}, nil
}

// Write sends all frames and flushes once.
func (l *link) Write(deadline time.Time, list []*services.Frame) error {
	l.token <- struct{}{}
	defer func() { <-l.token }()
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return errClosed
	}
	for _, f := range list {
		l.buf = f.AppendTo(l.buf, frames{})
	}
	err := l.flush(deadline, l.buf)
	if cap(l.buf) > keptBuffer {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	return err
}

// flush writes p under a deadline and clears it: left behind it would end an HTTP/2 stream that is idle.
func (l *link) flush(deadline time.Time, p []byte) error {
	if err := l.control.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := l.session.Res.Write(p); err != nil {
		return err
	}
	if err := l.session.Res.Flush(); err != nil {
		return err
	}
	return l.control.SetWriteDeadline(time.Time{})
}

// Close says goodbye, unless a write is stuck, which it frees.
func (l *link) Close(reason error) error {
	l.mu.Lock()
	if l.closed || l.ended {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	select {
	case l.token <- struct{}{}:
		defer func() { <-l.token }()
		return l.flush(time.Now().Add(time.Second), goodbye(reason))
	default:
		return l.abort()
	}
}

// abort makes a write that is stuck fail.
func (l *link) abort() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil
	}
	return l.control.SetWriteDeadline(time.Now())
}

// end is called by the handler before it returns: it waits for a Close in progress and keeps later ones from
// the response.
func (l *link) end() {
	l.token <- struct{}{}
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
}

// goodbye is the last event of a stream.
func goodbye(reason error) []byte {
	failure := &graph.Error{Code: graph.CodeOf(reason)}
	if e, ok := errors.AsType[*graph.Error](reason); ok {
		failure.Message = e.Message
	}
	data, err := json.Marshal(failure)
	if err != nil {
		return nil
	}
	block, _ := eventstream.Append(nil, eventstream.Block{Type: eventClose, Data: string(data)})
	return block
}

// eventClose is the type of a stream's last event.
const eventClose = "close"
