package eventstream_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/internal/eventstream"
)

func TestIsEventStream(t *testing.T) {
	for contentType, want := range map[string]bool{
		eventstream.MediaType:                    true,
		"text/event-stream;charset=utf-8;x=y":    true, // E38
		"Text/Event-Stream":                      true, // E39
		"text/event-stream;charset=windows-1252": true, // E40
		"TEXT/EVENT-STREAM ; charset=UTF-8":      true,
		" text/event-stream\t":                   true,
		"text/event-stream;":                     true,
		"text/event-stream;bogus":                true,
		`text/event-stream;x="a;b"`:              true,
		"":                                       false,
		";text/event-stream":                     false,
		"text/event-streams":                     false,
		"text/event-strea":                       false,
		"text/event stream":                      false,
		"text/event-\u017Ftream":                 false,
		"text/event-stream,text/plain":           false,
		"text/event-stream charset=utf-8":        false,
		"application/json":                       false,
		"text/x-bogus;text/event-stream":         false,
	} {
		require.Equal(t, want, eventstream.IsEventStream(contentType), "%q", contentType)
	}
}
