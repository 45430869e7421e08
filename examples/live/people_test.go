package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

// A page can answer what it likes, but not put it into everybody's list.
func TestTimeZoneIsChecked(t *testing.T) {
	g := graph.New()
	p := servePeople(g)
	server := services.New(g, &services.Options{OnConnect: p.arrive, OnDisconnect: p.depart})
	answer := "America/Argentina/Buenos_Aires"
	theirs := graph.New()
	TimeZone.Handle(theirs, func(context.Context, graph.Void) (string, error) { return answer, nil })
	client := services.New(theirs, &services.Options{Expose: []string{"page.**"}})
	_, peer, err := services.Pipe(client, server)
	require.NoError(t, err)

	listed := func() string {
		require.NoError(t, p.askTimeZone(&sse.ClientInfo{Peer: peer}, nil), "the answer does not end the connection")
		list, err := Online.Get(t.Context(), g)
		require.NoError(t, err)
		require.Len(t, list, 1)
		return list[0].TimeZone
	}
	require.Equal(t, answer, listed())
	for _, answer = range []string{"", "<b>here</b>", "Europe/\u202eParis", strings.Repeat("x", 65)} {
		require.Equal(t, "America/Argentina/Buenos_Aires", listed(), answer)
	}
	answer = "Etc/GMT+1"
	require.Equal(t, answer, listed())

	require.NoError(t, client.Shutdown(t.Context()))
	require.NoError(t, server.Shutdown(t.Context()))
	list, err := Online.Get(t.Context(), g)
	require.NoError(t, err)
	require.Empty(t, list)
	require.Empty(t, p.profiles, "nothing is kept of who is gone")
	require.NoError(t, p.askTimeZone(&sse.ClientInfo{Peer: peer}, nil), "a page that is gone is not asked")
}

func TestCleanText(t *testing.T) {
	for text, want := range map[string]string{
		" a b ": "a b", "a\nb\x00c": "a b c", "\u202fé\t": "é", "\xff": "\ufffd",
	} {
		got, err := cleanText(text, 5)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "\r\n", "123456", "éééééé"} {
		_, err := cleanText(text, 5)
		require.ErrorIs(t, err, graph.InvalidArgument, text)
	}
}
