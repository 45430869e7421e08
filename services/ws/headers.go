package ws

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gorilla/websocket"

	"github.com/graphscript-go/graphscript/graph"
)

// Fragments that carry next to nothing cost more than they bring, and no read limit counts them.
const (
	smallFragment     = 16 // bytes
	maxSmallFragments = 1024
)

// A headerCheck follows the frames of a connection by their headers and finds what gorilla accepts: lengths in more bytes
// than they need and a close frame with half a code, both against RFC 6455 (sections 5.2 and 5.5.1), and messages
// in an endless row of fragments.
type headerCheck struct {
	header  [14]byte
	n       int    // bytes of header that are there
	payload uint64 // bytes that are still to come before the next header
	small   int    // fragments under smallFragment bytes in this message
}

// pass looks at what was read and returns how much of it is good.
func (c *headerCheck) pass(p []byte) (good int, err error) {
	for good < len(p) {
		if c.payload > 0 {
			n := min(c.payload, uint64(len(p)-good))
			c.payload -= n
			good += int(n)
			continue
		}
		c.header[c.n] = p[good]
		c.n++
		if c.n >= 2 && c.n == headerLen(c.header[1]) {
			if err := c.frame(); err != nil {
				return good, err
			}
			c.n = 0
		}
		good++
	}
	return good, nil
}

// headerLen is the length of a frame header by its second byte.
func headerLen(second byte) int {
	n := 2
	switch second &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&maskBit != 0 {
		n += 4
	}
	return n
}

// frame checks a header that is complete.
func (c *headerCheck) frame() error {
	length, least := uint64(c.header[1]&^maskBit), uint64(0)
	switch length {
	case 126:
		length, least = uint64(binary.BigEndian.Uint16(c.header[2:])), 126
	case 127:
		length, least = binary.BigEndian.Uint64(c.header[2:]), math.MaxUint16+1
	}
	c.payload = length
	const opcode = 0x0f
	switch kind := c.header[0] & opcode; {
	case length < least:
		return protocolError("length in more bytes than it needs")
	case kind == websocket.CloseMessage && length == 1:
		return protocolError("close frame with half a code")
	case kind == websocket.TextMessage || kind == websocket.BinaryMessage:
		c.small = 0
	case kind >= websocket.CloseMessage:
		return nil // control frames may come between fragments
	}
	if length < smallFragment {
		c.small++
	}
	if c.small > maxSmallFragments {
		text := fmt.Sprintf("message in over %d fragments of under %d bytes", maxSmallFragments, smallFragment)
		return &closeError{websocket.CloseMessageTooBig, text, graph.ResourceExhausted.Errorf("%s", text)}
	}
	return nil
}

func protocolError(text string) error {
	return &closeError{websocket.CloseProtocolError, text, graph.InvalidArgument.Errorf("%s", text)}
}
