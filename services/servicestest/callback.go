package servicestest

import (
	"strconv"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

func callbackChecks() []check {
	both := clientPeer | calledClient
	few := func(o *services.Options) { o.Limits.InFlight, o.Limits.Backlog = 4, many }
	return []check{
		{name: "a route calls its caller", needs: both, run: checkBounce},
		{name: "routes call their callers, more than may run at once", needs: both, tune: few, run: checkBounceMany},
		{name: "text that is no message", needs: both, run: checkText},
		{name: "replies count from the peer that was asked", needs: both | rawInput, oneWay: true, run: checkForeignReply},
	}
}

func checkBounce(s *session) {
	for depth := range 5 {
		got, err := bounce.Run(s.patient(), s.to, depth)
		require.NoError(s, err)
		require.Equal(s, depth, got)
	}
}

// checkBounceMany holds every place there is with routes that wait for a call back: that call needs a place too.
func checkBounceMany(s *session) {
	ctx := s.patient()
	const calls = 100
	results := make(chan error, calls)
	for range calls {
		go func() {
			got, err := bounce.Run(ctx, s.to, 3)
			if err == nil && got != 3 {
				err = graph.DataLoss.Errorf("three calls back gave %d", got)
			}
			results <- err
		}()
	}
	for range calls {
		require.NoError(s, receive(s, "answered", results))
	}
}

func checkText(s *session) {
	for i, text := range []string{"hello", "not {json}", `{"hello":1}`, `[1,2]`, `"a string"`, "17", "null"} {
		require.NoError(s, s.peer().Send(s.patient(), text))
		s.until("received", func() bool { return s.far.messages.len() == i+1 })
		require.Equal(s, text, s.far.messages.all()[i])
	}
}

// checkForeignReply has another client answer what the first one was asked.
func checkForeignReply(s *session) {
	_, other := s.neighbour()
	ctx, _ := s.long()
	type answer struct {
		value string
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		v, err := wait.Run(ctx, s.ToClient, "mine")
		answers <- answer{v, err}
	}()
	receive(s, "running", s.client.waiting)
	forge := func(c Connection) {
		for i := range 200 {
			require.NoError(s, c.Raw([]byte(`{"args":"forged","callbackId":`+strconv.Itoa(i)+`}`)))
		}
		for _, id := range []string{`"1"`, `1.0`, `1e0`, `"__proto__"`, `"constructor"`, `""`, `9007199254740993`, `"suite.wait"`} {
			require.NoError(s, c.Raw([]byte(`{"args":"forged","callbackId":`+id+`}`)))
		}
		_, err := add.Run(s.patient(), c.ToServer, sum{}) // all that was sent before has been read then
		require.NoError(s, err)
	}
	forge(other)
	select {
	case got := <-answers:
		s.Fatalf("answered by somebody else: %+v", got)
	default:
	}
	s.client.free()
	require.Equal(s, answer{"mine", nil}, receive(s, "answered", answers))
	forge(s.Connection) // a second answer, or one to nothing, changes nothing
	got, err := add.Run(s.patient(), s.ToClient, sum{1, 2})
	require.NoError(s, err)
	require.EqualValues(s, 3, got)
}
