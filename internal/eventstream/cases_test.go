package eventstream_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/internal/eventstream"
)

// A streamCase is one case of the EventSource conformance table, known by its
// number there. The cases restate what the web platform tests (eventsource/)
// and the HTML standard demand.
type streamCase struct {
	id, name string
	stream   string
	want     []eventstream.Event
	lastID   string
	retry    time.Duration // negative: none asked for
}

const (
	mebibyte = 1 << 20
	noRetry  = -1 * time.Millisecond
)

func message(data string) eventstream.Event {
	return eventstream.Event{Type: "message", Data: data}
}

func messageID(data, id string) eventstream.Event {
	return eventstream.Event{Type: "message", Data: data, ID: id}
}

func messages(data ...string) []eventstream.Event {
	var events []eventstream.Event
	for _, d := range data {
		events = append(events, message(d))
	}
	return events
}

func numberedLines(n int) []string {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("%04d-%s", i, strings.Repeat("v", 35)))
	}
	return lines
}

// plainCases neither set an id nor ask for a reconnection time.
func plainCases() []streamCase {
	lines := numberedLines(2000)
	named := func(typ, data string) eventstream.Event {
		return eventstream.Event{Type: typ, Data: data}
	}
	cases := []streamCase{
		{id: "E01", name: "bom once", stream: "\uFEFFdata:alpha\n\n\uFEFFdata:beta\n\ndata:gamma\n\n", want: messages("alpha", "gamma")},
		{id: "E02", name: "bom double", stream: "\uFEFF\uFEFFdata:alpha\n\ndata:beta\n\n", want: messages("beta")},
		{id: "E03", name: "bom split over segments", stream: "\uFEFFdata:alpha\n\n", want: messages("alpha")},
		{id: "E04", name: "comment between lines", stream: "data:a\r:\x00\n:\r\ndata:b\n:" + strings.Repeat("c", 2000) + "\rdata:d\n:data:no\r\n\n", want: messages("a\nb\nd")},
		{id: "E05", name: "comment of 1 MiB, then event", stream: ":" + strings.Repeat("c", mebibyte) + "\ndata:x\n\n", want: messages("x")},
		{id: "E06", name: "heartbeats only", stream: ":\n\n: hb\n\n:\r\n\r\ndata:x\n\n", want: messages("x")},
		{id: "E07", name: "end in a line", stream: "data:one\n\nid:9\ndata:tw", want: messages("one")},
		{id: "E08", name: "end after a line", stream: "data:one\n\nid:9\ndata:two\n", want: messages("one")},
		{id: "E09", name: "end after a lone CR", stream: "data:one\r\rid:9\rdata:two\r", want: messages("one")},
		{id: "E10", name: "LF then CR is blank", stream: "data:one\n\rdata:two\n\n", want: messages("one", "two")},
		{id: "E11", name: "empty data values", stream: "data:\n\ndata\ndata\n\ndata:end\n\n", want: messages("", "\n", "end")},
		{id: "E12", name: "unknown and miscased fields", stream: "data:p\ndata:q\n\nbogus:r\n\nDATA:s\ndata\n\ndata:end\n\n", want: messages("p\nq", "", "end")},
		{id: "E13", name: "field name must be exact", stream: "data:1\n data:2\nda ta:3\nda-ta:4\ndata_\n\x00data:5\ndata\x00:6\n\n", want: messages("1")},
		{id: "E14", name: "colon inside value", stream: "data:a:b::c\n\n", want: messages("a:b::c")},
		{id: "E15", name: "one leading space removed", stream: "data: x\ndata:  y\ndata:\tz\ndata: \n\n", want: messages("x\n y\n\tz\n")},
		{id: "E16", name: "event name, then back", stream: "event:tick\ndata:1\n\ndata:2\n\n", want: []eventstream.Event{named("tick", "1"), message("2")}},
		{id: "E17", name: "empty event means message", stream: "event:\ndata:1\n\n", want: messages("1")},
		{id: "E18", name: "last event wins", stream: "event:tock\nevent:tick\ndata:1\n\n", want: []eventstream.Event{named("tick", "1")}},
		{id: "E19", name: "event without data is silent", stream: "event:tick\n\ndata:2\n\n", want: messages("2")},
		{id: "E27", name: "CRLF", stream: "data:1\r\ndata\r\ndata:3\r\n\r\n", want: messages("1\n\n3")},
		{id: "E28", name: "CR only", stream: "data:1\r\rdata:2\r\r", want: messages("1", "2")},
		{id: "E29", name: "CRLF split between segments", stream: "data:1\r\n\r\ndata:2\r\n\r\n", want: messages("1", "2")},
		{id: "E30", name: "rune split between segments", stream: "data:🙂\n\n", want: messages("🙂")},
		{id: "E32", name: "NUL in data kept", stream: "data:a\x00b\n\n", want: messages("a\x00b")},
		{id: "E33", name: "UTF-8", stream: "data:ok é…🙂\n\n", want: messages("ok é…🙂")},
		{id: "E34", name: "invalid UTF-8 replaced", stream: "data:a\xFFb\n\n", want: messages("a\uFFFDb")},
		{id: "E37", name: "blank line noise", stream: "\n\n\r\n\r\r\ndata:1\n\n\n\n", want: messages("1")},
		{id: "E38", name: "media type with parameter", stream: "data:1\n\n", want: messages("1")},
		{id: "E39", name: "media type in mixed case", stream: "data:1\n\n", want: messages("1")},
		{id: "E40", name: "media type with another charset", stream: "data:é\n\n", want: messages("é")},
		{id: "E41", name: "line of 64 KiB + 1", stream: "data:" + strings.Repeat("y", 65_537) + "\n\n", want: messages(strings.Repeat("y", 65_537))},
		{id: "E42", name: "line of 1 MiB", stream: "data:" + strings.Repeat("y", mebibyte) + "\n\n", want: messages(strings.Repeat("y", mebibyte))},
		{id: "E43", name: "event of 2000 lines", stream: "data:" + strings.Join(lines, "\ndata:") + "\n\n", want: messages(strings.Join(lines, "\n"))},
		{id: "E44", name: "10k events in one write", stream: strings.Repeat("data:k\n\n", 10_000), want: slices.Repeat(messages("k"), 10_000)},
	}
	for i := range cases {
		cases[i].retry = noRetry
	}
	return cases
}

