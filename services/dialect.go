package services

import (
	"encoding/json"
	"strconv"
)

// A dialect is the form messages have on the wire to one peer. There is one decoder for all.
type dialect interface {
	// encode returns the bytes of a message, or nil for what the other end has no word for.
	encode(p *Peer, m *Message) []byte
	// callback returns a name for the nth call to the peer.
	callback(n uint64) json.RawMessage
}

// native is the form of our own clients: the Message as it is.
type native struct{}

func (native) encode(_ *Peer, m *Message) []byte { return m.Append(nil) }

// callback is a number: only the connection that was asked can answer.
func (native) callback(n uint64) json.RawMessage { return strconv.AppendUint(nil, n, 10) }
