package graph

// Roots is a tree of nodes by name. A value may be
//
//   - a function of any shape: a node with that operator;
//   - Props: a node with all its parts;
//   - Roots: a node that only has children;
//   - a *Graph, at the root only: its nodes under the name, with this graph's middleware around its own.
//     Listeners do not reach into it, but [Pipe] does;
//   - a *Var: a node that is this state;
//   - a pointer to another struct: the struct lent as a node (see Props.Lend);
//   - anything else: a node that is this state.
type Roots map[string]any

// Props define a node.
type Props struct {
	// Operator is the node's work: an Operator, a function of any shape, or the name of one of Methods.
	// Without it a method "post" or "get" serves, and without these the node cannot be run.
	Operator any
	// Methods are further functions of the node, chosen by a call's Method or by tag.name.
	Methods map[string]any
	// State are the node's keys and first values. A *Var is used as it is; other values keep their type.
	State map[string]any
	// Writable names the state keys that a run with arguments may set; without arguments it
	// reads. Go code sets all of them, with Node.Set or the Var.
	Writable []string
	// Children run with the node's result, each time it runs, in the order of their names. A
	// child without an operator does not run, and one that fails is logged.
	Children Roots
	// Listeners react to others: by tag, tag.key or tag.method, a function that takes the
	// value, the name of one of this node's methods or of another node, true for this
	// node's operator, or a Listener. What is listened to need not exist yet.
	Listeners map[string]any
	// Args build the operator's arguments from other nodes; see Ref.
	Args []any
	// With holds settings that loaders give a meaning, such as "loop".
	With map[string]any
	// Lend makes a Go struct part of the node: a pointer to it. Its exported
	// methods become methods, its exported fields of type Var become state keys. What it has
	// from embedded fields is left out.
	Lend any
	// Middleware is put around every call of the node, the first outermost.
	Middleware []Middleware
	// OnConnected runs when the node is in the graph, OnDisconnected when it has left.
	OnConnected    func(n *Node)
	OnDisconnected func(n *Node)

	value cell // the state a node is
}

// A Listener says what to do when something else has a new result or value.
type Listener struct {
	// Do is what Props.Listeners takes in place of a Listener.
	Do any
	// Input reacts to the arguments of the other node's runs instead of their results.
	Input bool
}

// A NodeOption adjusts a node that a contract makes.
type NodeOption func(p *Props)

// With puts middleware around a node.
func With(mw ...Middleware) NodeOption {
	return func(p *Props) { p.Middleware = append(p.Middleware, mw...) }
}

// Writable lets callers set the state a node is.
func Writable() NodeOption {
	return func(p *Props) { p.Writable = append(p.Writable, "") }
}
