package ws

import "github.com/graphscript-go/graphscript/services"

// What the tests in package ws_test look at below the exported API.
var (
	AppendFrame  = appendFrame
	ReadMessage  = readMessage
	ClosePayload = closePayload
	ReasonOf     = reasonOf

	// ServerEncoding is how a server's sockets write a frame that goes to many.
	ServerEncoding services.Encoding = serverFrames{}
)

// CheckHeaders returns how much of chunks passes, read one after the other.
func CheckHeaders(chunks ...[]byte) (good int, err error) {
	var c headerCheck
	for _, chunk := range chunks {
		n, err := c.pass(chunk)
		good += n
		if err != nil {
			return good, err
		}
	}
	return good, nil
}
