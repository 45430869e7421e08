package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestRun(t *testing.T) {
	t.Setenv("TMPDIR", shortFolder(t))
	var stdout strings.Builder
	require.NoError(t, run(t.Context(), &stdout))
	require.Equal(t, shown(t, "go run ./examples/newtransport")+"\n", stdout.String())
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left, "the socket and its folder are gone")
}

// shortFolder is a folder for sockets, whose paths some systems limit to 104 bytes.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "new") //nolint:usetesting // the path must be short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	return folder
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, &strings.Builder{}), context.Canceled)
}

// A graph can be run without a transport, but then there is no caller to ask.
func TestGreetNeedsACaller(t *testing.T) {
	_, err := Greet.Run(t.Context(), newServer().Graph(), "Hello")
	require.ErrorIs(t, err, graph.FailedPrecondition)
}

// TestREADMEProgram runs the program as the README does.
func TestREADMEProgram(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", "./examples/newtransport")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = t.Output()
	output, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, shown(t, "go run ./examples/newtransport")+"\n", string(output))
}

// TestREADMEShowsTheCode looks for each block of Go in the file it is said to be from.
func TestREADMEShowsTheCode(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)\n<!-- from (\\S+) -->\n```go\n(.*?\n)```\n").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, blocks, strings.Count(string(readme), "\n```go\n"), "a block does not say where it is from")
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		source, err := os.ReadFile(block[1])
		require.NoError(t, err)
		require.Contains(t, string(source), block[2], block[1])
	}
}

// shown returns what the README shows below a command.
func shown(t *testing.T, command string) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(readme), "\n```console\n$ "+command+"\n")
	require.True(t, found, "the README does not run %s", command)
	output, _, found := strings.Cut(after, "\n```\n")
	require.True(t, found)
	return output
}
