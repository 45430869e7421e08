package graph

import "context"

// Run runs a route of any target with positional arguments. [As] reads its result.
func Run(ctx context.Context, t Target, route string, args ...any) (any, error) {
	return t.Do(ctx, &Call{Route: route, Args: ArgsOf(args...)})
}

// Post runs a route of any target for its effects. The error says that the message could not be handed
// over; inside a process it is also the error of the run.
func Post(ctx context.Context, t Target, route string, args ...any) error {
	_, err := t.Do(ctx, &Call{Verb: VerbPost, Route: route, Args: ArgsOf(args...)})
	return err
}

// Subscribe watches a route of any target.
func Subscribe(ctx context.Context, t Target, route string, f Deliver, opts ...SubOption) (*Subscription, error) {
	return subscribe(ctx, t, &Call{Verb: VerbSubscribe, Route: route, Deliver: f, Watch: watchOptions(WatchOptions{}, opts)})
}

func subscribe(ctx context.Context, t Target, c *Call) (*Subscription, error) {
	out, err := t.Do(ctx, c)
	if err != nil {
		return nil, err
	}
	sub, ok := out.(*Subscription)
	if !ok {
		return nil, Internal.Errorf("subscribe to %s gave no subscription", c.Route)
	}
	return sub, nil
}
