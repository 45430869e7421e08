package sse_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

// What was sent before Close arrives, also while the server sends on.
func TestCloseFlushesBesideIncomingMessages(t *testing.T) {
	s := serve(t, config{})
	for range 8 {
		g := graph.New()
		own := ticks.Serve(g, 0)
		svc := services.New(g, &services.Options{Expose: []string{"**"}})
		c, err := sse.OpenSSE(t.Context(), s.url, svc, nil)
		require.NoError(t, err)
		onServer := s.info.Session(c.ID())
		const n = 100
		updates := make(chan string, 2*n)
		// A tap is called by whoever reads, so that all that was read is there when the session is gone.
		_, err = onServer.Do(t.Context(), &graph.Call{
			Verb: graph.VerbSubscribe, Route: string(ticks), Watch: graph.WatchOptions{Tap: true, Lag: graph.Lag{Policy: graph.DropOldest}},
			Deliver: func(_ context.Context, e graph.Event) { updates <- fmt.Sprintf("%s", e.Value) },
		})
		require.NoError(t, err)
		flood := make(chan struct{})
		go func() {
			defer close(flood)
			for onServer.Send(context.Background(), "on and on") == nil {
			}
		}()
		for i := range n {
			own.Set(i + 1)
		}
		c.Close(graph.Canceled, "enough")
		receive(t, c.Done(), "the client is gone")
		receive(t, onServer.Done(), "the server notices")
		require.Len(t, updates, n)
		for i := range n {
			require.Equal(t, fmt.Sprint(i+1), <-updates)
		}
		receive(t, flood, "the server stops")
		require.NoError(t, svc.Shutdown(t.Context()))
	}
}

// A POST that comes when the server has just ended the session is refused; why it ended is on the stream.
func TestReasonOfTheStreamBeatsARefusedPost(t *testing.T) {
	refused := make(chan struct{})
	url := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			defer close(refused)
			w.WriteHeader(http.StatusNotFound)
			_ = http.NewResponseController(w).Flush()
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, `data: {"route":"setId","args":"s1","meta":{"token":"secret"}}`+"\n\n")
		_ = http.NewResponseController(w).Flush()
		<-refused
		_, _ = io.WriteString(w, "event: close\ndata: {\"code\":\"aborted\",\"message\":\"for a reason\"}\n\n")
	})
	svc := services.New(graph.New(), nil)
	c, err := sse.OpenSSE(t.Context(), url, svc, nil)
	require.NoError(t, err)
	_, err = double.Run(t.Context(), c, 1)
	require.ErrorIs(t, err, graph.Unavailable)
	receive(t, c.Done(), "the session ends")
	require.EqualError(t, c.Err(), "aborted: for a reason")
	require.NoError(t, svc.Shutdown(t.Context()))
}
