package httpservice

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// maxDepth is how deep the JSON of a body may be nested: what services.Decode allows in a message.
const maxDepth = 32

// A statusError is an error that HTTP has a closer status for than its code has.
type statusError struct {
	error
	status int
}

func (e *statusError) Unwrap() error { return e.error }

// readBody returns the request's body, nil if there is none. It reads at most limit bytes and waits
// at most timeout for them.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, timeout time.Duration) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, &statusError{graph.InvalidArgument.Errorf("a body encoded as %q is not taken", encoding), http.StatusUnsupportedMediaType}
	}
	control := http.NewResponseController(w)
	// A ResponseWriter that knows no deadlines leaves the body to the server's ReadTimeout.
	_ = control.SetReadDeadline(time.Now().Add(timeout))
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, &statusError{graph.DeadlineExceeded.Errorf("the body did not arrive within %v", timeout), http.StatusRequestTimeout}
	}
	// Else the deadline would cut the connection later, while the server listens whether the client is still there.
	_ = control.SetReadDeadline(time.Time{})
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge(limit)
	}
	if err != nil {
		return nil, graph.InvalidArgument.Errorf("the body is incomplete")
	}
	if data = bytes.Trim(data, " \t\r\n"); len(data) == 0 {
		return nil, nil
	}
	return data, nil
}

func tooLarge(limit int64) error {
	return &statusError{graph.ResourceExhausted.Errorf("the body is larger than %d bytes", limit), http.StatusRequestEntityTooLarge}
}

// parseBody reads a body as a message. One without a route has the arguments of the URL's route: that is every
// body but an object with a string "route" or "node", which is an envelope and says all itself. With argsOnly
// no body is an envelope.
func parseBody(body []byte, argsOnly bool) (services.Message, error) {
	if body == nil {
		return services.Message{}, nil
	}
	if err := checkJSON(body); err != nil {
		return services.Message{}, err
	}
	if argsOnly || !isEnvelope(body) {
		return services.Message{Args: body}, nil
	}
	m, err := services.Decode(body)
	if err == nil && m.Kind() == services.KindSubscribe {
		err = graph.Unimplemented.Errorf("over HTTP a route is watched by a GET that accepts text/event-stream")
	}
	return m, err
}

// isEnvelope also takes an envelope that is a JSON string inside JSON, as graphscript's clients send it.
func isEnvelope(body []byte) bool {
	if body[0] == '"' {
		var inner string
		if json.Unmarshal(body, &inner) != nil {
			return false
		}
		body = []byte(strings.TrimLeft(inner, " \t\r\n"))
	}
	if len(body) == 0 || body[0] != '{' {
		return false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return false
	}
	isString := func(key string) bool { return len(members[key]) > 0 && members[key][0] == '"' }
	return isString("route") || isString("node")
}

// checkJSON refuses what is not one JSON value in UTF-8, and what is nested too deep for whoever decodes it.
func checkJSON(data []byte) error {
	switch {
	case !utf8.Valid(data):
		return graph.InvalidArgument.Errorf("the body is not valid UTF-8")
	case !json.Valid(data):
		return graph.InvalidArgument.Errorf("the body is not valid JSON")
	case depthOf(data) > maxDepth:
		return graph.InvalidArgument.Errorf("the body is nested deeper than %d", maxDepth)
	}
	return nil
}

// depthOf returns how deep valid JSON is nested.
func depthOf(data []byte) (deepest int) {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
