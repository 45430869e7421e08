package services

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/google/uuid"

	"github.com/graphscript-go/graphscript/graph"
)

// ErrNotSent says that a call failed before anything of it left this process, so that it may be
// made again elsewhere.
var ErrNotSent = errors.New("not sent")

// Failure returns what the other end may know of an error: the code, message and details of a *graph.Error,
// the code alone of other errors that have one, and for all else Internal with a reference under
// which the text is in the log.
func (s *Service) Failure(ctx context.Context, route string, err error) *graph.Error {
	if e, ok := errors.AsType[*graph.Error](err); ok && (e.Code != graph.Internal || e.Message != "") {
		return &graph.Error{Code: e.Code, Message: e.Message, Details: s.details(ctx, route, e)}
	}
	if code := graph.CodeOf(err); code != graph.Internal {
		return &graph.Error{Code: code}
	}
	reference := uuid.NewString()
	s.log.LogAttrs(ctx, slog.LevelError, "route failed",
		slog.String("route", route), slog.String("reference", reference), slog.Any("error", err))
	return &graph.Error{Code: graph.Internal, Message: "internal error, reference " + reference}
}

// details returns an error's details, or nothing if the other end could not read them: it has to learn of
// the failure in any case.
func (s *Service) details(ctx context.Context, route string, e *graph.Error) json.RawMessage {
	if e.Details == nil {
		return nil
	}
	details, err := sendable(e.Details, detailsDepth)
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "details of an error left out", slog.String("route", route), slog.Any("error", err))
		return nil
	}
	return details
}

// guard runs a hook of the application; a panic in it becomes an error.
func (s *Service) guard(name string, hook func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = s.panicked(name, r)
		}
	}()
	return hook()
}

// panicked logs a panic in code that is not the graph's, such as Authorize, and returns its error.
func (s *Service) panicked(where string, r any) error {
	s.log.Error("panic recovered", "in", where, "panic", r, "stack", string(debug.Stack()))
	return fmt.Errorf("panic in %s: %v", where, r)
}

// EncodeResult encodes a route's result for a message, on one line. Void and a nil json.RawMessage are no value, for which
// it returns nil. It fails for what the other end would not take: JSON nested deeper than messages may be, or
// a json.RawMessage that is no valid JSON.
func EncodeResult(v any) (json.RawMessage, error) {
	data, err := encodeValue(v)
	if err != nil || data == nil {
		return nil, err
	}
	return sendable(data, argsDepth)
}

// encodeValue encodes a value; Void is nil.
func encodeValue(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case graph.Void:
		return nil, nil
	case json.RawMessage:
		return v, nil
	}
	return json.Marshal(v)
}
