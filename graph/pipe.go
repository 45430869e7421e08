package graph

import "context"

// Pipe posts each new result or value of one target's route to a route of another, until the subscription
// is stopped. Either target may be a graph, a peer or a user.
func Pipe(ctx context.Context, from Target, source string, to Target, destination string, opts ...SubOption) (*Subscription, error) {
	return Subscribe(ctx, from, source, func(ctx context.Context, e Event) {
		// A destination that is gone loses the event; it has no subscription of its own to end.
		_, _ = to.Do(ctx, &Call{Verb: VerbPost, Route: destination, Args: ArgsOne(e.Value)})
	}, opts...)
}

// PipeOnce posts the next result or value of source to destination and then stops.
func PipeOnce(ctx context.Context, from Target, source string, to Target, destination string) (*Subscription, error) {
	var ending lateEnd
	sub, err := Subscribe(ctx, from, source, func(ctx context.Context, e Event) {
		if ending.asked() {
			return
		}
		_, _ = to.Do(ctx, &Call{Verb: VerbPost, Route: destination, Args: ArgsOne(e.Value)})
		ending.end(nil)
	})
	if err != nil {
		return nil, err
	}
	ending.of(sub)
	return sub, nil
}
