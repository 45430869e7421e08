// Command hello serves one route of one graph over plain HTTP.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

// Hello is a contract: the name of a route, what it takes and what it gives.
const Hello graph.Func[string, string] = "hello"

func run(ctx context.Context, port int, stdout io.Writer) error {
	g := graph.New()
	Hello.Handle(g, func(_ context.Context, name string) (string, error) {
		if name == "" {
			return "", graph.InvalidArgument.Errorf("whom shall I greet?")
		}
		return "Hello, " + name + "!", nil
	})
	svc := services.New(g, &services.Options{Expose: []string{"hello"}})
	server, err := httpservice.New(svc, nil).SetupServer(ctx, httpservice.Props{Port: port})
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "serving on", server.URL("/"))
	<-server.Done()
	return server.Err()
}

func main() {
	port := flag.Int("port", 8080, "where to listen; 0 lets the system choose")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *port, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
