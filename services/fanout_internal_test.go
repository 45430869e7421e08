package services

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// collide returns two callbacks whose updates share a slot.
func collide(l *lastUpdates) (a, b json.RawMessage) {
	a = json.RawMessage(`"a"`)
	for i := 0; ; i++ {
		b = json.RawMessage(strconv.Itoa(i))
		if l.slot(&Message{Sub: a}) == l.slot(&Message{Sub: b}) {
			return a, b
		}
	}
}

func TestFramesAreSharedByEqualUpdatesOnly(t *testing.T) {
	var l lastUpdates
	sub, other := collide(&l)
	args := json.RawMessage("[\n1]")
	base := Message{Sub: sub, Args: args, Position: "e-1", Lost: 1, Snapshot: true}
	first := base
	frame, err := l.frame(&first, false)
	require.NoError(t, err)
	require.Equal(t, `{"sub":"a","args":[1],"id":"e-1","lost":1,"snapshot":true}`, string(frame.Payload))
	same := base
	again, err := l.frame(&same, false)
	require.NoError(t, err)
	require.Same(t, frame, again)
	require.Equal(t, "[1]", string(same.Args), "on one line, like the frame")

	for name, change := range map[string]func(m *Message) (pad bool){
		"sub":      func(m *Message) bool { m.Sub = other; return false },
		"callback": func(m *Message) bool { m.Sub, m.Callback = nil, sub; return false },
		"position": func(m *Message) bool { m.Position = "e-2"; return false },
		"lost":     func(m *Message) bool { m.Lost++; return false },
		"snapshot": func(m *Message) bool { m.Snapshot = false; return false },
		"value":    func(m *Message) bool { m.Args = json.RawMessage("[\n2]"); return false },
		"equal":    func(m *Message) bool { m.Args = append(json.RawMessage(nil), args...); return false },
		"part":     func(m *Message) bool { m.Args = json.RawMessage("[\n1]2")[:4]; return false },
		"padding":  func(*Message) bool { return true },
	} {
		m := base
		pad := change(&m)
		f, err := l.frame(&m, pad)
		require.NoError(t, err)
		require.NotSame(t, frame, f, name)
		require.Equal(t, string(m.appendUpdate(pad)), string(f.Payload), name)
		first = base
		frame, err = l.frame(&first, false)
		require.NoError(t, err)
	}

	// Two graphscript subscriptions, which have no Sub.
	callback := Message{Callback: sub, Args: args}
	frame, err = l.frame(&callback, false)
	require.NoError(t, err)
	callback = Message{Callback: other, Args: args}
	f, err := l.frame(&callback, false)
	require.NoError(t, err)
	require.NotSame(t, frame, f)
}

// Publishes of two routes that run side by side do not displace each other's frame.
func TestFramesOfSeveralRoutesAreRemembered(t *testing.T) {
	var l lastUpdates
	slots := map[any]int{}
	for i := range 100 {
		slots[l.slot(&Message{Sub: appendString(nil, "route."+strconv.Itoa(i))})]++
	}
	require.Len(t, slots, len(l), "all slots are used")
	tick, tock := Message{Sub: json.RawMessage(`"tick"`), Args: json.RawMessage(`1`)}, Message{Sub: json.RawMessage(`"tock"`), Args: json.RawMessage(`1`)}
	require.NotSame(t, l.slot(&tick), l.slot(&tock))
	frames := map[*Frame]bool{}
	for range 10 {
		for _, m := range []Message{tick, tock} {
			f, err := l.frame(&m, false)
			require.NoError(t, err)
			frames[f] = true
		}
	}
	require.Len(t, frames, 2)
}
