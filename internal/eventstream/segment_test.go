package eventstream_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/internal/eventstream"
)

// segments is a source that gives out one segment for each read.
type segments [][]byte

func (s *segments) Read(p []byte) (int, error) {
	if len(*s) == 0 {
		return 0, io.EOF
	}
	n := copy(p, (*s)[0])
	if (*s)[0] = (*s)[0][n:]; len((*s)[0]) == 0 {
		*s = (*s)[1:]
	}
	return n, nil
}

func segmented(parts ...string) *segments {
	var s segments
	for _, part := range parts {
		s = append(s, []byte(part))
	}
	return &s
}

// cut returns stream in segments which end at the given offsets.
func cut(stream []byte, offsets ...int) *segments {
	var s segments
	from := 0
	for _, to := range offsets {
		s = append(s, stream[from:to])
		from = to
	}
	s = append(s, stream[from:])
	return &s
}

// randomSplits cuts stream into segments of 1 to 16 bytes most of the time, and
// of up to 64 KiB now and then.
func randomSplits(stream []byte, seed uint64) *segments {
	random := rand.New(rand.NewPCG(seed, 0))
	var offsets []int
	for at := 0; ; {
		size := 1 + random.IntN(16)
		if random.IntN(8) == 0 {
			size = 1 + random.IntN(64<<10)
		}
		if at += size; at >= len(stream) {
			return cut(stream, offsets...)
		}
		offsets = append(offsets, at)
	}
}

// segmentations gives the same stream in every manner a network might.
func segmentations(stream []byte) map[string]func() io.Reader {
	whole := func() io.Reader { return bytes.NewReader(stream) }
	return map[string]func() io.Reader{
		"whole":           whole,
		"byte by byte":    func() io.Reader { return iotest.OneByteReader(whole()) },
		"random splits 1": func() io.Reader { return randomSplits(stream, 1) },
		"random splits 2": func() io.Reader { return randomSplits(stream, 2) },
		"end with data":   func() io.Reader { return iotest.DataErrReader(whole()) },
	}
}

// readAll reads a stream up to its first error, which is not io.EOF.
func readAll(r *eventstream.Reader) (result, error) {
	var res result
	for {
		event, err := r.Next()
		if err != nil {
			res.LastID = r.LastEventID()
			res.Retry, res.RetrySet = r.Retry()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return res, err
		}
		res.Events = append(res.Events, event)
	}
}

func read(t *testing.T, source io.Reader) result {
	t.Helper()
	res, err := readAll(eventstream.NewReader(source, nil))
	require.NoError(t, err)
	return res
}
