package services_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// What cannot be encoded is not sent, and counts as lost.
func TestUpdateThatCannotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, graph.Roots{"tick": func(v any) any { return v }})
		p, l := attach(t, s, services.AttachOptions{})
		say(t, p, l, `{"route":"tick","method":"subscribe","callbackId":1}`)
		for _, v := range []any{1, math.NaN(), raw("{"), raw(nested(32)), "<", raw("[\n1]")} {
			_, err := s.Graph().Run(t.Context(), "tick", v)
			require.NoError(t, err)
		}
		require.Equal(t, []string{`{"sub":1,"args":1}`, `{"sub":1,"args":"\u003c","lost":3}`, `{"sub":1,"args":[1]}`}, l.take())
		require.NoError(t, p.Err())
	})
}

// explosive is a value that panics when it is encoded.
type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic("s3cr3t") }

func TestUpdateThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, graph.Roots{"tick": func(v any) any { return v }})
		links := watchers(t, s, 3, `{"route":"tick","method":"subscribe","callbackId":1}`)
		for _, v := range []any{explosive{}, json.RawMessage(nil), 2} {
			_, err := s.Graph().Run(t.Context(), "tick", v)
			require.NoError(t, err)
		}
		for _, l := range links {
			require.Equal(t, []string{`{"sub":1,"lost":1}`, `{"sub":1,"args":2}`}, l.take(), "lost for all, and not in silence")
		}
		// As a result it is a failure of the route.
		p, l := attach(t, s, services.AttachOptions{})
		s.Graph().Remove("tick")
		_, err := s.Graph().Add("boom", func() any { return explosive{} })
		require.NoError(t, err)
		answer := say(t, p, l, `{"route":"boom","callbackId":1}`)
		require.Len(t, answer, 1)
		require.Contains(t, answer[0], `"code":"internal"`)
		require.NotContains(t, answer[0], "s3cr3t")
	})
}

// relay is a graph whose routes are somebody else's: what it answers is decided by the test.
func relay(t *testing.T, s graph.Handler) *services.Service {
	t.Helper()
	service := serving(t, services.Options{}, graph.Roots{"far": 1})
	service.Graph().Use(func(graph.Handler) graph.Handler { return s })
	return service
}

// What a subscription ends with reaches the other end after its last update, whatever the policy makes of a full queue.
func TestEndOfAWatchIsTold(t *testing.T) {
	for _, c := range []struct {
		lag    string
		reason error
		want   []string
	}{
		{`{"policy":"conflate"}`, graph.Aborted.Errorf("over"), []string{`{"sub":1,"args":0}`, `{"sub":1,"args":3,"lost":2}`, `{"sub":1,"error":{"code":"aborted","message":"over"}}`}},
		{`{"policy":"dropNewest","size":1}`, graph.NotFound, []string{`{"sub":1,"args":0}`, `{"sub":1,"args":1}`, `{"sub":1,"error":{"code":"not_found"}}`}},
		{`{"policy":"block","size":1}`, nil, []string{`{"sub":1,"args":0}`, `{"sub":1,"args":1}`, `{"sub":1,"error":{"code":"canceled","message":"the subscription was stopped"}}`}},
		{`{"policy":"disconnect","size":3}`, context.Canceled, []string{`{"sub":1,"args":0}`, `{"sub":1,"args":1}`, `{"sub":1,"args":2}`, `{"sub":1,"args":3}`, `{"sub":1,"error":{"code":"canceled"}}`}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var deliver graph.Deliver
			sub := graph.NewSubscription(nil)
			s := relay(t, func(_ context.Context, c *graph.Call) (any, error) { deliver = c.Deliver; return sub, nil })
			p, l := attach(t, s, services.AttachOptions{})
			require.Len(t, say(t, p, l, `{"route":"far","method":"subscribe","callbackId":1,"args":{"lag":`+c.lag+`}}`), 1)
			release := l.block()
			deliver(t.Context(), graph.Event{Value: 0})
			synctest.Wait()
			for i := range 3 {
				deliver(t.Context(), graph.Event{Value: i + 1})
			}
			sub.End(c.reason)
			deliver(t.Context(), graph.Event{Value: "too late"})
			release()
			require.Equal(t, c.want, l.take())
			require.Zero(t, s.Stats().Subscriptions)
			require.Empty(t, say(t, p, l, `{"method":"cancel","callbackId":1}`))
		})
	}
}

