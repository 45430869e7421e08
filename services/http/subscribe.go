package httpservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

// eventOverhead is what the fields of an event may take besides a value of ClientOptions.MaxBytes.
const eventOverhead = 4 << 10

// A remoteWatch is a subscription to a route of the server. One goroutine reads the stream; unless the subscriber is a tap,
// another one calls it, so that the one that reads can leave out what the subscriber is too slow for.
type remoteWatch struct {
	client  *Client
	call    *graph.Call
	sub     *graph.Subscription
	ctx     context.Context // ends with the subscription
	cancel  context.CancelCauseFunc
	queue   *graph.Queue[graph.Event] // nil for a tap; Lost counts from the first event on, see deliver
	stopped atomic.Bool
	lost    uint64 // told by the server, in all; used by the goroutine that reads
	counted uint64 // how much of lost has been delivered; used by the goroutine that calls back
}

// subscribe opens a stream. ctx bounds the opening.
func (c *Client) subscribe(ctx context.Context, call *graph.Call) (*graph.Subscription, error) {
	w := &remoteWatch{client: c, call: call}
	w.ctx, w.cancel = context.WithCancelCause(services.WithTraceparent(c.life, services.Traceparent(ctx)))
	stop := context.AfterFunc(ctx, func() { w.cancel(inContext(ctx, nil)) })
	response, err := w.open()
	if !stop() && err == nil { // too late, if only just
		_ = response.Body.Close()
		err = context.Cause(w.ctx)
	}
	if err != nil {
		w.cancel(nil)
		return nil, fmt.Errorf("subscribe %s: %w", call.Route, err)
	}
	w.sub = graph.NewSubscription(func() {
		w.stopped.Store(w.sub.Err() == nil)
		w.cancel(nil)
	})
	if !call.Watch.Tap {
		w.queue = graph.NewQueue[graph.Event](call.Watch.Lag)
		c.work.Go(w.callBack)
	}
	c.work.Go(func() { w.read(response.Body) })
	return w.sub, nil
}

// open makes the request that the stream answers.
func (w *remoteWatch) open() (*http.Response, error) {
	c := w.client
	query := watchQuery(w.call.Watch)
	path, ok := pathOf(w.call.Route)
	if !ok {
		if w.call.Route == "" {
			return nil, errNoRoute()
		}
		path = "/"
		query.Set(paramRoute, w.call.Route)
	}
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	header := http.Header{"Accept": {eventstream.MediaType}, services.HeaderVersion: {"1"}}
	response, err := c.exchange(w.ctx, &outgoing{method: http.MethodGet, url: u, header: header})
	if err != nil {
		return nil, err
	}
	if !eventstream.IsEventStream(response.Header.Get("Content-Type")) {
		_ = response.Body.Close()
		return nil, graph.Unimplemented.Errorf("the server answered with %q and not with a stream", response.Header.Get("Content-Type"))
	}
	return response, nil
}

// read hands on what the stream holds until it ends, and then ends the subscription.
func (w *remoteWatch) read(body io.ReadCloser) {
	reason := graph.Internal.Errorf("watch %s: the subscriber ended the goroutine that reads", w.call.Route)
	defer func() {
		_ = body.Close() // which the server hears
		w.cancel(nil)
		w.finish(reason)
	}()
	silence := time.AfterFunc(w.client.options.Silence, func() {
		w.cancel(graph.Unavailable.Errorf("the server was silent for %v", w.client.options.Silence))
	})
	defer silence.Stop()
	most := int(min(w.client.options.MaxBytes, math.MaxInt-eventOverhead)) + eventOverhead
	events := eventstream.NewReader(&heard{body, silence, w.client.options.Silence}, &eventstream.ReaderOptions{MaxEventBytes: most})
	for {
		e, err := events.Next()
		if err != nil {
			reason = w.lostBy(err)
			return
		}
		if err := w.take(e); err != nil {
			reason = err
			return
		}
	}
}

// lostBy returns why the stream ended if the server did not say.
func (w *remoteWatch) lostBy(err error) error {
	switch {
	case w.ctx.Err() != nil:
		return inContext(w.ctx, err)
	case errors.Is(err, eventstream.ErrTooLarge):
		return graph.ResourceExhausted.Errorf("watch %s: %w", w.call.Route, err)
	}
	return fmt.Errorf("watch %s: %w: the stream ended: %w", w.call.Route, graph.Unavailable, err)
}

// finish ends the subscription; a subscriber that is called back gets what is queued first.
func (w *remoteWatch) finish(reason error) {
	if w.queue != nil {
		w.queue.Close(reason)
		return
	}
	w.sub.End(reason)
}

// take acts on one event of the stream. An error ends it.
func (w *remoteWatch) take(e eventstream.Event) error {
	switch e.Type {
	case "message", eventSnapshot:
		if !json.Valid([]byte(e.Data)) {
			return graph.Internal.Errorf("watch %s: an update is not valid JSON", w.call.Route)
		}
		return w.deliver(graph.Event{Value: json.RawMessage(e.Data), Position: e.ID, Lost: w.lost, Snapshot: e.Type == eventSnapshot})
	case eventLost:
		n, err := strconv.ParseUint(e.Data, 10, 64)
		if err != nil {
			return graph.Internal.Errorf("watch %s: %q is no number of lost updates", w.call.Route, e.Data)
		}
		w.lost += n
	case eventError:
		failure := &graph.Error{}
		if json.Unmarshal([]byte(e.Data), failure) != nil || failure.Code == 0 {
			failure = &graph.Error{Code: graph.Internal, Message: "the server ended the watch"}
		}
		return failure
	}
	return nil
}

// deliver hands an event to a tap, or to the queue of a subscriber that is called back. Its Lost counts from the first
// event on: the queue may leave the event out, and what was lost before it must not be forgotten then.
func (w *remoteWatch) deliver(e graph.Event) error {
	if w.queue == nil {
		w.callOne(e, 0)
		return nil
	}
	if !w.queue.Push(e) {
		return graph.ResourceExhausted.Errorf("watch %s: the subscriber fell behind", w.call.Route)
	}
	return nil
}

// callBack calls the subscriber for what is queued, which the goroutine that reads closes at the end.
func (w *remoteWatch) callBack() {
	ended := false
	defer func() {
		if !ended { // a callback ended the goroutine; another one goes on
			w.client.work.Go(w.callBack)
		}
	}()
	for {
		e, lost, err := w.queue.Pop(context.Background())
		if err != nil {
			w.sub.End(err)
			ended = true
			return
		}
		w.callOne(e, lost)
	}
}

// callOne calls the subscriber, unless it has stopped the subscription.
func (w *remoteWatch) callOne(e graph.Event, lost uint64) {
	if w.stopped.Load() {
		return
	}
	e.Lost, w.counted = e.Lost-w.counted+lost, e.Lost
	defer func() {
		if r := recover(); r != nil {
			w.client.options.Logger.Error("panic recovered", "in", "a subscriber of "+w.call.Route, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	w.call.Deliver(w.client.life, e)
}

// A heard is a stream that puts off a timer whenever it is heard from.
type heard struct {
	io.Reader
	timer *time.Timer
	after time.Duration
}

// Read reads.
func (h *heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.timer.Reset(h.after)
	}
	return n, err
}
