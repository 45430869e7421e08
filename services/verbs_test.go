package services_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

func TestVerbs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		one := func() string {
			t.Helper()
			lines := l.take()
			require.Len(t, lines, 1)
			return lines[0]
		}
		require.NoError(t, p.Post(t.Context(), "note", 1, "x"))
		require.Equal(t, `{"route":"note","args":[1,"x"]}`, one())
		ctx, cancel := context.WithTimeout(services.WithTraceparent(t.Context(), "trace"), 2*time.Second)
		defer cancel()
		require.NoError(t, p.Post(ctx, "note"))
		require.Equal(t, `{"route":"note","meta":{"timeout":2000,"traceparent":"trace"}}`, one())

		results := make(chan string, 1)
		go func() {
			v, err := p.Request(t.Context(), services.Message{Route: "r", Method: "m", Args: raw("[\n1]"), Callback: raw(`"mine"`), Sub: raw(`1`)})
			results <- fmt.Sprint(string(v), err)
		}()
		require.Equal(t, `{"route":"r","args":[1],"method":"m","callbackId":1,"meta":{"timeout":10000}}`, one())
		say(t, p, l, `{"callbackId":1,"args":[9007199254740993]}`)
		require.Equal(t, "[9007199254740993]<nil>", <-results)

		for v, want := range map[any]string{"text": "text", 5: "5", struct{ A int }{1}: `{"A":1}`} {
			require.NoError(t, p.Send(t.Context(), v))
			require.Equal(t, want, one())
		}
		buffer := []byte("bytes")
		release := l.block()
		require.NoError(t, p.Send(t.Context(), "before"))
		synctest.Wait()
		require.NoError(t, p.Send(t.Context(), buffer))
		require.NoError(t, p.Send(t.Context(), raw(string(buffer))))
		copy(buffer, "XXXXX")
		release()
		require.Equal(t, []string{"before", "bytes", "bytes"}, l.take(), "the buffer is the caller's again")

		// What would be another message at the other end.
		for _, m := range []services.Message{{}, {Method: "cancel"}, {Route: "r", Method: "subscribe"}, {Route: "r", Args: raw("{")}} {
			_, err := p.Request(t.Context(), m)
			require.Error(t, err)
		}
		_, err := p.Do(t.Context(), &graph.Call{Route: "r", Method: "subscribe"})
		require.ErrorIs(t, err, graph.InvalidArgument)
		_, err = p.Run(t.Context(), "")
		require.ErrorIs(t, err, graph.NotFound)
		require.ErrorIs(t, p.Post(t.Context(), ""), graph.NotFound)
		// What the other end could not read.
		for _, arg := range []any{func() {}, raw("{"), raw("\"\xff\""), raw(nested(31))} {
			_, err := p.Run(t.Context(), "r", arg)
			require.ErrorIs(t, err, graph.InvalidArgument)
			require.ErrorIs(t, p.Post(t.Context(), "r", arg), graph.InvalidArgument)
			require.Error(t, p.Send(t.Context(), func() {}))
		}
		_, err = p.Subscribe(t.Context(), "r", func(context.Context, graph.Event) {}, graph.Lag{Policy: 99})
		require.ErrorIs(t, err, graph.InvalidArgument)
		require.Empty(t, l.take())

		// A context that has ended sends nothing.
		cancel()
		for _, err := range []error{p.Post(ctx, "note"), second(p.Run(ctx, "r"))} {
			require.ErrorIs(t, err, graph.Canceled)
			require.ErrorIs(t, err, services.ErrNotSent)
		}
		require.Empty(t, l.take())
		require.Zero(t, p.Service().Stats().Pending)
	})
}

func second[T any](_ T, err error) error { return err }

// A cancellation is for the other end; its queue being full must not keep it from getting it.
func TestCancellationIsSentThoughTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{Limits: services.Limits{QueueMessages: 2}}, nil), services.AttachOptions{})
		ctx, cancel := context.WithCancelCause(t.Context())
		results := make(chan error, 1)
		go func() { _, err := p.Run(ctx, "r"); results <- err }()
		require.Len(t, l.take(), 1)
		release := l.block()
		require.NoError(t, p.Send(t.Context(), "a"))
		require.NoError(t, p.Send(t.Context(), "b"))
		cancel(errors.New("reason of this process"))
		err := <-results
		require.ErrorIs(t, err, graph.Canceled)
		require.NotErrorIs(t, err, services.ErrNotSent)
		release()
		require.Equal(t, []string{"a", "b", `{"method":"cancel","callbackId":1}`}, l.take())
	})
}

func TestOnMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan string, 10)
		s := serving(t, services.Options{OnMessage: func(p *services.Peer, data []byte) {
			if strings.HasPrefix(string(data), "panic") {
				panic("hook")
			}
			got <- p.Identity().User + " " + string(data)
		}}, nil)
		p, l := attach(t, s, services.AttachOptions{Identity: services.Identity{User: "ann"}})
		require.Empty(t, say(t, p, l, "panic"))
		require.Empty(t, say(t, p, l, "hello"))
		require.Equal(t, "ann hello", <-got)
		require.Len(t, say(t, p, l, `{"route":"ping","callbackId":1}`), 1)
		require.Empty(t, got)
	})
}
