package servicestest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func lagChecks() []check {
	all := []check{{name: "lag/disconnect", needs: subscriptions, run: checkLagDisconnect}}
	for _, c := range []struct {
		lag  graph.Lag
		kept []int // of 0 to 100, where the callback holds on to 0
	}{
		{graph.Lag{Policy: graph.Conflate}, []int{0, 100}},
		{graph.Lag{Policy: graph.DropOldest, Size: 4}, []int{0, 97, 98, 99, 100}},
		{graph.Lag{Policy: graph.DropNewest, Size: 4}, []int{0, 1, 2, 3, 4}},
		{graph.Lag{Policy: graph.Block, Size: 4, Wait: time.Millisecond}, []int{0, 1, 2, 3, 4}},
	} {
		all = append(all, check{
			name: "lag/" + c.lag.Policy.String(), needs: subscriptions,
			run: func(s *session) { checkLag(s, c.lag, c.kept) },
		})
	}
	return all
}

// checkLag looks at what a slow subscriber gets and is told to have lost: nothing is lost in silence.
func checkLag(s *session, lag graph.Lag, kept []int) {
	const last = 1000
	var got record[int]
	var lost record[int]
	begun, gate := make(chan struct{}), make(chan struct{})
	sub, err := tick.Listen(s.patient(), s.to, func(u graph.Update[int]) {
		got.add(u.Value)
		lost.add(int(u.Lost))
		if u.Value == 0 {
			close(begun)
			<-gate
		}
	}, lag)
	require.NoError(s, err)
	defer sub.Stop()
	publish := func(n int) {
		_, err := tick.Run(s.patient(), s.far.graph, n)
		require.NoError(s, err)
	}
	publish(0)
	s.closed("told of the first update", begun)
	for i := range 100 {
		publish(i + 1)
	}
	_, err = add.Run(s.patient(), s.to, sum{}) // when it is answered the updates have arrived
	require.NoError(s, err)
	close(gate)
	s.until("told of what was kept", func() bool { return got.len() >= len(kept) })
	publish(last)
	s.until("told of the last update", func() bool { return got.len() > len(kept) })
	require.Equal(s, append(kept, last), got.all())
	total := got.len()
	for _, n := range lost.all() {
		total += n
	}
	require.Equal(s, 102, total, "what was received and what was lost is what was published; lost: %v", lost.all())
}

// checkLagDisconnect lets the subscriber fall behind, not the connection: see checkStalledDisconnect.
func checkLagDisconnect(s *session) {
	gate := make(chan struct{})
	sub, err := tick.Listen(s.patient(), s.to, func(graph.Update[int]) { <-gate }, graph.Lag{Policy: graph.Disconnect, Size: 2})
	require.NoError(s, err)
	for i := range 10 {
		_, err := tick.Run(s.patient(), s.far.graph, i)
		require.NoError(s, err)
		_, err = add.Run(s.patient(), s.to, sum{}) // one at a time, so that the far end is never behind
		require.NoError(s, err)
	}
	s.until("stopped at the far end", func() bool { return s.far.watched.Load() == 0 })
	close(gate)
	s.closed("ended", sub.Done())
	require.ErrorIs(s, sub.Err(), graph.ResourceExhausted)
}

func stopChecks() []check {
	return []check{
		{name: "stop reaches the publisher", needs: subscriptions, run: checkStop},
		{name: "the publisher's end is told", needs: subscriptions, run: checkPublisherEnds},
	}
}

func checkStop(s *session) {
	idle := func() bool { return s.far.watched.Load() == 0 }
	for _, route := range []string{string(tick), string(counter)} {
		sub, err := graph.Subscribe(s.patient(), s.to, route, func(context.Context, graph.Event) {})
		require.NoError(s, err)
		require.EqualValues(s, 1, s.far.watched.Load())
		sub.Stop()
		s.until("stopped at the far end", idle)
		s.closed("stopped", sub.Done())
		require.NoError(s, sub.Err())
	}
	// A loop that is left.
	for _, err := range counter.Watch(s.patient(), s.to) {
		require.NoError(s, err)
		break
	}
	s.until("stopped at the far end", idle)
	// A loop whose context ends.
	ctx, cancel := s.long()
	for _, err := range counter.Watch(ctx, s.to) {
		if err != nil {
			require.ErrorIs(s, err, context.Canceled)
		}
		cancel()
	}
	s.until("stopped at the far end", idle)
	// From inside the callback.
	stopped := make(chan struct{})
	subs := make(chan *graph.Subscription, 1)
	sub, err := tick.Listen(s.patient(), s.to, func(graph.Update[int]) {
		(<-subs).Stop()
		close(stopped)
	})
	require.NoError(s, err)
	subs <- sub
	_, err = tick.Run(s.patient(), s.to, 1)
	require.NoError(s, err)
	s.closed("stopped by the callback", stopped)
	s.until("stopped at the far end", idle)
}

// checkPublisherEnds takes the route away: the subscriber learns it after the last update, and where it is told it can use
// the connection.
func checkPublisherEnds(s *session) {
	var got record[int]
	sub, err := tick.Listen(s.patient(), s.to, func(u graph.Update[int]) { got.add(u.Value) })
	require.NoError(s, err)
	type end struct {
		reason error
		called error
		before []int
	}
	ended := make(chan end, 1)
	ctx := s.patient()
	sub.OnEnd(func(reason error) {
		before := got.all()
		_, err := add.Run(ctx, s.to, sum{1, 1})
		ended <- end{reason, err, before}
	})
	for i := range 10 {
		_, err := tick.Run(s.patient(), s.far.graph, i)
		require.NoError(s, err)
	}
	require.True(s, s.far.graph.Remove(string(tick)))
	e := receive(s, "told of the end", ended)
	require.ErrorIs(s, e.reason, graph.NotFound)
	require.NoError(s, e.called, "a call made where the end is told")
	require.Equal(s, numbers(10), e.before, "the end comes after the last update")
	require.ErrorIs(s, sub.Err(), graph.NotFound)
	require.Zero(s, s.far.watched.Load())
}
