package ws

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/gorilla/websocket"

	"github.com/graphscript-go/graphscript/services"
)

// The first byte of a final frame, by opcode; see RFC 6455, section 5.2.
const (
	finalText  = 0x80 | websocket.TextMessage
	finalClose = 0x80 | websocket.CloseMessage
	finalPing  = 0x80 | websocket.PingMessage
	finalPong  = 0x80 | websocket.PongMessage

	maskBit = 0x80
)

// serverFrames is the encoding of the serving side, whose frames are not masked and so are the same for every socket.
type serverFrames struct{}

func (serverFrames) AppendFrame(dst []byte, f *services.Frame) []byte {
	return appendFrame(dst, finalText, f.Payload, false)
}

// clientFrames is the encoding of the dialling side.
type clientFrames struct{}

func (clientFrames) AppendFrame(dst []byte, f *services.Frame) []byte {
	return appendFrame(dst, finalText, f.Payload, true)
}

// appendFrame adds one frame. A client masks each frame with a key its peer cannot foresee.
func appendFrame(dst []byte, first byte, payload []byte, masked bool) []byte {
	var mask byte
	if masked {
		mask = maskBit
	}
	switch n := len(payload); {
	case n <= 125:
		dst = append(dst, first, mask|byte(n))
	case n <= 0xffff:
		dst = append(dst, first, mask|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, first, mask|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	if !masked {
		return append(dst, payload...)
	}
	var key [4]byte
	binary.LittleEndian.PutUint32(key[:], rand.Uint32()) //nolint:gosec // ChaCha8, seeded by the system
	dst = append(dst, key[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	for i := range dst[start:] {
		dst[start+i] ^= key[i&3]
	}
	return dst
}
