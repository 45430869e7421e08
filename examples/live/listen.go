package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
)

// tries is how many ports are tried, beginning with the one that was asked for.
const tries = 100

// listen listens on addr or, if that port is taken, on the next one that is free.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	wanted, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	var first error
	for port := wanted.Port; port < wanted.Port+tries && port <= 65535; port++ {
		next := &net.TCPAddr{IP: wanted.IP, Zone: wanted.Zone, Port: port}
		var config net.ListenConfig
		// Systems name the error of a taken port differently, and another error does not go away with the port.
		listener, err := config.Listen(ctx, "tcp", next.String())
		if err == nil {
			if first != nil {
				slog.Info("the port is taken, using another", "wanted", wanted.String(), "using", listener.Addr().String())
			}
			return listener, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("listen on %s: no free port: %w", addr, first)
}

// pageURL is where the page is for a browser on this computer.
func pageURL(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}

// hostsOf are the names by which the server may be reached: the address it listens on, or all addresses of this
// computer if it listens on all, and the loopback names. A page of another site that points its own name at this
// computer is none of them.
func hostsOf(addr net.Addr) ([]string, error) {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	listening, ok := addr.(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("listening on %s, want a TCP address", addr)
	}
	if !listening.IP.IsUnspecified() {
		return append(hosts, listening.IP.String()), nil
	}
	local, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this computer: %w", err)
	}
	for _, a := range local {
		if ip, ok := a.(*net.IPNet); ok {
			hosts = append(hosts, ip.IP.String())
		}
	}
	return hosts, nil
}
