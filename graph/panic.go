package graph

import (
	"fmt"
	"log/slog"
	"runtime/debug"
)

// recovered is deferred around code the user wrote.
func (n *Node) recovered(err *error) {
	if r := recover(); r != nil {
		*err = logPanic(n.graph.log, n.tag, r)
	}
}

func (n *Node) panicError(r any) error {
	if r == nil {
		return nil // runtime.Goexit
	}
	return logPanic(n.graph.log, n.tag, r)
}

// logPanic writes a panic to the log and returns the error that stands for it.
func logPanic(log *slog.Logger, where string, r any) error {
	log.Error("panic recovered", "in", where, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	return &panicError{where, r}
}

// A panicError stands for a panic. It does not unwrap to the value of the panic: that may be
// an error with a code, or one that a caller looks for, and nobody returned it.
type panicError struct {
	where string
	value any
}

func (p *panicError) Error() string { return fmt.Sprintf("panic in %s: %v", p.where, p.value) }

func (p *panicError) Is(target error) bool { return target == error(Internal) }
