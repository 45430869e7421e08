package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

const announced = "serving on "

func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stdout, stdin := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, 0, stdin)
		stdin.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	url := strings.TrimSpace(strings.TrimPrefix(line, announced))

	for name, c := range map[string]struct {
		path, body, want string
		status           int
	}{
		"a name":      {"hello", `"world"`, "Hello, world!", 200},
		"positional":  {"hello", `["Ada"]`, "Hello, Ada!", 200},
		"no name":     {"hello", ``, `{"error":{"code":"invalid_argument","message":"whom shall I greet?"}}`, 400},
		"wrong type":  {"hello", `5`, `"code":"invalid_argument"`, 400},
		"not exposed": {"secret", ``, `{"error":{"code":"not_found","message":"no route \"secret\""}}`, 404},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.Post(url+c.path, "application/json", strings.NewReader(c.body))
			require.NoError(t, err)
			defer r.Body.Close()
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Contains(t, string(body), c.want)
			require.Equal(t, c.status, r.StatusCode)
		})
	}
	cancel()
	require.NoError(t, <-ended)
}

func TestRunFailsWithoutAPort(t *testing.T) {
	require.Error(t, run(t.Context(), 1<<16, io.Discard))
}

// A contract needs no transport: a graph is a target like any other.
func TestTheContractIsTyped(t *testing.T) {
	g := graph.New()
	Hello.Handle(g, func(_ context.Context, name string) (string, error) { return name, nil })
	got, err := Hello.Run(t.Context(), g, "Ada")
	require.NoError(t, err)
	require.Equal(t, "Ada", got)
}

// TestREADME runs the commands of the README against the built program.
func TestREADME(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		require.Empty(t, os.Getenv("CI"), "CI needs curl: the README's commands use it")
		t.Skip("curl is not installed")
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	for _, code := range blocks(string(readme), "go") {
		require.Contains(t, string(source), code)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const shown = "http://127.0.0.1:8080/"
	url := ""
	for _, c := range commands(string(readme)) {
		if c.line == "go run ./examples/hello" {
			first, stop := start(ctx, t)
			defer stop()
			url = strings.TrimPrefix(first, announced)
			require.Equal(t, c.output, strings.Replace(first, url, shown, 1))
			continue
		}
		require.NotEmpty(t, url, "%q comes before the program is started", c.line)
		require.Regexp(t, `^curl `, c.line)
		line := strings.Replace(c.line, "localhost:8080/", url, 1) + " --silent --show-error"
		output, err := exec.CommandContext(ctx, "sh", "-c", line).Output()
		require.NoError(t, err, line)
		require.Equal(t, c.output, string(output), c.line)
	}
	require.NotEmpty(t, url, "the README does not start the program")
}

// start builds the program and runs it until stop is called, and returns the first line of its output.
func start(ctx context.Context, t *testing.T) (first string, stop func()) {
	program := filepath.Join(t.TempDir(), "hello")
	output, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(output))
	cmd := exec.CommandContext(ctx, program, "-port", "0")
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	stop = func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait())
	}
	scanner := bufio.NewScanner(stdout)
	scanner.Scan()
	first = scanner.Text()
	if !strings.HasPrefix(first, announced) {
		stop()
		require.Fail(t, "not the first line that was expected", "%q", first)
	}
	return first, stop
}

// A command is a line after "$ " in a README, and what is printed below it.
type command struct{ line, output string }

func commands(readme string) []command {
	var all []command
	for _, block := range blocks(readme, "console") {
		for line := range strings.SplitSeq(block, "\n") {
			if text, found := strings.CutPrefix(line, "$ "); found {
				all = append(all, command{line: text})
				continue
			}
			last := &all[len(all)-1]
			last.output = strings.TrimPrefix(last.output+"\n"+line, "\n")
		}
	}
	return all
}

// blocks returns the fenced blocks of a language, without the last line end.
func blocks(readme, language string) []string {
	var all []string
	for _, rest := range strings.Split(readme, "\n```"+language+"\n")[1:] {
		text, _, _ := strings.Cut(rest, "\n```\n")
		all = append(all, text)
	}
	return all
}
