package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// startExample builds a program of examples/, starts it and returns the URL it prints after prefix.
func startExample(t *testing.T, name, prefix string, args ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./examples/"+name)
	build.Dir = ".."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	ctx, cancel := context.WithCancel(context.Background())
	program := exec.CommandContext(ctx, binary, args...)
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGTERM) }
	program.WaitDelay = 10 * time.Second
	program.Stderr = os.Stderr
	stdout, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	t.Cleanup(func() {
		cancel()
		require.NoError(t, ended(program.Wait()), "%s must end in order when it is told to", name)
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	url, found := strings.CutPrefix(strings.TrimSpace(line), prefix)
	require.True(t, found, "%s printed %q", name, line)
	return url
}

// ended is nil for a program that was told to end and did with success.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// TestLive is the main job: the page is up, its charts move, two browsers chat and see each other, and the server has
// asked each for its time zone.
func TestLive(t *testing.T) {
	browser := startBrowser(t)
	require.NoError(t, mainJob(browser, startExample(t, "live", "live: ", "-addr", "127.0.0.1:0"), patience))
}

// TestLiveNeedsAllItsParts breaks one part at a time between the browser and the server; the main job must notice each.
func TestLiveNeedsAllItsParts(t *testing.T) {
	browser := startBrowser(t)
	url := startExample(t, "live", "live: ", "-addr", "127.0.0.1:0")
	for name, c := range map[string]struct {
		change change
		notice string
	}{
		"nothing broken":                {change{"nothing like this", "nothing like that"}, ""},
		"event stream":                  {change{"text/event-stream", "text/event-streak"}, "the stream opens"},
		"websocket":                     {change{"Sec-WebSocket-Accept", "Sec-WebSocket-Accent"}, "the socket opens"},
		"figures":                       {change{`"sub":"system.cpu"`, `"sub":"system.cpx"`}, "the processor's figure appears"},
		"chat lines":                    {change{`"sub":"chat.lines"`, `"sub":"chat.linex"`}, "the other sees what was said"},
		"the server's call of the page": {change{`"route":"page.timezone"`, `"route":"page.timezonx"`}, "time zone"},
		"the list of who is online":     {change{`"sub":"online"`, `"sub":"onlinx"`}, "online"},
	} {
		t.Run(name, func(t *testing.T) {
			broken := startProxy(t, url, c.change)
			if c.notice == "" {
				require.NoError(t, mainJob(browser, broken, patience))
				return
			}
			require.ErrorContains(t, mainJob(browser, broken, patience/3), c.notice)
		})
	}
}

// mainJob does what two people with browsers of their own do, and returns the first thing that does not work.
func mainJob(browser context.Context, url string, patience time.Duration) error {
	ann, err := open(browser, url, patience)
	if err != nil {
		return err
	}
	defer ann.cancel()
	if err := ready(ann); err != nil {
		return err
	}
	if err := moving(ann); err != nil {
		return err
	}
	bob, err := open(browser, url, patience)
	if err != nil {
		return err
	}
	defer bob.cancel()
	if err := ready(bob); err != nil {
		return err
	}
	if err := chat(ann, bob); err != nil {
		return err
	}
	if err := seen(ann, bob); err != nil {
		return err
	}
	bob.cancel()
	if err := ann.wait("the other leaves the online list", online(1)); err != nil {
		return err
	}
	return errors.Join(ann.trouble(url), bob.trouble(url))
}

func ready(p *page) error {
	if err := p.wait("the stream opens", `document.querySelector('#leg-stream').dataset.state === 'open'`); err != nil {
		return err
	}
	return p.wait("the socket opens", `document.querySelector('#leg-socket').dataset.state === 'open'`)
}

// moving checks that figures of this computer arrive, and that the charts are drawn anew as they do.
func moving(p *page) error {
	if err := p.wait("the processor's figure appears", `/\d/.test(document.querySelector('#cpu-total').textContent)`); err != nil {
		return err
	}
	for _, chart := range []string{"cpu-chart", "memory-chart", "network-chart", "heap-chart", "goroutines-chart"} {
		before, err := p.eval(fmt.Sprintf(`document.getElementById(%q).innerHTML`, chart))
		if err != nil {
			return err
		}
		if !strings.Contains(before, " d=") && !strings.Contains(before, "points=") {
			return fmt.Errorf("%s has no line: %s", chart, before)
		}
		changed := fmt.Sprintf(`document.getElementById(%q).innerHTML !== %s`, chart, quote(before))
		if err := p.wait(chart+" moves", changed); err != nil {
			return err
		}
	}
	return nil
}

// chat lets one say something that looks like markup and the other answer; both see both as text.
func chat(ann, bob *page) error {
	const greeting, answer = `Hello <img src=x onerror=alert(1)> & "you"`, "Nice to meet you"
	if err := name(ann, "Ann"); err != nil {
		return err
	}
	if err := name(bob, "Bob"); err != nil {
		return err
	}
	if err := say(ann, greeting); err != nil {
		return err
	}
	if err := bob.wait("the other sees what was said", lines(greeting)); err != nil {
		return err
	}
	if err := say(bob, answer); err != nil {
		return err
	}
	return errors.Join(
		ann.wait("the other sees what was said", lines(greeting, answer)),
		bob.wait("one sees what one said", lines(greeting, answer)),
		bob.wait("lines carry names", `document.querySelector('#lines').innerText.includes('Ann')`),
	)
}

func name(p *page, name string) error {
	return chromedp.Do(p.ctx, chromedp.SendKeys(chromedp.CSS("#name"), name+"\r"))
}

func say(p *page, text string) error {
	return chromedp.Do(p.ctx, chromedp.WaitEnabled(chromedp.CSS("#say-button")),
		chromedp.SendKeys(chromedp.CSS("#say"), text), chromedp.Click(chromedp.CSS("#say-button")))
}

func lines(texts ...string) string {
	var want []string
	for _, text := range texts {
		want = append(want, fmt.Sprintf(`document.querySelector('#lines').innerText.includes(%s)`, quote(text)))
	}
	return strings.Join(want, " && ")
}

// seen checks that both see both, with the time zone that the server asked each page for.
func seen(pages ...*page) error {
	city := strings.ReplaceAll(zone, "_", " ")
	for _, p := range pages {
		if err := p.wait("both are online", online(2)); err != nil {
			return err
		}
		named := `['Ann', 'Bob'].every(n => document.querySelector('#people').innerText.includes(n))`
		if err := p.wait("both have names", named); err != nil {
			return err
		}
		asked := fmt.Sprintf(`document.querySelector('#people').innerText.split(%s).length === 3`, quote(city))
		if err := p.wait("the server knows each page's time zone", asked); err != nil {
			return err
		}
	}
	return nil
}

func online(n int) string {
	return fmt.Sprintf(`document.querySelector('#online-count').textContent === '%d' && document.querySelectorAll('#people li').length === %d`, n, n)
}
