package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/compose/contract"
	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

// serve is a counter of the test's own, which meets each watcher with f.
func serve(t *testing.T, f func(s *ws.SocketInfo) error) (count *graph.Var[int64], url string) {
	t.Helper()
	g := graph.New()
	count = contract.Count.Serve(g, 0)
	contract.Add.Handle(g, func(_ context.Context, by int64) (int64, error) {
		return count.Update(func(n int64) (int64, error) { return n + by, nil })
	})
	svc := services.New(g, &services.Options{Expose: []string{"counter.**"}})
	info, err := ws.New(svc).SetupWSS(ws.Props{OnConnection: func(s *ws.SocketInfo, _ *http.Request) error { return f(s) }})
	require.NoError(t, err)
	server := httptest.NewServer(info)
	t.Cleanup(func() {
		require.NoError(t, svc.Shutdown(context.WithoutCancel(t.Context())))
		server.Close()
	})
	return count, "ws" + strings.TrimPrefix(server.URL, "http")
}

func TestWatcherEndsAfterTwoNotices(t *testing.T) {
	count, url := serve(t, func(s *ws.SocketInfo) error {
		for _, at := range []int64{4, 8} { // where steps of 2 first reach 3 and 7
			if _, err := contract.Notice.Run(s.Context(), s, at); err != nil {
				return err
			}
		}
		return nil
	})
	var stdout strings.Builder
	require.NoError(t, run(t.Context(), []string{"-url", url}, &stdout))
	require.EqualValues(t, 8, count.Load())
	require.Equal(t, []string{
		"the count is 0", "the count is 2", "the count is 4", "the counter gives notice at 4",
		"the count is 6", "the count is 8", "the counter gives notice at 8",
	}, strings.Split(strings.TrimSpace(stdout.String()), "\n"))
}

func TestWatcherEndsWithTheCounter(t *testing.T) {
	count, url := serve(t, func(s *ws.SocketInfo) error {
		for c, err := range contract.Count.Watch(s.Context(), s.Service().Graph()) {
			if err != nil || c.Value >= 4 {
				break // the watcher waits for a notice now, or will
			}
		}
		return graph.Unavailable.Errorf("the counter is closed")
	})
	err := run(t.Context(), []string{"-url", url}, &strings.Builder{})
	require.ErrorIs(t, err, graph.Unavailable)
	require.EqualValues(t, 4, count.Load())
}

func TestWatcherNeedsACounter(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	err := run(t.Context(), []string{"-url", "ws" + strings.TrimPrefix(server.URL, "http")}, &strings.Builder{})
	require.ErrorIs(t, err, graph.NotFound)
}
