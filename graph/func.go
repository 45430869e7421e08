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

// A typedOperator is a contract's handler: its contract calls fn, all else calls run.
type typedOperator struct {
	run Operator
	fn  any // func(context.Context, In) (Out, error)
}

// Handle serves the route from g. It panics if the tag is malformed or taken or fn is nil, as
// these are mistakes in the program.
func (f Func[In, Out]) Handle(g *Graph, fn func(context.Context, In) (Out, error), opts ...NodeOption) *Node {
	if fn == nil {
		panic(InvalidArgument.Errorf("handle %q: the handler is nil", string(f)))
	}
	s := shapeOf(reflect.TypeFor[In]())
	run := func(ctx context.Context, a Args) (any, error) {
		in, err := bindTo[In](a, s)
		if err != nil {
			return nil, err
		}
		out, err := fn(ctx, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
	return mustAdd(g, string(f), Props{Operator: typedOperator{run, fn}}, opts)
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
		if n := g.fast.get(&g.nodes, string(f)); n != nil && n.chain.Load() == nil {
			if fn, ok := n.typed.(func(context.Context, In) (Out, error)); ok {
				return runTyped(ctx, n, fn, in)
			}
		}
	}
	var zero Out
	v, err := t.Do(ctx, &Call{Route: string(f), Args: argsFor(in)})
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
	returned := false
	defer func() {
		if !returned {
			err = n.panicError(recover())
		}
	}()
	if n.inputs.watched.Load() {
		values, _ := argsFor(in).Values()
		n.inputs.publish(ctx, values)
	}
	out, err = fn(ctx, in)
	if err == nil && n.results.watched.Load() {
		if _, none := any(out).(Void); !none {
			n.results.publish(ctx, out)
		}
	}
	returned = true
	return out, err
}

// Post runs the route for its effects and does not wait for another process.
func (f Func[In, Out]) Post(ctx context.Context, t Target, in In) error {
	_, err := t.Do(ctx, &Call{Verb: VerbPost, Route: string(f), Args: argsFor(in)})
	return err
}

// Subscribe yields the result of each run of the route, from when the loop begins. Leaving the loop or
// ending ctx unsubscribes; a failure is yielded once and ends the loop. A slow loop misses the
// oldest results by default; [Func.Listen] tells how many.
func (f Func[In, Out]) Subscribe(ctx context.Context, t Target, opts ...SubOption) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		for u, err := range updates[Out](ctx, t, string(f), f.watch(opts)) {
			if !yield(u.Value, err) {
				return
			}
		}
	}
}

// Listen calls fn with the result of each run of the route, in order, until the subscription is stopped.
// When it returns, the subscription is in force. Within a process fn runs inside the run that gave the
// result and is never behind; across a wire the lag policy applies.
func (f Func[In, Out]) Listen(ctx context.Context, t Target, fn func(Update[Out]), opts ...SubOption) (*Subscription, error) {
	return listen(ctx, t, string(f), f.watch(opts), fn)
}

func (f Func[In, Out]) watch(opts []SubOption) WatchOptions {
	return watchOptions(WatchOptions{Lag: Lag{Policy: DropOldest}}, opts)
}
