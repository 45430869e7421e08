package services_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

var rewrite = flag.Bool("rewrite", false, "write the conversations of testdata/wire anew, from what the service says")

// A conversation is a file of testdata/wire in the format of golang.org/x/tools/txtar: a comment, and then parts
// under "-- name --" lines. The parts are read in turn:
//
//	graphscript  first, if the client is a published one: what the service is told of it
//	client  messages to the service, one a line
//	do      what happens in the service meanwhile: see step
//	server  what the service says then; with "*" behind the name, in any order
//
// What differs from run to run stands there as <id>, <token>, <reference>, <callback> and <number>; in messages of the client
// these are what the service said last.
type conversation struct {
	comment string
	parts   []part
}

type part struct {
	name  string
	lines []string
}

func parseConversation(data string) conversation {
	var c conversation
	for line := range strings.Lines(data) {
		name, _ := strings.CutPrefix(line, "-- ")
		if name, isPart := strings.CutSuffix(name, " --\n"); isPart {
			c.parts = append(c.parts, part{name: name})
			continue
		}
		if len(c.parts) == 0 {
			c.comment += line
			continue
		}
		last := &c.parts[len(c.parts)-1]
		last.lines = append(last.lines, strings.TrimSuffix(line, "\n"))
	}
	return c
}

func (c conversation) String() string {
	var text strings.Builder
	text.WriteString(c.comment)
	for _, p := range c.parts {
		text.WriteString("-- " + p.name + " --\n")
		for _, line := range p.lines {
			text.WriteString(line + "\n")
		}
	}
	return text.String()
}

var varying = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`reference [0-9a-f]{8}-[0-9a-f-]{27}`), "reference <reference>"},
	{regexp.MustCompile(`"[0-9a-f]{8}-[0-9a-f-]{27}"`), `"<id>"`},
	{regexp.MustCompile(`"token":"[A-Za-z0-9_-]{22}"`), `"token":"<token>"`},
	{regexp.MustCompile(`"[A-Z2-7]{26}"`), `"<callback>"`},
	{regexp.MustCompile(`\b[0-9]{16}\b`), `<number>`},
}

func TestWire(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			want := parseConversation(string(data))
			require.Equal(t, string(data), want.String(), "the file is read whole")
			synctest.Test(t, func(t *testing.T) {
				got := converse(t, want)
				if *rewrite {
					require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
				}
				require.Equal(t, want.String(), got.String())
			})
		})
	}
}

// converse plays the client's part and the deeds, and returns the conversation with what the service says.
func converse(t *testing.T, script conversation) conversation {
	s := newStage(t)
	l := &tape{done: make(chan struct{})}
	p, err := s.service.Attach(l, services.AttachOptions{Graphscript: graphscriptOf(t, script), Identity: services.Identity{User: "ann"}})
	require.NoError(t, err)
	s.service.Go(func() { _ = p.Serve(context.Background()) })
	last := map[string]string{}
	defer func() {
		p.Lost(graph.Canceled)
		<-p.Done()
		s.free()
	}()
	said := conversation{comment: script.comment}
	for _, part := range script.parts {
		switch part.name {
		case "client":
			for _, line := range part.lines {
				for name, value := range last {
					line = strings.ReplaceAll(line, name, value)
				}
				_ = p.Deliver([]byte(line))
			}
		case "do":
			for _, line := range part.lines {
				s.step(p, line)
			}
		case "server", "server *":
			lines := l.take()
			for i := range lines {
				for _, v := range varying {
					if value := v.pattern.FindString(lines[i]); value != "" {
						last[v.name] = value
					}
					lines[i] = v.pattern.ReplaceAllString(lines[i], v.name)
				}
			}
			if strings.HasSuffix(part.name, "*") {
				lines = sorted(lines)
			}
			if closed := l.closing(); closed != "" {
				lines = append(lines, closed)
			}
			part.lines = lines
		case "graphscript":
		default:
			t.Fatalf("no such part: %q", part.name)
		}
		said.parts = append(said.parts, part)
	}
	require.Empty(t, l.take(), "the service says more than the conversation has")
	return said
}

func graphscriptOf(t *testing.T, script conversation) *services.Graphscript {
	t.Helper()
	if script.parts[0].name != "graphscript" {
		return nil
	}
	var g services.Graphscript
	require.NoError(t, json.Unmarshal([]byte(strings.Join(script.parts[0].lines, "")), &g))
	return &g
}

// closing tells why the link was closed, once.
func (l *tape) closing() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	reason := l.closed
	l.closed = nil
	if reason == nil {
		return ""
	}
	return "closed: " + reason.Error()
}
