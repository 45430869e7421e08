package host

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
)

// A ParseError reports content of a proc file that does not have the form the kernel documents.
type ParseError struct {
	File string // relative to the proc file system, such as "net/dev"
	Line int    // from 1; 0 if something is missing from the whole file
	Text string // the line, cut after 80 bytes
	Err  error
}

// Error names the file, the line and what is wrong with it.
func (e *ParseError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("parse %s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("parse %s line %d %q: %v", e.File, e.Line, e.Text, e.Err)
}

// Unwrap returns what is wrong with the line.
func (e *ParseError) Unwrap() error { return e.Err }

func malformed(file string, line int, text string, err error) error {
	const longest = 80
	return &ParseError{File: file, Line: line, Text: text[:min(len(text), longest)], Err: err}
}

// lines yields the lines of data that are not blank, with their numbers from 1.
func lines(data string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(data) {
			number++
			if line = strings.TrimSpace(line); line != "" && !yield(number, line) {
				return
			}
		}
	}
}

// counters parses the fields as whole numbers.
func counters(fields []string) ([]uint64, error) {
	values := make([]uint64, len(fields))
	for i, field := range fields {
		value, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("parse counter: %w", err)
		}
		values[i] = value
	}
	return values, nil
}

// decimal parses what the kernel prints as seconds or load: digits and a point. It refuses what strconv also
// takes: signs, exponents, infinities and numbers that are not numbers, none of which JSON could carry on.
func decimal(text string) (float64, error) {
	if strings.Trim(text, "0123456789.") != "" {
		return 0, fmt.Errorf("%q is not a decimal number", text)
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("parse decimal number: %w", err)
	}
	return value, nil
}

// kibibytes parses an amount of memory as meminfo and status print it, "123 kB" with a kB of 1024 bytes, and returns
// bytes.
func kibibytes(text string) (uint64, error) {
	number, unit, _ := strings.Cut(text, " ")
	if unit != "kB" {
		return 0, fmt.Errorf("%q is not an amount in kB", text)
	}
	value, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse amount: %w", err)
	}
	if value > math.MaxUint64/1024 {
		return 0, errors.New("amount does not fit in 64 bits")
	}
	return value * 1024, nil
}

// keyed parses a file of "key: value" lines. Each key of want is given to its function; other keys are skipped, as
// every kernel adds some.
func keyed(file, data string, want map[string]func(value string) error) error {
	for number, line := range lines(data) {
		key, value, found := strings.Cut(line, ":")
		if !found {
			return malformed(file, number, line, errors.New("no colon"))
		}
		set, wanted := want[key]
		if !wanted {
			continue
		}
		if err := set(strings.TrimSpace(value)); err != nil {
			return malformed(file, number, line, err)
		}
	}
	return nil
}

// into returns a function that stores what parse makes of a value.
func into[T any](target **T, parse func(string) (T, error)) func(string) error {
	return func(text string) error {
		value, err := parse(text)
		if err != nil {
			return err
		}
		*target = &value
		return nil
	}
}
