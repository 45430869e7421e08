// Package graph composes a program as a set of named nodes that can be run, watched
// and changed while in use. It imports the standard library only and knows nothing of networks.
//
// # Nodes and contracts
//
// A node has a dotted tag ("math.mul") and any of: an operator, which is its work;
// methods; state keys; children, which run with its result; listeners, which react to other nodes. A route is
// a tag, or a tag and a method or key ("counter.count").
//
// A contract is a constant that names a route and its types. It serves the route on one side and
// uses it on the other, against any [Target]:
//
//	const Add graph.Func[AddIn, int64] = "counter.add"
//
//	Add.Handle(g, func(ctx context.Context, in AddIn) (int64, error) { ... })
//	sum, err := Add.Run(ctx, target, AddIn{By: 1})
//
// Below the contracts is an untyped tree for graphs that are made at run time: [Roots],
// [Props], Graph.Run.
//
// # Arguments
//
// Inside a process arguments and results are passed as they are. From a wire a JSON array is positional
// arguments, and anything else is the one argument. Bound to a route's input type, positional
// arguments fill the exported fields of a struct in order, or the elements of a slice; an
// object fills a struct by name; every other type takes one argument. What is not given
// is zero, and too many arguments are an InvalidArgument. An input of type
// json.RawMessage gets the arguments as they came.
//
// # Order
//
// The events of one node, method or key reach every subscriber in one order. A run returns
// when all subscribers have been called, or hold the event in their queue; so a remote caller that watches what
// it runs gets the update before the reply. Two things are excepted: an event published
// from inside a subscriber's callback is delivered after the one in hand, and a callback
// that blocks for five seconds no longer holds up the runs that wait for it. A callback that
// runs nodes must pass on the context it was given.
//
// A subscriber that falls behind loses events by its [Policy], and the next event says how many.
//
// # Concurrency
//
// All methods of Graph, Node, Var, Queue and Subscription may be called concurrently, also with loading
// and removing nodes. Operators run on their callers' goroutines, side by side; a node that must
// not be run twice at once needs its own lock. No lock of the graph is held while an
// operator, callback or hook runs. What a node starts with [Node.Go] ends with it.
//
// # Errors
//
// Every error has a [Code]; see [CodeOf]. Only the Message and Details of an [Error] are meant
// for the other end of a connection. A panic in an operator or callback is logged and
// becomes Internal; it ends nothing else.
package graph
