package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestCodeNames(t *testing.T) {
	names := map[graph.Code]string{
		graph.Canceled: "canceled", graph.InvalidArgument: "invalid_argument", graph.DeadlineExceeded: "deadline_exceeded",
		graph.NotFound: "not_found", graph.AlreadyExists: "already_exists", graph.PermissionDenied: "permission_denied",
		graph.Unauthenticated: "unauthenticated", graph.ResourceExhausted: "resource_exhausted",
		graph.FailedPrecondition: "failed_precondition", graph.Aborted: "aborted", graph.Unimplemented: "unimplemented",
		graph.Internal: "internal", graph.Unavailable: "unavailable", graph.DataLoss: "data_loss",
	}
	require.Len(t, names, int(graph.DataLoss), "the set is closed")
	for code, name := range names {
		require.Equal(t, name, code.String())
		require.Equal(t, name, code.Error())
		raw, err := json.Marshal(code)
		require.NoError(t, err)
		require.JSONEq(t, `"`+name+`"`, string(raw))
		var back graph.Code
		require.NoError(t, json.Unmarshal(raw, &back))
		require.Equal(t, code, back)
	}
	var unknown graph.Code
	require.NoError(t, json.Unmarshal([]byte(`"of_the_future"`), &unknown))
	require.Equal(t, graph.Internal, unknown, "an unknown code is still an error")
	require.Equal(t, "code_0", graph.Code(0).String())
	require.Equal(t, "code_99", graph.Code(99).String())
}

func TestErrorf(t *testing.T) {
	cause, other := errors.New("cause"), errors.New("other")
	err := graph.NotFound.Errorf("look for %q: %w", "x", cause)
	require.EqualError(t, err, `not_found: look for "x": cause`)
	require.ErrorIs(t, err, graph.NotFound)
	require.NotErrorIs(t, err, graph.Internal)
	require.Equal(t, cause, errors.Unwrap(err))

	err = graph.Aborted.Errorf("%w and %w", cause, other)
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, other)
	require.NotErrorIs(t, graph.Aborted.Errorf("%v", cause), cause)

	e, ok := errors.AsType[*graph.Error](fmt.Errorf("wrapped: %w", err))
	require.True(t, ok)
	require.Equal(t, "cause and other", e.Message)
	require.EqualError(t, &graph.Error{Code: graph.Aborted}, "aborted")

	raw, err := json.Marshal(&graph.Error{Code: graph.Aborted, Message: "m", Details: json.RawMessage(`{"a":1}`)})
	require.NoError(t, err)
	require.JSONEq(t, `{"code":"aborted","message":"m","details":{"a":1}}`, string(raw))
	raw, err = json.Marshal(graph.NotFound.Errorf("%w", cause))
	require.NoError(t, err)
	require.JSONEq(t, `{"code":"not_found","message":"cause"}`, string(raw))
}

func TestCodeOf(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithTimeout(t.Context(), -1)
	defer stop()
	for _, c := range []struct {
		name string
		err  error
		want graph.Code
	}{
		{"nil", nil, 0},
		{"code", graph.NotFound, graph.NotFound},
		{"error", graph.NotFound.Errorf("x"), graph.NotFound},
		{"wrapped code", fmt.Errorf("a: %w", fmt.Errorf("b: %w", graph.Aborted)), graph.Aborted},
		{"wrapped error", fmt.Errorf("a: %w", graph.Aborted.Errorf("b")), graph.Aborted},
		{"outer of two", graph.Unavailable.Errorf("a: %w", graph.NotFound), graph.Unavailable},
		{"first of joined, code", errors.Join(io.EOF, graph.NotFound, graph.Aborted.Errorf("x")), graph.NotFound},
		{"first of joined, error", errors.Join(graph.Aborted.Errorf("x"), graph.NotFound), graph.Aborted},
		{"two wrapped", fmt.Errorf("%w, %w", graph.DataLoss, graph.Aborted), graph.DataLoss},
		{"canceled", ended.Err(), graph.Canceled},
		{"deadline", fmt.Errorf("a: %w", late.Err()), graph.DeadlineExceeded},
		{"code before context", fmt.Errorf("%w, %w", context.Canceled, graph.Aborted), graph.Aborted},
		{"other", io.EOF, graph.Internal},
		{"without a code", &graph.Error{Message: "x"}, graph.Internal},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, graph.CodeOf(c.err)) })
	}
}
