package ws

import (
	"errors"
	"io"
	"slices"
	"unicode/utf8"
)

// readMessage appends the rest of r to dst. Text that is not UTF-8 fails at its first wrong byte, however much of the
// message is still to come.
func readMessage(dst []byte, r io.Reader, text bool) ([]byte, error) {
	checked := len(dst)
	for {
		dst = slices.Grow(dst, 512)
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if text {
			end := len(dst) - cutRune(dst[checked:])
			if !utf8.Valid(dst[checked:end]) {
				return dst, invalidText("text")
			}
			checked = end
		}
		switch {
		case errors.Is(err, io.EOF) && text && checked < len(dst):
			return dst, invalidText("text")
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// cutRune returns the length of a rune at the end of p of which bytes are missing. What cannot become a rune is none.
func cutRune(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if b := p[len(p)-n]; utf8.RuneStart(b) {
			if utf8.FullRune(p[len(p)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}
