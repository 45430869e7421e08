package httpservice

import (
	"net/http"
	"time"
)

// A response is the writer for code that is not ours. It notes whether anything was sent and gives
// each write its deadline. It cannot be hijacked, as the answer would then be nobody's.
type response struct {
	http.ResponseWriter
	x *exchange
}

// WriteHeader sends the header.
func (w *response) WriteHeader(status int) {
	w.x.started = w.x.started || status >= http.StatusOK
	if h := w.Header(); h.Get("X-Content-Type-Options") == "" {
		h.Set("X-Content-Type-Options", "nosniff")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write writes under a deadline.
func (w *response) Write(data []byte) (int, error) {
	if !w.x.started {
		w.WriteHeader(http.StatusOK)
	}
	_ = w.x.control.SetWriteDeadline(time.Now().Add(w.x.service.Limits().WriteTimeout))
	return w.ResponseWriter.Write(data)
}

// Flush sends what was written.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is Flush for http.ResponseController.
func (w *response) FlushError() error {
	if !w.x.started {
		w.WriteHeader(http.StatusOK)
	}
	return w.x.finish()
}

// finish flushes what a response was given and takes the deadline away.
func (x *exchange) finish() error { return x.write(nil) }
