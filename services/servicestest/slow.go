package servicestest

import (
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A blob is big enough for a few hundred to fill the buffers of a system's sockets.
const blob = 64 << 10

// stalledWrite is how long the checks let a write take. What does not wait for one takes far less, also on a busy machine.
const stalledWrite = 8 * time.Second

func slowChecks() []check {
	impatient := func(o *services.Options) { o.Limits.WriteTimeout = stalledWrite }
	needs := stalling | calledClient | subscriptions
	return []check{
		{name: "a stalled client delays nobody", needs: needs, oneWay: true, tune: impatient, run: checkStalledWatcher},
		{name: "a stalled client and a broadcast", needs: needs, oneWay: true, tune: impatient, run: checkStalledBroadcast},
		{name: "a stalled client and the policy disconnect", needs: needs, oneWay: true, run: checkStalledDisconnect},
	}
}

// numbered returns a blob with a number.
func numbered(n int) string { return strconv.Itoa(n) + " " + letters(blob) }

func numberOf(b string) int {
	for i := range len(b) {
		if b[i] == ' ' {
			n, err := strconv.Atoi(b[:i])
			if err != nil {
				return -1
			}
			return n
		}
	}
	return -1
}

// requireCut waits until the server has given the stalled client up, for one of the reasons there are for it.
func (s *session) requireCut() {
	s.Helper()
	s.closed("closed though stalled", s.ToClient.Done())
	require.Contains(s, []graph.Code{graph.ResourceExhausted, graph.DeadlineExceeded}, graph.CodeOf(s.ToClient.Err()), "%v", s.ToClient.Err())
}

func checkStalledWatcher(s *session) {
	const blobs = 120
	lag := graph.Lag{Policy: graph.DropOldest, Size: 2 * blobs}
	listen := func(target graph.Target) *record[int] {
		got := &record[int]{}
		_, err := text.Listen(s.patient(), target, func(u graph.Update[string]) {
			if !u.Snapshot {
				got.add(numberOf(u.Value) - int(u.Lost))
			}
		}, lag)
		require.NoError(s, err)
		return got
	}
	_, first := s.neighbour()
	_, second := s.neighbour()
	listen(s.ToServer)
	others := []*record[int]{listen(first.ToServer), listen(second.ToServer)}
	s.Stall()
	for i := range blobs {
		began := time.Now()
		s.server.text.Set(numbered(i))
		require.Less(s, time.Since(began), stalledWrite/2, "publishing waits for the stalled client")
	}
	for _, got := range others {
		s.until("all received by the others", func() bool { return got.len() == blobs })
		require.Equal(s, numbers(blobs), got.all())
	}
	s.requireCut()
	_, err := add.Run(s.patient(), first.ToServer, sum{})
	require.NoError(s, err, "another client's call")
}

func checkStalledBroadcast(s *session) {
	other, _ := s.neighbour()
	s.Stall()
	for i := 0; s.ToClient.Err() == nil; i++ {
		require.Less(s, i, 10_000, "the stalled client takes all that is sent")
		_, err := s.server.service.Broadcast(numbered(i))
		require.NoError(s, err)
		// A broadcast waits for nobody, so the check must: only the stalled client may fall behind.
		s.until("received by the other client", func() bool { return other.messages.len() == i+1 })
	}
	s.requireCut()
}

func checkStalledDisconnect(s *session) {
	_, err := text.Listen(s.patient(), s.ToServer, func(graph.Update[string]) {}, graph.Lag{Policy: graph.Disconnect, Size: 2})
	require.NoError(s, err)
	s.Stall()
	for i := 0; s.ToClient.Err() == nil; i++ {
		require.Less(s, i, 10_000, "the stalled client takes all that is sent")
		s.server.text.Set(numbered(i))
	}
	s.closed("closed though stalled", s.ToClient.Done())
	require.ErrorIs(s, s.ToClient.Err(), graph.ResourceExhausted)
	s.until("stopped at the server", func() bool { return s.server.watched.Load() == 0 })
}
