// Package services lets graphs talk to each other, whatever carries the messages.
//
// A [Service] is a graph with a policy: what of it remote peers may reach, who they are, how much they may
// ask for. A transport hands it connections as a [Link], which writes, and messages as they are read; the
// whole conversation between is here, once: matching replies to calls, running routes, subscriptions,
// cancellation, deadlines, limits, drain. A connected remote graph is a [Peer], at both ends of a
// connection alike: the server calls and watches its clients with the verbs they use on it.
//
// # Policy
//
// Nothing is reachable that Options.Expose does not name, and what is not exposed is answered like what does not
// exist. The identity of a peer comes from its connection, never from a message. Replies count only
// from the peer that was asked.
//
// # Order
//
// Messages are written to a peer in the order they were sent. The routes a peer runs here run side by side, so who needs an
// order waits for the reply. A peer that watches what it runs gets the update before the reply. A route may call
// back to its caller and wait for the answer.
//
// # Slow peers
//
// Each link has one writer, which takes all that is queued and writes it at once, under Limits.WriteTimeout.
// Nobody waits for a slow peer but who sends to it alone: each subscription has its own bounded queue with a
// [graph.Policy], what is left out is counted in the next update, and a peer whose queue is
// full is closed with ResourceExhausted.
//
// # Busy peers
//
// Limits bound what one connection can make a service do. Limits.InFlight routes run for a peer at once; one that waits for
// a peer to answer gives its place to another meanwhile, so that routes may call each other back to any depth. Further
// calls wait, and then the peer is held up, or refused where reading must go on; see Limits.Backlog.
//
// # Ends
//
// Whoever opens a connection closes it: a transport calls [Peer.Serve], which returns when the peer is gone, for
// whatever reason, and everything of it has ended: calls to it fail with Unavailable, its subscriptions end, the
// context of the routes it runs is cancelled. What it posted before is run nevertheless, under a context that has ended. A callback that has events left gets these first, and the hooks of a
// subscription run after the last. [Service.Shutdown] waits for all that was started.
package services
