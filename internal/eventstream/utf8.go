package eventstream

import (
	"strings"
	"unicode/utf8"
)

// decodeUTF8 returns the text in b, each maximal subpart of an ill-formed
// sequence replaced by one U+FFFD. That is what the UTF-8 decoder of the
// Encoding standard (https://encoding.spec.whatwg.org/#utf-8-decoder) produces;
// strings.ToValidUTF8 replaces a whole run by one U+FFFD, and a range loop each
// byte.
//
// Decoding the value of a field alone gives the same text as decoding the
// stream, because what ends a value is ASCII and no part of a sequence.
func decodeUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var text strings.Builder
	text.Grow(len(b))
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && n == 1 {
			n = maximalSubpart(b)
		}
		text.WriteRune(c)
		b = b[n:]
	}
	return text.String()
}

// maximalSubpart returns the length of the longest start of b that is also the
// start of a well-formed sequence, at least 1, given that b does not begin with
// a complete one. The ranges are those of table 3-7 of the Unicode standard.
func maximalSubpart(b []byte) int {
	low, high := byte(0x80), byte(0xBF)
	var length int
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		length = 2
	case c >= 0xE0 && c <= 0xEF:
		length = 3
	case c >= 0xF0 && c <= 0xF4:
		length = 4
	default:
		return 1
	}
	switch b[0] {
	case 0xE0:
		low = 0xA0 // no overlong forms
	case 0xED:
		high = 0x9F // no surrogates
	case 0xF0:
		low = 0x90 // no overlong forms
	case 0xF4:
		high = 0x8F // nothing above U+10FFFF
	}
	n := 1
	for n < min(length, len(b)) && b[n] >= low && b[n] <= high {
		n++
		low, high = 0x80, 0xBF
	}
	return n
}
