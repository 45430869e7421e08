package sse

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	gosse "github.com/tmaxmax/go-sse"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A link writes to one response. All writes happen on the handler's goroutine, except that Close may say
// goodbye from another one.
type link struct {
	writer   http.ResponseWriter
	session  *gosse.Session // flushes
	control  *http.ResponseController
	encoding frames
	retry    time.Duration // for a client that is to come back; not positive leaves it to the client
	buf      []byte        // what Write gathers; kept for the next time unless it grew large
	token    chan struct{} // held while something is written; guards buf, torn and behind
	torn     bool          // whether an event was cut off, so that nothing can follow
	http2    bool
	behind   <-chan error // a write over HTTP/2 that could not be freed; see send
	closing  sync.Once

	mu     sync.Mutex // guards all below, and the deadlines
	closed bool       // set when no message may follow: Close was called, or the client has gone
	ended  bool       // set when the handler is about to return; the response must not be touched then
}

var _ services.Link = (*link)(nil)

// keptBuffer is how much of a write buffer an idle session keeps.
const keptBuffer = 4 << 10

// goodbyeTimeout bounds the last write of a session, and how long a client waits for it.
const goodbyeTimeout = time.Second

func errGone() error { return graph.Unavailable.Errorf("the client has gone") }

// newLink checks that the response can be streamed to, through whatever middleware wraps it.
func newLink(w http.ResponseWriter, r *http.Request) (*link, error) {
	session, err := gosse.Upgrade(w, r)
	if err != nil {
		return nil, fmt.Errorf("find http.Flusher (a middleware that wraps the response writer needs an Unwrap method): %w", err)
	}
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("set write deadline (a middleware that wraps the response writer needs an Unwrap method): %w", err)
	}
	return &link{writer: w, session: session, control: control, token: make(chan struct{}, 1), http2: r.ProtoMajor >= 2}, nil
}

func (l *link) hold()    { l.token <- struct{}{} }
func (l *link) release() { <-l.token }

// Write sends all frames and flushes once.
func (l *link) Write(deadline time.Time, list []*services.Frame) error {
	l.hold()
	defer l.release()
	for _, f := range list {
		l.buf = f.AppendTo(l.buf, l.encoding)
	}
	err := l.flush(deadline, l.buf)
	if cap(l.buf) > keptBuffer || err != nil { // a write that is left behind still reads it
		l.buf = nil
	}
	l.buf = l.buf[:0]
	return err
}

// flush sends p under a deadline. The caller holds the token.
func (l *link) flush(deadline time.Time, p []byte) error {
	if err := l.allow(deadline); err != nil {
		return err
	}
	err := l.send(deadline, p)
	l.torn = err != nil
	switch {
	case err == nil:
		_ = l.allow(time.Time{}) // left behind it would end an HTTP/2 stream that is idle
		return nil
	case !time.Now().Before(deadline): // HTTP/2 has another error for that
		return fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, err)
	default:
		return fmt.Errorf("connection lost: %w", err)
	}
}

// send writes p, whose deadline is set. Over HTTP/2 that deadline frees a write that waits for the window of its stream,
// and not one that waits for the connection, which only HTTP2Config.WriteByteTimeout of the server does. Such a write
// is left behind: the session ends, and the handler waits for the connection.
func (l *link) send(deadline time.Time, p []byte) error {
	if !l.http2 {
		return l.write(p)
	}
	const slack = 100 * time.Millisecond // in which the stream's deadline should do
	timer := time.NewTimer(time.Until(deadline) + slack)
	defer timer.Stop()
	done := make(chan error, 1)
	go func() { done <- l.write(p) }()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		l.behind = done
		return os.ErrDeadlineExceeded
	}
}

// write writes to the outermost response writer, which may count, and flushes the one that can.
func (l *link) write(p []byte) error {
	if _, err := l.writer.Write(p); err != nil {
		return err
	}
	return l.session.Flush()
}

// allow sets the deadline of a write, unless no message may follow.
func (l *link) allow(deadline time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.ended {
		return errGone()
	}
	return l.control.SetWriteDeadline(deadline)
}

// Close says goodbye, unless an event was cut off. Every call returns when that has been written, or cannot be.
func (l *link) Close(reason error) (err error) {
	l.closing.Do(func() { err = l.close(reason) })
	return err
}

func (l *link) close(reason error) error {
	deadline := time.Now().Add(goodbyeTimeout)
	l.last(deadline) // also ends a Write that is stuck
	l.hold()
	defer l.release()
	if !l.last(deadline) || l.torn { // the Write has cleared its deadline
		return nil
	}
	return l.send(deadline, goodbye(reason, l.retry))
}

// last refuses further messages and sets the deadline of the last one. It reports whether the response may still be used.
func (l *link) last(deadline time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return !l.ended && l.control.SetWriteDeadline(deadline) == nil
}

// abandon makes a Write in progress fail, as the client has gone. It reports whether there was one that did: then
// the Write says why.
func (l *link) abandon() bool {
	l.mu.Lock()
	l.closed = true
	if !l.ended {
		_ = l.control.SetWriteDeadline(time.Now())
	}
	l.mu.Unlock()
	l.hold()
	defer l.release()
	return l.torn
}

// end is called by the handler before it returns: it waits for a Close in progress and for a write that was left
// behind, and keeps later ones from the response.
func (l *link) end() {
	l.hold()
	defer l.release()
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	if l.behind != nil {
		<-l.behind //nolint:errcheck // the session has ended for another reason
	}
}
