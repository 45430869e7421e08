package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
	"github.com/graphscript-go/graphscript/services/sse"
)

func serve(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	port := flags.Int("port", 8091, "where to listen; 0 lets the system choose")
	if err := flags.Parse(args); err != nil {
		return err
	}

	g := graph.New()
	svc := services.New(g, &services.Options{Expose: []string{"poll.ask"}})
	channel, err := sse.New(svc).SetupSSE(sse.Props{})
	if err != nil {
		return err
	}
	Ask.Handle(g, func(ctx context.Context, question string) (Tally, error) {
		return ask(ctx, channel, question)
	})

	server, err := httpservice.New(svc, nil).SetupServer(ctx, httpservice.Props{
		Port:     *port,
		Handlers: map[string]http.Handler{"/sse": channel},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "listening on", server.URL("/sse"))
	<-server.Done()
	return server.Err()
}

// ask runs while its caller waits for the result, and asks the caller first.
func ask(ctx context.Context, channel *sse.ChannelInfo, question string) (Tally, error) {
	asker, ok := services.PeerFrom(ctx)
	if !ok {
		return Tally{}, graph.FailedPrecondition.Errorf("open a stream first: who asks is asked back")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	meant, err := Confirm.Run(ctx, asker, question)
	if err != nil {
		return Tally{}, err
	}
	if !meant {
		return Tally{}, graph.Aborted.Errorf("not confirmed")
	}

	var tally Tally
	for _, answer := range services.RunAll(ctx, Vote, &channel.PeerSet, question) {
		switch {
		case answer.Err != nil:
			tally.Silent++
		case answer.Value:
			tally.Yes++
		default:
			tally.No++
		}
	}
	return tally, nil
}
