package servicestest

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// findLeaks fails the test if goroutines it started are left after all its clean-up. It marks what the test
// starts with a label, which goroutines inherit, and so is not misled by those of others.
func findLeaks(t *testing.T, patience time.Duration) {
	t.Helper()
	const key = "servicestest"
	pprof.SetGoroutineLabels(pprof.WithLabels(t.Context(), pprof.Labels(key, t.Name())))
	t.Cleanup(func() { // registered first, so it runs last
		pprof.SetGoroutineLabels(context.Background())
		var left []string
		if !waitFor(patience, func() bool { left = labelled(key, t.Name()); return len(left) == 0 }) {
			t.Errorf("goroutines are left:\n%s", strings.Join(left, "\n\n"))
		}
	})
}

// labelled returns the stacks of the goroutines with a label.
func labelled(key, value string) (stacks []string) {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return []string{err.Error()}
	}
	label := fmt.Sprintf("%q:%q", key, value)
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, label) {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}
