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

func TestShutdownLetsRoutesFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := newSlow()
		s := serving(t, services.Options{Limits: services.Limits{InFlight: 1}}, graph.Roots{"slow": route.run})
		busy, l := attach(t, s, services.AttachOptions{})
		idle, idleLink := attach(t, s, services.AttachOptions{})
		say(t, busy, l, slowRequest(0), slowRequest(1), `{"route":"slow","args":[2]}`)
		down := make(chan error, 2)
		for range 2 {
			go func() { down <- s.Shutdown(t.Context()) }()
		}
		<-idle.Done()
		require.Equal(t, "closed: unavailable: the service is shutting down", idleLink.closing())
		require.Equal(t, []string{`{"callbackId":3,"error":{"code":"unavailable","message":"the service is shutting down"}}`}, say(t, busy, l, slowRequest(3)))
		require.NoError(t, busy.Deliver([]byte(`{"route":"slow","args":[4]}`)))
		_, err := s.Attach(&tape{done: make(chan struct{})}, services.AttachOptions{})
		require.ErrorIs(t, err, graph.Unavailable)
		require.Empty(t, down)

		route.gate <- struct{}{}
		require.Equal(t, []string{`{"args":0,"callbackId":0}`}, l.take())
		require.NoError(t, busy.Err(), "there is more to run")
		route.gate <- struct{}{}
		route.gate <- struct{}{}
		require.NoError(t, <-down)
		require.NoError(t, <-down)
		require.Equal(t, []string{`{"args":1,"callbackId":1}`}, l.take(), "what was answered is delivered")
		require.Equal(t, "closed: unavailable: the service is shutting down", l.closing())
		require.Empty(t, s.Peers())
		require.NoError(t, s.Shutdown(t.Context()))
	})
}

// A route may wait for an answer of its caller while the service shuts down.
func TestShutdownWaitsForRoutesThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := newSlow()
		s := serving(t, services.Options{}, graph.Roots{"slow": route.run, "ask": func(ctx context.Context) (any, error) {
			p, _ := services.PeerFrom(ctx)
			return p.Run(ctx, "name")
		}})
		p, l := attach(t, s, services.AttachOptions{})
		require.Len(t, say(t, p, l, `{"route":"ask","callbackId":1}`, slowRequest(2)), 1)
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		require.NoError(t, p.Err(), "the peer is still asked")
		route.gate <- struct{}{}
		require.Len(t, l.take(), 1)
		require.NoError(t, p.Err(), "the peer is still asked")
		require.Equal(t, []string{`{"args":"ann","callbackId":1}`}, say(t, p, l, `{"callbackId":1,"args":"ann"}`))
		require.NoError(t, <-down)
	})
}

func TestShutdownGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stubborn := make(chan struct{})
		ended := make(chan error, 1)
		s := serving(t, services.Options{}, graph.Roots{
			"obedient": func(ctx context.Context) error { <-ctx.Done(); ended <- context.Cause(ctx); return ctx.Err() },
			"stubborn": func() { <-stubborn },
		})
		p, l := attach(t, s, services.AttachOptions{})
		say(t, p, l, `{"route":"obedient"}`, `{"route":"stubborn"}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		<-p.Done()
		require.ErrorIs(t, <-ended, graph.Unavailable, "what runs is cancelled")

		again, cancelAgain := context.WithTimeout(t.Context(), time.Second)
		defer cancelAgain()
		require.ErrorIs(t, s.Shutdown(again), context.DeadlineExceeded, "a route that ignores its context is waited for")
		close(stubborn)
		require.NoError(t, s.Shutdown(t.Context()))
	})
}

// A peer that does not take its last messages holds a shutdown up no longer than a write may take.
func TestShutdownWithAStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{Limits: services.Limits{WriteTimeout: time.Second}}, nil)
		p, l := attach(t, s, services.AttachOptions{})
		l.block()
		require.NoError(t, p.Send(t.Context(), "x"))
		began := time.Now()
		require.NoError(t, s.Shutdown(t.Context()))
		require.Equal(t, time.Second, time.Since(began))

		s = serving(t, services.Options{Limits: services.Limits{WriteTimeout: time.Hour}}, nil)
		p, l = attach(t, s, services.AttachOptions{})
		l.block()
		require.NoError(t, p.Send(t.Context(), "x"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
		<-p.Done()
		require.Equal(t, time.Second, time.Since(began), "giving up cuts the link")
	})
}

func TestShutdownWaitsForWhatTransportsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, nil)
		gate := make(chan struct{})
		s.Go(func() { <-gate })
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		require.Empty(t, down)
		close(gate)
		require.NoError(t, <-down)
	})
}
