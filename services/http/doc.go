// Package httpservice serves a service's routes over plain HTTP, with web pages and files beside them, and is
// the client of such a server. It is not called http because every program that uses it also imports net/http.
//
//	backend := httpservice.New(svc, nil)
//	mux.Handle("/api/", http.StripPrefix("/api", backend))  // on a server of your own, or
//	info, err := backend.SetupServer(ctx, httpservice.Props{Port: 8080, Pages: pages})
//
//	client, err := httpservice.Open("https://example.com/api", nil) // a graph.Target
//	sum, err := Add.Run(ctx, client, AddIn{By: 1})
//
// # Requests
//
//	GET  /counter                 the value of state, the method get of a node, or else its result
//	POST /math/mul   [2,3]        runs math.mul; a JSON array holds positional arguments, anything else is
//	                              the one argument, and no body is none
//	PUT, PATCH, DELETE, …         run the node's method of that name in lower case, or else the node, as POST does
//	POST /           {"route":"math.mul","args":[2,3]}
//	                              an envelope: a body with a string "route" (or "node") names route, args and method
//	                              itself, whatever the path
//	OPTIONS                       a CORS preflight, or the methods in Allow
//
// In a path "/" and "." mean the same. Each route has one spelling: "//", "..", "%2e", "%2f", "\", ";" and whatever else
// could be read as another path reach no route and get 404. A route with characters other than letters, digits and
// -_~$&+,:=@ has no path and is named by an envelope. The query of a call is ignored. A body may be chunked; it
// is at most Limits.MessageBytes long (413), arrives within Options.BodyTimeout (408) and is nested at most 32 deep.
//
// These headers count besides those of HTTP:
//
//	Graphscript-Timeout: 1500     the milliseconds the caller will wait; the route's context has that deadline
//	Graphscript-Version: 1        the body is the arguments and nothing else, and the HTTP method picks no method of the
//	                              node; a watch marks its snapshot
//	Prefer: respond-async         nobody waits for the result: answered by 202 when the call is taken (RFC 7240)
//	Traceparent                   handed on to the route
//
// The route's context also ends when the client goes away. Cross-site links, which a browser follows with the
// user's cookies, read state and methods get but run no operator.
//
// # Answers
//
// A string is text/plain, an [HTML] text/html, any other value JSON, and no value 204. With Accept: application/json a string
// is JSON too. A failure is {"error":{"code":…,"message":…}} with the status of [services.HTTPStatus]. Each request is answered once.
// A panic is logged and answered as Internal.
//
// # Watching
//
// A GET with Accept: text/event-stream watches state or a function's results, as a browser's EventSource does:
//
//	retry: 2718              once: when to come back, different for each stream
//	data: 41                 a value, as JSON; first the current one of state
//	event: lost
//	data: 3                  so many values were left out before the next, because the client was slow
//	id: 7XQ-1024             where the value has a position in a channel with history
//	data: 45
//	event: error
//	data: {"code":…}         the end, and why; without it the connection was lost
//
// Comments come when there is nothing else for Options.KeepAlive. What to watch is said by query parameters:
//
//	route=R            the route, whatever the path: for one that has none
//	key=K              a method or state key of the node instead of its results
//	input=true         the arguments of each run instead of its results
//	snapshot=false     not the current value of state first
//	lag=P              what happens when the client falls behind: conflate (default for state), dropOldest (default
//	                   for results), dropNewest, disconnect, or block
//	size=N             how many values are held for the client, at most Limits.QueueMessages
//	wait=MS            how long block holds up whoever publishes, at most Limits.BlockWait
//
// A watch ends when the client goes, with the subscription, when the caller's Identity expires, and with
// [Backend.Close]. To a client of this package the snapshot comes as an event of type snapshot.
//
// # Security
//
// Every request is first admitted by the service (Host, Origin, Authenticate), also for pages and files that are not Public. Nothing
// is reachable that Options.Expose does not name. Reading a body, and each write, has a deadline of its own, also where the server
// has none; a server's WriteTimeout does not end a watch. [Backend.SetupServer] bounds the time and size of headers.
//
// # Concurrency
//
// All methods may be called concurrently. A request is served on the goroutine net/http gives it, and its
// route runs on one that the service's Shutdown waits for. A client has a goroutine for each subscription, and another one where
// the subscriber is called back; Close waits for them.
package httpservice
