package eventstream

import (
	"math"
	"slices"
	"time"
)

// idleFieldBytes is the space a field buffer may keep between two events.
const idleFieldBytes = 64 << 10

// held returns the bytes kept for the event under construction.
func (p *parser) held() int {
	return len(p.data) + len(p.typ) + len(p.id) + len(p.value)
}

// setRetry takes a value made of ASCII digits and ignores any other.
func (p *parser) setRetry() {
	const maxMillis = math.MaxInt64 / int64(time.Millisecond)
	if len(p.value) == 0 {
		return
	}
	var millis int64
	for _, c := range p.value {
		if c < '0' || c > '9' {
			return
		}
		// Ten times maxMillis and a digit still fit into an int64.
		millis = min(millis*10+int64(c-'0'), maxMillis)
	}
	p.retry, p.retrySet = time.Duration(millis)*time.Millisecond, true
}

// endBlock acts on a blank line and reports whether it dispatched an event,
// which takeEvent returns. The id takes effect even when the block has no data.
func (p *parser) endBlock() (dispatched bool) {
	if p.hasID {
		p.lastID = decodeAs(p.lastID, p.id)
	}
	if !p.hasData {
		p.resetBlock()
	}
	return p.hasData
}

// takeEvent returns the event just dispatched and makes room for the next one.
func (p *parser) takeEvent() Event {
	typ := "message"
	if len(p.typ) > 0 {
		p.lastType = decodeAs(p.lastType, p.typ)
		typ = p.lastType
	}
	event := Event{Type: typ, Data: decodeUTF8(p.data), ID: p.lastID}
	p.resetBlock()
	return event
}

func (p *parser) resetBlock() {
	p.hasData, p.hasID = false, false
	p.data = emptied(p.data)
	p.typ = emptied(p.typ)
	p.id = emptied(p.id)
	p.value = emptied(p.value)
}

// decodeAs returns the text in b; it is known itself, without an allocation, if
// that is what b holds. Streams repeat their types and ids.
func decodeAs(known string, b []byte) string {
	if known == string(b) {
		return known
	}
	return decodeUTF8(b)
}

// appendDoubling is append for data that comes in many small parts: append
// grows large slices by a quarter, and copies a long event that much oftener.
func appendDoubling(dst, part []byte) []byte {
	if len(dst)+len(part) > cap(dst) {
		dst = slices.Grow(dst, max(len(dst), len(part)))
	}
	return append(dst, part...)
}

// emptied returns b without its content, or nil if it has grown too large to
// be kept while the stream is idle.
func emptied(b []byte) []byte {
	if cap(b) > idleFieldBytes {
		return nil
	}
	return b[:0]
}
