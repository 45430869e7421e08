package servicestest

import (
	"context"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

func closeChecks() []check {
	both := clientPeer | calledClient
	return []check{
		{name: "close", needs: both | subscriptions, run: func(s *session) {
			checkClose(s, func(p *services.Peer) { p.Close(graph.Aborted, "the check is over") })
		}},
		{name: "terminate", needs: both | subscriptions, run: func(s *session) { checkClose(s, (*services.Peer).Terminate) }},
		{name: "connection lost", needs: both | subscriptions, run: func(s *session) {
			checkClose(s, func(p *services.Peer) { p.Lost(graph.Unavailable.Errorf("cut by the check")) })
		}},
		{name: "close after what was sent", needs: both | subscriptions, run: checkCloseFlushes},
		{name: "close after posts", needs: both, run: checkClosePosts},
		{name: "shutdown lets calls finish", needs: both, run: checkShutdown},
		{name: "connect again", needs: both, oneWay: true, run: checkAgain},
	}
}

// theirs is near as far sees it.
func (s *session) theirs() *services.Peer {
	if s.near == s.server {
		return s.Client
	}
	return s.ToClient
}

// checkClose ends a connection that is in use both ways, from the near end.
func checkClose(s *session, shut func(p *services.Peer)) {
	ours, theirs := s.peer(), s.theirs()
	ctx, _ := s.long()
	var results []<-chan error
	var subs []*graph.Subscription
	for _, way := range []struct {
		to  *services.Peer
		far *end
	}{{ours, s.far}, {theirs, s.near}} {
		results = append(results, background(func() error { _, err := wait.Run(ctx, way.to, "x"); return err }))
		receive(s, "running", way.far.waiting)
		sub, err := counter.Listen(s.patient(), way.to, func(graph.Update[int64]) {})
		require.NoError(s, err)
		subs = append(subs, sub)
	}
	shut(ours)
	s.closed("done at the end that closed", ours.Done())
	s.closed("done at the other end", theirs.Done())
	for _, result := range results {
		require.ErrorIs(s, receive(s, "returned to its caller", result), graph.Unavailable)
	}
	for _, sub := range subs {
		s.closed("ended", sub.Done())
		require.ErrorIs(s, sub.Err(), graph.Unavailable)
	}
	for _, e := range []*end{s.near, s.far} {
		require.Error(s, receive(s, "cancelled", e.released))
		s.until("without watchers", func() bool { return e.watched.Load() == 0 })
		s.until("without peers", func() bool { return len(e.service.Peers()) == 0 })
	}
	for _, p := range []*services.Peer{ours, theirs} {
		require.Error(s, p.Err())
		_, err := add.Run(s.patient(), p, sum{})
		require.ErrorIs(s, err, graph.Unavailable)
		require.ErrorIs(s, err, services.ErrNotSent)
	}
}

// checkCloseFlushes closes a connection right after a burst: what was sent before arrives.
func checkCloseFlushes(s *session) {
	var got record[int]
	ended := make(chan []int, 1)
	sub, err := s.to.Do(s.patient(), &graph.Call{
		Verb: graph.VerbSubscribe, Route: string(tick), Watch: graph.WatchOptions{Tap: true},
		Deliver: func(_ context.Context, e graph.Event) {
			if n, err := graph.As[int](e.Value); err == nil {
				got.add(n)
			}
		},
	})
	require.NoError(s, err)
	sub.(*graph.Subscription).OnEnd(func(error) { ended <- got.all() })
	for i := range 100 {
		_, err := tick.Run(s.patient(), s.far.graph, i)
		require.NoError(s, err)
	}
	s.theirs().Close(graph.Aborted, "enough")
	require.Equal(s, numbers(100), receive(s, "ended", ended))
	s.closed("done", s.peer().Done())
}

// checkClosePosts posts and closes right away: for who posted, that was delivered.
func checkClosePosts(s *session) {
	for i := range 200 {
		require.NoError(s, note.Post(s.patient(), s.to, i))
	}
	s.peer().Close(graph.Aborted, "enough")
	s.closed("done", s.theirs().Done())
	s.until("run", func() bool { return s.far.notes.len() == 200 })
	require.Equal(s, numbers(200), slices.Sorted(slices.Values(s.far.notes.all())))
}

// checkShutdown shuts the far end down while it runs a call: the call is answered, then the connection closed.
func checkShutdown(s *session) {
	ctx, _ := s.long()
	result := background(func() error { _, err := wait.Run(ctx, s.to, "x"); return err })
	receive(s, "running", s.far.waiting)
	down := background(func() error { return s.far.service.Shutdown(ctx) })
	s.until("refusing calls", func() bool {
		_, err := add.Run(s.patient(), s.to, sum{})
		return graph.CodeOf(err) == graph.Unavailable
	})
	s.far.free()
	require.NoError(s, receive(s, "answered", result), "the call that ran")
	require.NoError(s, receive(s, "shut down", down))
	s.closed("done", s.peer().Done())
}

// checkAgain connects and closes in turn; findLeaks sees what each leaves behind.
func checkAgain(s *session) {
	for i := range 10 {
		_, c := s.neighbour()
		require.NotEmpty(s, c.Client.ID())
		require.Equal(s, c.ToClient.ID(), c.Client.ID(), "both ends know the session by one id")
		require.NotEqual(s, s.Client.ID(), c.Client.ID())
		_, err := add.Run(s.patient(), c.ToServer, sum{})
		require.NoError(s, err)
		if i%2 == 0 {
			c.Client.Terminate()
		} else {
			c.ToClient.Terminate()
		}
		s.closed("done", c.Client.Done())
		s.closed("done", c.ToClient.Done())
	}
	_, err := add.Run(s.patient(), s.to, sum{})
	require.NoError(s, err)
}
