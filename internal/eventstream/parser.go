package eventstream

import (
	"bytes"
	"fmt"
	"time"
)

const byteOrderMark = "\uFEFF"

// A lineState says which part of a line comes next.
type lineState uint8

const (
	inName     lineState = iota // in the field name, or at the start of a line
	afterColon                  // one space here is not part of the value
	inValue
)

// A field is a known field name. Comments have the empty name.
type field uint8

const (
	fieldIgnored field = iota
	fieldData
	fieldEvent
	fieldID
	fieldRetry
)

func fieldNamed(name []byte) field {
	switch string(name) {
	case "data":
		return fieldData
	case "event":
		return fieldEvent
	case "id":
		return fieldID
	case "retry":
		return fieldRetry
	}
	return fieldIgnored
}

// A parser holds everything a stream has said so far. Its input may be cut
// anywhere: nothing is kept of a line but a field name not yet complete and
// the value of a field that matters.
type parser struct {
	maxBytes int

	bomBytes int  // bytes of a byte order mark seen; len(byteOrderMark) once past it
	afterCR  bool // an LF here belongs to the line before

	state   lineState
	name    [len("event") + 1]byte // one byte more than any known name
	nameLen int
	field   field
	value   []byte // of an event, id or retry field

	data    []byte
	hasData bool // distinguishes no data field from an empty one
	typ     []byte
	id      []byte
	hasID   bool

	lastType string // spares an allocation when it comes again
	lastID   string
	retry    time.Duration
	retrySet bool
}

func newParser(maxBytes int, lastID string) parser {
	return parser{maxBytes: maxBytes, lastID: lastID}
}

// parse consumes in up to the end of the line that dispatches an event, or all
// of it, and returns the number of bytes consumed. A dispatched event must be
// taken before the next call.
func (p *parser) parse(in []byte) (n int, dispatched bool, err error) {
	for n < len(in) {
		if p.bomBytes < len(byteOrderMark) && p.skipByteOrderMark(in[n]) {
			n++
			continue
		}
		if p.afterCR {
			p.afterCR = false
			if in[n] == '\n' {
				n++
				continue
			}
		}
		line := in[n:]
		eol := indexLineEnd(line)
		if eol >= 0 {
			line = line[:eol]
		}
		if err := p.addToLine(line); err != nil {
			return n, false, err
		}
		n += len(line)
		if eol < 0 {
			return n, false, nil
		}
		p.afterCR = in[n] == '\r'
		n++
		if p.endLine() {
			return n, true, nil
		}
	}
	return n, false, nil
}

// skipByteOrderMark reports whether c is part of a byte order mark at the start
// of the stream. Bytes that turn out to begin none are the start of a field
// name, which is then an unknown one.
func (p *parser) skipByteOrderMark(c byte) bool {
	if c == byteOrderMark[p.bomBytes] {
		p.bomBytes++
		return true
	}
	if p.bomBytes > 0 {
		p.state = inValue
		p.field = fieldIgnored
	}
	p.bomBytes = len(byteOrderMark)
	return false
}

// addToLine takes the next part of a line, without its terminator.
func (p *parser) addToLine(part []byte) error {
	if p.state == inName {
		var complete bool
		if part, complete = p.addToName(part); !complete {
			return nil
		}
	}
	if len(part) == 0 {
		return nil
	}
	if p.state == afterColon {
		p.state = inValue
		if part[0] == ' ' {
			part = part[1:]
		}
	}
	if p.field == fieldIgnored {
		return nil
	}
	if len(part) > p.maxBytes-p.held() {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, p.maxBytes)
	}
	if p.field == fieldData {
		p.data = appendDoubling(p.data, part)
	} else {
		p.value = append(p.value, part...)
	}
	return nil
}

// addToName moves part into the field name up to the colon. It returns what
// follows, and whether the line has left its name.
func (p *parser) addToName(part []byte) (rest []byte, complete bool) {
	before, after, ok := bytes.Cut(part, []byte{':'})
	if !ok {
		p.nameLen += copy(p.name[p.nameLen:], part)
		if p.nameLen == len(p.name) {
			p.state, p.field = inValue, fieldIgnored
		}
		return nil, false
	}
	p.nameLen += copy(p.name[p.nameLen:], before)
	p.state = afterColon
	p.beginField()
	return after, true
}

// beginField acts on a complete field name.
func (p *parser) beginField() {
	p.field = fieldNamed(p.name[:p.nameLen])
	if p.field != fieldData {
		return
	}
	if p.hasData {
		p.data = append(p.data, '\n')
	}
	p.hasData = true
}

// endLine acts on a complete line and reports whether it dispatched an event.
func (p *parser) endLine() (dispatched bool) {
	if p.state == inName {
		if p.nameLen == 0 {
			return p.endBlock()
		}
		p.beginField()
	}
	switch p.field {
	case fieldEvent:
		p.typ, p.value = p.value, p.typ
	case fieldID:
		if bytes.IndexByte(p.value, 0) < 0 {
			p.id, p.value = p.value, p.id
			p.hasID = true
		}
	case fieldRetry:
		p.setRetry()
	}
	p.value = p.value[:0]
	p.state, p.nameLen, p.field = inName, 0, fieldIgnored
	return false
}

// indexLineEnd returns the index of the first CR or LF in b, or -1. It looks
// for both in one stretch after another, because a search of all of b for a
// terminator the stream does not use would be repeated for every line.
func indexLineEnd(b []byte) int {
	const stretch = 256
	for from := 0; from < len(b); from += stretch {
		s := b[from:min(from+stretch, len(b))]
		lf := bytes.IndexByte(s, '\n')
		if lf >= 0 {
			s = s[:lf]
		}
		if cr := bytes.IndexByte(s, '\r'); cr >= 0 {
			return from + cr
		}
		if lf >= 0 {
			return from + lf
		}
	}
	return -1
}
