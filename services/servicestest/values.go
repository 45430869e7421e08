package servicestest

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func valueChecks() []check {
	return []check{
		{name: "values of every kind", run: checkValues},
		{name: "no value and null", run: checkNoValue},
	}
}

// checkValues sends values there and back, as the one argument and in an array of several.
func checkValues(s *session) {
	for _, value := range []string{
		`null`, `true`, `false`, `0`, `-1.5`, `1e+300`, `9007199254740993`, `0.8688318421294612`,
		`""`, `"text"`, `"quote \" backslash \\ slash / newline \n return \r tab \t nul \u0000 separator \u2028 "`,
		`"data: x\n\nevent: y"`, `"日本 🙂 é"`, `"<script>&amp;"`, `"` + strings.Repeat("long ", 8<<10) + `"`,
		`[]`, `[1,[2,[3]],{"a":[]}]`, `{}`, `{"route":"x","ROUTE":"y","callbackId":1,"args":{"error":null}}`,
		strings.Repeat("[", 29) + strings.Repeat("]", 29),
	} {
		args := graph.ArgsJSON(json.RawMessage("[" + value + "]"))
		got, err := s.to.Do(s.patient(), &graph.Call{Route: echoRoute, Args: args})
		require.NoError(s, err, "%.80s", value)
		data, err := json.Marshal(got)
		require.NoError(s, err)
		require.Equal(s, exact(s, []byte(value)), exact(s, data))
	}
	// A value in several lines, as a program may hold it, is one message nevertheless.
	got, err := graph.Run(s.patient(), s.to, echoRoute, json.RawMessage("{\n\t\"a\": [\r\n1, 2]\n}"))
	require.NoError(s, err)
	data, err := json.Marshal(got)
	require.NoError(s, err)
	require.JSONEq(s, `{"a":[1,2]}`, string(data))
}

// exact decodes JSON without rounding its numbers.
func exact(s *session, data []byte) any {
	s.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	require.NoError(s, d.Decode(&v))
	return v
}

func checkNoValue(s *session) {
	got, err := s.to.Do(s.patient(), &graph.Call{Route: string(void)})
	require.NoError(s, err)
	require.Equal(s, graph.Void{}, got, "a route without a result")
	got, err = s.to.Do(s.patient(), &graph.Call{Route: string(null)})
	require.NoError(s, err)
	data, err := json.Marshal(got)
	require.NoError(s, err)
	require.NotEqual(s, graph.Void{}, got, "null is a value")
	require.Equal(s, "null", string(data))
}
