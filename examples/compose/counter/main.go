// Command counter serves a count. It watches the limit of every program that connects, and gives it notice when the
// count reaches that limit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"

	"github.com/graphscript-go/graphscript/examples/compose/contract"
	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
	"github.com/graphscript-go/graphscript/services/ws"
)

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("counter", flag.ContinueOnError)
	port := flags.Int("port", 8090, "where to listen; 0 lets the system choose")
	if err := flags.Parse(args); err != nil {
		return err
	}

	g := graph.New()
	count := contract.Count.Serve(g, 0)
	contract.Add.Handle(g, func(_ context.Context, by int64) (int64, error) {
		return count.Update(func(n int64) (int64, error) { return n + by, nil })
	})
	svc := services.New(g, &services.Options{Expose: []string{"counter.**"}})
	sockets, err := ws.New(svc).SetupWSS(ws.Props{
		OnConnection: func(s *ws.SocketInfo, _ *http.Request) error {
			fmt.Fprintln(stdout, "a program connected")
			return giveNotice(s.Context(), g, s, stdout)
		},
		OnConnectionClose: func(*ws.SocketInfo, error) { fmt.Fprintln(stdout, "it has gone") },
	})
	if err != nil {
		return err
	}

	server, err := httpservice.New(svc, nil).SetupServer(ctx, httpservice.Props{
		Port:     *port,
		Handlers: map[string]http.Handler{"/ws": sockets},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on ws://%s/ws\n", server.Address)
	<-server.Done()
	return server.Err()
}

// giveNotice watches the limit of a watcher and calls it when the count reaches it. Both the graph of this
// program and the connected one are targets, and contracts are used on them alike.
func giveNotice(ctx context.Context, counter, watcher graph.Target, stdout io.Writer) error {
	for limit, err := range contract.Limit.Watch(ctx, watcher) {
		if errors.Is(err, graph.NotFound) {
			return nil // a program without a limit may count all the same
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, "its limit is", limit.Value)
		reached, err := await(ctx, counter, limit.Value)
		if err != nil {
			return err
		}
		if _, err := contract.Notice.Run(ctx, watcher, reached); err != nil {
			return err
		}
	}
	return nil
}

// await returns the count when it has reached a limit.
func await(ctx context.Context, counter graph.Target, limit int64) (int64, error) {
	for count, err := range contract.Count.Watch(ctx, counter) {
		if err != nil || count.Value >= limit {
			return count.Value, err
		}
	}
	return 0, ctx.Err()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
