package eventstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/graphscript-go/graphscript/internal/eventstream"
)

func BenchmarkReader(b *testing.B) {
	payload := `{"sub":7,"args":{"x":12,"y":-3,"name":"counter"},"id":"e1-42"}`
	for _, c := range []struct {
		name, block string
		events      int
	}{
		{"small", "event: tick\nid: e1-42\ndata: " + payload + "\n\n", 10_000},
		{"CR only", "event: tick\rid: e1-42\rdata: " + payload + "\r\r", 10_000},
		{"lines", strings.Repeat("data: "+payload+"\n", 100) + "\n", 100},
		{"1 MiB", "data: " + strings.Repeat("x", mebibyte) + "\n\n", 4},
		{"heartbeat", strings.Repeat(": hb\n", 10_000) + "data: x\n\n", 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			stream := bytes.Repeat([]byte(c.block), c.events)
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				r := eventstream.NewReader(bytes.NewReader(stream), nil)
				n := 0
				for {
					if _, err := r.Next(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != c.events {
					b.Fatalf("%d events instead of %d", n, c.events)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.events), "ns/event")
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{64, 4 << 10, mebibyte} {
		for _, lines := range []int{1, 8} {
			b.Run(fmt.Sprintf("bytes=%d/lines=%d", size, lines), func(b *testing.B) {
				line := strings.Repeat("x", size/lines-1)
				block := eventstream.Block{Type: "tick", ID: "e1-42", Data: strings.Repeat(line+"\n", lines-1) + line}
				var dst []byte
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if dst, err = eventstream.Append(dst[:0], block); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
