package services

import (
	"encoding/json"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// A Message is the envelope every transport carries: one JSON object. What it is
// depends on the keys it has; see [Message.Kind].
type Message struct {
	Route  string
	Method string
	// Args are the arguments of a call, the result in a reply, the value in an update and the options
	// of a subscription. Nil means there is no such key, which is no value and not null.
	Args json.RawMessage
	// Callback names a call or subscription. It is the JSON token as it came, a string or a
	// number, and is echoed byte for byte.
	Callback json.RawMessage
	// Sub is the Callback of the subscription an update is for.
	Sub json.RawMessage
	// Position is the place of an update in a channel with history.
	Position string
	// Lost is how many updates were left out before this one.
	Lost uint64
	// Snapshot marks the value state had when the subscription began.
	Snapshot bool
	// Error is the failure a call or subscription ended with.
	Error *graph.Error
	// Session is the id of the session a message belongs to, where the transport cannot tell.
	Session string
	Meta    Meta
}

// Meta is what a message says besides its business.
type Meta struct {
	// Timeout is how long the caller will wait, from when the message was sent. Zero means not said.
	Timeout time.Duration
	// Traceparent is the W3C trace context of the caller.
	Traceparent string
	// Token is the secret that proves that a later request belongs to a session.
	Token string
}

// A Kind says what a Message is.
type Kind uint8

// The kinds of messages.
const (
	// KindNone is JSON or text that is no message; it is ignored.
	KindNone Kind = iota
	// KindID tells a client its session's id: the first message of a connection.
	KindID
	// KindPost runs a route; nobody waits for it.
	KindPost
	// KindRequest runs a route and is answered by a reply with its Callback.
	KindRequest
	// KindReply answers a request or acknowledges a subscription.
	KindReply
	// KindSubscribe asks for the updates of a route.
	KindSubscribe
	// KindUpdate is one update of a subscription, or with an Error its end.
	KindUpdate
	// KindCancel ends a call or a subscription of the sender.
	KindCancel
)

// The method and route names that make a message more than a call.
const (
	methodSubscribe = "subscribe"
	methodCancel    = "cancel"
	routeSetID      = "setId"
)

// Kind tells what the message is.
func (m *Message) Kind() Kind {
	switch {
	case m.Sub != nil:
		return KindUpdate
	case m.Route == "" && m.Callback == nil:
		return KindNone
	case m.Route == "" && m.Method == methodCancel:
		return KindCancel
	case m.Route == "":
		return KindReply
	case m.Route == routeSetID && m.Callback == nil:
		return KindID
	case m.Callback == nil:
		return KindPost
	case m.Method == methodSubscribe:
		return KindSubscribe
	default:
		return KindRequest
	}
}
