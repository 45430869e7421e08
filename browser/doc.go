// Package browser holds the client for web pages: graph.mjs, one ES module without dependencies, and graph.d.mts,
// which documents and types it. [Handler] serves both.
//
//	mux.Handle("/lib/", browser.Handler())
//
//	<script type="module">
//	  import { connectSSE, connectWS, Graph } from './lib/graph.mjs'
//	  const page = new Graph({ 'page.title': () => document.title })   // what the server may call
//	  const down = await connectSSE('sse', { graph: page })
//	  const up = await connectWS('ws', { graph: page })
//	  await up.run('chat.say', 'hello')
//	  await down.subscribe('system.cpu', cpu => draw(cpu))
//	</script>
//
// A page is a graph as the server is: each end runs, posts to and watches the routes of the other. Over server-sent
// events a page's messages leave by POST to the URL of the stream; over a WebSocket both directions share the socket.
// The messages are the dialect of package services.
//
// # Connections
//
// A stream is read with fetch, because EventSource ends for good at the first answer that is not 200. A connection that
// is lost comes back by itself, after a random time that grows up to 30 s and is at least what the server asked for by
// "retry", or at once when the browser is online again. It stays away after HTTP 204, 401, 403 or 404, and when the server
// ended it on purpose. Each time it comes back it is a new session: pending calls have failed with the code
// "unavailable", subscriptions are made again, and their next update is marked as following a gap.
//
// A browser opens six HTTP/1.1 connections to one origin, over all its tabs, and a stream takes one for as long as it
// lives. A page should have one stream, whatever it watches; pages that stay open in many tabs need HTTP/2.
package browser
