package services_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// The conversations with graphscript clients are in testdata/wire; here is what they cannot show.

func TestGraphscriptSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, nil)
		own, _ := attach(t, s, services.AttachOptions{})
		require.False(t, own.IsGraphscript())
		require.True(t, own.IDIsSecret())
		named, _ := attach(t, s, services.AttachOptions{Graphscript: &services.Graphscript{ID: "ws://own.example"}})
		require.True(t, named.IsGraphscript())
		require.Equal(t, "ws://own.example", named.ID())
		require.False(t, named.IDIsSecret())
		second, _ := attach(t, s, services.AttachOptions{Graphscript: &services.Graphscript{ID: "ws://own.example"}})
		require.NotEqual(t, named.ID(), second.ID(), "nobody takes another one's id")
		require.True(t, second.IDIsSecret())
	})
}

// Clients subscribe their callbacks one after the other without waiting. They share one watch, also while that is being made.
func TestListenersOfOneRouteMayComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		made := 0
		fails := true
		s := relay(t, func(context.Context, *graph.Call) (any, error) {
			<-gate
			if made++; fails {
				return nil, graph.Aborted.Errorf("not yet")
			}
			return graph.NewSubscription(nil), nil
		})
		p, l := attach(t, s, services.AttachOptions{Graphscript: &services.Graphscript{}})
		var asks []string
		for i := range 5 {
			asks = append(asks, fmt.Sprintf(`{"route":"subscribeSocket","args":["far"],"callbackId":%d}`, i))
		}
		require.Empty(t, say(t, p, l, asks...))
		gate <- struct{}{}
		for _, line := range l.take() {
			require.Contains(t, line, "not yet", "who shares a watch shares its failure")
		}
		require.Equal(t, 1, made)
		fails = false
		require.Empty(t, say(t, p, l, asks...))
		gate <- struct{}{}
		numbers := map[string]bool{}
		for _, line := range l.take() {
			m, err := services.Decode([]byte(line))
			require.NoError(t, err)
			require.Nil(t, m.Error)
			numbers[string(m.Args)] = true
		}
		require.Len(t, numbers, 5, "each has a number of its own")
		require.Equal(t, 2, made, "and all of them one watch")
		require.Equal(t, 1, s.Stats().Subscriptions)

		// One that gives up does not take the others along.
		require.Empty(t, say(t, p, l, `{"route":"subscribeSocket","args":["far","",null,null,true],"callbackId":1}`))
		require.Empty(t, say(t, p, l, `{"route":"subscribeSocket","args":["far","",null,null,true],"callbackId":2}`))
		require.Len(t, say(t, p, l, `{"method":"cancel","callbackId":2}`), 1)
		gate <- struct{}{}
		require.Len(t, l.take(), 1)
		require.Equal(t, 2, s.Stats().Subscriptions)
	})
}

func TestListenersEndOnlyByTheirNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, graph.Roots{"state": 1})
		p, l := attach(t, s, services.AttachOptions{Graphscript: &services.Graphscript{}})
		number := func() string {
			t.Helper()
			v, err := p.GraphscriptVerb(t.Context(), &services.Message{Route: "subscribeSSE", Args: raw(`["state"]`)})
			require.NoError(t, err)
			return string(v)
		}
		first, second := number(), number()
		for _, args := range []string{`["state"]`, `["state",null]`, `["state",0]`, `["state",1]`, `["state","` + first + `"]`, `{}`, ``} {
			require.False(t, p.DropListener(&services.Message{Args: raw(args)}), args)
		}
		require.True(t, p.DropListener(&services.Message{Args: raw(`["whatever",` + first + `]`)}))
		require.False(t, p.DropListener(&services.Message{Args: raw(`["whatever",` + first + `]`)}))
		require.Equal(t, 1, s.Stats().Subscriptions)
		require.NoError(t, s.Graph().Get("state").Set("", 2))
		require.Equal(t, []string{`{"args":2,"callbackId":"state"}`}, l.take())
		require.True(t, p.DropListener(&services.Message{Args: raw(`["",` + second + `]`)}))
		require.Zero(t, s.Stats().Subscriptions)
		_, err := p.GraphscriptVerb(t.Context(), &services.Message{Route: "subscribeSSE"})
		require.ErrorIs(t, err, graph.InvalidArgument)
	})
}

func TestGraphscriptClientIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{Graphscript: &services.Graphscript{}})
		var got []string
		gate := make(chan struct{})
		results := make(chan *graph.Subscription, 1)
		go func() {
			v, err := p.Do(t.Context(), &graph.Call{
				Verb: graph.VerbSubscribe, Route: "tick",
				Watch: graph.WatchOptions{Key: "k", Input: true, Lag: graph.Lag{Policy: graph.Disconnect, Size: 1}},
				Deliver: func(_ context.Context, e graph.Event) {
					got = append(got, string(e.Value.(json.RawMessage)))
					<-gate
				},
			})
			if err == nil {
				results <- v.(*graph.Subscription)
			}
		}()
		lines := l.take()
		require.Len(t, lines, 1)
		require.Contains(t, lines[0], `"args":["tick","",null,"k",true]`)
		ask, err := services.Decode([]byte(lines[0]))
		require.NoError(t, err)
		var args []json.RawMessage
		require.NoError(t, json.Unmarshal(ask.Args, &args))
		say(t, p, l, `{"args":3,"callbackId":`+string(args[2])+`}`)
		sub := <-results
		lines = nil
		for range 3 {
			lines = append(lines, say(t, p, l, `{"args":[1],"callbackId":"tick"}`)...)
		}
		require.Len(t, lines, 1, "the client is told that nobody listens any more")
		require.Contains(t, lines[0], `"args":["tick",3]`)
		close(gate)
		<-sub.Done()
		require.ErrorIs(t, sub.Err(), graph.ResourceExhausted)
		require.Equal(t, []string{"[1]", "[1]"}, got)
	})
}
