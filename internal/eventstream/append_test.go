package eventstream_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/internal/eventstream"
)

func TestAppendBytes(t *testing.T) {
	for name, c := range map[string]struct {
		block eventstream.Block
		want  string
	}{
		"nothing":         {eventstream.Block{}, "data: \n\n"},
		"everything":      {eventstream.Block{Type: "tick", ID: "e1-42", Data: "x", Retry: 1500 * time.Millisecond}, "event: tick\nid: e1-42\nretry: 1500\ndata: x\n\n"},
		"default type":    {eventstream.Block{Type: "message", Data: "x"}, "data: x\n\n"},
		"trailing LF":     {eventstream.Block{Data: "a\n"}, "data: a\ndata: \n\n"},
		"every line end":  {eventstream.Block{Data: "a\nb\rc\r\nd\n\re\r\r\nf"}, "data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: e\ndata: \ndata: f\n\n"},
		"trailing CR":     {eventstream.Block{Data: "a\r"}, "data: a\ndata: \n\n"},
		"space and colon": {eventstream.Block{Type: " a:b", Data: " :x"}, "event:  a:b\ndata:  :x\n\n"},
		"injection":       {eventstream.Block{Data: "x\n\nid: 9\nevent: evil"}, "data: x\ndata: \ndata: id: 9\ndata: event: evil\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := eventstream.Append([]byte("before|"), c.block)
			require.NoError(t, err)
			require.Equal(t, "before|"+c.want, string(got))
		})
	}
}

func TestAppendRoundTrip(t *testing.T) {
	object, err := json.Marshal(map[string]string{"html": "</script>", "line": "a\u2028b\u2029c\u0085d", "rune": "🙂𝄞"})
	require.NoError(t, err)
	for name, c := range map[string]struct{ data, want string }{
		"empty":                 {"", ""},
		"LF":                    {"\n", "\n"},
		"trailing LF":           {"a\n", "a\n"},
		"CRLF":                  {"a\r\nb", "a\nb"},
		"CR":                    {"a\rb", "a\nb"},
		"colon":                 {":x", ":x"},
		"space":                 {" x", " x"},
		"1 MiB":                 {strings.Repeat("x", mebibyte), strings.Repeat("x", mebibyte)},
		"10k lines":             {strings.Repeat("x\n", 10_000), strings.Repeat("x\n", 10_000)},
		"NUL":                   {"a\x00b", "a\x00b"},
		"byte order mark":       {"\uFEFFx", "\uFEFFx"},
		"other line separators": {"a\u2028b\u2029c\u0085d\ve\f", "a\u2028b\u2029c\u0085d\ve\f"},
		"JSON":                  {string(object), string(object)},
		"lone surrogate escape": {`"\ud800"`, `"\ud800"`},
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := eventstream.Append(nil, eventstream.Block{Type: "tick", ID: "e1-1", Data: c.data})
			require.NoError(t, err)
			want := []eventstream.Event{{Type: "tick", Data: c.want, ID: "e1-1"}}
			for name, source := range segmentations(stream) {
				require.Equal(t, want, read(t, source()).Events, name)
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	blocks := map[string]eventstream.Block{
		"id of 65 bytes":         {ID: strings.Repeat("a", 65)},
		"data in invalid UTF-8":  {Data: "a\xFF"},
		"data with a surrogate":  {Data: "\xED\xA0\x80"},
		"negative retry":         {Retry: -time.Millisecond},
		"retry of a microsecond": {Retry: time.Microsecond},
		"retry with a fraction":  {Retry: time.Second + time.Nanosecond},
		"type in invalid UTF-8":  {Type: "a\x80"},
	}
	for _, bad := range []string{
		"\x00", "\t", "\n", "\r", "\r\n", "\x1B", "\x7F", "\u0080", "\u0085", "\u009F",
		"\u00AD", "\u061C", "\u180E", "\u200B", "\u200C", "\u200D", "\u200E", "\u200F",
		"\u2028", "\u2029", "\u202A", "\u202E", "\u2060", "\u2066", "\u2069", "\uFEFF",
		"\u034F", "\u3164", "\uFE0F", "\U000E0041", "\U000E0100",
	} {
		blocks["type with "+bad] = eventstream.Block{Type: "a" + bad + "b"}
		blocks["id with "+bad] = eventstream.Block{ID: "a" + bad + "b"}
	}
	for _, bad := range []string{" ", "+", "/", ":", "<", "{", "%", ",", "=", "@", "é", "\xFF"} {
		blocks["id with "+bad] = eventstream.Block{ID: "a" + bad}
	}
	for name, block := range blocks {
		backing := []byte("before|untouched")
		got, err := eventstream.Append(backing[:7], block)
		require.ErrorIs(t, err, eventstream.ErrInvalid, "%q", name)
		require.ErrorContains(t, err, "append event: ", "%q", name)
		require.Equal(t, "before|", string(got), "%q", name)
		require.Equal(t, "before|untouched", string(backing), "%q", name)
	}
}

func TestAppendAccepts(t *testing.T) {
	for _, block := range []eventstream.Block{
		{Type: "a.b/c:d e", ID: "AZaz09._~-"},
		{Type: "tick é 时 🙂", ID: strings.Repeat("a", 64)},
		{Type: "e\u0301", Retry: time.Duration(math.MaxInt64/1_000_000) * time.Millisecond},
	} {
		stream, err := eventstream.Append(nil, block)
		require.NoError(t, err, "%q", block)
		res := read(t, bytes.NewReader(stream))
		require.Equal(t, []eventstream.Event{{Type: block.Type, ID: block.ID}}, res.Events)
		require.Equal(t, block.Retry, res.Retry)
	}
}

func TestAppendRetry(t *testing.T) {
	stream, err := eventstream.AppendRetry([]byte("data: 1\n\n"), 2*time.Second)
	require.NoError(t, err)
	require.Equal(t, "data: 1\n\nretry: 2000\n\n", string(stream))
	res := read(t, bytes.NewReader(stream))
	require.Equal(t, result{Events: messages("1"), Retry: 2 * time.Second, RetrySet: true}, res)

	stream, err = eventstream.AppendRetry(nil, 0)
	require.NoError(t, err)
	require.Equal(t, result{RetrySet: true}, read(t, bytes.NewReader(stream)))

	for _, bad := range []time.Duration{-time.Millisecond, time.Microsecond, math.MinInt64} {
		got, err := eventstream.AppendRetry([]byte("before"), bad)
		require.ErrorIs(t, err, eventstream.ErrInvalid)
		require.Equal(t, "before", string(got))
	}
}

func TestAppendComment(t *testing.T) {
	for text, want := range map[string]string{
		"":             ": \n",
		"hb":           ": hb\n",
		"data: x":      ": data: x\n",
		"é \x00\u2028": ": é \x00\u2028\n",
	} {
		stream, err := eventstream.AppendComment([]byte("data: 1\n\n"), text)
		require.NoError(t, err)
		require.Equal(t, "data: 1\n\n"+want, string(stream))
		stream = append(stream, "data: 2\n\n"...)
		require.Equal(t, messages("1", "2"), read(t, bytes.NewReader(stream)).Events)
	}
	for _, bad := range []string{"\n", "\r", "a\r\nb", "x\n\ndata: evil\n\n", "\xFF"} {
		got, err := eventstream.AppendComment([]byte("before"), bad)
		require.ErrorIs(t, err, eventstream.ErrInvalid, "%q", bad)
		require.ErrorContains(t, err, "append comment: ", "%q", bad)
		require.Equal(t, "before", string(got))
	}
}
