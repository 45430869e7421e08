package httpservice_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
	"github.com/graphscript-go/graphscript/services/servicestest"
)

// Over plain HTTP the client calls and watches, and is not called itself.
func TestTransport(t *testing.T) {
	for _, p := range protocols() {
		servicestest.Run(t, servicestest.Transport{
			Name: p.name,
			Connect: func(t testing.TB, server, _ *services.Service) servicestest.Connection {
				fences := &fences{streams: map[string]*fencedStream{}}
				backend := httpservice.New(server, &httpservice.Options{KeepAlive: time.Millisecond})
				s := httptest.NewUnstartedServer(fences.server(backend))
				s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
				transport := &http.Transport{}
				if p.https {
					s.EnableHTTP2 = true
					s.StartTLS()
					transport.ForceAttemptHTTP2 = true
					transport.TLSClientConfig = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
				} else {
					s.Start()
				}
				c, err := httpservice.Open(s.URL, &httpservice.ClientOptions{Transport: fences.client(transport)})
				require.NoError(t, err)
				t.Cleanup(func() {
					c.Close()
					transport.CloseIdleConnections()
					backend.Close()
					s.Close()
				})
				return servicestest.Connection{ToServer: fencedTarget{c, fences}}
			},
		})
	}
}

// The suite relies on a reply coming after the updates that were published before it, as on one connection. Over HTTP a
// reply comes on another connection. So a fencedTarget returns a reply only when every stream has carried, after the
// reply, a comment: that says that the server had nothing queued for it.
type fencedTarget struct {
	graph.Target
	*fences
}

func (t fencedTarget) Do(ctx context.Context, c *graph.Call) (any, error) {
	v, err := t.Target.Do(ctx, c)
	if c.Verb != graph.VerbSubscribe {
		t.wait(ctx)
	}
	return v, err
}

type fences struct {
	mu      sync.Mutex // guards all below
	last    int
	streams map[string]*fencedStream
}

// A fencedStream counts the comments of one stream.
type fencedStream struct {
	*fences
	written int // by the server
	read    int // by the client, with all before it handed on
	changed chan struct{}
}

const headerStream = "Test-Stream"

func (f *fences) wait(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, s := range f.streams {
		// The next comment may have been decided on before the reply, the one after it cannot.
		for want := s.written + 2; f.streams[name] == s && s.read < want; {
			changed := s.changed
			f.mu.Unlock()
			select {
			case <-changed:
			case <-ctx.Done():
			}
			f.mu.Lock()
			if ctx.Err() != nil {
				return
			}
		}
	}
}

func (s *fencedStream) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// server counts what the server writes.
func (f *fences) server(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		s := f.streams[r.Header.Get(headerStream)]
		f.mu.Unlock()
		if s != nil {
			w = &commentWriter{w, s}
		}
		next.ServeHTTP(w, r)
	})
}

type commentWriter struct {
	http.ResponseWriter
	s *fencedStream
}

func (w *commentWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *commentWriter) Write(data []byte) (int, error) {
	w.s.change(func() { w.s.written += countComments(data) })
	return w.ResponseWriter.Write(data)
}

func countComments(lines []byte) (n int) {
	for line := range bytes.Lines(lines) {
		if string(line) == ": \n" {
			n++
		}
	}
	return n
}

// client counts what the client reads.
func (f *fences) client(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if !slices.Contains(r.Header["Accept"], "text/event-stream") {
			return next.RoundTrip(r)
		}
		f.mu.Lock()
		f.last++
		name := strconv.Itoa(f.last)
		s := &fencedStream{fences: f, changed: make(chan struct{})}
		f.streams[name] = s
		f.mu.Unlock()
		end := func() { s.change(func() { delete(f.streams, name) }) }
		r = r.Clone(r.Context())
		r.Header.Set(headerStream, name)
		response, err := next.RoundTrip(r)
		if err != nil || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
			end()
			return response, err
		}
		response.Body = &commentReader{ReadCloser: response.Body, s: s, end: sync.OnceFunc(end)}
		return response, nil
	})
}

type commentReader struct {
	io.ReadCloser
	s    *fencedStream
	rest []byte // what was read last, from the start of its line
	end  func()
}

// Read is called when all that was read before has been handed on.
func (r *commentReader) Read(p []byte) (int, error) {
	done := bytes.LastIndexByte(r.rest, '\n') + 1
	if comments := countComments(r.rest[:done]); comments > 0 {
		r.s.change(func() { r.s.read += comments })
	}
	r.rest = append([]byte(nil), r.rest[done:]...)
	n, err := r.ReadCloser.Read(p)
	r.rest = append(r.rest, p[:n]...)
	return n, err
}

func (r *commentReader) Close() error {
	r.end()
	return r.ReadCloser.Close()
}
