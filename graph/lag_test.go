package graph_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestPolicyNames(t *testing.T) {
	for policy, name := range map[graph.Policy]string{
		graph.Conflate: "conflate", graph.DropOldest: "dropOldest", graph.DropNewest: "dropNewest",
		graph.Disconnect: "disconnect", graph.Block: "block",
	} {
		require.Equal(t, name, policy.String())
		text, err := policy.MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		var back graph.Policy
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, policy, back)
	}
	for _, unknown := range []string{"", "Conflate", "dropoldest", "block ", "policy_0"} {
		p := graph.Block
		require.ErrorIs(t, p.UnmarshalText([]byte(unknown)), graph.InvalidArgument, unknown)
		require.Equal(t, graph.Block, p)
	}
	for _, unknown := range []graph.Policy{0, 6, 255} {
		_, err := unknown.MarshalText()
		require.ErrorIs(t, err, graph.InvalidArgument)
	}
	require.Equal(t, "policy_0", graph.Policy(0).String())
}

func TestLagJSON(t *testing.T) {
	for _, c := range []struct {
		lag  graph.Lag
		wire string
		back graph.Lag
	}{
		{graph.Lag{}, `{}`, graph.Lag{}},
		{graph.Lag{Policy: graph.DropOldest}, `{"policy":"dropOldest"}`, graph.Lag{Policy: graph.DropOldest}},
		{
			graph.Lag{Policy: graph.Block, Size: 64, Wait: 250 * time.Millisecond},
			`{"policy":"block","size":64,"wait":250}`,
			graph.Lag{Policy: graph.Block, Size: 64, Wait: 250 * time.Millisecond},
		},
		{graph.Lag{Wait: time.Microsecond}, `{"wait":1}`, graph.Lag{Wait: time.Millisecond}},
		{graph.Lag{Size: 1 << 40, Wait: 1 << 62}, `{"size":1099511627776,"wait":4611686018428}`, graph.Lag{Size: graph.MaxQueueSize, Wait: graph.MaxQueueWait}},
	} {
		raw, err := json.Marshal(c.lag)
		require.NoError(t, err)
		require.JSONEq(t, c.wire, string(raw))
		var back graph.Lag
		require.NoError(t, json.Unmarshal(raw, &back))
		require.Equal(t, c.back, back)
	}
	for wire, message := range map[string]string{
		`{"policy":"sometimes"}`:        `lag: "sometimes" is not a lag policy`,
		`{"policy":""}`:                 `lag: "" is not a lag policy`,
		`{"policy":2}`:                  "lag: policy: want a string, got number",
		`{"size":-1}`:                   "lag: size and wait cannot be negative",
		`{"wait":-1}`:                   "lag: size and wait cannot be negative",
		`{"wait":0.5}`:                  "lag: wait: want an integer, got number 0.5",
		`{"wait":99999999999999999999}`: "lag: wait: want an integer, got number 99999999999999999999",
		`[]`:                            "lag: want an object, got array",
	} {
		back := graph.Lag{Size: 7}
		err := json.Unmarshal([]byte(wire), &back)
		require.ErrorIs(t, err, graph.InvalidArgument, wire)
		require.EqualError(t, err, "invalid_argument: "+message)
		require.NotRegexp(t, goTypes, err.Error())
		require.Equal(t, graph.Lag{Size: 7}, back)
	}
	_, err := json.Marshal(graph.Lag{Policy: 9})
	require.Error(t, err)

	raw, err := json.Marshal(graph.WatchOptions{Key: "k", Snapshot: true, Lag: graph.Lag{Policy: graph.Conflate}, Tap: true})
	require.NoError(t, err)
	require.JSONEq(t, `{"key":"k","snapshot":true,"lag":{"policy":"conflate"}}`, string(raw))
	raw, err = json.Marshal(graph.WatchOptions{})
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(raw))
}

func TestLagOr(t *testing.T) {
	drop := graph.Lag{Policy: graph.DropOldest, Size: 5}
	for _, c := range []struct{ lag, other, want graph.Lag }{
		{graph.Lag{}, drop, drop},
		{graph.Lag{}, graph.Lag{}, graph.Lag{Size: graph.DefaultQueueSize}},
		{graph.Lag{Size: 9}, drop, graph.Lag{Policy: graph.DropOldest, Size: 9}},
		{graph.Lag{Policy: graph.Block, Wait: time.Second}, drop, graph.Lag{Policy: graph.Block, Size: graph.DefaultQueueSize, Wait: time.Second}},
		{graph.Lag{Policy: graph.Conflate, Size: 9}, drop, graph.Lag{Policy: graph.Conflate, Size: 1}},
		{graph.Lag{Policy: graph.DropNewest, Size: 1 << 30, Wait: time.Hour}, drop, graph.Lag{Policy: graph.DropNewest, Size: graph.MaxQueueSize, Wait: graph.MaxQueueWait}},
		{graph.Lag{Policy: graph.DropNewest, Size: -1, Wait: -1}, drop, graph.Lag{Policy: graph.DropNewest, Size: graph.DefaultQueueSize}},
	} {
		require.Equal(t, c.want, c.lag.Or(c.other))
	}
}
