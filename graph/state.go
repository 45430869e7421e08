package graph

import (
	"context"
	"fmt"
	"iter"
)

// A State is the contract of a value that is read and watched.
//
//	const Counter graph.State[int64] = "counter"
type State[T any] string

// Serve makes g hold the state, beginning with initial, and returns the variable. It panics as
// Func.Handle does. With the option [Writable] callers may set it.
func (s State[T]) Serve(g *Graph, initial T, opts ...NodeOption) *Var[T] {
	v := &Var[T]{value: initial}
	mustAdd(g, string(s), Props{value: v}, opts)
	return v
}

// Get returns the current value.
func (s State[T]) Get(ctx context.Context, t Target) (T, error) {
	v, err := t.Do(ctx, &Call{Route: string(s)})
	if err != nil {
		var zero T
		return zero, err
	}
	value, err := As[T](v)
	if err != nil {
		return value, fmt.Errorf("get %s: %w", string(s), err)
	}
	return value, nil
}

// Set stores a value, if the state is [Writable].
func (s State[T]) Set(ctx context.Context, t Target, value T) error {
	_, err := t.Do(ctx, &Call{Route: string(s), Args: argsFor(value)})
	return err
}

// Watch yields the current value, marked as snapshot, and then each new one, with none
// lost or repeated in between. A slow loop gets the newest value by default, and Lost says how many
// were left out. Leaving the loop or ending ctx unsubscribes; a failure is yielded once and ends the loop.
func (s State[T]) Watch(ctx context.Context, t Target, opts ...SubOption) iter.Seq2[Update[T], error] {
	return updates[T](ctx, t, string(s), s.watch(opts))
}

// Listen calls fn with the current value and then with each new one, in order, until the subscription
// is stopped. Within a process fn runs inside the write and is never behind; across a wire the
// lag policy applies.
func (s State[T]) Listen(ctx context.Context, t Target, fn func(Update[T]), opts ...SubOption) (*Subscription, error) {
	return listen(ctx, t, string(s), s.watch(opts), fn)
}

func (s State[T]) watch(opts []SubOption) WatchOptions {
	return watchOptions(WatchOptions{Snapshot: true, Lag: Lag{Policy: Conflate}}, opts)
}
