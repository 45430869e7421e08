// Package compose_test runs the two programs of the README together.
package compose_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const announced = "listening on "

// TestREADME runs the built programs and compares all they print with the README.
func TestREADME(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bin := t.TempDir() + string(filepath.Separator)
	output, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", bin, "./counter", "./watcher").CombinedOutput()
	require.NoError(t, err, string(output))

	counter := exec.CommandContext(ctx, bin+"counter", "-port", "0")
	counter.Stderr = t.Output()
	stdout, err := counter.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, counter.Start())
	defer func() {
		cancel() // kills the program if the test fails before it has ended
		_ = counter.Wait()
	}()

	lines := bufio.NewScanner(stdout)
	next := func() string {
		lines.Scan()
		return lines.Text()
	}
	want := strings.Split(shown(t, "go run ./examples/compose/counter"), "\n")
	first := next()
	url, found := strings.CutPrefix(first, announced)
	require.True(t, found, "%q", first)
	require.Equal(t, want[0], strings.Replace(first, url, "ws://127.0.0.1:8090/ws", 1))

	watcher := exec.CommandContext(ctx, bin+"watcher", "-url", url)
	watcher.Stderr = t.Output()
	output, err = watcher.Output()
	require.NoError(t, err)
	require.Equal(t, shown(t, "go run ./examples/compose/watcher"), strings.TrimSuffix(string(output), "\n"))
	for _, line := range want[1:] {
		require.Equal(t, line, next())
	}

	require.NoError(t, counter.Process.Signal(os.Interrupt))
	require.Empty(t, next(), "the program prints more than the README shows")
	require.NoError(t, counter.Wait())
}

// shown returns what the README shows below a command.
func shown(t *testing.T, command string) string {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(readme), "\n```console\n$ "+command+"\n")
	require.True(t, found, "the README does not run %s", command)
	output, _, found := strings.Cut(after, "\n```\n")
	require.True(t, found)
	return output
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
