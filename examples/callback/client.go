package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

func join(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("join", flag.ContinueOnError)
	url := flags.String("url", "http://localhost:8091/sse", "where the server listens")
	vote := flags.String("vote", "yes", "what to vote: yes or no")
	question := flags.String("ask", "", "a question to ask; without one the client stays and votes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *vote != "yes" && *vote != "no" {
		return errUsage
	}

	// The client's own graph is what the server may call.
	g := graph.New()
	Confirm.Handle(g, func(_ context.Context, question string) (bool, error) {
		fmt.Fprintf(stdout, "asked to confirm %q: yes\n", question)
		return true, nil
	})
	Vote.Handle(g, func(_ context.Context, question string) (bool, error) {
		fmt.Fprintf(stdout, "asked to vote on %q: %s\n", question, *vote)
		return *vote == "yes", nil
	})
	svc := services.New(g, &services.Options{Expose: []string{"client.**"}})
	server, err := sse.OpenSSE(ctx, *url, svc, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "joined")
	failure := stay(ctx, server, *question, stdout)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return errors.Join(failure, svc.Shutdown(end))
}

// stay asks a question, if there is one, and else waits to be asked.
func stay(ctx context.Context, server *sse.Connection, question string, stdout io.Writer) error {
	if question == "" {
		select {
		case <-server.Done():
			return server.Err()
		case <-ctx.Done():
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience) // the server learns of it and waits no longer
	defer cancel()
	tally, err := Ask.Run(ctx, server, question)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	fmt.Fprintf(stdout, "yes: %d, no: %d, silent: %d\n", tally.Yes, tally.No, tally.Silent)
	return nil
}
