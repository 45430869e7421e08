package servicestest

import (
	"encoding/json"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func failureChecks() []check {
	return []check{
		{name: "error codes", run: checkCodes},
		{name: "internal errors say nothing", run: checkInternal},
		{name: "panics are answered", run: checkPanics},
	}
}

func checkCodes(s *session) {
	for code := graph.Canceled; code <= graph.DataLoss; code++ {
		_, err := fail.Run(s.patient(), s.to, failure{Code: code, Message: "because", Details: json.RawMessage(`{"n":[1]}`)})
		require.ErrorIs(s, err, code)
		var e *graph.Error
		require.ErrorAs(s, err, &e)
		require.Equal(s, "because", e.Message, code)
		require.JSONEq(s, `{"n":[1]}`, string(e.Details), code)
		require.NotContains(s, err.Error(), secret, "only the message of a graph.Error is for the other end")
	}
	// What cannot be encoded must not turn a failure into a success.
	_, err := fail.Run(s.patient(), s.to, failure{Code: graph.Aborted, Broken: true})
	require.ErrorIs(s, err, graph.Aborted)
}

func checkInternal(s *session) {
	_, err := fail.Run(s.patient(), s.to, failure{Plain: true, Message: secret})
	require.ErrorIs(s, err, graph.Internal)
	require.NotContains(s, err.Error(), secret)
	var e *graph.Error
	require.ErrorAs(s, err, &e)
	require.NotEmpty(s, e.Message, "a reference to the log")
	_, again := fail.Run(s.patient(), s.to, failure{Plain: true, Message: secret})
	require.NotEqual(s, err.Error(), again.Error(), "each failure has a reference of its own")
}

func checkPanics(s *session) {
	for range 3 {
		for _, how := range []string{"text", "error", "nil map", "index", "goexit"} {
			_, err := blow.Run(s.patient(), s.to, how)
			require.ErrorIs(s, err, graph.Internal, how)
			require.NotErrorIs(s, err, graph.NotFound, "the code of a panic's value is not for the caller")
			require.NotContains(s, err.Error(), secret, how)
			got, err := add.Run(s.patient(), s.to, sum{1, 2})
			require.NoError(s, err, "after a panic: %s", how)
			require.EqualValues(s, 3, got)
		}
	}
}
