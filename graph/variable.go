package graph

import (
	"context"
	"log/slog"
)

// A Var is a value that can be watched: the state behind a [State] contract or a state
// key of a node. The zero Var holds T's zero value and is ready to use; it must not be copied.
// All methods may be called concurrently. One Var may be the state of several nodes.
type Var[T any] struct {
	events  topic
	value   T      // guarded by events.mu, so that values and events have one order
	version uint64 // likewise; counts the writes
}

// Load returns the value.
func (v *Var[T]) Load() T {
	v.events.mu.Lock()
	defer v.events.mu.Unlock()
	return v.value
}

// Set stores a value and tells the subscribers, also where it is the same as before. When it
// returns, every remote subscriber has the event in its queue and every callback has run,
// unless another goroutine was delivering an earlier event: that one then calls them.
func (v *Var[T]) Set(value T) { v.set(context.Background(), value, false) }

func (v *Var[T]) set(ctx context.Context, value T, mayWait bool) {
	v.events.waitRoom(ctx)
	v.events.mu.Lock()
	settle(ctx, v.storeLocked(ctx, value, mayWait))
}

// Update replaces the value by what f makes of it and returns the new value. Several
// updates at once behave as if one came after the other; f may be called again when
// another write came between, so it must have no effect besides its result.
// If f fails the value stays and Update returns it with f's error.
func (v *Var[T]) Update(f func(T) (T, error)) (T, error) {
	waited := false
	for {
		v.events.mu.Lock()
		old, version := v.value, v.version
		v.events.mu.Unlock()
		value, err := f(old)
		if err != nil {
			if waited {
				v.events.keepRoom()
			}
			return old, err
		}
		if !waited {
			v.events.waitRoom(context.Background())
			waited = true
		}
		v.events.mu.Lock()
		if v.version == version {
			v.storeLocked(context.Background(), value, false)
			return value, nil
		}
		v.events.mu.Unlock()
	}
}

// storeLocked stores value, delivers the event and releases events.mu. The result is that of publishLocked.
func (v *Var[T]) storeLocked(ctx context.Context, value T, mayWait bool) <-chan struct{} {
	v.value = value
	v.version++
	if !v.events.watched.Load() {
		v.events.mu.Unlock()
		return nil
	}
	return v.events.publishLocked(ctx, Event{Value: value}, mayWait)
}

// Watch calls f with each value set from now on, in order, until the subscription is stopped.
func (v *Var[T]) Watch(f func(T)) *Subscription {
	w := &watcher{panicked: func(r any) { _ = logPanic(slog.Default(), "watch a variable", r) }}
	w.deliver = func(_ context.Context, e Event) {
		value, _ := e.Value.(T) // a nil interface is T's zero value
		f(value)
	}
	return v.events.subscribe(context.Background(), w, nil)
}
