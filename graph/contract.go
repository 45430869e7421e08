package graph

import (
	"context"
	"fmt"
	"iter"
	"reflect"
)

// A Func is the contract of a route that is run: a constant that names it and says what it
// takes and gives. Both ends share the constant, and wrong types do not compile.
//
//	const Add graph.Func[AddIn, int64] = "counter.add"
type Func[In, Out any] string

// A State is the contract of a value that is read and watched.
//
//	const Counter graph.State[int64] = "counter"
type State[T any] string

// Handle serves the route from g. It panics if the tag is malformed or taken, as
// registering a route twice is a mistake in the program.
func (f Func[In, Out]) Handle(g *Graph, fn func(context.Context, In) (Out, error), opts ...NodeOption) *Node {
	s := shapeOf(reflect.TypeFor[In]())
	p := Props{typed: fn}
	p.Operator = Operator(func(ctx context.Context, a Args) (any, error) {
		in, err := bindTo[In](a, s)
		if err != nil {
			return nil, err
		}
		out, err := fn(ctx, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	})
	return mustAdd(g, string(f), p, opts)
}

func mustAdd(g *Graph, tag string, p Props, opts []NodeOption) *Node {
	for _, o := range opts {
		o(&p)
	}
	n, err := g.Add(tag, p)
	if err != nil {
		panic(err)
	}
	return n
}

// Run runs the route and returns its result. Where t is a *Graph nothing is serialised.
func (f Func[In, Out]) Run(ctx context.Context, t Target, in In) (Out, error) {
	if g, ok := t.(*Graph); ok {
		if n := g.nodes.get(string(f)); n != nil && n.chain.Load() == nil {
			if fn, ok := n.typed.(func(context.Context, In) (Out, error)); ok {
				return runTyped(ctx, n, fn, in)
			}
		}
	}
	var zero Out
	v, err := t.Do(ctx, &Call{Route: string(f), Args: ArgsOne(in)})
	if err != nil {
		return zero, err
	}
	out, err := As[Out](v)
	if err != nil {
		return zero, fmt.Errorf("run %s: %w", string(f), err)
	}
	return out, nil
}

// runTyped is Node.run without a boxed value, unless somebody watches.
func runTyped[In, Out any](ctx context.Context, n *Node, fn func(context.Context, In) (Out, error), in In) (out Out, err error) {
	defer n.recovered(&err)
	if n.inputs.watched.Load() {
		values, _ := ArgsOne(in).Values()
		n.inputs.publish(ctx, values)
	}
	out, err = fn(ctx, in)
	if err == nil && n.results.watched.Load() {
		if _, none := any(out).(Void); !none {
			n.results.publish(ctx, out)
		}
	}
	return out, err
}

// Post runs the route for its effects and does not wait for another process.
func (f Func[In, Out]) Post(ctx context.Context, t Target, in In) error {
	_, err := t.Do(ctx, &Call{Verb: VerbPost, Route: string(f), Args: ArgsOne(in)})
	return err
}

// Subscribe yields the result of each run of the route, from when the loop begins. Leaving the loop or
// ending ctx unsubscribes; a failure is yielded once and ends the loop. A slow loop misses the
// oldest results by default; [Func.Listen] tells how many.
func (f Func[In, Out]) Subscribe(ctx context.Context, t Target, opts ...SubOption) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		for u, err := range updates[Out](ctx, t, string(f), WatchOptions{Lag: Lag{Policy: DropOldest}}, opts) {
			if !yield(u.Value, err) {
				return
			}
		}
	}
}

// Listen calls fn with the result of each run of the route, in order, until the subscription is stopped.
// When it returns, the subscription is in force.
func (f Func[In, Out]) Listen(ctx context.Context, t Target, fn func(Update[Out]), opts ...SubOption) (*Subscription, error) {
	return listen(ctx, t, string(f), WatchOptions{Lag: Lag{Policy: DropOldest}}, fn, opts)
}

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
	return As[T](v)
}

// Set stores a value, if the state is [Writable].
func (s State[T]) Set(ctx context.Context, t Target, value T) error {
	_, err := t.Do(ctx, &Call{Route: string(s), Args: ArgsOne(value)})
	return err
}

// Watch yields the current value, marked as snapshot, and then each new one, with none
// lost or repeated in between. A slow loop gets the newest value by default, and Lost says how many
// were left out. Leaving the loop or ending ctx unsubscribes; a failure is yielded once and ends the loop.
func (s State[T]) Watch(ctx context.Context, t Target, opts ...SubOption) iter.Seq2[Update[T], error] {
	return updates[T](ctx, t, string(s), WatchOptions{Snapshot: true, Lag: Lag{Policy: Conflate}}, opts)
}

// Listen calls fn with the current value and then with each new one, in order, until the subscription
// is stopped.
func (s State[T]) Listen(ctx context.Context, t Target, fn func(Update[T]), opts ...SubOption) (*Subscription, error) {
	return listen(ctx, t, string(s), WatchOptions{Snapshot: true, Lag: Lag{Policy: Conflate}}, fn, opts)
}

// An Update is an [Event] with its value decoded.
type Update[T any] struct {
	Value    T
	Position string
	Lost     uint64
	Snapshot bool
}

func updateOf[T any](e Event) (Update[T], error) {
	v, err := As[T](e.Value)
	return Update[T]{Value: v, Position: e.Position, Lost: e.Lost, Snapshot: e.Snapshot}, err
}

func updates[T any](ctx context.Context, t Target, route string, o WatchOptions, opts []SubOption) iter.Seq2[Update[T], error] {
	for _, opt := range opts {
		opt.applyTo(&o)
	}
	return func(yield func(Update[T], error) bool) {
		for e, err := range events(ctx, t, route, o) {
			var u Update[T]
			if err == nil {
				u, err = updateOf[T](e)
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
			e.Lost += lost
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func listen[T any](ctx context.Context, t Target, route string, o WatchOptions, fn func(Update[T]), opts []SubOption) (*Subscription, error) {
	for _, opt := range opts {
		opt.applyTo(&o)
	}
	var sub *Subscription
	ready := make(chan struct{})
	c := &Call{Verb: VerbSubscribe, Route: route, Watch: o}
	c.Deliver = func(_ context.Context, e Event) {
		u, err := updateOf[T](e)
		if err != nil {
			<-ready
			sub.End(fmt.Errorf("watch %s: %w", route, err))
			return
		}
		fn(u)
	}
	sub, err := subscribe(ctx, t, c)
	if err != nil {
		return nil, err
	}
	close(ready)
	return sub, nil
}
