package eventstream_test

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/internal/eventstream"
)

func TestReaderBoundsEvents(t *testing.T) {
	const limit = 10
	ten := strings.Repeat("x", limit)
	for name, c := range map[string]struct {
		stream string
		events int
		err    error
	}{
		"data of the limit":              {"data:" + ten + "\n\n", 1, nil},
		"data one over":                  {"data:" + ten + "x\n\n", 0, eventstream.ErrTooLarge},
		"two lines of the limit":         {"data:12345\ndata:6789\n\n", 1, nil},
		"two lines one over":             {"data:12345\ndata:67890\n\n", 0, eventstream.ErrTooLarge},
		"empty lines":                    {strings.Repeat("data\n", limit+1) + "\n", 1, nil},
		"each event by itself":           {strings.Repeat("data:"+ten+"\n\n", 3), 3, nil},
		"event before the one over":      {"data:1\n\ndata:" + ten + "x\n\n", 1, eventstream.ErrTooLarge},
		"type, id and data together":     {"event:abc\nid:123\ndata:wxyz\n\n", 1, nil},
		"type, id and data one over":     {"event:abc\nid:123\ndata:wxyz1\n\n", 0, eventstream.ErrTooLarge},
		"type over":                      {"event:" + ten + "x", 0, eventstream.ErrTooLarge},
		"id over":                        {"id:" + ten + "x", 0, eventstream.ErrTooLarge},
		"retry over":                     {"retry:" + ten + "1", 0, eventstream.ErrTooLarge},
		"id of a block before":           {"id:" + ten + "\n\ndata:" + ten + "\n\n", 1, nil},
		"comments do not count":          {strings.Repeat(":"+ten+ten+"\n", 3) + "data:1\n\n", 1, nil},
		"unknown fields do not count":    {ten + ten + "\n" + ten + ":" + ten + ten + "\ndata:1\n\n", 1, nil},
		"retry after retry":              {strings.Repeat("retry:12345678\n", 9) + "data:1\n\n", 1, nil},
		"half a block over, no line end": {"data:" + ten + "x", 0, eventstream.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			for name, source := range segmentations([]byte(c.stream)) {
				r := eventstream.NewReader(source(), &eventstream.ReaderOptions{MaxEventBytes: limit})
				res, err := readAll(r)
				require.Len(t, res.Events, c.events, name)
				if c.err == nil {
					require.NoError(t, err, name)
					continue
				}
				require.ErrorIs(t, err, c.err, name)
				require.EqualError(t, err, "read event stream: event too large: more than 10 bytes", name)
				_, again := r.Next()
				require.Equal(t, err, again, "%s: the error is final", name)
			}
		})
	}
}

func TestReaderDefaultLimit(t *testing.T) {
	const limit = 8 << 20
	for _, opts := range []*eventstream.ReaderOptions{nil, {}, {MaxEventBytes: -1}} {
		at := "data:" + strings.Repeat("x", limit)
		res, err := readAll(eventstream.NewReader(strings.NewReader(at+"\n\n"), opts))
		require.NoError(t, err)
		require.Len(t, res.Events, 1)
		require.Len(t, res.Events[0].Data, limit)
		_, err = readAll(eventstream.NewReader(strings.NewReader(at+"x\n\n"), opts))
		require.ErrorIs(t, err, eventstream.ErrTooLarge)
	}
}

// repeated is a source of n bytes of one kind.
func repeated(b byte, n int64) io.Reader {
	fill := readerFunc(func(p []byte) (int, error) {
		return copy(p, bytes.Repeat([]byte{b}, len(p))), nil
	})
	return io.LimitReader(fill, n)
}

// TestReaderDropsWhatItIgnores reads lines a thousand times as long as the
// limit: one that held them would fail or grow.
func TestReaderDropsWhatItIgnores(t *testing.T) {
	const length = 1000 << 10
	for name, start := range map[string]string{"comment": ":", "unknown field": "bogus:", "unknown name": "bogus"} {
		t.Run(name, func(t *testing.T) {
			source := io.MultiReader(strings.NewReader(start), repeated('c', length), strings.NewReader("\ndata:x\n\n"))
			r := eventstream.NewReader(source, &eventstream.ReaderOptions{MaxEventBytes: 1 << 10})
			event, err := r.Next()
			require.NoError(t, err)
			require.Equal(t, message("x"), event)
		})
	}
}

// TestReaderLetsGoOfLargeEvents holds that an idle stream does not keep the
// space of the largest event it has seen, nor the event.
func TestReaderLetsGoOfLargeEvents(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // the first one may only have finished a cycle under way
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	const length = 7 << 20
	before := heap()
	r := eventstream.NewReader(io.MultiReader(strings.NewReader("data:"), repeated('x', length), strings.NewReader("\n\n")), nil)
	event, err := r.Next()
	require.NoError(t, err)
	require.Len(t, event.Data, length)
	require.Greater(t, heap()-before, int64(length), "the event is held here")
	runtime.KeepAlive(event.Data) // its last use: from here on only r could hold it
	require.Less(t, heap()-before, int64(mebibyte))
	runtime.KeepAlive(r)
}

// TestReaderAllocatesOncePerEvent holds the promise that neither lines nor
// repeated types and ids cost an allocation.
func TestReaderAllocatesOncePerEvent(t *testing.T) {
	const events = 1000
	stream := "id:7\n\n" + strings.Repeat(": hb\nretry:5\nevent:tick\nid:7\ndata:one\ndata:two\n\n", events)
	allocs := testing.AllocsPerRun(5, func() {
		r := eventstream.NewReader(strings.NewReader(stream), nil)
		for range events {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
	})
	require.Less(t, allocs, float64(events+50))
}
