package eventstream

import "strings"

// MediaType is the media type of an event stream, as a server should send it:
// without a charset parameter, since the encoding is always UTF-8 and Chromium
// refuses a stream that names another one.
const MediaType = "text/event-stream"

// IsEventStream reports whether a Content-Type header names an event stream, in
// any case and with any parameters. The parameters are not examined: the HTML
// standard decodes every event stream as UTF-8.
func IsEventStream(contentType string) bool {
	essence, _, _ := strings.Cut(contentType, ";")
	essence = strings.Trim(essence, " \t")
	// EqualFold alone would take U+017F for an s; it has another length.
	return len(essence) == len(MediaType) && strings.EqualFold(essence, MediaType)
}
