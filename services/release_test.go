package services_test

import (
	"context"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// What a service remembers of a peer that is gone, however long its identity would have lasted, is nothing.
func TestPeerThatIsGoneIsLetGo(t *testing.T) {
	s := serving(t, services.Options{}, graph.Roots{"state": 1})
	var set services.PeerSet
	gone := func() weak.Pointer[services.Peer] {
		l := &tape{done: make(chan struct{})}
		p, err := s.Attach(l, services.AttachOptions{Identity: services.Identity{Expires: time.Now().Add(24 * time.Hour)}})
		require.NoError(t, err)
		set.Add(p)
		s.Go(func() { _ = p.Serve(context.Background()) })
		require.NoError(t, p.Deliver([]byte(`{"route":"state","method":"subscribe","callbackId":1}`)))
		require.NoError(t, p.Deliver([]byte(`{"route":"state","callbackId":2}`)))
		p.Terminate()
		<-p.Done()
		return weak.Make(p)
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		return gone.Value() == nil
	}, 10*time.Second, time.Millisecond)
	require.Zero(t, s.Stats())
	require.NoError(t, s.Shutdown(t.Context()))
}
