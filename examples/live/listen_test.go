package main

import (
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNextFreePort(t *testing.T) {
	// The system chooses a first port that has a second one after it.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port

	s := start(t, "-addr", taken.Addr().String())
	_, chosen, err := net.SplitHostPort(s.url[len("http://") : len(s.url)-1])
	require.NoError(t, err)
	got, err := strconv.Atoi(chosen)
	require.NoError(t, err)
	require.Greater(t, got, port)
	require.Less(t, got, port+tries)
	s.visitor(t).open(t, "UTC")
}

func TestArguments(t *testing.T) {
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard))
	for _, args := range [][]string{
		{"-addr", "127.0.0.1"}, {"-addr", "127.0.0.1:http-nonsense"}, {"-addr", "192.0.2.1:0"}, {"-nonsense"},
	} {
		require.Error(t, run(t.Context(), args, io.Discard), args)
	}
}

func TestHosts(t *testing.T) {
	loopback := []string{"localhost", "127.0.0.1", "::1"}
	for addr, want := range map[string]struct {
		url, host string
	}{
		"127.0.0.1:8080":   {"http://127.0.0.1:8080/", "127.0.0.1"},
		"192.0.2.7:80":     {"http://192.0.2.7:80/", "192.0.2.7"},
		"[2001:db8::1]:81": {"http://[2001:db8::1]:81/", "2001:db8::1"},
		"[::]:82":          {"http://127.0.0.1:82/", "127.0.0.1"},
		"0.0.0.0:83":       {"http://127.0.0.1:83/", "127.0.0.1"},
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		require.Equal(t, want.url, pageURL(tcp))
		hosts, err := hostsOf(tcp)
		require.NoError(t, err)
		require.Subset(t, hosts, append(loopback, want.host))
		require.NotContains(t, hosts, "0.0.0.0")
	}
}
