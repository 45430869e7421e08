package eventstream

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrInvalid is wrapped by the errors of [Append], [AppendRetry] and
// [AppendComment]: the value cannot be written such that a reader gets the same
// value back, or it could pass for something else.
var ErrInvalid = errors.New("not allowed in an event stream")

// maxIDBytes keeps an id well below 128 bytes, from where on the web platform
// tests (eventsource-cross-origin-preflight) expect a CORS preflight for the
// Last-Event-ID header.
const maxIDBytes = 64

// A Block is one event to be written.
type Block struct {
	// Type is the event type; "" and "message" are the default type and take no
	// bytes. Control and format characters (among them bidirectional and
	// zero-width ones), line and paragraph separators and other characters
	// without a visible form are refused.
	Type string

	// ID becomes the last event id of the reader: 1 to 64 characters out of
	// A-Z a-z 0-9 . _ ~ -, all of which pass unchanged through a
	// Last-Event-ID header. "" leaves the id of the reader as it is.
	ID string

	// Data is any valid UTF-8. The reader gets the same string, except that CR
	// and CRLF become LF. "" is an event with empty data, not the absence of an
	// event.
	Data string

	// Retry is the reconnection time to ask for, in whole milliseconds; 0 asks
	// for none. See AppendRetry for a retry field without an event.
	Retry time.Duration
}

// Append appends the bytes of b to dst, from its first field to its blank line,
// and returns the extended slice. A Block that cannot be written as it is gives
// an error wrapping [ErrInvalid], and dst as it was.
func Append(dst []byte, b Block) ([]byte, error) {
	if err := b.check(); err != nil {
		return dst, fmt.Errorf("append event: %w", err)
	}
	// Room for the four field names, a retry value and the line ends of data
	// that is one line.
	dst = slices.Grow(dst, len(b.Type)+len(b.ID)+len(b.Data)+64)
	if b.Type != "" && b.Type != "message" {
		dst = appendField(dst, "event", b.Type)
	}
	if b.ID != "" {
		dst = appendField(dst, "id", b.ID)
	}
	if b.Retry != 0 {
		dst = appendRetryField(dst, b.Retry)
	}
	return append(appendData(dst, b.Data), '\n'), nil
}

// AppendRetry appends a block that sets the reconnection time of the reader and
// dispatches no event. A time that is negative or no whole number of
// milliseconds gives an error wrapping [ErrInvalid], and dst as it was.
func AppendRetry(dst []byte, d time.Duration) ([]byte, error) {
	if err := checkRetry(d); err != nil {
		return dst, fmt.Errorf("append retry: %w", err)
	}
	return append(appendRetryField(dst, d), '\n'), nil
}

// AppendComment appends a comment line, which readers ignore; it keeps a quiet
// connection alive. Text which is not valid UTF-8 or contains CR or LF gives an
// error wrapping [ErrInvalid], and dst as it was. A comment belongs before or
// after a whole block.
func AppendComment(dst []byte, text string) ([]byte, error) {
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		return dst, fmt.Errorf("append comment: line end at byte %d: %w", i, ErrInvalid)
	}
	if !utf8.ValidString(text) {
		return dst, fmt.Errorf("append comment: invalid UTF-8: %w", ErrInvalid)
	}
	return appendField(dst, "", text), nil
}

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	// Always a space: without it a space at the start of the value is lost.
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, '\n')
}

func appendRetryField(dst []byte, d time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, d.Milliseconds(), 10)
	return append(dst, '\n')
}

// appendData appends one data field for each line of data; the empty line after
// a final line end is a line too.
func appendData(dst []byte, data string) []byte {
	for more := true; more; {
		var lines string
		lines, data, more = strings.Cut(data, "\n")
		if more {
			lines = strings.TrimSuffix(lines, "\r")
		}
		for another := true; another; {
			var line string
			line, lines, another = strings.Cut(lines, "\r")
			dst = appendField(dst, "data", line)
		}
	}
	return dst
}

func (b *Block) check() error {
	if err := checkType(b.Type); err != nil {
		return err
	}
	if err := checkID(b.ID); err != nil {
		return err
	}
	if err := checkRetry(b.Retry); err != nil {
		return err
	}
	if !utf8.ValidString(b.Data) {
		return fmt.Errorf("data: invalid UTF-8: %w", ErrInvalid)
	}
	return nil
}

func checkType(typ string) error {
	if !utf8.ValidString(typ) {
		return fmt.Errorf("type: invalid UTF-8: %w", ErrInvalid)
	}
	for i, c := range typ {
		if isInvisible(c) {
			return fmt.Errorf("type: %U at byte %d: %w", c, i, ErrInvalid)
		}
	}
	return nil
}

// isInvisible reports whether c could end a line for some reader, or make two
// types look the same: the categories Cc, Cf, Zl and Zp, and the rest of
// Unicode's Default_Ignorable_Code_Point.
func isInvisible(c rune) bool {
	if c < utf8.RuneSelf {
		return c < ' ' || c == 0x7F
	}
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func checkID(id string) error {
	if len(id) > maxIDBytes {
		return fmt.Errorf("id: %d bytes, more than %d: %w", len(id), maxIDBytes, ErrInvalid)
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == '~', c == '-':
		default:
			return fmt.Errorf("id: byte %#x at %d: %w", c, i, ErrInvalid)
		}
	}
	return nil
}

func checkRetry(d time.Duration) error {
	if d < 0 || d%time.Millisecond != 0 {
		return fmt.Errorf("retry: %v is no whole number of milliseconds from 0 up: %w", d, ErrInvalid)
	}
	return nil
}
