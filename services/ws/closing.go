package ws

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/graphscript-go/graphscript/graph"
)

// maxReason is how many bytes a close frame has for its text.
const maxReason = 123

// closePayload is the body of the close frame for the reason a peer ended with.
func closePayload(reason error) []byte {
	code, text := websocket.CloseNormalClosure, ""
	if e, ok := errors.AsType[*closeError](reason); ok {
		code, text = e.code, e.text
	} else if e, ok := errors.AsType[*graph.Error](reason); ok {
		code, text = closeCode(e.Code), e.Message
	} else if reason != nil {
		code = websocket.CloseInternalServerErr
	}
	if len(text) > maxReason {
		text = text[:maxReason]
		for len(text) > 0 && text[len(text)-1]&0xc0 == 0x80 { // not in the middle of a rune
			text = text[:len(text)-1]
		}
		if len(text) > 0 && text[len(text)-1] >= 0x80 {
			text = text[:len(text)-1]
		}
	}
	return websocket.FormatCloseMessage(code, text)
}

// closeCode maps a reason to what RFC 6455 and its registry have for it.
func closeCode(c graph.Code) int {
	switch c {
	case graph.Canceled:
		return websocket.CloseNormalClosure
	case graph.Unavailable:
		return websocket.CloseGoingAway
	case graph.ResourceExhausted:
		return websocket.CloseTryAgainLater
	case graph.InvalidArgument, graph.PermissionDenied, graph.Unauthenticated, graph.FailedPrecondition:
		return websocket.ClosePolicyViolation
	default:
		return websocket.CloseInternalServerErr
	}
}

// A closeError ends a socket with a close code that no graph.Code stands for.
type closeError struct {
	code int
	text string
	as   graph.Code
}

func (e *closeError) Error() string { return e.text }

// Unwrap gives the error its code.
func (e *closeError) Unwrap() error { return e.as }

// lost turns what reading a socket failed with into the reason its peer ends with, and says what to
// answer.
func lost(err error) error {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return &closeError{websocket.CloseMessageTooBig, "message too big", graph.ResourceExhausted}
	case errors.As(err, &closed):
		text := fmt.Sprintf("closed by the other end with %d %s", closed.Code, closed.Text)
		return &closeError{closed.Code, strings.TrimSpace(text), codeOfClose(closed.Code)}
	case strings.HasPrefix(err.Error(), "websocket: "): // gorilla has no type for a peer that breaks the protocol
		return &closeError{websocket.CloseProtocolError, strings.TrimPrefix(err.Error(), "websocket: "), graph.InvalidArgument}
	}
	return graph.Unavailable.Errorf("connection lost: %w", err)
}

// codeOfClose is what a close code of the other end means to the calls that it cuts short.
func codeOfClose(code int) graph.Code {
	switch code {
	case websocket.CloseTryAgainLater, websocket.CloseMessageTooBig:
		return graph.ResourceExhausted
	case websocket.ClosePolicyViolation:
		return graph.PermissionDenied
	default:
		return graph.Unavailable
	}
}
