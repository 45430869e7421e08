package services

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func bytesFrame(n int) *Frame { return NewFrame(make([]byte, n)) }

func TestOutboxBounds(t *testing.T) {
	o := newOutbox(Limits{QueueMessages: 3, QueueBytes: 100})
	require.NoError(t, o.put(bytesFrame(1000)), "one message may always wait")
	require.ErrorIs(t, o.put(bytesFrame(1)), graph.ResourceExhausted)
	entries, closed := o.take(nil)
	require.Len(t, entries, 1)
	require.False(t, closed)
	require.ErrorIs(t, o.put(bytesFrame(1)), graph.ResourceExhausted, "what is being written still counts")
	o.written()

	for range 3 {
		require.NoError(t, o.put(bytesFrame(10)))
	}
	require.ErrorIs(t, o.put(bytesFrame(0)), graph.ResourceExhausted, "three messages")
	for range 3 {
		require.NoError(t, o.putRefusal(bytesFrame(10)), "answers of the reader have room of their own")
	}
	require.ErrorIs(t, o.putRefusal(bytesFrame(10)), graph.ResourceExhausted)
	o.putCancel(bytesFrame(10))
	entries, _ = o.take(entries)
	require.Len(t, entries, 7)
	require.NotNil(t, entries[6].frame)
	o.written()

	require.NoError(t, o.put(bytesFrame(60)))
	require.ErrorIs(t, o.put(bytesFrame(60)), graph.ResourceExhausted, "a hundred bytes")
	require.NoError(t, o.put(bytesFrame(40)))
	o.take(nil)
	require.ErrorIs(t, o.put(bytesFrame(40)), graph.ResourceExhausted)
	o.written()
	require.NoError(t, o.put(bytesFrame(40)))
}

func TestOutboxClosed(t *testing.T) {
	o := newOutbox(Limits{}.withDefaults())
	require.NoError(t, o.put(bytesFrame(1)))
	gone := errors.New("gone")
	o.close(gone)
	o.close(errors.New("again"))
	require.ErrorIs(t, o.put(bytesFrame(1)), gone)
	require.ErrorIs(t, o.putRefusal(bytesFrame(1)), gone)
	require.ErrorIs(t, o.putWait(t.Context(), bytesFrame(1)), gone)
	o.putCancel(bytesFrame(1))
	o.mark(&watch{})
	entries, closed := o.take(nil)
	require.Len(t, entries, 1, "what was queued can still be taken, and nothing else")
	require.True(t, closed)
}

func TestOutboxPutWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(Limits{QueueMessages: 1, QueueBytes: 100})
		require.NoError(t, o.putWait(t.Context(), bytesFrame(1)))
		results := make(chan error, 3)
		ctx, cancel := context.WithCancelCause(t.Context())
		for range 2 {
			go func() { results <- o.putWait(t.Context(), bytesFrame(1)) }()
		}
		go func() { results <- o.putWait(ctx, bytesFrame(1)) }()
		synctest.Wait()
		require.Empty(t, results, "there is no room")

		cancel(errors.New("text of this process"))
		err := <-results
		require.ErrorIs(t, err, graph.Canceled)
		require.ErrorIs(t, err, ErrNotSent)
		var e *graph.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "context canceled", e.Message, "a cause's text is not for the other end")

		o.take(nil)
		o.written()
		require.NoError(t, <-results, "one of the two got the room")
		synctest.Wait()
		require.Empty(t, results)
		o.close(errors.New("gone"))
		require.EqualError(t, <-results, "gone")
	})
}

func TestTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tasks tasks
		require.NoError(t, tasks.Wait(t.Context()))
		gate := make(chan struct{})
		tasks.Go(func() {
			tasks.Go(func() { <-gate }) // a task starts another one
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, tasks.Wait(ctx), context.DeadlineExceeded)
		close(gate)
		require.NoError(t, tasks.Wait(t.Context()))
		require.NoError(t, tasks.Wait(t.Context()))
	})
}
