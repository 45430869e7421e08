package services

import (
	"encoding/json"
	"sync/atomic"
)

// lastUpdates remember the frames made last, for the next peer that watches the same. One publish reaches
// all its watchers one after the other, so a single frame for a subscription is enough to encode it
// once; several slots keep publishes of different routes, which may run at once, from displacing each other's.
type lastUpdates [8]atomic.Pointer[lastUpdate]

type lastUpdate struct {
	message Message
	args    json.RawMessage // message.Args as it is sent
	pad     bool
	frame   *Frame
}

// frame returns a frame for an update, and gives the message its args as they are sent.
func (l *lastUpdates) frame(m *Message, pad bool) (*Frame, error) {
	if len(m.Args) == 0 {
		return NewFrame(m.appendUpdate(pad)), nil
	}
	slot := l.slot(m)
	if last := slot.Load(); last != nil && last.is(m, pad) {
		m.Args = last.args
		return last.frame, nil
	}
	args, err := sendable(m.Args, argsDepth)
	if err != nil {
		return nil, err
	}
	u := &lastUpdate{message: *m, args: args, pad: pad}
	m.Args = args
	u.frame = NewSharedFrame(m.appendUpdate(pad))
	slot.Store(u)
	return u.frame, nil
}

// appendUpdate returns the bytes of an update, which are the same in every dialect but for the padding.
func (m *Message) appendUpdate(pad bool) []byte {
	if pad {
		return m.Append([]byte(updatePadding))
	}
	return m.Append(nil)
}

// slot returns the place for updates of what m updates.
func (l *lastUpdates) slot(m *Message) *atomic.Pointer[lastUpdate] {
	const offset, prime = 2166136261, 16777619 // FNV-1a
	hash := uint32(offset)
	for _, name := range [][]byte{m.Sub, m.Callback} {
		for _, c := range name {
			hash = (hash ^ uint32(c)) * prime
		}
	}
	return &l[hash%uint32(len(l))]
}

// is reports whether the frame is m's too. It compares the place of the value and not its bytes: the watchers of one
// publish share them, and as long as they are remembered here nothing else can be in that place.
func (u *lastUpdate) is(m *Message, pad bool) bool {
	return &u.message.Args[0] == &m.Args[0] && len(u.message.Args) == len(m.Args) && u.pad == pad &&
		string(u.message.Sub) == string(m.Sub) && string(u.message.Callback) == string(m.Callback) &&
		u.message.Position == m.Position && u.message.Lost == m.Lost && u.message.Snapshot == m.Snapshot
}
