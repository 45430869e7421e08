package graph

import (
	"context"
	"fmt"
)

// A Ref in Props.Args stands for a value that is looked up at each run: the current value of
// a state key ("math.pi"), or the result of another node for the same input ("double").
type Ref string

// Input is the Ref for the arguments the node was called with.
const Input Ref = "__input"

// withArgs builds the arguments of op from args, in place of those of the call.
func (n *Node) withArgs(op Operator, args []any) Operator {
	return func(ctx context.Context, a Args) (any, error) {
		built := make([]any, 0, len(args))
		for _, arg := range args {
			switch ref, isRef := arg.(Ref); {
			case !isRef:
				built = append(built, arg)
			case ref == Input:
				values, err := a.Values()
				if err != nil {
					return nil, err
				}
				built = append(built, values...)
			default:
				v, err := n.graph.lookUp(ctx, string(ref), a)
				if err != nil {
					return nil, fmt.Errorf("argument %q: %w", ref, err)
				}
				built = append(built, v)
			}
		}
		return op(ctx, ArgsOf(built...))
	}
}

// lookUp returns the value a Ref stands for.
func (g *Graph) lookUp(ctx context.Context, ref string, a Args) (any, error) {
	n, name := g.Resolve(ref)
	if n == nil {
		if m := g.mountOf(ref); m != nil {
			return m.graph.lookUp(ctx, m.inner(&Call{Route: ref}).Route, a)
		}
		return nil, NotFound.Errorf("no route %q", ref)
	}
	if m, err := n.state(name); err == nil {
		return m.cell.load(), nil
	}
	return g.Do(ctx, &Call{Route: ref, Args: a})
}
