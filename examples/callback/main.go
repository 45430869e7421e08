// Command callback is a poll: a server that calls its clients, and the client. Everything the server asks
// leaves over server-sent events, and the answers come by POST.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

const (
	// patience is how long the server waits for people to answer.
	patience = time.Minute
	// grace is how long the calls that run may take when a client ends.
	grace = 5 * time.Second
)

var errUsage = errors.New("usage: callback serve [-port PORT] | join [-url URL] [-vote yes|no] [-ask QUESTION]")

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:], stdout)
	case "join":
		return join(ctx, args[1:], stdout)
	default:
		return errUsage
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
