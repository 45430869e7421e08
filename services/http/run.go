package httpservice

import (
	"context"
	"net/http"

	"github.com/graphscript-go/graphscript/graph"
)

// run runs a route and returns its result encoded. It runs on a goroutine of the service, whose Shutdown waits
// for it and which survives an operator that ends its goroutine.
func (x *exchange) run(ctx context.Context, c *graph.Call) (answer, error) {
	wantsJSON := accepts(x.r, typeJSON)
	var a answer
	err := graph.Internal.Errorf("the route ended its goroutine")
	done := make(chan struct{})
	x.service.Go(func() {
		defer close(done)
		a, err = x.do(ctx, c, wantsJSON)
	})
	<-done
	return a, err
}

// do runs a route and encodes its result, and makes an error of a panic in either.
func (b *Backend) do(ctx context.Context, c *graph.Call, wantsJSON bool) (a answer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = b.panicked(r)
		}
	}()
	v, err := b.service.Do(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return resultOf(v, wantsJSON, b.options.HTML)
}

// post takes a call that nobody waits for and answers at once. The call keeps its deadline, but the end of
// the request does not end it; the end of the Backend does.
func (x *exchange) post(ctx context.Context, c *graph.Call) error {
	select {
	case x.posts <- struct{}{}:
	default:
		return graph.ResourceExhausted.Errorf("%d posts are running", cap(x.posts))
	}
	deadline, hasDeadline := ctx.Deadline()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	b := x.Backend
	stop := context.AfterFunc(b.life, func() { cancel(context.Cause(b.life)) })
	b.service.Go(func() {
		defer func() {
			stop()
			cancel(nil)
			<-b.posts
		}()
		if hasDeadline {
			var cancelTimeout context.CancelFunc
			ctx, cancelTimeout = context.WithDeadline(ctx, deadline)
			defer cancelTimeout()
		}
		if _, err := b.do(ctx, c, false); err != nil {
			b.service.Logger().Debug("post failed", "route", c.Route, "error", err)
		}
	})
	x.w.Header().Set("Preference-Applied", "respond-async")
	x.send(answer{status: http.StatusAccepted})
	return nil
}
