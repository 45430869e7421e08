package services

import (
	"sync"
	"time"
)

// A Link is all a transport has to supply: a way to write, and a way to stop. What it reads it
// hands to [Peer.Deliver].
type Link interface {
	// Write sends frames in order and has sent them when it returns. It is never called
	// concurrently, and it takes what has queued up in one call so that it can be one write to the system.
	// It fails when the deadline passes; a Link that failed once is not written to again.
	Write(deadline time.Time, frames []*Frame) error
	// Close ends the connection and makes a Write in progress fail. Reason is nil or says, by its
	// graph.Code and text, why; where the transport can, it tells the other end. Close may be
	// called more than once and concurrently with Write.
	Close(reason error) error
}

// A Frame is one encoded message on its way out. A frame may go to many links; it is not changed
// once made.
type Frame struct {
	// Payload is the text to send: an encoded Message, or what Peer.Send was given.
	Payload []byte
	// Event and ID are for transports that have them, as SSE does.
	Event string
	ID    string

	shared bool
	mu     sync.Mutex // guards wires
	wires  []wire
}

type wire struct {
	encoding Encoding
	data     []byte
}

// An Encoding turns a frame into the bytes of one transport. It must be comparable; links with equal
// encodings share the bytes of a frame that goes to many.
type Encoding interface {
	AppendFrame(dst []byte, f *Frame) []byte
}

// NewFrame returns a frame for one link.
func NewFrame(payload []byte) *Frame { return &Frame{Payload: payload} }

// NewSharedFrame returns a frame for many links, which is encoded once for each Encoding.
func NewSharedFrame(payload []byte) *Frame { return &Frame{Payload: payload, shared: true} }

// NewEncodedFrame returns a frame for many links whose bytes in an encoding are given: something that only one
// transport has, such as a ping.
func NewEncodedFrame(e Encoding, data []byte) *Frame {
	return &Frame{shared: true, wires: []wire{{e, data}}}
}

// AppendTo adds the frame's bytes in an encoding to dst.
func (f *Frame) AppendTo(dst []byte, e Encoding) []byte {
	if !f.shared {
		return e.AppendFrame(dst, f)
	}
	return append(dst, f.wire(e)...)
}

func (f *Frame) wire(e Encoding) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.wires {
		if w.encoding == e {
			return w.data
		}
	}
	data := e.AppendFrame(nil, f)
	f.wires = append(f.wires, wire{e, data})
	return data
}
