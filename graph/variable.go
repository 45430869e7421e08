package graph

import (
	"context"
	"log/slog"
	"reflect"
)

// A Var is a value that can be watched: the state behind a [State] contract or a state
// key of a node. The zero Var holds T's zero value and is ready to use; it must not be copied.
// All methods may be called concurrently.
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

// Set stores a value and tells the subscribers. When it returns, every remote subscriber has the event
// in its queue and every callback has run, unless another goroutine was delivering an
// earlier event: that one then calls them.
func (v *Var[T]) Set(value T) { v.set(context.Background(), value) }

func (v *Var[T]) set(ctx context.Context, value T) {
	v.events.waitRoomIfWatched(ctx)
	v.events.mu.Lock()
	v.storeLocked(ctx, value)
}

// Update replaces the value by what f makes of it and returns the new value. Several
// updates at once behave as if one came after the other; f may be called again when
// another write came between, so it must have no effect besides its result.
// If f fails the value stays and Update returns f's error.
func (v *Var[T]) Update(f func(T) (T, error)) (T, error) {
	v.events.waitRoomIfWatched(context.Background())
	for {
		v.events.mu.Lock()
		old, version := v.value, v.version
		v.events.mu.Unlock()
		value, err := f(old)
		if err != nil {
			return old, err
		}
		v.events.mu.Lock()
		if v.version == version {
			v.storeLocked(context.Background(), value)
			return value, nil
		}
		v.events.mu.Unlock()
	}
}

// storeLocked stores value, delivers the event and releases events.mu.
func (v *Var[T]) storeLocked(ctx context.Context, value T) {
	v.value = value
	v.version++
	if !v.events.watched.Load() {
		v.events.mu.Unlock()
		return
	}
	v.events.publishLocked(ctx, Event{Value: value}, false)
}

// Watch calls f with each value set from now on, in order, until the subscription is stopped.
func (v *Var[T]) Watch(f func(T)) *Subscription {
	w := &watcher{panicked: func(r any) { logPanic(slog.Default(), "watch a variable", r) }}
	w.deliver = func(_ context.Context, e Event) {
		value, _ := e.Value.(T) // a nil interface is T's zero value
		f(value)
	}
	sub, err := v.events.subscribe(w, nil)
	if err != nil {
		sub = NewSubscription(nil)
		sub.End(err)
	}
	return sub
}

func (t *topic) waitRoomIfWatched(ctx context.Context) {
	if t.watched.Load() {
		t.waitRoom(ctx)
	}
}

// A cell is a Var whatever its type.
type cell interface {
	load() any
	store(ctx context.Context, a Args) error
	topic() *topic
	snapshot() any
}

func (v *Var[T]) load() any     { return v.Load() }
func (v *Var[T]) topic() *topic { return &v.events }

func (v *Var[T]) store(ctx context.Context, a Args) error {
	value, err := bindTo[T](a, shapeOf(reflect.TypeFor[T]()))
	if err != nil {
		return err
	}
	v.set(ctx, value)
	return nil
}

// snapshot is load for a caller that holds events.mu.
func (v *Var[T]) snapshot() any { return v.value }

// A dynamicVar is a state key made from a plain value: it keeps the type of its first value.
type dynamicVar struct {
	Var[any]
	typ reflect.Type // nil takes anything
}

func newDynamicVar(value any) *dynamicVar {
	d := &dynamicVar{typ: reflect.TypeOf(value)}
	d.value = value
	return d
}

func (d *dynamicVar) store(ctx context.Context, a Args) error {
	if d.typ == nil {
		return d.Var.store(ctx, a)
	}
	value := reflect.New(d.typ).Elem()
	if err := a.bind(value, shapeOf(d.typ)); err != nil {
		return err
	}
	d.set(ctx, value.Interface())
	return nil
}
