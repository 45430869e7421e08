package graph

import "context"

// An Event is one update of what is watched.
type Event struct {
	// Value is a Go value inside a process and a json.RawMessage from a wire.
	Value any
	// Position is the event's place in a channel with history, as text, and empty elsewhere.
	Position string
	// Lost is how many events were left out just before this one because the subscriber was behind.
	Lost uint64
	// Snapshot marks the value that state had when the subscription began.
	Snapshot bool

	memo *memo // shared by the taps of one publish
}

// WatchOptions say what to watch and how much a slow subscriber may fall behind.
type WatchOptions struct {
	// Key watches a method or state key of the node instead of its results.
	Key string `json:"key,omitempty"`
	// Input watches the arguments of each run, as a []any, instead of its results.
	Input bool `json:"input,omitempty"`
	// Snapshot asks for the current value of state first.
	Snapshot bool `json:"snapshot,omitempty"`
	Lag      Lag  `json:"lag,omitzero"`

	// Tap makes Deliver run inside the publish; see [Deliver].
	Tap bool `json:"-"`
	// Room, where set, is called before an event is published and may block for a bounded
	// time until the subscriber has room for it. It is how Block is done.
	Room func(ctx context.Context) `json:"-"`
}

// A SubOption adjusts a subscription made through a contract. A [Lag] is one.
type SubOption interface{ applyTo(o *WatchOptions) }
