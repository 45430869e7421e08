package sse

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

// eventClose is the type of a stream's last event.
const eventClose = "close"

// frames is the encoding of an event stream. What PushEvent makes was checked there; a frame made elsewhere that cannot be an
// event is left out, and the log says so.
type frames struct{ log *slog.Logger }

func (e frames) AppendFrame(dst []byte, f *services.Frame) []byte {
	dst, err := eventstream.Append(dst, eventstream.Block{Type: f.Event, ID: f.ID, Data: string(f.Payload)})
	if err != nil {
		e.log.Error("event left out", "event", f.Event, "id", f.ID, "error", err)
		dst, _ = eventstream.AppendComment(dst, "event left out")
	}
	return dst
}

// eventFrame makes a frame of an event, or says why it cannot be one.
func eventFrame(event, id string, v any) (*services.Frame, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, graph.InvalidArgument.Errorf("push event: %w", err)
	}
	if event == eventClose {
		return nil, graph.InvalidArgument.Errorf("push event: the type %q stands for the end of the stream", event)
	}
	if _, err := eventstream.Append(nil, eventstream.Block{Type: event, ID: id}); err != nil {
		return nil, graph.InvalidArgument.Errorf("push event: %w", err)
	}
	f := services.NewSharedFrame(data)
	f.Event, f.ID = event, id
	return f, nil
}

// goodbye is the last event of a stream. A client that may come back is told when: not all at the same time.
func goodbye(reason error, retry time.Duration) []byte {
	failure := &graph.Error{Code: graph.CodeOf(reason)}
	if e, ok := errors.AsType[*graph.Error](reason); ok {
		failure.Message, failure.Details = e.Message, e.Details
	}
	block := eventstream.Block{Type: eventClose}
	if failure.Code == graph.Unavailable || failure.Code == graph.ResourceExhausted {
		block.Retry = jitter(retry)
	}
	data, err := json.Marshal(failure)
	if err != nil { // details that are no JSON
		data = fmt.Appendf(nil, `{"code":%q}`, failure.Code)
	}
	block.Data = string(data)
	event, _ := eventstream.Append(nil, block)
	return event
}

// jitter is between d and 2d, in whole milliseconds; 0 if d is not positive.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return (d + rand.N(d)).Truncate(time.Millisecond) //nolint:gosec // a spread needs no secret
}
