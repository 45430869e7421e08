package servicestest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// many is how many numbered messages the checks of order send.
const many = 1000

func orderChecks() []check {
	oneAtATime := func(o *services.Options) { o.Limits.InFlight, o.Limits.Backlog = 1, 2*many }
	roomy := func(o *services.Options) { o.Limits.QueueMessages = 2 * many }
	return []check{
		{name: "order of posts", needs: clientPeer, tune: oneAtATime, run: checkPostOrder},
		{name: "order of updates", needs: subscriptions, tune: roomy, run: checkUpdateOrder},
		{name: "update before reply", needs: subscriptions | clientPeer, run: checkUpdateBeforeReply},
	}
}

// numbers returns 0 to n-1.
func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// checkPostOrder makes the far end run one route at a time, as posts that run side by side have no order to see.
func checkPostOrder(s *session) {
	for i := range many {
		require.NoError(s, note.Post(s.patient(), s.to, i))
	}
	_, err := add.Run(s.patient(), s.to, sum{})
	require.NoError(s, err)
	require.Equal(s, numbers(many), s.far.notes.all(), "each post once, in the order they were sent")
}

func checkUpdateOrder(s *session) {
	var got record[int]
	done := make(chan struct{})
	lag := graph.Lag{Policy: graph.DropOldest, Size: 2 * many}
	sub, err := tick.Listen(s.patient(), s.to, func(u graph.Update[int]) {
		if u.Lost > 0 {
			got.add(-int(u.Lost))
		}
		if u.Value == many {
			close(done)
			return
		}
		got.add(u.Value)
	}, lag)
	require.NoError(s, err)
	defer sub.Stop()
	for i := range many + 1 {
		_, err := tick.Run(s.patient(), s.far.graph, i)
		require.NoError(s, err)
	}
	s.closed("told of the last update", done)
	require.Equal(s, numbers(many), got.all(), "each update once, in order")
}

// checkUpdateBeforeReply looks at updates where they come in, as callbacks have goroutines of their own.
func checkUpdateBeforeReply(s *session) {
	var got record[int]
	sub, err := s.to.Do(s.patient(), &graph.Call{
		Verb: graph.VerbSubscribe, Route: string(tick), Watch: graph.WatchOptions{Tap: true},
		Deliver: func(_ context.Context, e graph.Event) {
			n, err := graph.As[int](e.Value)
			if err != nil {
				n = -1
			}
			got.add(n)
		},
	})
	require.NoError(s, err)
	defer sub.(*graph.Subscription).Stop()
	for i := range 100 {
		_, err := tick.Run(s.patient(), s.to, i)
		require.NoError(s, err)
		require.Equal(s, numbers(i+1), got.all(), "when the reply is here, so is the update")
	}
}
