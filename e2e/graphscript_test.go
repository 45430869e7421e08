package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// clients is where the published graphscript clients and the checks are.
const clients = "graphscript"

func startFixture(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(clients, "node_modules", "graphscript")); err != nil {
		missing(t, "the graphscript clients are not installed: npm ci in e2e/"+clients)
	}
	var printed struct {
		HTTP string `json:"http"`
	}
	require.NoError(t, json.Unmarshal([]byte(startExample(t, "fixture", "", "-addr", "127.0.0.1:0")), &printed))
	return printed.HTTP
}

// TestGraphscriptInNode runs the published clients in Node.
func TestGraphscriptInNode(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "no Node found")
	}
	node := exec.CommandContext(t.Context(), "node", "node.mjs", startFixture(t))
	node.Dir = clients
	out, err := node.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
	require.Contains(t, string(out), " passed, 0 failed")
}

// TestGraphscriptInChromium runs the published clients on a page of the fixture's own origin.
func TestGraphscriptInChromium(t *testing.T) {
	base := startFixture(t)
	u, err := url.Parse(base)
	require.NoError(t, err)
	p, err := open(startBrowser(t), base+"/ping", patience)
	require.NoError(t, err)
	defer p.cancel()
	program := fmt.Sprintf(`(async () => {
		const load = source => import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })))
		const [gs, { checks, browserChecks }, { run }] = await Promise.all([%s, %s, %s].map(load))
		const lines = []
		const env = { gs, base: %q, host: %q, port: %s }
		await run({ ...checks, ...browserChecks }, env, line => lines.push(line))
		return lines.join('\n')
	})()`, script(t, "node_modules/graphscript/dist/index.esm.js"), script(t, "checks.mjs"), script(t, "run.mjs"),
		base, u.Hostname(), u.Port())
	out, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](program, chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	t.Log("\n" + out)
	require.Contains(t, out, " passed, 0 failed")
}

// script returns a file as a JavaScript string.
func script(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(clients, name))
	require.NoError(t, err)
	return quote(string(text))
}
