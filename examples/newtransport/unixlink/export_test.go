package unixlink

// What the tests need of the inside.
var (
	// Join is Dial for a connection that the test has made.
	Join = join
	// Next reads a frame.
	Next = next
	// AppendFrame makes one.
	AppendFrame = appendFrame
)

// A Conn is what Join takes.
type Conn = conn
