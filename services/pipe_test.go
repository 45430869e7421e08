package services_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := serving(t, services.Options{}, graph.Roots{"name": func() string { return "a" }})
		b := serving(t, services.Options{}, graph.Roots{"name": func() string { return "b" }})
		toB, toA, err := services.Pipe(a, b)
		require.NoError(t, err)
		require.Equal(t, toA.ID(), toB.ID())
		require.Equal(t, toA.Token(), toB.Token())
		require.Equal(t, "pipe", toA.Transport())
		for p, want := range map[*services.Peer]string{toB: "b", toA: "a"} {
			v, err := p.Run(t.Context(), "name")
			require.NoError(t, err)
			require.Equal(t, want, v)
		}
		toA.Close(graph.Aborted, "b has had enough")
		<-toB.Done()
		require.EqualError(t, toB.Err(), "unavailable: closed by the other end: b has had enough")
		require.NoError(t, a.Shutdown(t.Context()))
		require.NoError(t, b.Shutdown(t.Context()))
	})
}

// Both ends close while both have much to say: each learns of a reason, at once.
func TestPipeClosedWithFramesInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			a, b := serving(t, services.Options{}, nil), serving(t, services.Options{}, nil)
			toB, toA, err := services.Pipe(a, b)
			require.NoError(t, err)
			began := time.Now()
			for range 100 {
				require.NoError(t, toA.Post(t.Context(), "ping"))
				require.NoError(t, toB.Post(t.Context(), "ping"))
			}
			go toA.Close(graph.Aborted, "enough")
			go toB.Close(graph.Aborted, "enough")
			<-toA.Done()
			<-toB.Done()
			for _, p := range []*services.Peer{toA, toB} {
				require.Contains(t, p.Err().Error(), "enough")
			}
			require.Zero(t, time.Since(began))
			require.NoError(t, a.Shutdown(t.Context()))
			require.NoError(t, b.Shutdown(t.Context()))
		}
	})
}

func TestPipeRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusing := func() *services.Service {
			return serving(t, services.Options{OnConnect: func(*services.Peer) error { return graph.PermissionDenied.Errorf("no") }}, nil)
		}
		closing := func() *services.Service {
			return serving(t, services.Options{OnConnect: func(p *services.Peer) error { p.Close(graph.Aborted, "no"); return nil }}, nil)
		}
		open := func() *services.Service { return serving(t, services.Options{}, nil) }
		began := time.Now()
		for name, ends := range map[string][2]*services.Service{
			"by the client": {refusing(), open()}, "by the server": {open(), refusing()},
			"closed by the client": {closing(), open()}, "closed by the server": {open(), closing()},
		} {
			toB, toA, err := services.Pipe(ends[0], ends[1])
			if err == nil && strings.HasPrefix(name, "closed") { // the session was named before it was closed
				<-toA.Done()
				<-toB.Done()
				err, toA, toB = toB.Err(), nil, nil
			}
			require.ErrorContains(t, err, "no", name)
			require.Nil(t, toB)
			require.Nil(t, toA)
			for _, s := range ends {
				require.NoError(t, s.Shutdown(t.Context()), name)
				require.Empty(t, s.Peers())
			}
		}
		require.Zero(t, time.Since(began))
	})
}

// A graph may stand for another one that is reached through a peer.
func TestPeerAsTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := serving(t, services.Options{}, graph.Roots{"void": func() {}, "list": func() []int { return []int{1, 2} }})
		near := serving(t, services.Options{}, nil)
		toFar, _, err := services.Pipe(near, far)
		require.NoError(t, err)
		defer toFar.Terminate()
		var target graph.Target = toFar
		v, err := services.RunOn(t.Context(), target, "void")
		require.NoError(t, err)
		require.Equal(t, graph.Void{}, v)
		v, err = services.RunOn(t.Context(), target, "list")
		require.NoError(t, err)
		require.Equal(t, []any{1.0, 2.0}, v)
		v, err = services.RunOn(t.Context(), far.Graph(), "list")
		require.NoError(t, err)
		require.Equal(t, []int{1, 2}, v)
		_, err = services.RunOn(context.Background(), target, "nothing")
		require.ErrorIs(t, err, graph.NotFound)
	})
}
