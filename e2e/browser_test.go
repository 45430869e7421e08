package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// zone is the time zone the browser lives in: one that the machine is not likely to have.
const zone = "Pacific/Auckland"

// startBrowser starts a headless Chromium and returns a chromedp context whose end stops it.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := chromium(t)
	allocator, cancel := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless,
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Env("TZ="+zone),
	)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx), "start %s", path)
	return ctx
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no Chromium found")
	return ""
}

// missing skips the test on a user's machine and fails it in CI.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("E2E_REQUIRE") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// A page is one tab. What its scripts complain about and where its requests go is kept.
type page struct {
	ctx      context.Context
	cancel   context.CancelFunc
	patience time.Duration // how long a step may take

	mu         sync.Mutex // guards all below
	complaints []string
	requests   []string
}

// open opens a tab with cookies of its own, as another browser would have.
func open(browser context.Context, url string, patience time.Duration) (*page, error) {
	p := &page{patience: patience}
	p.ctx, p.cancel = chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(p.ctx); err != nil {
		return nil, err
	}
	if err := chromedp.Listen(p.ctx, p.note); err != nil {
		return nil, err
	}
	if _, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{}); err != nil {
		return nil, err
	}
	return p, chromedp.Do(p.ctx, chromedp.Navigate(url))
}

func (p *page) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	}
}

// wait waits until a JavaScript expression is true on the page.
func (p *page) wait(what, expression string) error {
	err := chromedp.Do(p.ctx, chromedp.Poll[chromedp.Void](expression,
		chromedp.WithPollingTimeout(p.patience), chromedp.WithPollingInterval(20*time.Millisecond)))
	if err != nil {
		return fmt.Errorf("%s: %w; the page says: %s", what, err, p.text())
	}
	return nil
}

// patience is how long a step that works may take. On a busy machine a browser is slow.
const patience = 15 * time.Second

func (p *page) eval(expression string) (string, error) {
	return chromedp.Run(p.ctx, chromedp.Evaluate[string](expression))
}

func (p *page) text() string {
	text, err := p.eval("document.body.innerText")
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(text), " ")
}

// trouble returns what went wrong on the page besides what was looked at.
func (p *page) trouble(origin string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.complaints {
		return errors.New("exception on the page: " + c)
	}
	for _, r := range p.requests {
		if !strings.HasPrefix(r, origin) && !strings.HasPrefix(r, "data:") {
			return fmt.Errorf("the page asked for %s", r)
		}
	}
	return nil
}

func quote(s string) string {
	data, _ := json.Marshal(s) // a string always encodes
	return string(data)
}
