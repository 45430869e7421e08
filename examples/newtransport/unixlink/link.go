package unixlink

import (
	"context"
	"encoding/json"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/graphscript-go/graphscript/services"
)

// closeTimeout bounds what is still written and read when a connection ends.
const closeTimeout = time.Second

// A conn is a connection whose directions can end one after the other, as those of a *net.UnixConn.
type conn interface {
	net.Conn
	CloseWrite() error
}

// A link writes to a connection, which whoever reads from it closes.
type link struct {
	conn    conn
	svc     *services.Service
	token   chan struct{} // held while something is written; guards torn
	torn    bool          // whether a frame was cut off, so that nothing can follow
	closing atomic.Bool
	once    sync.Once
}

var _ services.Link = (*link)(nil)

// Write sends all frames with one write to the system.
func (l *link) Write(deadline time.Time, frames []*services.Frame) error {
	l.token <- struct{}{}
	defer func() { <-l.token }()
	var data []byte
	for _, f := range frames {
		data = f.AppendTo(data, messages{})
	}
	_ = l.conn.SetWriteDeadline(deadline)
	if l.closing.Load() { // asked last: from here on Close sets the deadline that counts
		return net.ErrClosed
	}
	_, err := l.conn.Write(data)
	l.torn = err != nil
	return err
}

// Close bounds a Write in progress, says goodbye and ends this direction. It returns when that is done.
func (l *link) Close(reason error) (err error) {
	l.once.Do(func() {
		l.closing.Store(true)
		_ = l.conn.SetDeadline(time.Now().Add(closeTimeout)) // for the reader too
		l.token <- struct{}{}
		defer func() { <-l.token }()
		if !l.torn {
			data, _ := json.Marshal(l.svc.Failure(context.Background(), "connection", reason))
			_, _ = l.conn.Write(appendFrame(nil, kindBye, data))
		}
		err = l.conn.CloseWrite()
	})
	return err
}
