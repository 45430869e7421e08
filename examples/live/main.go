// Command live serves a page of moving figures and a chat, to show graphs that talk to each other in both directions.
// Its README describes what happens where.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It prints the URL of the page when it listens.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("live", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on; if the port is taken, the next free one")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	listener, err := listen(ctx, *addr)
	if err != nil {
		return err
	}
	app, err := newApp(listener.Addr())
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer app.graph.Close()
	fmt.Fprintf(stdout, "live: %s\n", pageURL(listener.Addr()))
	return serve(ctx, listener, app)
}

// shutdownTimeout bounds how long a stop waits for what runs.
const shutdownTimeout = 5 * time.Second

func serve(ctx context.Context, listener net.Listener, app *app) error {
	server := &http.Server{
		Handler:           app.handler,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		// A stream lives long: package sse bounds each of its writes. There is no WriteTimeout for that reason.
	}
	var served error
	ended := make(chan struct{}) // closed when served is set
	go func() {
		defer close(ended)
		served = server.Serve(listener)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	// The service first: it ends the streams, for which the server would else wait.
	err := errors.Join(app.service.Shutdown(stopping), server.Shutdown(stopping))
	<-ended
	if !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(fmt.Errorf("serve: %w", served), err)
	}
	return err
}
