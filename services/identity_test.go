package services_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

func TestPeerKnowsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, nil)
		id := services.Identity{User: "ann", Claims: 7}
		p, _ := attach(t, s, services.AttachOptions{Transport: "tape", Identity: id})
		require.Equal(t, "tape", p.Transport())
		require.Equal(t, id, p.Identity())
		require.Same(t, s, p.Service())
		require.Same(t, p, s.Peer(p.ID()))
		require.NoError(t, p.Err())
		require.NoError(t, p.Context().Err())
		<-p.Ready()
		other, _ := attach(t, s, services.AttachOptions{})
		require.NotEqual(t, p.ID(), other.ID())
		require.NotEqual(t, p.Token(), other.Token())
		require.Len(t, p.Token(), 22, "128 bits in base64")
		require.NotContains(t, p.ID(), p.Token())
	})
}

func TestClientIsToldItsIDOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{Client: true})
		require.Empty(t, p.ID())
		say(t, p, l, `{"route":"setId","args":""}`, `{"route":"setId","args":5}`, `{"route":"setId"}`)
		select {
		case <-p.Ready():
			t.Fatal("these are no ids")
		default:
		}
		say(t, p, l, `{"route":"setId","args":"one","meta":{"token":"secret"}}`)
		<-p.Ready()
		require.Empty(t, say(t, p, l, `{"route":"setId","args":"two","meta":{"token":"other"}}`))
		require.Equal(t, "one", p.ID())
		require.Equal(t, "secret", p.Token())
	})
}

func TestIdentityExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, graph.Roots{"state": 1})
		p, l := attach(t, s, services.AttachOptions{Identity: services.Identity{User: "ann", Expires: time.Now().Add(time.Minute)}})
		require.Len(t, say(t, p, l, `{"route":"state","method":"subscribe","callbackId":1}`), 1)
		<-time.After(time.Minute - 1)
		synctest.Wait()
		require.NoError(t, p.Err())
		<-time.After(1)
		<-p.Done()
		require.ErrorIs(t, p.Err(), graph.Unauthenticated)
		require.Equal(t, "closed: unauthenticated: the identity has expired", l.closing())
		require.NoError(t, s.Graph().Get("state").Set("", 2))
		require.Empty(t, l.take(), "nothing is delivered to it any more")

		_, err := s.Attach(&tape{done: make(chan struct{})}, services.AttachOptions{Identity: services.Identity{Expires: time.Now()}})
		require.ErrorIs(t, err, graph.Unauthenticated)

		// One that is closed before does not come to life again, or to an end twice.
		p, l = attach(t, s, services.AttachOptions{Identity: services.Identity{Expires: time.Now().Add(time.Minute)}})
		p.Terminate()
		<-p.Done()
		<-time.After(2 * time.Minute)
		require.ErrorIs(t, p.Err(), graph.Canceled)
		require.Contains(t, l.closing(), "terminated")
	})
}

func TestIdentityOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inner *services.Service
		who := func(ctx context.Context) string { return services.IdentityFrom(ctx).User }
		inner = serving(t, services.Options{}, graph.Roots{"who": who})
		s := serving(t, services.Options{}, graph.Roots{
			"who": who,
			"as": func(ctx context.Context, user string) (any, error) { // on behalf of somebody else
				return inner.Do(services.WithIdentity(ctx, services.Identity{User: user}), &graph.Call{Route: "who"})
			},
			"same": func(ctx context.Context) (any, error) { return inner.Do(ctx, &graph.Call{Route: "who"}) },
		})
		p, l := attach(t, s, services.AttachOptions{Identity: services.Identity{User: "ann"}})
		require.Equal(t, []string{`{"args":"ann","callbackId":1}`}, say(t, p, l, `{"route":"who","callbackId":1}`))
		require.Equal(t, []string{`{"args":"bob","callbackId":2}`}, say(t, p, l, `{"route":"as","args":"bob","callbackId":2}`))
		require.Equal(t, []string{`{"args":"ann","callbackId":3}`}, say(t, p, l, `{"route":"same","callbackId":3}`))
		require.Zero(t, services.IdentityFrom(t.Context()))
		_, ok := services.PeerFrom(t.Context())
		require.False(t, ok)
		require.Empty(t, services.Traceparent(t.Context()))
		require.Equal(t, t.Context(), services.WithTraceparent(t.Context(), ""))
	})
}
