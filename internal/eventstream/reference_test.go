package eventstream_test

import (
	"bytes"
	"math"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/graphscript-go/graphscript/internal/eventstream"
)

// A result is all that reading a stream to its end tells.
type result struct {
	Events   []eventstream.Event
	LastID   string
	Retry    time.Duration
	RetrySet bool
}

var lineEnd = regexp.MustCompile("\r\n|\n|\r")

// reference interprets a whole stream at once, step by step as section 9.2.6 of
// the HTML standard is written, with no thought for speed.
func reference(stream []byte) result {
	var res result
	var data, typ, id strings.Builder
	lines := lineEnd.Split(referenceDecode(stream), -1)
	for _, line := range lines[:len(lines)-1] { // what follows the last terminator is no line
		name, value, found := strings.Cut(line, ":")
		switch {
		case line == "":
			res.LastID = id.String()
			if data.Len() > 0 {
				event := eventstream.Event{
					Type: typ.String(),
					Data: strings.TrimSuffix(data.String(), "\n"),
					ID:   res.LastID,
				}
				if event.Type == "" {
					event.Type = "message"
				}
				res.Events = append(res.Events, event)
			}
			data.Reset()
			typ.Reset()
			continue
		case found && name == "":
			continue
		}
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			typ.Reset()
			typ.WriteString(value)
		case "data":
			data.WriteString(value + "\n")
		case "id":
			if !strings.Contains(value, "\x00") {
				id.Reset()
				id.WriteString(value)
			}
		case "retry":
			if value != "" && strings.Trim(value, "0123456789") == "" {
				res.Retry, res.RetrySet = referenceMillis(value), true
			}
		}
	}
	return res
}

func referenceMillis(digits string) time.Duration {
	n, _ := new(big.Int).SetString(digits, 10)
	longest := big.NewInt(math.MaxInt64 / 1_000_000)
	if n.Cmp(longest) > 0 {
		n = longest
	}
	return time.Duration(n.Int64()) * time.Millisecond
}

// referenceDecode is "UTF-8 decode" of the Encoding standard: it drops one byte
// order mark and runs the UTF-8 decoder, whose variables it names.
func referenceDecode(stream []byte) string {
	stream = bytes.TrimPrefix(stream, []byte("\xEF\xBB\xBF"))
	var text strings.Builder
	var codePoint rune
	needed, seen := 0, 0
	lower, upper := byte(0x80), byte(0xBF)
	for i := 0; i < len(stream); i++ {
		b := stream[i]
		if needed == 0 {
			switch {
			case b <= 0x7F:
				text.WriteByte(b)
			case b >= 0xC2 && b <= 0xDF:
				needed, codePoint = 1, rune(b&0x1F)
			case b >= 0xE0 && b <= 0xEF:
				if b == 0xE0 {
					lower = 0xA0
				}
				if b == 0xED {
					upper = 0x9F
				}
				needed, codePoint = 2, rune(b&0xF)
			case b >= 0xF0 && b <= 0xF4:
				if b == 0xF0 {
					lower = 0x90
				}
				if b == 0xF4 {
					upper = 0x8F
				}
				needed, codePoint = 3, rune(b&0x7)
			default:
				text.WriteString("\uFFFD")
			}
			continue
		}
		inRange := b >= lower && b <= upper
		lower, upper = 0x80, 0xBF
		if !inRange {
			needed, seen = 0, 0
			text.WriteString("\uFFFD")
			i-- // the byte is read again
			continue
		}
		codePoint = codePoint<<6 | rune(b&0x3F)
		if seen++; seen == needed {
			text.WriteRune(codePoint)
			needed, seen = 0, 0
		}
	}
	if needed > 0 {
		text.WriteString("\uFFFD")
	}
	return text.String()
}
