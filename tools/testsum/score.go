package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// A score holds the worst result of each test, by package and name.
// The results are "pass", "fail" and "skip".
type score map[string]string

// add records a result. A failure stays a failure; a pass outweighs a skip,
// because then the test did run in one of the runs.
func (s score) add(test, result string) {
	if s[test] == "fail" || (s[test] == "pass" && result == "skip") {
		return
	}
	s[test] = result
}

func (s score) count(result string) int {
	n := 0
	for _, r := range s {
		if r == result {
			n++
		}
	}
	return n
}

// list prints the failed and the skipped tests and, last, the closing line.
// A failed package is counted only if none of its tests is: it stands for a
// build that broke or a run that was cut short.
func (s score) list(log io.Writer) {
	failed := s.failed()
	for _, test := range failed {
		fmt.Fprintln(log, "failed ", strings.ReplaceAll(test, "\t", "  "))
	}
	for _, test := range slices.Sorted(maps.Keys(s)) {
		if s[test] == "skip" {
			fmt.Fprintln(log, "skipped", strings.ReplaceAll(test, "\t", "  "))
		}
	}
	fmt.Fprintf(log, "%d passed, %d failed", s.count("pass"), len(failed))
	if n := s.count("skip"); n > 0 {
		fmt.Fprintf(log, ", %d skipped", n)
	}
	fmt.Fprintln(log)
}

func (s score) failed() []string {
	tests := map[string]int{}
	for test, result := range s {
		if pkg, name, _ := strings.Cut(test, "\t"); result == "fail" && name != "(package)" {
			tests[pkg]++
		}
	}
	var failed []string
	for _, test := range slices.Sorted(maps.Keys(s)) {
		pkg, name, _ := strings.Cut(test, "\t")
		if s[test] == "fail" && (name != "(package)" || tests[pkg] == 0) {
			failed = append(failed, test)
		}
	}
	return failed
}

// verdict is an error unless at least one test passed and none failed.
func (s score) verdict() error {
	if n := len(s.failed()); n > 0 {
		return fmt.Errorf("%d failed", n)
	}
	if s.count("pass") == 0 {
		return errors.New("no test ran")
	}
	return nil
}

func appendScore(path string, s score) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open score file: %w", err)
	}
	w := bufio.NewWriter(f)
	for _, test := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(w, "%s\t%s\n", s[test], test)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write score file: %w", err)
	}
	return nil
}

func readScore(path string, into score) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read score file: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		result, test, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			return fmt.Errorf("read score file %s: malformed line %q", path, line)
		}
		into.add(test, result)
	}
	return nil
}
