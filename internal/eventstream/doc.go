// Package eventstream reads and writes the text/event-stream format of
// server-sent events, as defined by section 9.2 of the HTML standard
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). It knows
// the format and nothing else: opening a connection, opening it again,
// heartbeats and deadlines belong to the transports that use it.
//
// # Reading
//
// A [Reader] turns the bytes of one stream into [Event] values, under the
// rules by which a browser's EventSource does. It starts no goroutine and sets
// no deadline. Every byte it consumes comes from the io.Reader it was given,
// comments included, and it asks for more only when no complete event is left
// in its buffer; a watchdog for a silent peer therefore wraps that io.Reader
// and needs no hook here. A blocked [Reader.Next] is ended by closing the
// source.
//
// # Writing
//
// [Append], [AppendRetry] and [AppendComment] are pure functions which append
// to a byte slice, so one encoding can be shared by any number of connections.
// They never alter what they are given, with one exception which the format
// makes unavoidable: CR and CRLF inside the data arrive as LF. What the format
// cannot carry, or what a reader would misunderstand, is refused with
// [ErrInvalid].
//
// # Concurrency
//
// The functions may be called from any goroutine. A Reader must not be used
// by two goroutines at once.
package eventstream
