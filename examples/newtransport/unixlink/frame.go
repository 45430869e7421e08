package unixlink

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A frame is its kind, the length of its payload in four bytes, the highest first, and the payload.
const (
	kindMessage = 'm'
	kindBye     = 'b' // the last frame: the JSON of a graph.Error that says why
	headerLen   = 5
)

func appendFrame(dst []byte, kind byte, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, kind), uint32(len(payload)))
	return append(dst, payload...)
}

// messages is the encoding of messages. One that goes to many is encoded once.
type messages struct{}

func (messages) AppendFrame(dst []byte, f *services.Frame) []byte {
	return appendFrame(dst, kindMessage, f.Payload)
}

// next reads one message of at most so many bytes. A goodbye is an error, the one the other end gives.
func next(r *bufio.Reader, most int64) ([]byte, error) {
	var header [headerLen]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, graph.Unavailable.Errorf("connection lost: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(header[1:]))
	if n > most {
		return nil, graph.ResourceExhausted.Errorf("message of %d bytes, at most %d are allowed", n, most)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, graph.Unavailable.Errorf("connection lost: %w", err)
	}
	if header[0] == kindMessage {
		return payload, nil
	}
	reason := &graph.Error{}
	if header[0] != kindBye || json.Unmarshal(payload, reason) != nil || reason.Code == 0 {
		return nil, graph.InvalidArgument.Errorf("malformed frame")
	}
	return nil, reason
}
