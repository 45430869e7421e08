package eventstream_test

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/internal/eventstream"
)

func TestReaderDeliversBeforeMoreBytesCome(t *testing.T) {
	for name, stream := range map[string]string{
		"LF":                "data:1\n\n",
		"CR":                "data:1\r\r",
		"CRLF up to the CR": "data:1\r\n\r",
	} {
		t.Run(name, func(t *testing.T) {
			// A Next that waits for more leaves every goroutine of the bubble
			// blocked, which synctest reports.
			synctest.Test(t, func(t *testing.T) {
				source, server := io.Pipe()
				go func() { _, _ = server.Write([]byte(stream)) }()
				r := eventstream.NewReader(source, nil)
				event, err := r.Next()
				require.NoError(t, err)
				require.Equal(t, message("1"), event)

				go func() {
					_, _ = server.Write([]byte("\ndata:2\n\n"))
					_ = server.Close()
				}()
				event, err = r.Next()
				require.NoError(t, err)
				require.Equal(t, message("2"), event, "an LF after the CR begins no line")
				_, err = r.Next()
				require.ErrorIs(t, err, io.EOF)
			})
		})
	}
}

// reads counts the calls of Read.
type reads struct {
	io.Reader
	n int
}

func (r *reads) Read(p []byte) (int, error) {
	r.n++
	return r.Reader.Read(p)
}

func TestReaderReadsOnlyWhenNoEventIsLeft(t *testing.T) {
	source := &reads{Reader: segmented("data:1\n\nid:7\n\ndata:2\n\n", "data:3\n\n")}
	r := eventstream.NewReader(source, nil)
	require.Zero(t, source.n)
	for i, want := range []struct {
		data string
		id   string
		n    int
	}{{"1", "", 1}, {"2", "7", 1}, {"3", "7", 2}} {
		event, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, messageID(want.data, want.id), event)
		require.Equal(t, want.id, r.LastEventID(), i)
		require.Equal(t, want.n, source.n, i)
	}
}

func TestReaderBeyondTheTable(t *testing.T) {
	const longest = time.Duration(math.MaxInt64/1_000_000) * time.Millisecond
	for name, c := range map[string]struct {
		stream string
		want   result
	}{
		"part of a byte order mark":     {"\xEF\xBBdata:1\n\ndata:2\n\n", result{Events: messages("2")}},
		"part of a mark, then LF":       {"\xEF\ndata:1\n\n", result{Events: messages("1")}},
		"byte order mark alone":         {"\uFEFF", result{}},
		"mark before a blank line":      {"\uFEFF\n\uFEFFdata:1\n\n", result{}},
		"LF at the very start":          {"\ndata:1\n\n", result{Events: messages("1")}},
		"two bad bytes":                 {"data:\xFF\xFE\n\n", result{Events: messages("\uFFFD\uFFFD")}},
		"rune cut by the line end":      {"data:\xF0\x9F\x98\ndata:1\n\n", result{Events: messages("\uFFFD\n1")}},
		"surrogate":                     {"data:\xED\xA0\x80\n\n", result{Events: messages("\uFFFD\uFFFD\uFFFD")}},
		"overlong":                      {"data:\xE0\x80\xAF\n\n", result{Events: messages("\uFFFD\uFFFD\uFFFD")}},
		"overlong of four bytes":        {"data:\xF0\x8F\xBF\xBF\n\n", result{Events: messages("\uFFFD\uFFFD\uFFFD\uFFFD")}},
		"rune cut by another":           {"data:\xF0\x9F\x85x\n\n", result{Events: messages("\uFFFDx")}},
		"above U+10FFFF":                {"data:\xF4\x90\x80\x80\n\n", result{Events: messages("\uFFFD\uFFFD\uFFFD\uFFFD")}},
		"bad bytes in type and id":      {"event:\xC3\nid:\xC3\ndata\n\n", result{Events: []eventstream.Event{{Type: "\uFFFD", ID: "\uFFFD"}}, LastID: "\uFFFD"}},
		"NUL id after an id":            {"id:a\nid:b\x00\ndata\n\n", result{Events: []eventstream.Event{messageID("", "a")}, LastID: "a"}},
		"last id wins":                  {"id:a\nid:b\ndata\n\n", result{Events: []eventstream.Event{messageID("", "b")}, LastID: "b"}},
		"id after the last event":       {"data\n\nid:z\n\n", result{Events: messages(""), LastID: "z"}},
		"type forgotten without data":   {"event:a\n\ndata\n\n", result{Events: messages("")}},
		"other line ends are none":      {"data:a\vb\fc\u0085d\u2028e\n\n", result{Events: messages("a\vb\fc\u0085d\u2028e")}},
		"retry in half a block":         {"retry:7\nid:9\ndata:x", result{Retry: 7 * time.Millisecond, RetrySet: true}},
		"half a retry line":             {"retry:7\nretry:8", result{Retry: 7 * time.Millisecond, RetrySet: true}},
		"bad retry after a good one":    {"retry:7\nretry:8x\n", result{Retry: 7 * time.Millisecond, RetrySet: true}},
		"retry with leading zeros":      {"retry: 0012\n", result{Retry: 12 * time.Millisecond, RetrySet: true}},
		"retry of zero":                 {"retry:0\n", result{RetrySet: true}},
		"retry with two spaces":         {"retry:  1\n", result{}},
		"retry in other digits":         {"retry:١\n", result{}},
		"retry of the longest duration": {"retry:9223372036854\n", result{Retry: longest, RetrySet: true}},
		"retry beyond any duration":     {"retry:" + strings.Repeat("9", 40) + "\n", result{Retry: longest, RetrySet: true}},
		"long unknown field":            {"database:1\ndata:2\nevents\n\n", result{Events: messages("2")}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, reference([]byte(c.stream)), "the reference parser")
			for name, source := range segmentations([]byte(c.stream)) {
				require.Equal(t, c.want, read(t, source()), name)
			}
		})
	}
}

