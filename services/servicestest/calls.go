package servicestest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// callChecks are the table of contracts: each verb, both ways.
func callChecks() []check {
	return []check{
		{name: "run", run: checkRun},
		{name: "post", run: checkPost},
		{name: "subscribe to a function", needs: subscriptions, run: checkSubscribeFunc},
		{name: "subscribe to state", needs: subscriptions, run: checkSubscribeState},
		{name: "subscribe to what is missing", needs: subscriptions, run: checkSubscribeMissing},
		{name: "cancel", run: checkCancel},
		{name: "deadline", run: checkDeadline},
		{name: "trace context", run: checkTrace},
		{name: "calls do not wait for each other", run: checkConcurrent},
		{name: "many at once", run: checkMany},
	}
}

func checkRun(s *session) {
	got, err := add.Run(s.patient(), s.to, sum{2, 3})
	require.NoError(s, err)
	require.EqualValues(s, 5, got)

	positional, err := graph.Run(s.patient(), s.to, string(add), 40, 2)
	require.NoError(s, err)
	got, err = graph.As[int64](positional)
	require.NoError(s, err)
	require.EqualValues(s, 42, got)

	s.far.counter.Set(7)
	got, err = counter.Get(s.patient(), s.to)
	require.NoError(s, err)
	require.EqualValues(s, 7, got)

	_, err = graph.Run(s.patient(), s.to, string(add), "two", 3)
	require.ErrorIs(s, err, graph.InvalidArgument)
}

func checkPost(s *session) {
	require.NoError(s, note.Post(s.patient(), s.to, 1))
	s.until("the post arrived", func() bool { return s.far.notes.len() == 1 })
	// What fails at the other end is no error of a post.
	require.NoError(s, graph.Post(s.patient(), s.to, "suite.nothing", 1))
	_, err := add.Run(s.patient(), s.to, sum{1, 1})
	require.NoError(s, err)
	require.Equal(s, []int{1}, s.far.notes.all())
}

func checkSubscribeFunc(s *session) {
	results := make(chan graph.Update[int], 10)
	sub, err := tick.Listen(s.patient(), s.to, func(u graph.Update[int]) { results <- u })
	require.NoError(s, err)
	defer sub.Stop()
	_, err = tick.Run(s.patient(), s.far.graph, 1)
	require.NoError(s, err)
	_, err = tick.Run(s.patient(), s.to, 2)
	require.NoError(s, err)
	require.Equal(s, graph.Update[int]{Value: 1}, receive(s, "told of a run at the far end", results))
	require.Equal(s, graph.Update[int]{Value: 2}, receive(s, "told of a run of our own", results))
}

func checkSubscribeState(s *session) {
	s.far.counter.Set(10)
	var got []graph.Update[int64]
	for u, err := range counter.Watch(s.patient(), s.to) {
		require.NoError(s, err)
		got = append(got, u)
		if u.Value == 13 {
			break
		}
		s.far.counter.Set(u.Value + 1)
	}
	require.Equal(s, []graph.Update[int64]{{Value: 10, Snapshot: true}, {Value: 11}, {Value: 12}, {Value: 13}}, got)

	// A watch that was left takes nothing along into the next one: it begins with the snapshot again.
	for range 5 {
		for u, err := range counter.Watch(s.patient(), s.to) {
			require.NoError(s, err)
			require.True(s, u.Snapshot, "the first update is %+v", u)
			break
		}
		s.far.counter.Set(0)
	}
}

func checkSubscribeMissing(s *session) {
	_, err := graph.Subscribe(s.patient(), s.to, "suite.nothing", func(context.Context, graph.Event) {})
	require.ErrorIs(s, err, graph.NotFound)
	require.Zero(s, s.far.watched.Load())
}

func checkCancel(s *session) {
	ctx, cancel := s.long()
	result := background(func() error { _, err := wait.Run(ctx, s.to, "x"); return err })
	receive(s, "running", s.far.waiting)
	cancel()
	require.ErrorIs(s, receive(s, "returned to a caller that gave up", result), graph.Canceled)
	require.Error(s, receive(s, "cancelled at the far end", s.far.released))
}

func checkDeadline(s *session) {
	ctx, _ := s.long()
	left, err := budget.Run(ctx, s.to, graph.Void{})
	require.NoError(s, err)
	require.Greater(s, left, int64(59*60*1000), "the far end is told less time than there is")
	require.LessOrEqual(s, left, int64(60*60*1000), "the far end is told more time than there is")

	short, cancel := context.WithTimeout(s.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = wait.Run(short, s.to, "x")
	require.ErrorIs(s, err, graph.DeadlineExceeded)
	receive(s, "running", s.far.waiting)
	require.Error(s, receive(s, "out of time at the far end", s.far.released))
}

func checkTrace(s *session) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	got, err := trace.Run(services.WithTraceparent(s.patient(), parent), s.to, graph.Void{})
	require.NoError(s, err)
	require.Equal(s, parent, got)
}

func checkConcurrent(s *session) {
	ctx, _ := s.long()
	slow := background(func() error { _, err := wait.Run(ctx, s.to, "slow"); return err })
	receive(s, "running", s.far.waiting)
	for range 10 {
		_, err := add.Run(s.patient(), s.to, sum{1, 1})
		require.NoError(s, err)
	}
	s.far.free()
	require.NoError(s, receive(s, "answered", slow))
}

// checkMany makes more calls at once than may run, and less than may run and wait.
func checkMany(s *session) {
	ctx := s.patient()
	const calls = 200
	results := make(chan error, calls)
	for i := range int64(calls) {
		go func() {
			got, err := add.Run(ctx, s.to, sum{i, i})
			if err == nil && got != 2*i {
				err = graph.DataLoss.Errorf("%d and %d are %d", i, i, got)
			}
			results <- err
		}()
	}
	for range calls {
		require.NoError(s, receive(s, "answered", results))
	}
}
