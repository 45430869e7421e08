package servicestest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/servicestest"
)

// pipe is the transport of package services itself.
func pipe() servicestest.Transport {
	return servicestest.Transport{
		Name: "pipe",
		Connect: func(t testing.TB, server, client *services.Service) servicestest.Connection {
			toServer, toClient, err := services.Pipe(client, server)
			require.NoError(t, err)
			return servicestest.Connection{ToServer: toServer, Client: toServer, ToClient: toClient}
		},
	}
}

func TestPipe(t *testing.T) { servicestest.Run(t, pipe()) }

func TestPipeInBubble(t *testing.T) {
	p := pipe()
	p.Bubble = true
	servicestest.Run(t, p)
}

func TestMemory(t *testing.T) { servicestest.Run(t, servicestest.Memory(nil)) }

func TestMemoryInBubble(t *testing.T) {
	m := servicestest.Memory(nil)
	m.Bubble = true
	servicestest.Run(t, m)
}
