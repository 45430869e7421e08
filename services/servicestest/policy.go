package servicestest

import (
	"context"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func policyChecks() []check {
	return []check{{name: "policy", run: checkPolicy}}
}

// checkPolicy calls what must not be reachable, in every way there is to name it.
func checkPolicy(s *session) {
	verbs := []graph.Verb{graph.VerbRun}
	if !s.transport.CallOnly {
		verbs = append(verbs, graph.VerbSubscribe)
	}
	do := func(verb graph.Verb, route, member string) error {
		c := &graph.Call{Verb: verb, Route: route, Deliver: func(context.Context, graph.Event) {}}
		if verb == graph.VerbSubscribe {
			c.Watch.Key = member
		} else {
			c.Method = member
		}
		_, err := s.to.Do(s.patient(), c)
		require.Error(s, err, "%s %s %s", verb, route, member)
		return err
	}
	for _, verb := range verbs {
		for _, member := range []string{"", "get", "post", "constructor"} {
			unexposed, missing := do(verb, "hidden.secret", member), do(verb, "hidden.nobody", member)
			require.ErrorIs(s, unexposed, graph.NotFound)
			require.Equal(s, strings.ReplaceAll(missing.Error(), "hidden.nobody", "hidden.secret"), unexposed.Error(),
				"what is not exposed is answered like what does not exist")
		}
		require.ErrorIs(s, do(verb, "suite.private", ""), graph.PermissionDenied)
		require.ErrorIs(s, do(verb, "suite.private", "get"), graph.PermissionDenied)
		for _, spelling := range [][2]string{
			{"suite.box.closed", ""}, {"suite.box.CLOSED", ""}, {"suite.box", "closed"}, {"suite.box.closed", "open"},
		} {
			require.ErrorIs(s, do(verb, spelling[0], spelling[1]), graph.PermissionDenied, "%v", spelling)
		}
	}
	for _, route := range []string{"", ".", "..", "suite", "suite.", "hidden", "suite.box.open.x", "constructor", "__proto__", "suite/../hidden.secret"} {
		_, err := s.to.Do(s.patient(), &graph.Call{Route: route})
		require.Contains(s, []graph.Code{graph.NotFound, graph.InvalidArgument}, graph.CodeOf(err), "%q: %v", route, err)
	}
	require.NoError(s, graph.Post(s.patient(), s.to, "hidden.secret"))
	require.NoError(s, graph.Post(s.patient(), s.to, "suite.private"))
	got, err := graph.Run(s.patient(), s.to, "suite.box.open")
	require.NoError(s, err)
	open, err := graph.As[string](got)
	require.NoError(s, err)
	require.Equal(s, "open", open)
	require.Zero(s, s.far.private.Load(), "a route ran that must not be reachable")
}
