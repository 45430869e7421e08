package services

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/graphscript-go/graphscript/graph"
)

// A scanner walks over JSON and checks it without building anything: the standard decoder costs
// more than all else a call does, see docs/decisions/0004-hand-scanned-envelope.md.
type scanner struct {
	data []byte
	i    int
}

// How many objects and arrays stand around parts of a message.
const (
	argsDepth    = 1
	detailsDepth = 2
)

// sendable checks what a program wants to send at a depth as the other end will: what it could not decode would leave
// it waiting. It returns the JSON on one line, as some transports end a message with one.
func sendable(raw json.RawMessage, depth int) (json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("JSON to send is not valid UTF-8")
	}
	s := scanner{data: raw}
	err := s.value(depth)
	if s.space(); err == nil && s.i != len(raw) {
		err = s.fail("bytes after the value")
	}
	if err != nil {
		return nil, fmt.Errorf("JSON to send: %s", reasonText(err))
	}
	if !bytes.ContainsAny(raw, "\r\n") {
		return raw, nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return nil, fmt.Errorf("JSON to send: %w", err)
	}
	return line.Bytes(), nil
}

func (s *scanner) fail(what string) error {
	return graph.InvalidArgument.Errorf("malformed message at byte %d: %s", s.i, what)
}

func (s *scanner) space() {
	for s.i < len(s.data) {
		switch s.data[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// next skips space and returns the byte there, or 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.i == len(s.data) {
		return 0
	}
	return s.data[s.i]
}

// object walks over an object; member is called at each value and must walk over it.
func (s *scanner) object(member func(key []byte) error) error {
	if s.next() != '{' {
		return s.fail("want an object")
	}
	s.i++
	if s.next() == '}' {
		s.i++
		return nil
	}
	for {
		key, err := s.key()
		if err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.i++
		case '}':
			s.i++
			return nil
		default:
			return s.fail("want , or }")
		}
	}
}

// key reads a member's name and the colon, and stands at the value then.
func (s *scanner) key() ([]byte, error) {
	if s.next() != '"' {
		return nil, s.fail("want a key")
	}
	start := s.i
	escaped, err := s.str()
	if err != nil {
		return nil, err
	}
	key := s.data[start+1 : s.i-1]
	if escaped {
		var plain string
		if err := json.Unmarshal(s.data[start:s.i], &plain); err != nil {
			return nil, s.fail("bad key")
		}
		key = []byte(plain)
	}
	if s.next() != ':' {
		return nil, s.fail("want :")
	}
	s.i++
	s.space()
	return key, nil
}

// value walks over any value. depth is how many objects and arrays it is inside of.
func (s *scanner) value(depth int) error {
	switch c := s.next(); {
	case c == '{' || c == '[':
		if depth == maxDepth {
			return graph.InvalidArgument.Errorf("message is nested deeper than %d", maxDepth)
		}
		if c == '[' {
			return s.array(depth)
		}
		return s.object(func([]byte) error { return s.value(depth + 1) })
	case c == '"':
		_, err := s.str()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	default:
		return s.fail("want a value")
	}
}

func (s *scanner) array(depth int) error {
	s.i++
	if s.next() == ']' {
		s.i++
		return nil
	}
	for {
		if err := s.value(depth + 1); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.i++
		case ']':
			s.i++
			return nil
		default:
			return s.fail("want , or ]")
		}
	}
}

func (s *scanner) word(w string) error {
	if len(s.data)-s.i < len(w) || string(s.data[s.i:s.i+len(w)]) != w {
		return s.fail("want a value")
	}
	s.i += len(w)
	return nil
}

// str walks over a string and tells whether it holds escapes.
func (s *scanner) str() (escaped bool, err error) {
	for s.i++; s.i < len(s.data); s.i++ {
		switch c := s.data[s.i]; {
		case c == '"':
			s.i++
			return escaped, nil
		case c < ' ':
			return false, s.fail("control character in a string")
		case c == '\\':
			escaped = true
			if !s.escape() {
				return false, s.fail("bad escape")
			}
		}
	}
	return false, s.fail("unfinished string")
}

// escape walks to the last byte of an escape.
func (s *scanner) escape() bool {
	s.i++
	if s.i >= len(s.data) {
		return false
	}
	switch s.data[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			if s.i++; s.i >= len(s.data) || !isHex(s.data[s.i]) {
				return false
			}
		}
		return true
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (s *scanner) number() error {
	if s.data[s.i] == '-' {
		s.i++
	}
	switch {
	case s.i < len(s.data) && s.data[s.i] == '0':
		s.i++
	case !s.digits():
		return s.fail("bad number")
	}
	if s.i < len(s.data) && s.data[s.i] == '.' {
		s.i++
		if !s.digits() {
			return s.fail("bad number")
		}
	}
	if s.i < len(s.data) && (s.data[s.i] == 'e' || s.data[s.i] == 'E') {
		s.i++
		if s.i < len(s.data) && (s.data[s.i] == '+' || s.data[s.i] == '-') {
			s.i++
		}
		if !s.digits() {
			return s.fail("bad number")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.data) && s.data[s.i] >= '0' && s.data[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}
