package services

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// Append adds the message's JSON to dst. Args, Callback, Sub and Error.Details must be valid JSON; without line
// breaks in them the message is one line.
func (m *Message) Append(dst []byte) []byte {
	w := fieldWriter{append(dst, '{'), false}
	if m.Sub != nil {
		w.raw("sub", m.Sub)
	}
	if m.Route != "" {
		w.text("route", m.Route)
	}
	if m.Args != nil {
		w.raw("args", m.Args)
	}
	if m.Method != "" {
		w.text("method", m.Method)
	}
	if m.Callback != nil {
		w.raw("callbackId", m.Callback)
	}
	if m.Position != "" {
		w.text("id", m.Position)
	}
	if m.Lost > 0 {
		w.raw("lost", strconv.AppendUint(nil, m.Lost, 10))
	}
	if m.Snapshot {
		w.raw("snapshot", []byte("true"))
	}
	if m.Error != nil {
		w.failure("error", m.Error)
	}
	if m.Session != "" {
		w.text("sessionId", m.Session)
	}
	if m.Meta != (Meta{}) {
		m.Meta.append(&w)
	}
	return append(w.dst, '}')
}

func (m Meta) append(w *fieldWriter) {
	w.key("meta")
	inner := fieldWriter{append(w.dst, '{'), false}
	if m.Timeout > 0 {
		inner.raw("timeout", strconv.AppendInt(nil, max(int64(m.Timeout/time.Millisecond), 1), 10))
	}
	if m.Traceparent != "" {
		inner.text("traceparent", m.Traceparent)
	}
	if m.Token != "" {
		inner.text("token", m.Token)
	}
	w.dst = append(inner.dst, '}')
}

// A fieldWriter appends the members of an object.
type fieldWriter struct {
	dst  []byte
	more bool
}

func (w *fieldWriter) key(key string) {
	if w.more {
		w.dst = append(w.dst, ',')
	}
	w.more = true
	w.dst = append(append(append(w.dst, '"'), key...), '"', ':')
}

func (w *fieldWriter) raw(key string, value []byte) {
	w.key(key)
	w.dst = append(w.dst, value...)
}

func (w *fieldWriter) text(key, value string) {
	w.key(key)
	w.dst = appendString(w.dst, value)
}

func (w *fieldWriter) failure(key string, e *graph.Error) {
	data, err := json.Marshal(e)
	if err != nil { // its Details are no JSON; without an error the message would tell of a success
		data, _ = json.Marshal(&graph.Error{Code: e.Code, Message: e.Message})
	}
	w.raw(key, data)
}

func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			data, _ := json.Marshal(s) // a string always encodes
			return append(dst, data...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
