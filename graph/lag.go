package graph

import (
	"encoding/json"
	"fmt"
	"time"
)

// A Policy says what happens when a subscriber falls behind.
type Policy uint8

// The lag policies. Whatever is left out is counted in the next event's Lost.
const (
	// Conflate keeps the newest value only. It is the default for state.
	Conflate Policy = iota + 1
	// DropOldest keeps the newest values that fit. It is the default for results.
	DropOldest
	// DropNewest keeps the oldest values that fit.
	DropNewest
	// Disconnect ends the subscription with ResourceExhausted; over a wire it ends the peer,
	// which may come back and resume.
	Disconnect
	// Block makes whoever publishes wait for room, for a bounded time, and then drops the value.
	Block
)

var policyNames = [...]string{
	Conflate: "conflate", DropOldest: "dropOldest", DropNewest: "dropNewest", Disconnect: "disconnect", Block: "block",
}

func (p Policy) isKnown() bool { return p >= Conflate && p <= Block }

// String returns the name a policy has on the wire, such as "dropOldest".
func (p Policy) String() string {
	if p.isKnown() {
		return policyNames[p]
	}
	return fmt.Sprintf("policy_%d", uint8(p))
}

// MarshalText encodes the policy by its name. Only the named policies have one.
func (p Policy) MarshalText() ([]byte, error) {
	if !p.isKnown() {
		return nil, InvalidArgument.Errorf("%d is not a lag policy", uint8(p))
	}
	return []byte(p.String()), nil
}

// UnmarshalText decodes a name; one that is unknown is an InvalidArgument.
func (p *Policy) UnmarshalText(text []byte) error {
	for known := Conflate; known.isKnown(); known++ {
		if known.String() == string(text) {
			*p = known
			return nil
		}
	}
	return InvalidArgument.Errorf("%q is not a lag policy", text)
}

const (
	// DefaultQueueSize is how many events a subscription holds when its Lag names no size.
	DefaultQueueSize = 256
	// MaxQueueSize is the most events a subscription may ask to hold.
	MaxQueueSize = 65536
	// MaxQueueWait is the longest that Block waits.
	MaxQueueWait = 10 * time.Second
)

// A Lag is a policy with its bounds. The zero Lag leaves the choice to what is watched.
//
// In JSON it is an object such as {"policy":"block","size":64,"wait":250}, where wait is in
// whole milliseconds. A negative size or wait and an unknown policy are refused there;
// what is too large is cut to MaxQueueSize and MaxQueueWait when it is used.
type Lag struct {
	Policy Policy
	// Size is how many events are held: 0 means DefaultQueueSize, and MaxQueueSize is the most.
	Size int
	// Wait is how long Block waits: MaxQueueWait at most, and not at all by default.
	Wait time.Duration
}

func (l Lag) applyTo(o *WatchOptions) { o.Lag = l }

// Or returns l, or other where l leaves the choice open, with its bounds filled in.
func (l Lag) Or(other Lag) Lag {
	if l.Policy == 0 {
		size := l.Size
		if l = other; size > 0 {
			l.Size = size
		}
	}
	if l.Size <= 0 {
		l.Size = DefaultQueueSize
	}
	if l.Policy == Conflate {
		l.Size = 1
	}
	l.Size = min(l.Size, MaxQueueSize)
	l.Wait = min(max(l.Wait, 0), MaxQueueWait)
	return l
}

// wireLag is the JSON form of a Lag.
type wireLag struct {
	Policy Policy `json:"policy,omitempty"`
	Size   int    `json:"size,omitempty"`
	Wait   int64  `json:"wait,omitempty"` // milliseconds
}

// MarshalJSON encodes the lag with its wait rounded up to whole milliseconds.
func (l Lag) MarshalJSON() ([]byte, error) {
	wait := l.Wait / time.Millisecond
	if l.Wait%time.Millisecond > 0 {
		wait++
	}
	return json.Marshal(wireLag{l.Policy, l.Size, int64(wait)})
}

// UnmarshalJSON decodes a lag. Its errors are InvalidArgument.
func (l *Lag) UnmarshalJSON(data []byte) error {
	var w wireLag
	if err := json.Unmarshal(data, &w); err != nil {
		return asInvalid("lag", err)
	}
	if w.Size < 0 || w.Wait < 0 {
		return InvalidArgument.Errorf("lag: size and wait cannot be negative")
	}
	longest := int64(MaxQueueWait / time.Millisecond)
	*l = Lag{w.Policy, min(w.Size, MaxQueueSize), time.Duration(min(w.Wait, longest)) * time.Millisecond}
	return nil
}
