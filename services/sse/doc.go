// Package sse carries graphs over server-sent events: messages leave the server on a stream (GET) and
// reach it by POST to the same URL. [Backend.SetupSSE] yields a [ChannelInfo], an http.Handler that
// speaks for all its sessions; each session is a [ClientInfo], a services.Peer whose verbs call and watch the
// graph of the client. [OpenSSE] is the client's end for Go programs.
//
// # The stream
//
// A message is the data of an event of the default type. Events of other types are the application's own; see
// [ClientInfo.PushEvent]. The first bytes leave at once, a comment follows at each Props.KeepAlive, and
// each write has a deadline of its own, whatever http.Server.WriteTimeout says. An event of type "close" with an
// error's JSON is the last of a stream that the server ends on purpose. A client that is to come back, because the service
// shuts down or has no room, gets status 200 and is told when: any other status ends a browser's EventSource for good.
//
// Over HTTP/2 a client whose connection is stuck, and not only its stream, loses its session at the deadline
// like any other, but its handler returns when the connection is given up. Set HTTP2Config.WriteByteTimeout of the
// http.Server to bound that.
//
// # The way back
//
// The first message of a stream names the session and, in its meta, a secret. A POST with the
// secret in the header Graphscript-Session carries one message per line for that session, or, as text/plain, one message that may be
// any text. It is answered 202 when they are taken, and what they are answered with comes down the stream; it is
// answered 404 when the session is gone, is another user's or never was. A POST without the header runs one message for nobody in
// particular and is answered with the result as JSON.
//
// # Use of go-sse
//
// The upgrade of a response is tmaxmax/go-sse's. Its providers and its client are not used: see
// docs/decisions/0003-go-sse-for-the-upgrade.md.
package sse
