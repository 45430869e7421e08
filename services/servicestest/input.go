package servicestest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// messageLimit is the size the checks of it allow.
const messageLimit = 32 << 10

func sizeChecks() []check {
	small := func(o *services.Options) { o.Limits.MessageBytes = messageLimit }
	return []check{
		{name: "a message over the limit", tune: small, oneWay: true, run: checkTooBig},
		{name: "a result over the limit", tune: small, needs: clientPeer | calledClient, oneWay: true, run: checkResultTooBig},
	}
}

func checkTooBig(s *session) {
	_, other := s.neighbour()
	got, err := graph.Run(s.patient(), s.to, echoRoute, letters(messageLimit/2))
	require.NoError(s, err, "a message within the limit")
	back, err := graph.As[string](got)
	require.NoError(s, err)
	require.Len(s, back, messageLimit/2)

	_, err = graph.Run(s.patient(), s.to, echoRoute, letters(2*messageLimit))
	require.Contains(s, []graph.Code{graph.ResourceExhausted, graph.Unavailable, graph.InvalidArgument}, graph.CodeOf(err), "%v", err)
	if s.ToClient != nil && s.ToClient.Err() != nil {
		s.closed("done at the client, whose message closed the connection", s.Client.Done())
	}
	_, err = add.Run(s.patient(), other.ToServer, sum{})
	require.NoError(s, err, "another client's call")
}

// checkResultTooBig is about what the client takes.
func checkResultTooBig(s *session) {
	_, other := s.neighbour()
	_, err := large.Run(s.patient(), s.to, 2*messageLimit)
	require.Contains(s, []graph.Code{graph.ResourceExhausted, graph.Unavailable}, graph.CodeOf(err), "%v", err)
	_, err = add.Run(s.patient(), other.ToServer, sum{})
	require.NoError(s, err, "another client's call")
}

func inputChecks() []check {
	needs := clientPeer | calledClient | rawInput
	return []check{
		{name: "bad messages", needs: needs, oneWay: true, run: checkBadInput, tune: func(o *services.Options) {
			o.Limits.BadMessages = len(badMessages())
		}},
		{name: "noise", needs: needs, oneWay: true, run: checkNoise},
	}
}

// badMessages are what only an attacker or a broken program sends.
func badMessages() []string {
	return []string{
		`{`, `{"route"`, `{"route":"suite.note",}`, `{"route":"suite.note"`, `{route:"suite.note"}`, `{'route':'suite.note'}`,
		`{"route":"suite.note"} x`, `{"route":"suite.note"}{"route":"suite.note"}`,
		`{"route":"suite.note","route":"suite.note"}`, `{"route":"suite.note","rout\u0065":"suite.note"}`,
		`{"ROUTE":"suite.note"}`, `{"route":"suite.add","Route":"suite.note"}`, `{"route":"suite.note","callbac` + "\u212a" + `Id":1}`,
		`{"route":5}`, `{"route":{}}`, `{"route":["suite.note"]}`, `{"route":"suite.note","method":1}`,
		`{"route":"suite.note","callbackId":{}}`, `{"route":"suite.note","callbackId":true}`,
		`{"route":"suite.note","meta":1}`, `{"route":"suite.note","meta":{"timeout":-1}}`, `{"callbackId":1,"error":7}`,
		`{"sub":1,"lost":-1}`, `{"sub":[1]}`, `{"callbackId":"` + strings.Repeat("x", 200) + `"}`,
		`{"route":"suite.note","args":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
		`{"route":"suite.note","args":` + strings.Repeat("[", 64<<10),
		`{"a":` + strings.Repeat(`{"a":`, 20<<10),
		`"{\"route\":\"suite.note\",\"ROUTE\":1}"`,
	}
}

// checkBadInput sends one bad message after the other. The connection lives as long as there are not too many.
func checkBadInput(s *session) {
	_, other := s.neighbour()
	for _, bad := range badMessages() {
		require.NoError(s, s.Raw([]byte(bad)))
		_, err := add.Run(s.patient(), s.to, sum{})
		require.NoError(s, err, "after %.80q", bad)
		require.NoError(s, s.ToClient.Err(), "after %.80q", bad)
	}
	require.Zero(s, s.server.notes.len(), "a bad message was run")
	_ = s.Raw([]byte(`{"route":`)) // one too many
	s.closed("closed for bad messages", s.ToClient.Done())
	require.ErrorIs(s, s.ToClient.Err(), graph.InvalidArgument)
	s.closed("closed for bad messages", s.Client.Done())
	_, err := add.Run(s.patient(), other.ToServer, sum{})
	require.NoError(s, err, "another client's call")
}

// checkNoise sends what is no message, or a message about nothing: it is ignored, however much it is.
func checkNoise(s *session) {
	for _, noise := range []string{
		"text", "-", "[1,2", "null", "true", `"text"`, `"{"`, "{}", `{"unknown":{"ROUTES":1}}`, strings.Repeat("[", 64<<10),
		`{"route":null,"callbackId":null}`, `{"method":"cancel"}`,
		`{"callbackId":77,"args":1}`, `{"callbackId":77,"error":{"code":"no such code"}}`, `{"sub":"suite.tick","args":1}`,
		`{"method":"cancel","callbackId":77}`, `{"route":"setId","args":"somebody else"}`,
		`{"route":"suite.nothing","args":1}`, `{"route":"","args":1}`, `{"route":"` + strings.Repeat("a.", 1000) + `"}`,
		`{"route":"suite.nothing","method":"subscribe","callbackId":1}`,
		`{"route":"suite.tick","method":"subscribe","callbackId":1,"args":{"lag":{"policy":"no such policy"}}}`,
		`{"route":"suite.add","args":[1,2,3,4,5,6],"callbackId":2}`, `{"route":"suite.add","args":"x","callbackId":3}`,
	} {
		for range 3 {
			require.NoError(s, s.Raw([]byte(noise)))
			_, err := add.Run(s.patient(), s.to, sum{})
			require.NoError(s, err, "after %.80q", noise)
		}
	}
	require.NoError(s, s.ToClient.Err())
	require.Equal(s, s.Client.ID(), s.ToClient.ID(), "nobody names himself")
	require.Zero(s, s.server.watched.Load())
}
