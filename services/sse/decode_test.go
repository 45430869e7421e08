package sse_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func decoded[T any](t testing.TB, data string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(data), &v), data)
	return v
}
