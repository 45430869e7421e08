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
// is zero, and too many arguments are an InvalidArgument. One argument that is an object may be the
// whole struct, and one that is a list the whole slice, if it does not fit into the first
// field or element. An input of type json.RawMessage gets the arguments as they came. A contract
// with the input [Void] and a function without parameters ignore what they are given, so that they can
// react to anything.
//
// A result that is a list stands for positional arguments where a child, listener or [Pipe] hands it to a function
// of several parameters or a struct.
//
// # Order
//
// The events of one node, method or key reach every subscriber in one order. A run returns
// when all subscribers have been called, or hold the event in their queue; so a remote caller that watches what
// it runs gets the update before the reply. Some things are excepted: an event published
// from inside a subscriber's callback is delivered after the one in hand; a callback
// that blocks for five seconds no longer holds up the runs that wait for it; and [Var.Set], [Var.Update] and [Node.Set], which
// have no context to tell where they are called, do not wait while another goroutine delivers.
// A callback that runs nodes must pass on the context it was given.
//
// A subscriber that falls behind loses events by its [Policy], and the next event says how many. Inside a
// process callbacks have no queue of their own; there, 4096 events may wait for a node's callbacks before
// the oldest is left out.
//
// # Concurrency
//
// All methods of Graph, Node, Var, Queue and Subscription may be called concurrently, also with loading
// and removing nodes. Operators run on their callers' goroutines, side by side; a node that must
// not be run twice at once needs its own lock. Callbacks run one at a time, on the goroutine of whoever
// publishes or, where many do at once, on one that ends when nothing is left to deliver. No lock of
// the graph is held while an operator, callback or hook runs, save for a tap; see [Deliver]. What a
// node starts with [Node.Go] ends with it.
//
// # Errors
//
// Every error has a [Code]; see [CodeOf]. Only the Message and Details of an [Error] are meant
// for the other end of a connection. A panic in an operator, callback, hook or middleware is logged and
// becomes Internal, whatever its value was; it ends nothing else.
package graph
