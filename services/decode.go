package services

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/graphscript-go/graphscript/graph"
)

// Bounds of the envelope that no honest client comes near.
const (
	maxDepth       = 32
	maxCallbackLen = 128
	maxTimeout     = 24 * time.Hour
)

// Decode reads a message. Args, Callback and Sub point into data, which must not be changed
// afterwards.
//
// It takes what real clients send: "node" for "route", keys it does not know, a whole message
// as a JSON string within JSON. It refuses, with InvalidArgument, what only an
// attacker or a broken program sends: invalid UTF-8 or JSON, bytes after the value, nesting over 32, and
// an envelope key that is doubled or written in another case, which two decoders could read in two ways.
// Other text and JSON is no message and gives KindNone.
func Decode(data []byte) (Message, error) {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '"' {
		return Message{}, nil
	}
	if !utf8.Valid(data) {
		return Message{}, graph.InvalidArgument.Errorf("message is not valid UTF-8")
	}
	if trimmed[0] == '"' {
		var inner string
		if json.Unmarshal(trimmed, &inner) != nil || !strings.HasPrefix(strings.TrimLeft(inner, " \t\r\n"), "{") {
			return Message{}, nil
		}
		data = []byte(inner)
	}
	d := decoder{scanner: scanner{data: data}}
	if err := d.message(); err != nil {
		return Message{}, err
	}
	return d.m, nil
}

type decoder struct {
	scanner
	m    Message
	seen uint16 // one bit for each envelope key
	node string
}

// envelopeKeys are the keys with a meaning; their place is their bit in decoder.seen.
func envelopeKeys() [12]string {
	return [...]string{
		"route", "args", "callbackId", "method", "sub", "id", "lost", "snapshot", "error", "meta", "sessionId", "node",
	}
}

func (d *decoder) message() error {
	err := d.object(func(key []byte) error {
		start := d.i
		if err := d.value(1); err != nil {
			return err
		}
		return d.field(string(key), d.data[start:d.i])
	})
	if err != nil {
		return err
	}
	if d.space(); d.i != len(d.data) {
		return d.fail("bytes after the message")
	}
	if d.m.Route == "" {
		d.m.Route = d.node
	}
	return nil
}

// field stores one member of the envelope.
func (d *decoder) field(key string, raw []byte) error {
	known := -1
	for i, k := range envelopeKeys() {
		if k == key {
			known = i
			break
		}
		if strings.EqualFold(k, key) {
			return graph.InvalidArgument.Errorf("key %q must be written %q", key, k)
		}
	}
	if known < 0 {
		return nil
	}
	if d.seen&(1<<known) != 0 {
		return graph.InvalidArgument.Errorf("key %q is doubled", key)
	}
	d.seen |= 1 << known
	isNull := string(raw) == "null"
	if key == "args" {
		d.m.Args = raw
		return nil
	}
	if isNull {
		return nil
	}
	return d.typed(key, raw)
}

func (d *decoder) typed(key string, raw []byte) (err error) {
	switch key {
	case "route":
		d.m.Route, err = text(key, raw)
	case "node":
		d.node, err = text(key, raw)
	case "method":
		d.m.Method, err = text(key, raw)
	case "id":
		d.m.Position, err = text(key, raw)
	case "sessionId":
		d.m.Session, err = text(key, raw)
	case "callbackId":
		d.m.Callback, err = callback(key, raw)
	case "sub":
		d.m.Sub, err = callback(key, raw)
	case "lost":
		err = unmarshal(key, raw, &d.m.Lost)
	case "snapshot":
		err = unmarshal(key, raw, &d.m.Snapshot)
	case "error":
		d.m.Error, err = failure(raw)
	case "meta":
		d.m.Meta, err = meta(raw)
	}
	return err
}

func text(key string, raw []byte) (string, error) {
	if raw[0] != '"' {
		return "", graph.InvalidArgument.Errorf("key %q must be a string", key)
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	var s string
	return s, unmarshal(key, raw, &s)
}

func callback(key string, raw []byte) (json.RawMessage, error) {
	if raw[0] != '"' && raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return nil, graph.InvalidArgument.Errorf("key %q must be a string or a number", key)
	}
	if len(raw) > maxCallbackLen {
		return nil, graph.InvalidArgument.Errorf("key %q is longer than %d bytes", key, maxCallbackLen)
	}
	return raw, nil
}

// failure reads an error object; graphscript's peers send the text alone.
func failure(raw []byte) (*graph.Error, error) {
	e := &graph.Error{Code: graph.Internal}
	if raw[0] == '"' {
		return e, unmarshal("error", raw, &e.Message)
	}
	if err := unmarshal("error", raw, e); err != nil {
		return nil, err
	}
	return e, nil
}

func meta(raw []byte) (Meta, error) {
	var m struct {
		Timeout     float64 `json:"timeout"`
		Traceparent string  `json:"traceparent"`
		Token       string  `json:"token"`
	}
	if err := unmarshal("meta", raw, &m); err != nil {
		return Meta{}, err
	}
	if m.Timeout < 0 {
		return Meta{}, graph.InvalidArgument.Errorf("timeout is negative")
	}
	timeout := maxTimeout
	if m.Timeout < float64(maxTimeout/time.Millisecond) {
		timeout = max(time.Duration(m.Timeout*float64(time.Millisecond)), 1)
	}
	if m.Timeout == 0 {
		timeout = 0
	}
	return Meta{Timeout: timeout, Traceparent: m.Traceparent, Token: m.Token}, nil
}

func unmarshal(key string, raw []byte, dst any) error {
	if json.Unmarshal(raw, dst) != nil {
		return graph.InvalidArgument.Errorf("key %q has a value of the wrong type", key)
	}
	return nil
}
