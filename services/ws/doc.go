// Package ws carries graphs over WebSocket, both ways: [Backend.SetupWSS] is the serving side, an
// http.Handler; [OpenWS] is the dialling side. Both yield a [SocketInfo], which is a services.Peer.
//
// One text frame is one message. The upgrade, reading and close codes are gorilla/websocket's; frames
// are written here, so that what is queued for a socket, pings and all, goes out in one write by one
// writer, and so that a message to many is framed once.
//
// What gorilla/websocket leaves open is closed here: text is checked to be UTF-8, the inflated size
// of a message is bounded, a message must be complete within [Props].MessageTimeout, and Host and Origin are
// checked by the service. Compression is off.
//
// Whoever opens a socket ends it with Terminate or Close. Its goroutines belong to the service, whose Shutdown
// waits for them.
package ws
