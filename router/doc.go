// Package router pools the connections of a user: several tabs, and several transports of one tab. Code that
// has something to tell a person, or to ask one, holds a [User] and does not care which connection it goes over.
//
// A User is a graph.Target. What concerns one connection goes over the preferred one that
// lives; what concerns the person everywhere has a form with All. A user appears with the first
// connection and is gone with the last.
//
// All methods may be called concurrently. Hooks run one at a time, in the order in which users came and went, and
// may call the router.
package router
