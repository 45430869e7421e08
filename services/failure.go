package services

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

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
		return &graph.Error{Code: e.Code, Message: e.Message, Details: e.Details}
	}
	if code := graph.CodeOf(err); code != graph.Internal {
		return &graph.Error{Code: code}
	}
	reference := uuid.NewString()
	s.log.LogAttrs(ctx, slog.LevelError, "route failed",
		slog.String("route", route), slog.String("reference", reference), slog.Any("error", err))
	return &graph.Error{Code: graph.Internal, Message: "internal error, reference " + reference}
}

// EncodeResult encodes a route's result for a message; nil is no value.
func EncodeResult(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case graph.Void:
		return nil, nil
	case json.RawMessage:
		if !json.Valid(v) {
			return nil, graph.Internal.Errorf("the route's result is not valid JSON")
		}
		return v, nil
	}
	return json.Marshal(v)
}
