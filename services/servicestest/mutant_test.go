package servicestest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/servicestest"
)

// mutantVariable chooses a mutant in the process that runs the suite against it.
const mutantVariable = "SERVICESTEST_MUTANT"

// A mutant is a transport with one fault. The suite must find it, or its silence means nothing.
type mutant struct {
	fault  func(services.Link) services.Link
	bubble bool
	fails  string // the subtest that finds it
	says   string // and what it says, if that matters
}

func mutants() map[string]mutant {
	return map[string]mutant{
		"reorder":                      {fault: onFrame(20, holdBack), bubble: true, fails: "order_of_updates/to_the_server", says: "each update once, in order"},
		"drop":                         {fault: onFrame(20, drop), bubble: true, fails: "order_of_updates/to_the_client", says: "each update once, in order"},
		"double":                       {fault: onFrame(20, double), bubble: true, fails: "order_of_posts/to_the_server", says: "each post once"},
		"lose the end":                 {fault: unflushed, bubble: true, fails: "close_after_what_was_sent/to_the_server"},
		"leak a goroutine":             {fault: leaky, fails: "run/to_the_server", says: "goroutines are left"},
		"leak a goroutine in a bubble": {fault: leaky, bubble: true, fails: "run/to_the_server", says: "blocked goroutines remain"},
		"ignore the close":             {fault: deaf, fails: "terminate/to_the_server", says: "not done at the other end"},
	}
}

func TestMutants(t *testing.T) {
	if name := os.Getenv(mutantVariable); name != "" {
		m := mutants()[name]
		tr := servicestest.Memory(m.fault)
		tr.Bubble = m.bubble
		if !m.bubble {
			tr.Patience = time.Second
		}
		servicestest.Run(t, tr)
		return
	}
	for name, m := range mutants() {
		t.Run(name, func(t *testing.T) {
			pattern := "^TestMutants$/^memory$/^" + strings.ReplaceAll(m.fails, "/", "$/^") + "$"
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.timeout=60s")
			c.Env = append(os.Environ(), mutantVariable+"="+name)
			out, err := c.CombinedOutput()
			require.Error(t, err, "the suite passes a transport that does this: %s", name)
			require.Contains(t, string(out), "--- FAIL: TestMutants/memory/"+m.fails, "%s", last(out))
			require.Contains(t, string(out), m.says, "%s", last(out))
		})
	}
}

// last returns the end of a long output.
func last(out []byte) string {
	const most = 8 << 10
	return strings.ToValidUTF8(string(out[max(0, len(out)-most):]), "")
}

// onFrame puts a fault on the nth frame of each link.
func onFrame(n int, fault func(before, at, after []*services.Frame) (now, later []*services.Frame)) func(services.Link) services.Link {
	return func(l services.Link) services.Link { return &faultyLink{Link: l, left: n, fault: fault} }
}

// A faultyLink splits the batch its frame is in and lets the fault put it together again; what it holds back
// goes out behind the next batch.
type faultyLink struct {
	services.Link
	left  int // frames until the one that is hit
	fault func(before, at, after []*services.Frame) (now, later []*services.Frame)
	held  []*services.Frame
}

func (l *faultyLink) Write(deadline time.Time, frames []*services.Frame) error {
	frames = append([]*services.Frame(nil), frames...)
	if n := l.left; n > 0 {
		l.left -= len(frames)
		if n <= len(frames) {
			frames, l.held = l.fault(frames[:n-1:n-1], frames[n-1:n:n], frames[n:])
		}
	} else if l.held != nil {
		frames, l.held = append(frames, l.held...), nil
	}
	if len(frames) == 0 {
		return nil
	}
	return l.Link.Write(deadline, frames)
}

func holdBack(before, at, after []*services.Frame) (now, later []*services.Frame) {
	if len(after) == 0 {
		return before, at
	}
	return append(append(append(before, after[0]), at...), after[1:]...), nil
}

func drop(before, _, after []*services.Frame) (now, later []*services.Frame) {
	return append(before, after...), nil
}

func double(before, at, after []*services.Frame) (now, later []*services.Frame) {
	return append(append(append(before, at...), at...), after...), nil
}

// An unflushedLink loses what follows its hundredth frame, like a buffer that is not flushed at the end.
type unflushedLink struct {
	services.Link
	frames int
}

func unflushed(l services.Link) services.Link { return &unflushedLink{Link: l} }

func (l *unflushedLink) Write(deadline time.Time, frames []*services.Frame) error {
	if l.frames += len(frames); l.frames > 100 {
		return nil
	}
	return l.Link.Write(deadline, frames)
}

// A leakyLink starts a goroutine that nobody ends.
type leakyLink struct{ services.Link }

func leaky(l services.Link) services.Link { return leakyLink{l} }

func (l leakyLink) Close(reason error) error {
	go func() { select {} }()
	return l.Link.Close(reason)
}

// A deafLink does not close.
type deafLink struct{ services.Link }

func deaf(l services.Link) services.Link { return deafLink{l} }

func (deafLink) Close(error) error { return nil }
