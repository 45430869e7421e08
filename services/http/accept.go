package httpservice

import (
	"net/http"
	"strconv"
	"strings"
)

// accepts reports whether the request asks for a media type by its name. Wildcards do not count: they are sent by
// clients that take anything.
func accepts(r *http.Request, mediaType string) bool {
	return listed(r.Header.Values("Accept"), mediaType)
}

// prefersAsync reports whether nobody will wait for the result, by RFC 7240.
func prefersAsync(r *http.Request) bool { return listed(r.Header.Values("Prefer"), "respond-async") }

// listed reports whether comma separated header values hold an element that is not weighted with 0.
func listed(values []string, want string) bool {
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			name, params, _ := strings.Cut(element, ";")
			if strings.EqualFold(strings.TrimSpace(name), want) && weight(params) > 0 {
				return true
			}
		}
	}
	return false
}

// weight returns the q of an element's parameters, 1 without one.
func weight(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
			return q
		}
	}
	return 1
}
