package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// An event is one line of go test -json; see "go doc test2json" for the fields.
type event struct {
	Action      string
	Package     string
	Test        string
	Elapsed     float64 // seconds
	Output      string
	ImportPath  string // of a build event
	FailedBuild string // of a package that failed because a build did
}

// A report turns events into a log and a score.
type report struct {
	log    io.Writer
	score  score
	output map[string]*strings.Builder // of what has not passed yet, by package and test
	order  map[string][]string         // by package: the keys of output, as they came
	ran    map[string]int              // by package: test results so far
}

func newReport(log io.Writer) *report {
	return &report{
		log:    log,
		score:  score{},
		output: map[string]*strings.Builder{},
		order:  map[string][]string{},
		ran:    map[string]int{},
	}
}

// read consumes events to the end. A line that is no event, such as a message
// of the go command itself, is printed as it is.
func (r *report) read(events io.Reader) error {
	in := bufio.NewReader(events)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.add(e)
			} else {
				fmt.Fprint(r.log, string(line))
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}

func (r *report) add(e event) {
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.log, e.Output)
	case "output":
		r.keep(e)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.closePackage(e)
		} else {
			r.closeTest(e)
		}
	}
}

func key(e event) string { return e.Package + "\t" + e.Test }

func (r *report) keep(e event) {
	k := key(e)
	if r.output[k] == nil {
		r.output[k] = &strings.Builder{}
		r.order[e.Package] = append(r.order[e.Package], k)
	}
	r.output[k].WriteString(e.Output)
}

// closeTest scores one test. The output of a failed one waits for the end of
// its package, so that the output of parallel tests is not interleaved.
func (r *report) closeTest(e event) {
	k := key(e)
	r.ran[e.Package]++
	r.score.add(k, e.Action)
	switch e.Action {
	case "pass":
		delete(r.output, k)
	case "skip":
		fmt.Fprintf(r.log, "skip  %s.%s: %s\n", e.Package, e.Test, reason(r.output[k]))
		delete(r.output, k)
	}
}

// reason is what a skipped test said, without the lines the testing package adds.
func reason(output *strings.Builder) string {
	if output == nil {
		return "no reason given"
	}
	var said []string
	for line := range strings.Lines(output.String()) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	if said == nil {
		return "no reason given"
	}
	return strings.Join(said, " / ")
}

func (r *report) closePackage(e event) {
	keys := r.order[e.Package]
	delete(r.order, e.Package)
	switch {
	case e.Action == "fail":
		for _, k := range keys {
			if out := r.output[k]; out != nil {
				fmt.Fprint(r.log, out.String())
			}
		}
		// A package may fail without a failed test: it did not build, its
		// TestMain exited, or a panic cut the tests short.
		r.score.add(e.Package+"\t(package)", "fail")
		fmt.Fprintf(r.log, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	case r.ran[e.Package] == 0:
		fmt.Fprintf(r.log, "none  %s: no test ran\n", e.Package)
	default:
		fmt.Fprintf(r.log, "ok    %s  %.1fs  %d results\n", e.Package, e.Elapsed, r.ran[e.Package])
	}
	for _, k := range keys {
		delete(r.output, k)
	}
	delete(r.ran, e.Package)
}
