package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// A Code says what kind of failure an error is, so that the other end of a
// connection can act on it. The set is closed. A Code is itself an error:
//
//	errors.Is(err, graph.NotFound)
type Code uint8

// The codes, with the meaning they have in gRPC and Connect.
const (
	// Canceled means the caller gave up.
	Canceled Code = iota + 1
	// InvalidArgument means the arguments do not fit the route, whatever the state of the system.
	InvalidArgument
	// DeadlineExceeded means the time for the call ran out; the work may have been done.
	DeadlineExceeded
	// NotFound means there is no such route, or none the caller may know of.
	NotFound
	// AlreadyExists means what was to be made is there already.
	AlreadyExists
	// PermissionDenied means the caller is known and may not do this.
	PermissionDenied
	// Unauthenticated means the caller has to say who it is.
	Unauthenticated
	// ResourceExhausted means a limit or a quota was reached.
	ResourceExhausted
	// FailedPrecondition means the system is not in the state the call needs.
	FailedPrecondition
	// Aborted means the call lost against a concurrent one and may be tried again.
	Aborted
	// Unimplemented means the target cannot do this at all.
	Unimplemented
	// Internal means the fault is not the caller's; the text stays on the server.
	Internal
	// Unavailable means the peer is gone or not reachable now.
	Unavailable
	// DataLoss means stored data is missing or damaged.
	DataLoss
)

const codeNames = "" +
	"canceled\x00invalid_argument\x00deadline_exceeded\x00not_found\x00already_exists\x00" +
	"permission_denied\x00unauthenticated\x00resource_exhausted\x00failed_precondition\x00" +
	"aborted\x00unimplemented\x00internal\x00unavailable\x00data_loss\x00"

// String returns the name a code has on the wire, such as "not_found".
func (c Code) String() string {
	rest := codeNames
	for i := Code(1); rest != ""; i++ {
		end := 0
		for rest[end] != 0 {
			end++
		}
		if i == c {
			return rest[:end]
		}
		rest = rest[end+1:]
	}
	return fmt.Sprintf("code_%d", uint8(c))
}

// Error makes a Code an error without further text.
func (c Code) Error() string { return c.String() }

// MarshalText encodes the code by its name.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText decodes a name. A name this version does not know becomes Internal,
// so that a newer peer's code is still an error.
func (c *Code) UnmarshalText(text []byte) error {
	*c = Internal
	for code := Canceled; code <= DataLoss; code++ {
		if code.String() == string(text) {
			*c = code
			break
		}
	}
	return nil
}

// Errorf returns an *Error with this code. It formats like [fmt.Errorf] and
// wraps what %w names; the whole text is sent to the peer.
func (c Code) Errorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: c, Message: err.Error(), cause: errors.Unwrap(err)}
	if _, several := err.(interface{ Unwrap() []error }); several {
		e.cause = err
	}
	return e
}

// An Error is a failure as both ends of a connection see it. Message and Details
// cross the wire; whatever else an error chain holds does not.
type Error struct {
	Code    Code            `json:"code"`
	Message string          `json:"message,omitempty"`
	Details json.RawMessage `json:"details,omitempty"`
	cause   error
}

// Error returns the code and the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Message
}

// Is reports whether target is the error's code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// Unwrap returns what Code.Errorf wrapped with %w, if anything.
func (e *Error) Unwrap() error { return e.cause }

// coded is what has a code: a Code and an *Error.
type coded interface {
	error
	code() Code
}

func (c Code) code() Code   { return c }
func (e *Error) code() Code { return e.Code }

// CodeOf returns the code of the first *Error or Code in err's tree. The errors of a
// context map to Canceled and DeadlineExceeded, any other error to Internal, and
// nil to zero.
func CodeOf(err error) Code {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[coded](err); ok && e.code() != 0 {
		return e.code()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return Canceled
	}
	return Internal
}
