// Package servicestest is the suite every transport of package services must pass. It checks what callers
// rely on whatever carries their messages: calls in both directions, order, lag policies, cancellation, ends,
// limits and what hostile input does.
//
// A transport gives it a function that joins two services, one as the client of the other:
//
//	func TestTransport(t *testing.T) {
//		servicestest.Run(t, servicestest.Transport{
//			Name: "carrier",
//			Connect: func(t testing.TB, server, client *services.Service) servicestest.Connection {
//				listener := carrier.Listen(server)
//				t.Cleanup(listener.Close)
//				peer, err := carrier.Dial(listener.Address(), client)
//				require.NoError(t, err)
//				return servicestest.Connection{ToServer: peer, Client: peer, ToClient: server.Peer(peer.ID())}
//			},
//		})
//	}
//
// [Memory] is such a transport without a network, and the shortest one to read. It also puts faults between
// two services.
//
// What a transport cannot do is skipped, and the log of the test says so: "not for this transport".
package servicestest
