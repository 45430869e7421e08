// Command testsum reads the event stream of go test -json, prints what a
// reader of a build log needs (one line per package, failures in full, skips
// with their reason) and keeps the score of several runs.
//
// It has two uses:
//
//	go test -json ./... | testsum -o scores/unit   # one run
//	testsum -total scores/*                        # the sum of all runs
//
// The total counts a test once, however often and under whichever flags it
// ran, and counts it as failed if any of its runs failed. Its last line is
// "N passed, N failed", followed by ", N skipped" when tests were skipped.
// Either use exits with status 1 when a test failed or none ran.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	out := flag.String("o", "", "append the score of this run to `file`")
	noSkip := flag.Bool("noskip", false, "fail when a test is skipped")
	total := flag.Bool("total", false, "add up the score files given as arguments")
	flag.Parse()

	run := func() error { return stream(os.Stdin, os.Stdout, *out, *noSkip) }
	if *total {
		run = func() error { return sum(flag.Args(), os.Stdout) }
	}
	err := run()
	if err != nil && !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "testsum:", err)
	}
	if err != nil {
		os.Exit(1)
	}
}

// errReported marks a failure that the log tells already, so that the closing
// line stays the last one.
var errReported = errors.New("reported above")

// stream prints the run read from events and appends its score to the file
// named by path, unless path is empty. It reports a failed or empty run as an
// error, after the score is written; with noSkip a skipped test, too.
func stream(events io.Reader, log io.Writer, path string, noSkip bool) error {
	r := newReport(log)
	readErr := r.read(events)
	if path != "" {
		if err := appendScore(path, r.score); err != nil {
			return err
		}
	}
	if readErr != nil {
		return readErr
	}
	if n := r.score.count("skip"); noSkip && n > 0 {
		return fmt.Errorf("%d skipped where nothing may be missing", n)
	}
	return r.score.verdict()
}

// sum adds up the score files and prints the closing line.
func sum(paths []string, log io.Writer) error {
	all := score{}
	for _, path := range paths {
		if err := readScore(path, all); err != nil {
			return err
		}
	}
	err := all.verdict()
	if err != nil {
		fmt.Fprintln(log, "testsum:", err)
		err = fmt.Errorf("%w: %w", errReported, err)
	}
	all.list(log)
	return err
}
