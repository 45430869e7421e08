package ws

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/graphscript-go/graphscript/graph"
)

// maxReason is how many bytes a close frame has for its text.
const maxReason = 123

// A closeError ends a socket with a close code of its own.
type closeError struct {
	code   int
	text   string // for the other end
	reason error  // for this one, with its graph.Code
}

func (e *closeError) Error() string { return e.reason.Error() }

// Unwrap gives the error its code.
func (e *closeError) Unwrap() error { return e.reason }

// closePayload is the body of the close frame for the reason a peer ended with. Of an error that is no *graph.Error it
// tells the code alone.
func closePayload(reason error) []byte {
	c := graph.CodeOf(reason)
	code, text := closeCode(c), c.String()
	if e, ok := errors.AsType[*closeError](reason); ok {
		code, text = e.code, e.text
	} else if e, ok := errors.AsType[*graph.Error](reason); ok {
		text = e.Error()
	}
	for len(text) > maxReason {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return websocket.FormatCloseMessage(code, text)
}

// closeCode maps a reason to what RFC 6455 and its registry have for it. The text of the close frame begins
// with the name of the code, for codes that share one.
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

// reasonOf is what the close frame of the other end says, as an error.
func reasonOf(code int, text string) error {
	name, message, _ := strings.Cut(text, ": ")
	for c := graph.Canceled; c <= graph.DataLoss; c++ {
		if c.String() == name && closeCode(c) == code {
			return &graph.Error{Code: c, Message: message}
		}
	}
	text = strings.TrimSpace(fmt.Sprintf("closed by the other end with %d %s", code, text))
	return &graph.Error{Code: codeOfClose(code), Message: text}
}

// codeOfClose is what a close code alone means.
func codeOfClose(code int) graph.Code {
	switch code {
	case websocket.CloseNormalClosure, websocket.CloseNoStatusReceived:
		return graph.Canceled
	case websocket.CloseTryAgainLater, websocket.CloseMessageTooBig:
		return graph.ResourceExhausted
	case websocket.ClosePolicyViolation:
		return graph.PermissionDenied
	case websocket.CloseProtocolError, websocket.CloseInvalidFramePayloadData, websocket.CloseUnsupportedData:
		return graph.InvalidArgument
	case websocket.CloseInternalServerErr:
		return graph.Internal
	default:
		return graph.Unavailable
	}
}

// lost turns what reading a socket failed with into the reason its peer ends with, and says what to answer.
func lost(err error) error {
	if e, ok := errors.AsType[*closeError](err); ok {
		return e
	}
	if errors.Is(err, websocket.ErrReadLimit) {
		return &closeError{websocket.CloseMessageTooBig, "message too big", graph.ResourceExhausted.Errorf("message too big")}
	}
	if e, ok := closedBy(err); ok {
		return &closeError{e.Code, "", reasonOf(e.Code, e.Text)}
	}
	switch text, broken := broken(err); {
	case text == "invalid utf8 payload in close frame":
		return invalidText("close reason")
	case broken:
		return protocolError(text)
	}
	return &closeError{websocket.CloseGoingAway, "", graph.Unavailable.Errorf("connection lost: %w", err)}
}

// closedBy returns the close frame of the other end, if it is one that ended the reading.
func closedBy(err error) (*websocket.CloseError, bool) {
	e, ok := errors.AsType[*websocket.CloseError](err)
	return e, ok && e.Code != websocket.CloseAbnormalClosure // which is gorilla's way to say EOF
}

// broken returns what gorilla says of a peer that breaks the protocol; it has no type for it.
func broken(err error) (text string, ok bool) {
	if _, closed := errors.AsType[*websocket.CloseError](err); closed {
		return "", false
	}
	return strings.CutPrefix(err.Error(), "websocket: ")
}

func invalidText(what string) error {
	text := what + " is not valid UTF-8"
	return &closeError{websocket.CloseInvalidFramePayloadData, text, graph.InvalidArgument.Errorf("%s", text)}
}