func idCases() []streamCase {
	cases := []streamCase{
		{id: "E20", name: "id sticks", stream: "id:a1\ndata:1\n\ndata:2\n\n", want: []eventstream.Event{messageID("1", "a1"), messageID("2", "a1")}, lastID: "a1"},
		{id: "E21", name: "id changes", stream: "id:a1\ndata:1\n\nid:a2\ndata:2\n\ndata:3\n\n", want: []eventstream.Event{messageID("1", "a1"), messageID("2", "a2"), messageID("3", "a2")}, lastID: "a2"},
		{id: "E22", name: "empty id resets", stream: "id:a1\ndata:1\n\nid:\ndata:2\n\ndata:3\n\n", want: []eventstream.Event{messageID("1", "a1"), message("2"), message("3")}},
		{id: "E23", name: "bare id resets", stream: "id:a1\ndata:1\n\nid\ndata:2\n\n", want: []eventstream.Event{messageID("1", "a1"), message("2")}},
		{id: "E24", name: "id with NUL ignored", stream: "id:a1\ndata:1\n\nid:b\x002\ndata:2\n\n", want: []eventstream.Event{messageID("1", "a1"), messageID("2", "a1")}, lastID: "a1"},
		{id: "E25", name: "id in a block without data sticks", stream: "id:a7\n\ndata:1\n\n", want: []eventstream.Event{messageID("1", "a7")}, lastID: "a7"},
		{id: "E26", name: "id beyond ASCII", stream: "id:né…\ndata:1\n\n", want: []eventstream.Event{messageID("1", "né…")}, lastID: "né…"},
		{id: "E31", name: "every byte its own segment", stream: "id:k\nevent:tick\ndata:é\r\ndata:2\n\n", want: []eventstream.Event{{Type: "tick", Data: "é\n2", ID: "k"}}, lastID: "k"},
	}
	for i := range cases {
		cases[i].retry = noRetry
	}
	return cases
}

func retryCases() []streamCase {
	return []streamCase{
		{id: "E35", name: "block with retry alone is silent", stream: "retry:3000\n\ndata:1\n\n", want: messages("1"), retry: 3 * time.Second},
		{id: "E36", name: "retry that is no number ignored", stream: "retry:10x\nretry:-1\nretry:+5\nretry:1.5\nretry:\ndata:1\n\n", want: messages("1"), retry: noRetry},
	}
}

func streamCases() []streamCase {
	return slices.Concat(plainCases(), idCases(), retryCases())
}

func TestReaderConformance(t *testing.T) {
	cases := streamCases()
	seen := map[string]bool{}
	for _, c := range cases {
		seen[c.id] = true
	}
	require.Len(t, cases, 44)
	require.Len(t, seen, 44, "every case has its own number")

	for _, c := range cases {
		t.Run(c.id+" "+c.name, func(t *testing.T) {
			want := result{Events: c.want, LastID: c.lastID, Retry: c.retry, RetrySet: true}
			if c.retry == noRetry {
				want.Retry, want.RetrySet = 0, false
			}
			require.Equal(t, want, reference([]byte(c.stream)), "the reference parser")
			for name, source := range segmentations([]byte(c.stream)) {
				require.Equal(t, want, read(t, source()), name)
			}
		})
	}
}

// TestReaderSegmentsOfE29 cuts the stream where the case says.
func TestReaderSegmentsOfE29(t *testing.T) {
	res := read(t, segmented("data:1\r", "\n\r", "\ndata:2\r", "\n\r", "\n"))
	require.Equal(t, messages("1", "2"), res.Events)
}
