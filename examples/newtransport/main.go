// Command newtransport joins two graphs over a Unix socket, with a transport that is a folder of this example.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/graphscript-go/graphscript/examples/newtransport/unixlink"
	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

const (
	// Greet is served by the server, which asks its caller for a name.
	Greet graph.Func[string, string] = "greet"
	// Visitors is how many the server has greeted.
	Visitors graph.State[int] = "visitors"
	// Name is served by the client.
	Name graph.Func[graph.Void, string] = "name"
)

func run(ctx context.Context, stdout io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "graph") // for this user alone, and so is the socket in it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "socket")

	server := newServer()
	stop, err := unixlink.Listen(path, server)
	if err != nil {
		return err
	}
	defer func() {
		stop()
		err = errors.Join(err, server.Shutdown(context.WithoutCancel(ctx)))
	}()

	g := graph.New()
	Name.Handle(g, func(context.Context, graph.Void) (string, error) { return "Ada", nil })
	client := services.New(g, &services.Options{Expose: []string{"name"}})
	defer func() { err = errors.Join(err, client.Shutdown(context.WithoutCancel(ctx))) }()
	peer, err := unixlink.Dial(ctx, path, client)
	if err != nil {
		return err
	}
	for visitors, err := range Visitors.Watch(ctx, peer) {
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, "visitors:", visitors.Value)
		if visitors.Value == 2 {
			break
		}
		greeting, err := Greet.Run(ctx, peer, "Hello")
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, greeting)
	}
	return nil
}

func newServer() *services.Service {
	g := graph.New()
	visitors := Visitors.Serve(g, 0)
	Greet.Handle(g, func(ctx context.Context, word string) (string, error) {
		caller, ok := services.PeerFrom(ctx)
		if !ok {
			return "", graph.FailedPrecondition.Errorf("there is nobody to greet")
		}
		name, err := Name.Run(ctx, caller, graph.Void{})
		if err != nil {
			return "", err
		}
		_, err = visitors.Update(func(n int) (int, error) { return n + 1, nil })
		return word + ", " + name + "!", err
	})
	return services.New(g, &services.Options{Expose: []string{"greet", "visitors"}})
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
