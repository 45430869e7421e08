package ws_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A client that does not offer our subprotocol is a published graphscript client.
func TestPublishedClientAnswersACall(t *testing.T) {
	s := serve(t, config{})
	r := upgradeRaw(t, s)
	eventually(t, "the socket is there", func() bool { return s.info.Len() == 1 })
	p := s.info.Peers()[0]
	results := make(chan string, 1)
	go func() {
		greeting, _ := name.Run(t.Context(), p, "Hello")
		results <- greeting
	}()
	var call struct {
		Route string
		Args  []json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(r.message()), &call))
	require.Equal(t, "runRequest", call.Route)
	require.JSONEq(t, `{"route":"name","args":"Hello"}`, string(call.Args[0]))
	require.JSONEq(t, `"`+p.ID()+`"`, string(call.Args[1]))
	r.write(text(`{"args":"Hello Ann","callbackId":` + string(call.Args[2]) + `}`))
	require.Equal(t, "Hello Ann", receive(t, results, "the call is answered"))
}

// One that wants its address for an id says so in the URL.
func TestPublishedClientThatIsNamedByItsAddress(t *testing.T) {
	s := serve(t, config{})
	address := "ws://" + s.address() + "/wss?addr=7"
	named := strings.Replace(handshake(s.address()), "GET / ", "GET /wss?addr=7 ", 1)
	first, second := dialRaw(t, s.address()), dialRaw(t, s.address())
	first.upgrade(named)
	require.Contains(t, first.message(), `"args":"`+address+`"`)
	require.Equal(t, address, s.info.Socket(address).ID())
	second.upgrade(named)
	require.NotContains(t, second.message(), address, "a second one of that name gets an id like any other")
	require.Equal(t, 2, s.info.Len())
}
