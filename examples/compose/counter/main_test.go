package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/compose/contract"
	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

// start runs the program until the test ends and returns its lines, the first of which is its URL.
func start(t *testing.T) (url string, lines *bufio.Scanner) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stdout, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-port", "0"}, w)
		w.CloseWithError(err)
		ended <- err
	}()
	lines = bufio.NewScanner(stdout)
	t.Cleanup(func() {
		cancel()
		for lines.Scan() { // what nobody reads would hold up who writes it
			continue
		}
		require.NoError(t, <-ended)
	})
	url, found := strings.CutPrefix(next(t, lines), "listening on ")
	require.True(t, found)
	return url, lines
}

func next(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	require.True(t, lines.Scan(), "no further line: %v", lines.Err())
	return lines.Text()
}

func TestCounterCountsForAClientWithoutALimit(t *testing.T) {
	url, lines := start(t)
	counter, err := ws.OpenWS(t.Context(), url, nil, nil)
	require.NoError(t, err)
	require.Equal(t, "a program connected", next(t, lines))

	got, err := contract.Add.Run(t.Context(), counter, 5)
	require.NoError(t, err)
	require.EqualValues(t, 5, got)
	got, err = contract.Count.Get(t.Context(), counter)
	require.NoError(t, err)
	require.EqualValues(t, 5, got)
	require.ErrorIs(t, contract.Count.Set(t.Context(), counter, 0), graph.PermissionDenied)

	counter.Terminate()
	require.Equal(t, "it has gone", next(t, lines))
}

func TestCounterGivesNoticeAtTheLimit(t *testing.T) {
	url, lines := start(t)
	g := graph.New()
	limit := contract.Limit.Serve(g, 2)
	noticed := make(chan int64)
	contract.Notice.Handle(g, func(_ context.Context, count int64) (graph.Void, error) {
		limit.Set(count + 2)
		noticed <- count
		return graph.Void{}, nil
	})
	counter, err := ws.OpenWS(t.Context(), url, services.New(g, &services.Options{Expose: []string{"watcher.**"}}), nil)
	require.NoError(t, err)
	require.Equal(t, "a program connected", next(t, lines))
	require.Equal(t, "its limit is 2", next(t, lines))

	for range 2 {
		_, err = contract.Add.Run(t.Context(), counter, 1)
		require.NoError(t, err)
	}
	require.EqualValues(t, 2, <-noticed)
	require.Equal(t, "its limit is 4", next(t, lines))
	_, err = contract.Add.Run(t.Context(), counter, 7)
	require.NoError(t, err)
	require.EqualValues(t, 9, <-noticed)
	require.Equal(t, "its limit is 11", next(t, lines))

	counter.Terminate()
	require.Equal(t, "it has gone", next(t, lines))
}
