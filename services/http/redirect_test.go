package httpservice_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

// A recorder is a server that redirects what Location says and else answers, and remembers what it was asked.
type recorder struct {
	mu   sync.Mutex // guards all below
	got  []string   // method, path, Authorization, X-Key and body of each request
	to   map[string]string
	with int
}

func (s *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, strings.Join([]string{r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("X-Key"), string(body)}, " "))
	if to := s.to[r.URL.Path]; to != "" {
		w.Header().Set("Location", to)
		w.WriteHeader(s.with)
		return
	}
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("event: error\ndata: {\"code\":\"aborted\"}\n\n"))
		return
	}
	w.Header().Set("Content-Type", asJSON)
	_, _ = w.Write([]byte("true"))
}

func (s *recorder) redirect(status int, to map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got, s.to, s.with = nil, to, status
}

func (s *recorder) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

func TestRedirects(t *testing.T) {
	home, other := &recorder{}, &recorder{}
	homeURL, _ := serveOn(t, protocols()[0], home)
	otherURL, _ := serveOn(t, protocols()[0], other) // the same host, so it is the port that tells them apart
	c := open(t, homeURL, &httpservice.ClientOptions{Header: func() http.Header {
		return http.Header{"authorization": {"Bearer t0ken"}, "X-Key": {"k3y"}}
	}})
	run := func() error { _, err := graph.Run(t.Context(), c, "a.b", 1); return err }
	subscribe := func() error {
		v, err := c.Do(t.Context(), &graph.Call{Verb: graph.VerbSubscribe, Route: "a.b", Deliver: func(context.Context, graph.Event) {}})
		if err == nil {
			<-v.(*graph.Subscription).Done()
		}
		return err
	}

	require.NoError(t, run())
	require.Equal(t, []string{"POST /a/b Bearer t0ken k3y [1]"}, home.asked())

	for _, status := range []int{307, 308} {
		home.redirect(status, map[string]string{"/a/b": "/moved"})
		require.NoError(t, run())
		require.Equal(t, []string{"POST /a/b Bearer t0ken k3y [1]", "POST /moved Bearer t0ken k3y [1]"}, home.asked(), "the same origin")
	}

	home.redirect(307, map[string]string{"/a/b": otherURL + "/x"})
	other.redirect(307, map[string]string{"/x": "/y", "/y": homeURL + "/back"})
	require.NoError(t, run())
	require.Equal(t, []string{"POST /x   [1]", "POST /y   [1]"}, other.asked(), "another origin gets no credentials")
	require.Equal(t, []string{"POST /a/b Bearer t0ken k3y [1]", "POST /back   [1]"}, home.asked(), "nor does whoever it sends us to")

	for _, status := range []int{301, 302, 303} {
		home.redirect(status, map[string]string{"/a/b": "/moved"})
		require.ErrorIs(t, run(), graph.Unavailable, "a call that would become a GET is not sent on")
		require.Len(t, home.asked(), 1)
		home.redirect(status, map[string]string{"/a/b": otherURL + "/x"})
		other.redirect(200, nil)
		require.NoError(t, subscribe())
		require.Equal(t, []string{"GET /x   "}, other.asked())
	}

	for location, hops := range map[string]int{"": 1, "http://": 1, "ftp://example.com/": 1, "http://[::1": 1, "/a/b": 10} {
		home.redirect(307, map[string]string{"/a/b": location})
		if location == "" {
			home.redirect(307, map[string]string{"/a/b": " "})
		}
		require.ErrorIs(t, run(), graph.Unavailable, location)
		require.Len(t, home.asked(), hops, location)
	}
}

func TestRedirectFromHTTPSToHTTP(t *testing.T) {
	home, other := &recorder{}, &recorder{}
	homeURL, client := serveOn(t, protocols()[1], home)
	otherURL, _ := serveOn(t, protocols()[0], other)
	c := open(t, homeURL, &httpservice.ClientOptions{Transport: client.Transport})
	home.redirect(307, map[string]string{"/a": otherURL + "/x"})
	_, err := graph.Run(t.Context(), c, "a")
	require.ErrorIs(t, err, graph.Unavailable)
	require.Empty(t, other.asked())
}

// A call is sent once, also when the server drops the connection instead of answering.
func TestNothingIsSentTwice(t *testing.T) {
	var asked atomic.Int64
	url, _ := serveOn(t, protocols()[0], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", asJSON)
		_, _ = w.Write([]byte("true"))
	}))
	c := open(t, url, nil)
	_, err := graph.Run(t.Context(), c, "x")
	require.NoError(t, err)
	_, err = graph.Run(t.Context(), c, "x") // over a connection that was used before
	require.ErrorIs(t, err, graph.Unavailable)
	require.NotErrorIs(t, err, services.ErrNotSent)
	require.EqualValues(t, 2, asked.Load())
}
