package graph

import "context"

// A Verb says what a Call asks for.
type Verb uint8

// The verbs every target understands.
const (
	// VerbRun runs a route and waits for its result.
	VerbRun Verb = iota
	// VerbPost runs a route and does not wait for the other end.
	VerbPost
	// VerbSubscribe watches a route until the subscription is stopped.
	VerbSubscribe
)

// String returns the verb's name.
func (v Verb) String() string {
	switch v {
	case VerbPost:
		return "post"
	case VerbSubscribe:
		return "subscribe"
	default:
		return "run"
	}
}

// A Call asks a Target for something. A target and middleware may keep it until
// Do returns, and for VerbSubscribe until the subscription ends; they do not
// change it, but pass on a changed copy.
type Call struct {
	Verb Verb
	// Route is the tag of a node, or the tag and one of its methods or state keys.
	Route string
	// Method picks a method or state key of the node, in lower case. A name the node
	// does not have means the node itself.
	Method string
	Args   Args
	// Watch and Deliver are used by VerbSubscribe only.
	Watch   WatchOptions
	Deliver Deliver
}

// Deliver takes the events of a subscription, one at a time and in order.
//
// With WatchOptions.Tap it runs inside the publish that caused the event, and before
// the run that published returns. It must then only hand the event on: not block
// and not use the graph.
type Deliver func(ctx context.Context, e Event)

// A Handler does what a Call asks. For VerbSubscribe the result is a *Subscription.
type Handler func(ctx context.Context, c *Call) (any, error)

// Middleware puts something around a Handler: a check, a log line, a measurement.
// It sees run, post and subscribe alike. It is applied to each node when that is added, and
// again to all when there is more middleware; as the graph is locked then, only the Handler it
// returns may use the graph.
type Middleware func(next Handler) Handler

// A Target is anything that runs routes: a *Graph, a connected peer, a user, a group.
// All methods of contracts ([Func], [State]) work against it. Do may be called concurrently.
//
// The result is a Go value from a target inside the process and a json.RawMessage from
// one across a wire; [As] reads both. Void means no value.
type Target interface {
	Do(ctx context.Context, c *Call) (any, error)
}
