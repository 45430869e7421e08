package services

// A dialect is the form messages have on the wire to one peer. There is one decoder for all.
type dialect interface {
	encode(p *Peer, m *Message) []byte
}

// native is the form of our own clients: the Message as it is.
type native struct{}

func (native) encode(_ *Peer, m *Message) []byte { return m.Append(nil) }
