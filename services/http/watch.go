package httpservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

// The event types of a watch besides "message", which is a value.
const (
	eventSnapshot = "snapshot" // to clients of our own; others get the snapshot as a message
	eventLost     = "lost"
	eventError    = "error"
)

const (
	// watchBatch is how much is gathered for one write.
	watchBatch = 32 << 10
	// Clients that lost a server come back after retryLeast to twice that, each after its own time.
	retryLeast = 2 * time.Second
)

// errQuiet says that a watch had nothing to send for Options.KeepAlive.
var errQuiet = errors.New("quiet")

// An update is one event on its way out.
type update struct {
	data     json.RawMessage
	position string
	snapshot bool
	lost     uint64 // before this one, counted from the first on: the queue may leave the update out, but not this
}

// watch answers a GET with a stream of events. Until the first byte of it the answer is an ordinary one.
func (x *exchange) watch(ctx context.Context) error {
	c, err := x.watchCall()
	if err != nil {
		return err
	}
	leave, err := x.enterWatch()
	if err != nil {
		return err
	}
	defer leave()
	ctx, end := x.watchContext(ctx)
	defer end()
	queue := graph.NewQueue[update](c.Watch.Lag)
	c.Deliver = x.pushTo(queue)
	if c.Watch.Lag.Policy == graph.Block {
		c.Watch.Room = queue.WaitRoom
	}
	v, err := x.service.Do(ctx, c)
	if err != nil {
		return err
	}
	sub, ok := v.(*graph.Subscription)
	if !ok {
		return graph.Internal.Errorf("subscribe gave no subscription")
	}
	defer sub.Stop()
	sub.OnEnd(func(err error) {
		if err == nil {
			err = graph.Unavailable.Errorf("the subscription was stopped")
		}
		queue.Close(err)
	})
	x.stream(ctx, queue)
	return nil
}

// watchCall reads the request as a subscription.
func (x *exchange) watchCall() (*graph.Call, error) {
	query := x.r.URL.Query()
	o, err := watchOptions(query, x.service.Limits())
	if err != nil {
		return nil, err
	}
	route := query.Get(paramRoute)
	if route == "" {
		if route, err = x.route(); err != nil {
			return nil, err
		}
	}
	o.Tap = true
	c := &graph.Call{Verb: graph.VerbSubscribe, Route: route, Watch: o}
	if isState(x.service.Graph(), c) {
		c.Watch.Lag = o.Lag.Or(graph.Lag{Policy: graph.Conflate})
	}
	return c, nil
}

// watchContext returns a context that ends when the client goes, when its identity expires, and with the Backend.
func (x *exchange) watchContext(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(x.life, func() { cancel(context.Cause(x.life)) })
	end := func() {
		stop()
		cancel(nil)
	}
	expires := services.IdentityFrom(ctx).Expires
	if expires.IsZero() {
		return ctx, end
	}
	ctx, cancelExpiry := context.WithDeadlineCause(ctx, expires, errExpired())
	return ctx, func() {
		cancelExpiry()
		end()
	}
}

// pushTo returns what runs inside the publish.
func (x *exchange) pushTo(queue *graph.Queue[update]) graph.Deliver {
	var lost uint64
	return func(_ context.Context, e graph.Event) {
		lost += e.Lost
		data, err := e.JSON()
		if err == nil && !json.Valid(data) {
			err = errors.New("not valid JSON")
		}
		if err != nil {
			x.service.Logger().Error("update cannot be encoded", "path", x.r.URL.Path, "error", err)
			lost++
			return
		}
		queue.Push(update{data, e.Position, e.Snapshot, lost})
	}
}

// stream writes what comes into the queue until the watch ends, and says why it did if it was not
// the client that went.
func (x *exchange) stream(ctx context.Context, queue *graph.Queue[update]) {
	x.streamHeader()
	if x.r.Method == http.MethodHead {
		return
	}
	retry := retryLeast + rand.N(retryLeast) //nolint:gosec // spreads clients over time, and nobody gains by guessing it
	buf, _ := eventstream.AppendRetry(nil, retry.Truncate(time.Millisecond))
	buf, _ = eventstream.AppendComment(buf, "")
	w := &watchWriter{own: x.r.Header.Get(services.HeaderVersion) != ""}
	for {
		if err := x.write(buf); err != nil {
			if errors.Is(err, http.ErrNotSupported) {
				x.service.Logger().Error("a watch needs a ResponseWriter that can flush", "type", fmt.Sprintf("%T", x.w))
			}
			return
		}
		u, lost, err := next(ctx, queue, x.options.KeepAlive)
		switch {
		case err == nil:
			buf = w.batch(buf[:0], u, lost, queue)
		case errors.Is(err, errQuiet):
			buf, _ = eventstream.AppendComment(buf[:0], "")
		case x.r.Context().Err() != nil:
			return
		default:
			data, _ := json.Marshal(x.service.Failure(ctx, x.r.URL.Path, err))
			buf, _ = eventstream.Append(w.appendLost(buf[:0], lost), eventstream.Block{Type: eventError, Data: string(data)})
			_ = x.write(buf)
			return
		}
	}
}

func (x *exchange) streamHeader() {
	x.started = true
	h := x.w.Header()
	h.Set("Content-Type", eventstream.MediaType)
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would hold back a quiet stream
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept")
	x.w.WriteHeader(http.StatusOK)
}

// next returns the oldest update, or errQuiet if there is none for a while.
func next(ctx context.Context, queue *graph.Queue[update], quiet time.Duration) (update, uint64, error) {
	if u, lost, ok := queue.TryPop(); ok {
		return u, lost, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, quiet, errQuiet)
	defer cancel()
	return queue.Pop(ctx)
}

// A watchWriter encodes the updates of one watch.
type watchWriter struct {
	own  bool   // whether the client is one of ours
	lost uint64 // how much of update.lost has been told
}

// batch appends an update and as many of those queued behind it as go into one write.
func (w *watchWriter) batch(dst []byte, u update, lost uint64, queue *graph.Queue[update]) []byte {
	for ok := true; ok; {
		dst = w.append(dst, u, lost)
		if len(dst) >= watchBatch {
			break
		}
		u, lost, ok = queue.TryPop()
	}
	return dst
}

func (w *watchWriter) append(dst []byte, u update, lost uint64) []byte {
	dst = w.appendLost(dst, u.lost-w.lost+lost)
	w.lost = u.lost
	b := eventstream.Block{ID: u.position, Data: string(bytes.ToValidUTF8(u.data, []byte("\uFFFD")))}
	if u.snapshot && w.own {
		b.Type = eventSnapshot
	}
	out, err := eventstream.Append(dst, b)
	if err != nil { // the position is none: the value goes out without it
		b.ID = ""
		out, _ = eventstream.Append(dst, b)
	}
	return out
}

func (w *watchWriter) appendLost(dst []byte, lost uint64) []byte {
	if lost > 0 {
		dst, _ = eventstream.Append(dst, eventstream.Block{Type: eventLost, Data: strconv.FormatUint(lost, 10)})
	}
	return dst
}
