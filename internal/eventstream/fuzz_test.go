package eventstream_test

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/internal/eventstream"
)

// FuzzReader holds that a stream means the same in every segmentation, and what
// the reference parser takes it to mean.
func FuzzReader(f *testing.F) {
	for _, c := range streamCases() {
		if len(c.stream) <= 4<<10 {
			f.Add([]byte(c.stream), uint(len(c.stream)/3), uint(len(c.stream)/2))
		}
	}
	f.Add([]byte("data:1\r\n\r\ndata:2\r\r\n"), uint(8), uint(10))
	f.Add([]byte("\xEF\xBBdata:1\n\xEF\xBB\xBFdata\n\n"), uint(1), uint(2))
	f.Add([]byte("id:\xF0\x9F\x98\nevent:\xED\xA0\x80\ndata:\xE0\x80\xC3\n\n"), uint(5), uint(20))
	f.Add([]byte("retry:99999999999999999999\nretry: 007\nretry:1\x00\n"), uint(9), uint(30))

	f.Fuzz(func(t *testing.T, stream []byte, a, b uint) {
		first := int(a % uint(len(stream)+1))
		second := first + int(b%uint(len(stream)-first+1))
		sources := func() []io.Reader {
			whole := bytes.NewReader(stream)
			return []io.Reader{
				bytes.NewReader(stream),
				iotest.OneByteReader(whole),
				cut(stream, first, second),
				iotest.DataErrReader(bytes.NewReader(stream)),
			}
		}
		want := reference(stream)
		for i, source := range sources() {
			require.Equal(t, want, read(t, source), "segmentation %d", i)
		}

		limit := &eventstream.ReaderOptions{MaxEventBytes: 12}
		bounded, boundedErr := readAll(eventstream.NewReader(bytes.NewReader(stream), limit))
		require.LessOrEqual(t, len(bounded.Events), len(want.Events))
		if boundedErr == nil {
			require.Equal(t, want, bounded)
		} else {
			require.ErrorIs(t, boundedErr, eventstream.ErrTooLarge)
			require.Equal(t, want.Events[:len(bounded.Events)], append(want.Events[:0:0], bounded.Events...))
		}
		for i, source := range sources() {
			got, err := readAll(eventstream.NewReader(source, limit))
			require.Equal(t, bounded, got, "bounded, segmentation %d", i)
			require.Equal(t, boundedErr, err, "bounded, segmentation %d", i)
		}
	})
}

var (
	validID = regexp.MustCompile(`^[A-Za-z0-9._~-]{0,64}$`)
	// hidden is Unicode's Default_Ignorable_Code_Point and all controls, format
	// characters and separators of lines and paragraphs.
	hidden = regexp.MustCompile(`[\p{Cc}\p{Cf}\p{Zl}\p{Zp}` +
		`\x{34F}\x{115F}-\x{1160}\x{17B4}-\x{17B5}\x{180B}-\x{180F}\x{2060}-\x{206F}` +
		`\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{FFF0}-\x{FFF8}\x{E0000}-\x{E0FFF}]`)
)

// FuzzRoundTrip holds that what is written is read as it was, and that exactly
// what cannot be is refused.
func FuzzRoundTrip(f *testing.F) {
	for _, data := range []string{"", "\n", "a\n", "a\r\nb", "a\rb", ":x", " x", "a\x00b", "\uFEFFx", "a\xFFb", "x\n\nid: 9"} {
		f.Add("tick", "e1-42", data, int64(0), "hb")
	}
	f.Add("message", "", "x", int64(3*time.Second), "")
	f.Add("a\nb", "a b", "x", int64(-1), "a\rb")
	f.Add("a\u202Eb", strings.Repeat("a", 65), "x", int64(time.Microsecond), "\xFF")
	f.Add(" a:\U000E0041", "~.-_", "x", int64(1<<63-1), "data: x")

	f.Fuzz(func(t *testing.T, typ, id, data string, retry int64, comment string) {
		block := eventstream.Block{Type: typ, ID: id, Data: data, Retry: time.Duration(retry)}
		legal := utf8.ValidString(typ) && !hidden.MatchString(typ) && validID.MatchString(id) &&
			utf8.ValidString(data) && retry >= 0 && retry%1e6 == 0
		before := []byte("id: 0\nevent: first\ndata: 0\n\n")

		stream, err := eventstream.AppendComment(before, comment)
		if !utf8.ValidString(comment) || strings.ContainsAny(comment, "\r\n") {
			require.ErrorIs(t, err, eventstream.ErrInvalid)
			require.Equal(t, before, stream)
		} else {
			require.NoError(t, err)
		}
		written, err := eventstream.Append(stream, block)
		if !legal {
			require.ErrorIs(t, err, eventstream.ErrInvalid)
			require.Equal(t, stream, written)
			return
		}
		require.NoError(t, err)
		written, err = eventstream.Append(written, eventstream.Block{Data: "end"})
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(written, before))

		if typ == "" {
			typ = "message"
		}
		if id == "" {
			id = "0"
		}
		want := result{
			Events: []eventstream.Event{
				{Type: "first", Data: "0", ID: "0"},
				{Type: typ, Data: lineEnd.ReplaceAllString(data, "\n"), ID: id},
				{Type: "message", Data: "end", ID: id},
			},
			LastID:   id,
			Retry:    time.Duration(retry),
			RetrySet: retry != 0,
		}
		require.Equal(t, want, read(t, bytes.NewReader(written)))
		require.Equal(t, want, reference(written))
	})
}
