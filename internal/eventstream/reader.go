package eventstream

import (
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	defaultMaxEventBytes = 8 << 20
	readBufferBytes      = 4 << 10
	// maxEmptyReads is the number of fruitless reads in a row after which a
	// source is taken to be broken; bufio uses the same number.
	maxEmptyReads = 100
)

// ErrTooLarge is wrapped by the error of [Reader.Next] when an event exceeds
// [ReaderOptions.MaxEventBytes].
var ErrTooLarge = errors.New("event too large")

// An Event is one event dispatched by a stream. It holds no reference to the
// Reader and may be kept and shared freely.
type Event struct {
	// Type is the value of the event field, "message" when there was none.
	Type string
	// Data is the values of the data fields, joined by LF.
	Data string
	// ID is the last event id in force when the event was dispatched, which an
	// earlier block may have set; "" when none is in force.
	ID string
}

// ReaderOptions configures a [Reader]. The zero value is ready to use.
type ReaderOptions struct {
	// MaxEventBytes bounds the bytes held for one event: its data, type and id
	// together, counted as received. Comments and unknown fields are dropped as
	// they arrive and do not count, whatever their length. Invalid UTF-8 may
	// make the strings of an Event up to three times as long, because U+FFFD
	// takes three bytes. Zero or less means 8 MiB.
	MaxEventBytes int

	// LastEventID is the last event id in force when the stream begins: the one
	// the request carried, when a lost stream is resumed. The HTML standard
	// starts every stream with an empty one, so that a single event without an
	// id would lose the position; Chromium carries the id over, and so can the
	// caller of NewReader.
	LastEventID string
}

// A Reader reads the events of one text/event-stream.
//
// Lines end in LF, CR or CRLF, mixed at will; one leading byte order mark is
// skipped; invalid UTF-8 becomes U+FFFD as the Encoding standard says. A Reader
// keeps at most 4 KiB of unread input, 64 KiB of idle space per field, and the
// event under construction.
//
// A Reader must not be used by two goroutines at once.
type Reader struct {
	src    io.Reader
	buf    []byte // allocated by the first read
	start  int    // buf[start:end] has been read and not parsed
	end    int
	err    error // why no more bytes will come; reported once buf is parsed
	stream parser
}

// NewReader returns a Reader of the stream in r. Nil options mean the defaults.
// Nothing is read before the first call of [Reader.Next].
func NewReader(r io.Reader, opts *ReaderOptions) *Reader {
	var o ReaderOptions
	if opts != nil {
		o = *opts
	}
	if o.MaxEventBytes <= 0 {
		o.MaxEventBytes = defaultMaxEventBytes
	}
	return &Reader{src: r, stream: newParser(o.MaxEventBytes, o.LastEventID)}
}

// Next returns the next event, as soon as the line terminator of the blank line
// that ends it has been read. It does not read on to see whether the LF of a
// CRLF follows.
//
// At the end of the stream Next returns io.EOF. An error of the source and
// [ErrTooLarge] are returned wrapped. Every error is final: later calls return
// the same one. A block that is not complete by then is discarded, with its id.
func (r *Reader) Next() (Event, error) {
	for {
		n, dispatched, err := r.stream.parse(r.buf[r.start:r.end])
		r.start += n
		if err != nil {
			r.start, r.end = 0, 0
			r.err = fmt.Errorf("read event stream: %w", err)
			return Event{}, r.err
		}
		if dispatched {
			return r.stream.takeEvent(), nil
		}
		if r.err != nil {
			return Event{}, r.err
		}
		r.fill()
	}
}

// LastEventID returns the last event id in force: the one to send in the
// Last-Event-ID header when the stream is opened again, unless it is "". A
// block without data changes it too; a block that was not completed does not.
func (r *Reader) LastEventID() string { return r.stream.lastID }

// Retry returns the reconnection time the stream asked for last, and whether it
// has asked for one. It changes with the retry line, before the block that
// holds the line is complete. A time beyond the range of time.Duration is
// reported as the longest whole number of milliseconds in it, so callers bound
// the value before they compute with it.
func (r *Reader) Retry() (time.Duration, bool) { return r.stream.retry, r.stream.retrySet }

// fill replaces the parsed buffer by what one successful Read returns.
func (r *Reader) fill() {
	if r.buf == nil {
		r.buf = make([]byte, readBufferBytes)
	}
	r.start, r.end = 0, 0
	for range maxEmptyReads {
		n, err := r.src.Read(r.buf)
		if n < 0 || n > len(r.buf) {
			r.err = fmt.Errorf("read event stream: source returned an impossible count %d", n)
			return
		}
		r.end = n
		if err != nil {
			r.err = err
			if err != io.EOF {
				r.err = fmt.Errorf("read event stream: %w", err)
			}
			return
		}
		if n > 0 {
			return
		}
	}
	r.err = fmt.Errorf("read event stream: %w", io.ErrNoProgress)
}
