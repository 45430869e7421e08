// Command watcher connects to the counter, watches its count and raises it. It serves a limit of its own, which the
// counter watches, and ends after two notices of the counter.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/graphscript-go/graphscript/examples/compose/contract"
	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

const (
	step    = 2 // how much the watcher adds at a time
	room    = 3 // how far above the count it puts its limit
	notices = 2 // after how many it ends
)

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("watcher", flag.ContinueOnError)
	url := flags.String("url", "ws://localhost:8090/ws", "where the counter listens")
	if err := flags.Parse(args); err != nil {
		return err
	}

	g := graph.New()
	limit := contract.Limit.Serve(g, room)
	noticed := make(chan int64, 1)
	contract.Notice.Handle(g, func(ctx context.Context, count int64) (graph.Void, error) {
		select {
		case noticed <- count:
			return graph.Void{}, nil
		case <-ctx.Done():
			return graph.Void{}, ctx.Err()
		}
	})
	svc := services.New(g, &services.Options{Expose: []string{"watcher.**"}})
	counter, err := ws.OpenWS(ctx, *url, svc, nil)
	if err != nil {
		return err
	}
	failure := raise(ctx, counter, limit, noticed, stdout)
	// Shutdown lets the calls of the counter finish, so that it gets its replies.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(failure, svc.Shutdown(grace))
}

// raise adds to the count each time it sees it change, and waits at the limit for the counter's notice.
func raise(ctx context.Context, counter *ws.SocketInfo, limit *graph.Var[int64], noticed <-chan int64, stdout io.Writer) error {
	left := notices
	for count, err := range contract.Count.Watch(ctx, counter) {
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, "the count is", count.Value)
		if count.Value >= limit.Load() {
			select {
			case reached := <-noticed:
				fmt.Fprintln(stdout, "the counter gives notice at", reached)
				limit.Set(reached + room)
			case <-counter.Done():
				return counter.Err()
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if left--; left == 0 {
				return nil
			}
		}
		if _, err := contract.Add.Run(ctx, counter, step); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
