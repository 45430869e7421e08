package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestStream(t *testing.T) {
	for name, c := range map[string]struct {
		events []string
		noSkip bool
		err    string   // "" for a good run
		log    []string // parts that must be printed
		quiet  []string // parts that must not be printed
	}{
		"all pass": {
			events: []string{
				`{"Action":"run","Package":"m/a","Test":"TestA"}`,
				`{"Action":"output","Package":"m/a","Test":"TestA","Output":"chatter\n"}`,
				`{"Action":"pass","Package":"m/a","Test":"TestA"}`,
				`{"Action":"pass","Package":"m/a","Elapsed":0.5}`,
			},
			log:   []string{"ok    m/a  0.5s  1 results"},
			quiet: []string{"chatter"},
		},
		"a failure is printed in full": {
			events: []string{
				`{"Action":"output","Package":"m/a","Test":"TestA","Output":"got 1, want 2\n"}`,
				`{"Action":"fail","Package":"m/a","Test":"TestA"}`,
				`{"Action":"fail","Package":"m/a","Elapsed":1}`,
			},
			err: "1 failed",
			log: []string{"got 1, want 2", "FAIL  m/a"},
		},
		"a panic leaves a test without a result": {
			events: []string{
				`{"Action":"pass","Package":"m/a","Test":"TestA"}`,
				`{"Action":"output","Package":"m/a","Test":"TestB","Output":"panic: oh\n"}`,
				`{"Action":"fail","Package":"m/a"}`,
			},
			err: "1 failed",
			log: []string{"panic: oh"},
		},
		"a package that does not build": {
			events: []string{
				`{"ImportPath":"m/a [m/a.test]","Action":"build-output","Output":"a.go:3:1: syntax error\n"}`,
				`{"ImportPath":"m/a [m/a.test]","Action":"build-fail"}`,
				`{"Action":"fail","Package":"m/a","FailedBuild":"m/a [m/a.test]"}`,
			},
			err: "1 failed",
			log: []string{"syntax error"},
		},
		"a skip is printed with its reason": {
			events: []string{
				`{"Action":"output","Package":"m/a","Test":"TestA","Output":"=== RUN   TestA\n"}`,
				`{"Action":"output","Package":"m/a","Test":"TestA","Output":"    a_test.go:9: no browser\n"}`,
				`{"Action":"output","Package":"m/a","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}`,
				`{"Action":"skip","Package":"m/a","Test":"TestA"}`,
				`{"Action":"pass","Package":"m/a"}`,
			},
			err: "no test ran",
			log: []string{"skip  m/a.TestA: a_test.go:9: no browser\n"},
		},
		"a skip where nothing may be missing": {
			events: []string{
				`{"Action":"skip","Package":"m/a","Test":"TestA"}`,
				`{"Action":"pass","Package":"m/a","Test":"TestB"}`,
			},
			noSkip: true,
			err:    "1 skipped where nothing may be missing",
		},
		"nothing ran": {
			events: []string{`{"Action":"skip","Package":"m/a"}`},
			err:    "no test ran",
		},
		"a message of the go command": {
			events: []string{`go: updates to go.mod needed`},
			err:    "no test ran",
			log:    []string{"go: updates to go.mod needed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			err := stream(strings.NewReader(strings.Join(c.events, "\n")+"\n"), &log, "", c.noSkip)
			if got := text(err); got != c.err {
				t.Errorf("error %q, want %q", got, c.err)
			}
			for _, part := range c.log {
				if !strings.Contains(log.String(), part) {
					t.Errorf("log misses %q:\n%s", part, log.String())
				}
			}
			for _, part := range c.quiet {
				if strings.Contains(log.String(), part) {
					t.Errorf("log should not hold %q:\n%s", part, log.String())
				}
			}
		})
	}
}

func TestSum(t *testing.T) {
	pass := `{"Action":"pass","Package":"m/a","Test":"TestA"}`
	fail := `{"Action":"fail","Package":"m/a","Test":"TestA"}` + "\n" + `{"Action":"fail","Package":"m/a"}`
	other := `{"Action":"pass","Package":"m/b","Test":"TestA"}`
	skip := `{"Action":"skip","Package":"m/a","Test":"TestA"}`
	broken := `{"Action":"fail","Package":"m/c"}`

	for name, c := range map[string]struct {
		runs []string
		last string
		err  string
	}{
		"a test counts once":            {[]string{pass, pass, other}, "2 passed, 0 failed", ""},
		"one failed run is a failure":   {[]string{pass, fail, pass}, "0 passed, 1 failed", "1 failed"},
		"a skip stays visible":          {[]string{skip, other}, "1 passed, 0 failed, 1 skipped", ""},
		"a pass elsewhere heals a skip": {[]string{skip, pass}, "1 passed, 0 failed", ""},
		"a later skip hides nothing":    {[]string{pass, skip}, "1 passed, 0 failed", ""},
		"a broken build counts":         {[]string{pass, broken}, "1 passed, 1 failed", "1 failed"},
		"nothing ran":                   {[]string{skip}, "0 passed, 0 failed, 1 skipped", "no test ran"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "score")
			for _, run := range c.runs {
				// The verdict on a single run is the business of TestStream.
				_ = stream(strings.NewReader(run+"\n"), &strings.Builder{}, path, false)
			}
			var log strings.Builder
			err := sum([]string{path}, &log)
			if got := strings.TrimPrefix(text(err), errReported.Error()+": "); got != c.err {
				t.Errorf("error %q, want %q", got, c.err)
			}
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			if got := lines[len(lines)-1]; got != c.last {
				t.Errorf("last line %q, want %q", got, c.last)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