// A watch whose end and whose cancellation cross must leave one that has its callback by then alone.
func TestEndThatCrossesACancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var subs []*graph.Subscription
		hold := make(chan struct{})
		s := relay(t, func(_ context.Context, c *graph.Call) (any, error) {
			sub := graph.NewSubscription(nil)
			if len(subs) == 0 {
				sub.OnEnd(func(error) { <-hold }) // before the watch hears of it
			}
			subs = append(subs, sub)
			return sub, nil
		})
		p, l := attach(t, s, services.AttachOptions{})
		const ask = `{"route":"far","method":"subscribe","callbackId":1}`
		say(t, p, l, ask)
		go subs[0].End(errors.New("gone"))
		synctest.Wait()
		say(t, p, l, `{"method":"cancel","callbackId":1}`)
		require.Equal(t, []string{`{"args":true,"callbackId":1}`}, say(t, p, l, ask))
		close(hold)
		require.Empty(t, l.take())
		require.Equal(t, 1, s.Stats().Subscriptions)
		say(t, p, l, `{"method":"cancel","callbackId":1}`)
		<-subs[1].Done()
	})
}

// Hooks of the application that hear of a subscription's end may use the peer and wait for its end: they do not run where it is
// read or written.
func TestEndOfAWatchIsHeardBesideReaderAndWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan error, 2)
		var p *services.Peer
		s := relay(t, func(context.Context, *graph.Call) (any, error) {
			sub := graph.NewSubscription(nil)
			sub.OnEnd(func(error) {
				if p.Err() != nil {
					<-p.Done()
				}
				asked <- second(p.Run(context.Background(), "ask"))
			})
			return sub, nil
		})
		p, l := attach(t, s, services.AttachOptions{})
		say(t, p, l, `{"route":"far","method":"subscribe","callbackId":1}`, `{"route":"far","method":"subscribe","callbackId":2}`)
		say(t, p, l, `{"method":"cancel","callbackId":1}`)
		say(t, p, l, `{"callbackId":1}`)
		require.NoError(t, <-asked)
		p.Terminate()
		<-p.Done()
		require.ErrorIs(t, <-asked, graph.Unavailable)
	})
}

// A subscription that is cancelled while it is being made ends when it is there.
func TestCancelWhileSubscribing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := graph.NewSubscription(nil)
		gate := make(chan struct{})
		s := relay(t, func(context.Context, *graph.Call) (any, error) { <-gate; return sub, nil })
		p, l := attach(t, s, services.AttachOptions{})
		say(t, p, l, `{"route":"far","method":"subscribe","callbackId":1}`)
		say(t, p, l, `{"method":"cancel","callbackId":1}`)
		require.Zero(t, s.Stats().Subscriptions)
		close(gate)
		<-sub.Done()
		require.NoError(t, sub.Err())

		// And one that is being made when the peer goes.
		sub = graph.NewSubscription(nil)
		gate = make(chan struct{})
		say(t, p, l, `{"route":"far","method":"subscribe","callbackId":2}`)
		p.Terminate()
		<-p.Done()
		close(gate)
		<-sub.Done()
	})
}

func TestSubscribeThatGivesNoSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := relay(t, func(context.Context, *graph.Call) (any, error) { return 7, nil })
		p, l := attach(t, s, services.AttachOptions{})
		lines := say(t, p, l, `{"route":"far","method":"subscribe","callbackId":1}`)
		require.Equal(t, []string{`{"callbackId":1,"error":{"code":"internal","message":"subscribe gave no subscription"}}`}, lines)
		require.Zero(t, s.Stats().Subscriptions)
	})
}

// The other way round, a peer that falls behind in what it wanted whole is closed: it may come back and resume.
func TestPeerThatFallsBehindIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, graph.Roots{"state": 0, "void": func() {}})
		p, l := attach(t, s, services.AttachOptions{})
		say(t, p, l, `{"route":"state","method":"subscribe","callbackId":1,"args":{"lag":{"policy":"disconnect","size":2}}}`)
		l.block()
		for i := range 10 {
			require.NoError(t, s.Graph().Get("state").Set("", i))
			synctest.Wait()
		}
		<-p.Done()
		require.ErrorIs(t, p.Err(), graph.ResourceExhausted)
		require.Contains(t, l.closing(), "fell behind")
	})
}

// No value stays no value on its way through a graph that passes on what a peer sends.
func TestUpdateWithoutAValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var deliver graph.Deliver
		s := relay(t, func(_ context.Context, c *graph.Call) (any, error) {
			deliver = c.Deliver
			return graph.NewSubscription(nil), nil
		})
		p, l := attach(t, s, services.AttachOptions{})
		say(t, p, l, `{"route":"far","method":"subscribe","callbackId":1}`)
		deliver(t.Context(), graph.Event{Value: graph.Void{}})
		deliver(t.Context(), graph.Event{Value: nil})
		require.Equal(t, []string{`{"sub":1}`, `{"sub":1,"args":null}`}, l.take())

		var got []graph.Event
		subscribe(t, p, l, "state", func(_ context.Context, e graph.Event) { got = append(got, e) })
		say(t, p, l, `{"sub":"state"}`, `{"sub":"state","args":null}`)
		require.Equal(t, []graph.Event{{Value: graph.Void{}}, {Value: raw("null")}}, got)
	})
}
