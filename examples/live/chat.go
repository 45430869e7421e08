package main

import (
	"context"
	"slices"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

const (
	keptLines = 50
	maxLine   = 500 // characters
)

// A chat is the last lines that were said. They are state: a page that comes or comes back gets all of them first, and a
// page that was too slow for one list gets the next.
type chat struct {
	people *people
	lines  *graph.Var[[]Line]
}

func serveChat(g *graph.Graph, p *people) {
	c := &chat{people: p, lines: Lines.Serve(g, []Line{})}
	Say.Handle(g, c.say)
}

func (c *chat) say(ctx context.Context, text string) (graph.Void, error) {
	text, err := cleanText(text, maxLine)
	if err != nil {
		return graph.Void{}, err
	}
	from := caller(ctx)
	name, ok := c.people.nameOf(from)
	if !ok {
		return graph.Void{}, graph.FailedPrecondition.Errorf("only somebody who is online can say something")
	}
	line := Line{From: from, Name: name, Text: text, Time: time.Now()}
	_, err = c.lines.Update(func(before []Line) ([]Line, error) {
		line.ID = 1
		if n := len(before); n > 0 {
			line.ID = before[n-1].ID + 1
		}
		kept := before[max(0, len(before)+1-keptLines):]
		return append(slices.Clone(kept), line), nil // before is being read by others
	})
	return graph.Void{}, err
}
