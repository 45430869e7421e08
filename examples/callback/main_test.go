package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

// A program is a run of this program inside the test.
type program struct {
	t      *testing.T
	lines  *bufio.Scanner
	cancel context.CancelFunc
	done   chan struct{} // closed when err is set
	err    error
}

// start runs the program until stop is called or the test ends.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stdout, w := io.Pipe()
	p := &program{t: t, lines: bufio.NewScanner(stdout), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = run(ctx, args, w)
		w.Close()
	}()
	t.Cleanup(func() { _ = p.stop() })
	return p
}

// next returns the next line the program prints.
func (p *program) next() string {
	p.t.Helper()
	require.True(p.t, p.lines.Scan(), "no further line")
	return p.lines.Text()
}

// stop ends the program as an interrupt does and returns what run did.
func (p *program) stop() error {
	p.cancel()
	return p.wait()
}

func (p *program) wait() error {
	for p.lines.Scan() { // what nobody reads would hold up who writes it
		continue
	}
	<-p.done
	return p.err
}

// serving starts the server.
func serving(t *testing.T) (server *program, url string) {
	t.Helper()
	server = start(t, "serve", "-port", "0")
	url, found := strings.CutPrefix(server.next(), "listening on ")
	require.True(t, found)
	return server, url
}

// connect opens a session that answers with the functions; nil is a route it does not serve.
func connect(t *testing.T, url string, confirm, vote func() (bool, error)) *sse.Connection {
	t.Helper()
	g := graph.New()
	for route, answer := range map[graph.Func[string, bool]]func() (bool, error){Confirm: confirm, Vote: vote} {
		if answer != nil {
			route.Handle(g, func(context.Context, string) (bool, error) { return answer() })
		}
	}
	c, err := sse.OpenSSE(t.Context(), url, services.New(g, &services.Options{Expose: []string{"client.**"}}), nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Terminate()
		<-c.Done()
	})
	return c
}

func yes() (bool, error) { return true, nil }
func no() (bool, error)  { return false, nil }

func TestAskCountsEveryVote(t *testing.T) {
	_, url := serving(t)
	connect(t, url, nil, no)
	connect(t, url, nil, no)
	connect(t, url, nil, nil)
	connect(t, url, nil, func() (bool, error) { return false, graph.Unavailable.Errorf("asleep") })
	asker := connect(t, url, yes, yes)
	tally, err := Ask.Run(t.Context(), asker, "Lunch?")
	require.NoError(t, err)
	require.Equal(t, Tally{Yes: 1, No: 2, Silent: 2}, tally)
}

func TestAskNeedsItsCaller(t *testing.T) {
	for name, c := range map[string]struct {
		confirm func() (bool, error)
		want    graph.Code
	}{
		"who does not mean it":  {no, graph.Aborted},
		"who cannot be asked":   {nil, graph.NotFound},
		"who refuses to answer": {func() (bool, error) { return false, graph.PermissionDenied }, graph.PermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := serving(t)
			connect(t, url, nil, func() (bool, error) { t.Error("asked to vote"); return true, nil })
			_, err := Ask.Run(t.Context(), connect(t, url, c.confirm, yes), "Lunch?")
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestClientLeavesWithTheServer(t *testing.T) {
	server, url := serving(t)
	client := start(t, "join", "-url", url)
	require.Equal(t, "joined", client.next())
	require.NoError(t, server.stop())
	require.ErrorIs(t, client.wait(), graph.Unavailable)
}

func TestClientStaysUntilItIsStopped(t *testing.T) {
	_, url := serving(t)
	client := start(t, "join", "-url", url)
	require.Equal(t, "joined", client.next())
	require.NoError(t, client.stop())
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"dance"}, {"join", "-vote", "perhaps"}} {
		require.ErrorIs(t, run(t.Context(), args, io.Discard), errUsage)
	}
}