func TestReaderResumesWithLastEventID(t *testing.T) {
	r := eventstream.NewReader(strings.NewReader("data:1\n\nid\ndata:2\n\n"), &eventstream.ReaderOptions{LastEventID: "e1-7"})
	require.Equal(t, "e1-7", r.LastEventID())
	event, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, messageID("1", "e1-7"), event)
	event, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, message("2"), event, "the stream may reset the id")
	require.Empty(t, r.LastEventID())
}

func TestReaderErrorsAreFinal(t *testing.T) {
	broken := errors.New("connection reset")
	empty := readerFunc(func([]byte) (int, error) { return 0, nil })
	negative := readerFunc(func([]byte) (int, error) { return -1, nil })
	for name, c := range map[string]struct {
		source io.Reader
		want   error
		text   string
	}{
		"end":              {strings.NewReader("id:1\ndata:x\n"), io.EOF, "EOF"},
		"broken":           {io.MultiReader(strings.NewReader("id:1\ndata:x\n"), iotest.ErrReader(broken)), broken, "read event stream: connection reset"},
		"cut chunk":        {iotest.ErrReader(io.ErrUnexpectedEOF), io.ErrUnexpectedEOF, "read event stream: unexpected EOF"},
		"no progress":      {empty, io.ErrNoProgress, "read event stream: multiple Read calls return no data or error"},
		"impossible count": {negative, nil, "read event stream: source returned an impossible count -1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := eventstream.NewReader(io.MultiReader(strings.NewReader("id:0\ndata:ok\n\n"), c.source), nil)
			event, err := r.Next()
			require.NoError(t, err)
			require.Equal(t, messageID("ok", "0"), event)
			for range 2 {
				event, err = r.Next()
				require.Zero(t, event)
				require.EqualError(t, err, c.text)
				if c.want != nil {
					require.ErrorIs(t, err, c.want)
				}
				require.Equal(t, "0", r.LastEventID(), "the id of half a block")
			}
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestReaderAcceptsSomeEmptyReads(t *testing.T) {
	stream := segmented("data:", "", "", "1\n", "", "\n", "")
	require.Equal(t, messages("1"), read(t, stream).Events)
}
