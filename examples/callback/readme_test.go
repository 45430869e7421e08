package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
)

// TestREADMEPrograms runs the built programs and compares all they print with the README.
func TestREADMEPrograms(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bin := filepath.Join(t.TempDir(), "callback")
	output, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, string(output))

	server := execute(ctx, t, bin, "serve", "-port", "0")
	defer server.kill()
	first := server.next()
	url := strings.TrimPrefix(first, "listening on ")
	require.Equal(t, shown(t, "go run ./examples/callback serve"), strings.Replace(first, url, "http://127.0.0.1:8091/sse", 1))

	voter := execute(ctx, t, bin, "join", "-vote", "no", "-url", url)
	defer voter.kill()
	joined := voter.next()
	asker := execute(ctx, t, bin, "join", "-ask", "Lunch at noon?", "-url", url)
	defer asker.kill()
	require.Equal(t, shown(t, `go run ./examples/callback join -ask "Lunch at noon?"`), asker.rest())
	require.NoError(t, voter.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, shown(t, "go run ./examples/callback join -vote no"), joined+"\n"+voter.rest())
	require.NoError(t, server.cmd.Process.Signal(os.Interrupt))
	require.Empty(t, server.rest())
}

// A process is a run of the built program.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func execute(ctx context.Context, t *testing.T, bin string, args ...string) *process {
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return &process{t, cmd, bufio.NewScanner(stdout)}
}

func (p *process) next() string {
	require.True(p.t, p.lines.Scan(), "%v ended too early", p.cmd.Args)
	return p.lines.Text()
}

// rest returns what is still printed until the process has ended well.
func (p *process) rest() string {
	var rest []string
	for p.lines.Scan() {
		rest = append(rest, p.lines.Text())
	}
	require.NoError(p.t, p.cmd.Wait(), "%v", p.cmd.Args)
	return strings.Join(rest, "\n")
}

// kill makes sure that a failed test leaves no process behind.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// TestREADMEConversation holds the conversation of the README as curl does: what its commands post, and nothing
// else, makes the server write what the README shows of the stream.
func TestREADMEConversation(t *testing.T) {
	_, url := serving(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	request.Header.Set(services.HeaderVersion, "1")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	stream := bufio.NewReader(response.Body)

	blocks := strings.SplitAfter(shown(t, `curl -N -H "Graphscript-Version: 1" localhost:8091/sse`)+"\n\n", "\n\n")
	blocks = blocks[:len(blocks)-1] // what comes after the last blank line
	posts := postsOf(t)
	require.Len(t, blocks, 2+3, "the greeting, the id, and what the three posts of the session cause")
	require.Len(t, posts, 3+1, "three with a session and one without")

	require.Equal(t, blocks[0], readBlock(t, stream))
	id := readBlock(t, stream)
	require.Equal(t, stable(blocks[1]), stable(id))
	token := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(id)[1]
	for i, p := range posts {
		require.Equal(t, p.output, p.send(ctx, t, url, token), p.body)
		if i < 3 {
			require.Equal(t, stable(blocks[2+i]), stable(readBlock(t, stream)), "after %s", p.body)
		}
	}
}

// A post is a curl command of the README and what it prints.
type post struct {
	body          string
	session, code bool // whether it has the session's header, and prints the status
	output        string
}

func postsOf(t *testing.T) []post {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^\$ curl( -w '%\{http_code\}\\n')?( -H "Graphscript-Session: \$TOKEN")? -d '([^']*)' localhost:8091/sse\n(.*)$`)
	var posts []post
	for _, m := range command.FindAllStringSubmatch(string(readme), -1) {
		posts = append(posts, post{body: m[3], code: m[1] != "", session: m[2] != "", output: m[4]})
	}
	require.Len(t, posts, strings.Count(string(readme), " -d '"), "a command of the README is not understood")
	return posts
}

// send posts as curl -d does.
func (p post) send(ctx context.Context, t *testing.T, url, token string) (output string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(p.body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.session {
		request.Header.Set(services.HeaderSession, token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if p.code {
		return string(body) + fmt.Sprint(response.StatusCode)
	}
	return string(body)
}

// readBlock reads up to a blank line.
func readBlock(t *testing.T, stream *bufio.Reader) string {
	t.Helper()
	var block strings.Builder
	for {
		line, err := stream.ReadString('\n')
		require.NoError(t, err, "after %q", &block)
		block.WriteString(line)
		if line == "\n" {
			return block.String()
		}
	}
}

// stable replaces what differs from run to run.
func stable(text string) string {
	for _, r := range []struct{ pattern, with string }{
		{`"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"`, `"ID"`},
		{`"token":"[\w-]{22}"`, `"token":"TOKEN"`},
		{`"timeout":\d{5}\b`, `"timeout":MS`},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
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
