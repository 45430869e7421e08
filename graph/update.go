package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// An Update is an [Event] with its value decoded.
type Update[T any] struct {
	Value    T
	Position string
	Lost     uint64
	Snapshot bool
}

func updateOf[T any](route string, e Event) (Update[T], error) {
	v, err := As[T](e.Value)
	if err != nil {
		err = fmt.Errorf("watch %s: %w", route, err)
	}
	return Update[T]{Value: v, Position: e.Position, Lost: e.Lost, Snapshot: e.Snapshot}, err
}

func watchOptions(o WatchOptions, opts []SubOption) WatchOptions {
	for _, opt := range opts {
		opt.applyTo(&o)
	}
	return o
}

// updates yields what comes and last, with why it ended, how many updates were lost at the end.
func updates[T any](ctx context.Context, t Target, route string, o WatchOptions) iter.Seq2[Update[T], error] {
	return func(yield func(Update[T], error) bool) {
		for e, err := range events(ctx, t, route, o) {
			u := Update[T]{Lost: e.Lost}
			if err == nil {
				u, err = updateOf[T](route, e)
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// events subscribes and yields what comes, through a queue that keeps the publisher from waiting.
func events(ctx context.Context, t Target, route string, o WatchOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		q := NewQueue[Event](o.Lag)
		o.Tap = true
		if o.Lag.Policy == Block {
			o.Room = q.WaitRoom
		}
		c := &Call{Verb: VerbSubscribe, Route: route, Watch: o, Deliver: func(_ context.Context, e Event) { q.Push(e) }}
		sub, err := subscribe(ctx, t, c)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer sub.Stop()
		sub.OnEnd(q.Close)
		for {
			e, lost, err := q.Pop(ctx)
			if errors.Is(err, io.EOF) && lost == 0 {
				return // the other end stopped it, for no reason
			}
			e.Lost += lost
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func listen[T any](ctx context.Context, t Target, route string, o WatchOptions, fn func(Update[T])) (*Subscription, error) {
	var ending lateEnd
	c := &Call{Verb: VerbSubscribe, Route: route, Watch: o}
	c.Deliver = func(_ context.Context, e Event) {
		if ending.asked() {
			return
		}
		u, err := updateOf[T](route, e)
		if err != nil {
			ending.end(err)
			return
		}
		fn(u)
	}
	sub, err := subscribe(ctx, t, c)
	if err != nil {
		return nil, err
	}
	ending.of(sub)
	return sub, nil
}
