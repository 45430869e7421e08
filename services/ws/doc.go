// Package ws carries graphs over WebSocket, both ways: [Backend.SetupWSS] is the serving side, an
// http.Handler; [OpenWS] is the dialling side. Both yield a [SocketInfo], which is a services.Peer.
//
// One text frame is one message. The upgrade, reading and close codes are gorilla/websocket's; frames
// are written here, so that what is queued for a socket, pings and all, goes out in one write by one
// writer, and so that a message to many is framed once.
//
// What gorilla/websocket leaves open is closed here: text is checked to be UTF-8 as it comes, a message must be complete
// within [Props].MessageTimeout and come in few fragments, lengths must be written in their shortest form, and Host
// and Origin are checked by the service. Compression is off, so that the size of a message is the size of its bytes.
//
// The close frame says why a socket ends, by the code that RFC 6455 has for it and a text that begins with the name of
// the graph.Code; the other end's Err has that code again. The connection is then closed in order, within two seconds; only
// one that takes no more bytes is reset.
//
// Whoever opens a socket ends it with Terminate or Close. Its goroutines belong to the service, whose Shutdown
// waits for them.
package ws
