package ws

import (
	"net/http"

	"github.com/graphscript-go/graphscript/services"
)

// graphscript tells what is special about a socket whose client did not offer our subprotocol, which the published
// graphscript clients do not, and nil for our own clients.
//
// Such a client keeps its sockets by address, and looks the socket of a subscription up by its id; its subscriptions
// work only where the two are equal. A client that wants that puts a parameter addr with a value of its own
// in the URL, and is then told its address as its id.
func graphscript(r *http.Request, subprotocol string) *services.Graphscript {
	if subprotocol == Subprotocol {
		return nil
	}
	scheme := "ws://"
	if r.TLS != nil {
		scheme = "wss://"
	}
	g := &services.Graphscript{Address: scheme + r.Host + r.URL.RequestURI()}
	if r.URL.Query().Has("addr") {
		g.ID = g.Address
	}
	return g
}
