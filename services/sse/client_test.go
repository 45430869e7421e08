package sse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

func TestBothEndsCallEachOther(t *testing.T) {
	s := serve(t, config{})
	c := s.open(t, nil)
	works(t, c)
	onServer := s.info.Session(c.ID())
	require.Equal(t, c.Token(), onServer.Token())
	require.Equal(t, "sse", c.Transport())
	greeting, err := name.Run(t.Context(), onServer, "Hello")
	require.NoError(t, err)
	require.Equal(t, "Hello Ann", greeting)
	large := strings.Repeat("🙂", 200_000) // one POST may be larger than a batch
	greeting, err = name.Run(t.Context(), onServer, large)
	require.NoError(t, err)
	require.Equal(t, large+" Ann", greeting)
	updates := make(chan int, 100)
	sub, err := ticks.Listen(t.Context(), c, func(u graph.Update[int]) { updates <- u.Value })
	require.NoError(t, err)
	defer sub.Stop()
	s.ticks.Set(7)
	for receive(t, updates, "the update") != 7 {
	}
}

func TestEventsThatAreNoMessages(t *testing.T) {
	events := make(chan string, 10)
	s := serve(t, config{})
	c := s.open(t, &sse.DialOptions{OnEvent: func(event string, data json.RawMessage) { events <- event + " " + string(data) }})
	_, err := s.info.PushEvent("tick", map[string]int{"n": 1})
	require.NoError(t, err)
	require.Equal(t, `tick {"n":1}`, receive(t, events, "the event"))
	quiet := s.open(t, nil)
	_, err = s.info.PushEvent("tick", 2)
	require.NoError(t, err)
	works(t, quiet) // who has no use for events ignores them
	works(t, c)
}

// What a text holds does not matter to how it is sent.
func TestTextsWithLineFeeds(t *testing.T) {
	var mu sync.Mutex
	var messages []string
	all := make(chan struct{})
	texts := []string{"two\nlines", "one", "\n", "", " ", "{\n\"a\": 1\n}", "[1,\n2]", "last\n"}
	s := serve(t, config{options: services.Options{
		Limits: services.Limits{InFlight: 1},
		OnMessage: func(_ *services.Peer, data []byte) {
			mu.Lock()
			defer mu.Unlock()
			messages = append(messages, string(data))
			if len(messages) == len(texts) {
				close(all)
			}
		},
	}})
	c := s.open(t, nil)
	for _, text := range texts {
		require.NoError(t, c.Send(t.Context(), text))
	}
	receive(t, all, "all texts arrive")
	mu.Lock()
	defer mu.Unlock()
	want := append([]string{}, texts...)
	want[5], want[6] = `{ "a": 1 }`, `[1, 2]` // JSON that was sent as one line of many
	require.Equal(t, want, messages)

	require.NoError(t, graph.Post(t.Context(), c, "note", json.RawMessage("\"a\\nb\"")))
	require.Equal(t, "a\nb", receive(t, s.notes, "arguments arrive"))
	v, err := graph.Run(t.Context(), c, "echo", json.RawMessage("{\n\"a\":\n[1,\n2]}"))
	require.NoError(t, err)
	data, err := json.Marshal(v)
	require.NoError(t, err)
	require.JSONEq(t, `[{"a":[1,2]}]`, string(data))
}

func TestBatchesAreSplit(t *testing.T) {
	var mu sync.Mutex
	var sizes []int64
	first := make(chan struct{})
	release := make(chan struct{})
	s := serve(t, config{
		options: services.Options{Limits: services.Limits{InFlight: 1, Backlog: 1000}},
		wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					mu.Lock()
					sizes = append(sizes, r.ContentLength)
					n := len(sizes)
					mu.Unlock()
					if n == 1 {
						close(first)
						<-release // while messages queue up at the client
					}
				}
				h.ServeHTTP(w, r)
			})
		},
	})
	c := s.open(t, nil)
	text := strings.Repeat("x", 60<<10)
	const n = 13
	require.NoError(t, note.Post(t.Context(), c, "0"+text))
	receive(t, first, "the first POST")
	for i := 1; i < n; i++ {
		require.NoError(t, note.Post(t.Context(), c, fmt.Sprintf("%x", i)+text))
	}
	close(release)
	for i := range n {
		require.Equal(t, fmt.Sprintf("%x", i), receive(t, s.notes, "all arrive in order")[:1])
	}
	works(t, c)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, sizes, 1+3+1, "12 messages of 60 KiB in batches of up to 256 KiB: %v", sizes)
	for _, size := range sizes {
		require.LessOrEqual(t, size, int64(256<<10))
	}
}

func TestLostStreamFailsPendingCalls(t *testing.T) {
	s := serve(t, config{})
	c := s.open(t, nil)
	failed := make(chan error, 1)
	go func() { _, err := hold.Run(context.Background(), c, 0); failed <- err }()
	eventually(t, "the route runs", func() bool { return s.svc.Stats().Running == 1 })
	s.http.CloseClientConnections()
	require.ErrorIs(t, receive(t, failed, "the call fails"), graph.Unavailable)
	require.ErrorIs(t, c.Err(), graph.Unavailable)
	require.ErrorContains(t, c.Err(), "the stream ended")
	_, err := double.Run(t.Context(), c, 1)
	require.ErrorIs(t, err, graph.Unavailable)
	require.ErrorIs(t, err, services.ErrNotSent)
}

func TestSilentStreamIsLost(t *testing.T) {
	s := serve(t, config{props: sse.Props{KeepAlive: -1}})
	c := s.open(t, &sse.DialOptions{Idle: 100 * time.Millisecond})
	receive(t, c.Done(), "the client gives up")
	require.EqualError(t, c.Err(), "unavailable: the stream was silent for 100ms")
	eventually(t, "the server notices", func() bool { return len(s.svc.Peers()) == 0 })

	s = serve(t, config{props: sse.Props{KeepAlive: 20 * time.Millisecond}})
	c = s.open(t, &sse.DialOptions{Idle: 200 * time.Millisecond})
	e := s.stream(t)
	for strings.Count(e.raw.String(), ": \n") < 20 { // 400 ms
		require.NoError(t, s.info.Session(e.id).Push(1))
		e.next()
	}
	require.NoError(t, c.Err(), "keep-alives are signs of life")
}

// A route at the client that blocks the reading is no silence of the server.
func TestBusyClientIsNotSilence(t *testing.T) {
	release := make(chan struct{})
	running := make(chan struct{}, 10)
	g := graph.New()
	name.Handle(g, func(context.Context, string) (string, error) {
		running <- struct{}{}
		<-release
		return "", nil
	})
	svc := services.New(g, &services.Options{Expose: []string{"**"}, Limits: services.Limits{InFlight: 1, Backlog: 1}})
	s := serve(t, config{props: sse.Props{KeepAlive: -1}})
	const idle = 100 * time.Millisecond
	c, err := sse.OpenSSE(t.Context(), s.url, svc, &sse.DialOptions{Idle: idle})
	require.NoError(t, err)
	onServer := s.info.Session(c.ID())
	for range 4 { // one runs, one waits, one holds up the reader
		require.NoError(t, name.Post(t.Context(), onServer, ""))
	}
	receive(t, running, "a route runs")
	held := time.NewTimer(3 * idle)
	<-held.C
	require.NoError(t, c.Err())
	close(release)
	receive(t, c.Done(), "then the stream is silent")
	require.ErrorContains(t, c.Err(), "silent")
	require.NoError(t, svc.Shutdown(t.Context()))
}

// fake runs a handler in place of an endpoint.
func fake(t *testing.T, h http.HandlerFunc) string {
	f := httptest.NewServer(h)
	t.Cleanup(f.Close)
	return f.URL
}

func TestAnswersThatAreNoStream(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    graph.Code
		text    string
	}{
		{"an error of ours", answers(429, "application/json", `{"error":{"code":"aborted","message":"again"}}`), graph.Aborted, "again"},
		{"JSON that is no error", answers(404, "application/json", `{"error":{}}`), graph.NotFound, "404"},
		{"401", answers(401, "text/plain", "no"), graph.Unauthenticated, "401 Unauthorized"},
		{"403", answers(403, "", ""), graph.PermissionDenied, "403"},
		{"429", answers(429, "", ""), graph.ResourceExhausted, "429"},
		{"500", answers(500, "", ""), graph.Internal, "500"},
		{"502", answers(502, "text/html", "<h1>"), graph.Unavailable, "502"},
		{"503", answers(503, "", ""), graph.Unavailable, "503"},
		{"204", answers(204, "", ""), graph.Unimplemented, "204"},
		{"a page", answers(200, "text/html", "<h1>Sign in</h1>"), graph.Unimplemented, "text/html"},
		{"a stream that ends", answers(200, "text/event-stream", ": ok\n\n"), graph.Unavailable, "the stream ended"},
		{"a stream that is closed", answers(200, "text/event-stream", "event: close\ndata: {\"code\":\"data_loss\",\"message\":\"sorry\"}\n\n"), graph.DataLoss, "sorry"},
		{"a stream that is closed somehow", answers(200, "text/event-stream", "event: close\ndata: bye\n\n"), graph.Unavailable, "closed by the other end"},
		{"an event that is too large", answers(200, "text/event-stream", "data: "+strings.Repeat("x", 2<<20)+"\n\n"), graph.ResourceExhausted, "over 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			svc := services.New(graph.New(), nil)
			_, err := sse.OpenSSE(t.Context(), fake(t, tt.handler), svc, nil)
			require.Equal(t, tt.want, graph.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, tt.text)
			require.NoError(t, svc.Shutdown(t.Context()))
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		_, err = sse.OpenSSE(t.Context(), "http://"+l.Addr().String(), nil, nil)
		require.ErrorIs(t, err, graph.Unavailable)
	})
	t.Run("no URL", func(t *testing.T) {
		_, err := sse.OpenSSE(t.Context(), "http://[", nil, nil)
		require.ErrorIs(t, err, graph.InvalidArgument)
	})
}

func answers(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		if body != "" {
			_, _ = io.WriteString(w, body)
		}
	}
}

// A redirect to another origin would hand it the credentials and the session's secret.
func TestRedirects(t *testing.T) {
	stolen := make(chan *http.Request, 10)
	thief := fake(t, func(_ http.ResponseWriter, r *http.Request) { stolen <- r })
	secret := http.Header{"X-Api-Key": {"secret"}}
	for _, status := range []int{301, 302, 303, 307, 308} {
		_, err := sse.OpenSSE(t.Context(), fake(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief, status)
		}), nil, &sse.DialOptions{Header: secret})
		require.ErrorIs(t, err, graph.PermissionDenied)
		require.ErrorContains(t, err, "refused to follow a redirect")
	}
	_, err := sse.OpenSSE(t.Context(), fake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host, http.StatusFound)
	}), nil, nil)
	require.ErrorIs(t, err, graph.PermissionDenied, "another scheme is another origin")

	s := serve(t, config{wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/moved" && r.Method == http.MethodGet:
				http.Redirect(w, r, "/here", http.StatusFound)
			case r.URL.Path == "/loop":
				http.Redirect(w, r, "/loop", http.StatusFound)
			case r.Method == http.MethodPost:
				http.Redirect(w, r, thief, http.StatusTemporaryRedirect)
			default:
				h.ServeHTTP(w, r)
			}
		})
	}})
	_, err = sse.OpenSSE(t.Context(), s.url+"/loop", nil, nil)
	require.ErrorIs(t, err, graph.Unavailable)
	require.ErrorContains(t, err, "10 redirects")
	forbidden := errors.New("not even there")
	_, err = sse.OpenSSE(t.Context(), s.url+"/moved", nil, &sse.DialOptions{Client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return forbidden },
	}})
	require.ErrorIs(t, err, forbidden)

	svc := services.New(graph.New(), nil)
	c, err := sse.OpenSSE(t.Context(), s.url+"/moved", svc, &sse.DialOptions{Header: secret})
	require.NoError(t, err, "within the origin redirects are followed")
	_, err = double.Run(t.Context(), c, 1)
	require.ErrorIs(t, err, graph.Unavailable)
	receive(t, c.Done(), "a POST that is sent elsewhere ends the session")
	require.ErrorIs(t, c.Err(), graph.PermissionDenied)
	require.Empty(t, stolen)
	require.NoError(t, svc.Shutdown(t.Context()))
}

func TestRefusedPostEndsTheSession(t *testing.T) {
	for status, want := range map[int]graph.Code{404: graph.NotFound, 200: graph.Unimplemented, 503: graph.Unavailable} {
		s := serve(t, config{wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					w.WriteHeader(status)
					return
				}
				h.ServeHTTP(w, r)
			})
		}})
		c := s.open(t, nil)
		_, err := double.Run(t.Context(), c, 1)
		require.ErrorIs(t, err, graph.Unavailable, "the call was not answered")
		receive(t, c.Done(), "the session ends")
		require.Equal(t, want, graph.CodeOf(c.Err()), "%v", c.Err())
	}
}

func TestPostThatIsNotAnsweredEndsTheSession(t *testing.T) {
	s := serve(t, config{wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				_, _ = io.Copy(io.Discard, r.Body) // only then the client's end is noticed
				<-r.Context().Done()
				return
			}
			h.ServeHTTP(w, r)
		})
	}})
	svc := services.New(graph.New(), &services.Options{Limits: services.Limits{WriteTimeout: 100 * time.Millisecond}})
	c, err := sse.OpenSSE(t.Context(), s.url, svc, nil)
	require.NoError(t, err)
	_, err = double.Run(t.Context(), c, 1)
	require.ErrorIs(t, err, graph.Unavailable)
	receive(t, c.Done(), "the session ends")
	require.ErrorIs(t, c.Err(), context.DeadlineExceeded)
	require.NoError(t, svc.Shutdown(t.Context()))
}

func TestContextBoundsTheConnecting(t *testing.T) {
	for name, header := range map[string]bool{"the header": false, "the first message": true} {
		t.Run(name, func(t *testing.T) {
			reached := make(chan struct{})
			url := fake(t, func(w http.ResponseWriter, r *http.Request) {
				if header {
					w.Header().Set("Content-Type", "text/event-stream")
					w.WriteHeader(http.StatusOK)
					_ = http.NewResponseController(w).Flush()
				}
				close(reached)
				<-r.Context().Done()
			})
			enough := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() { <-reached; cancel(enough) }()
			svc := services.New(graph.New(), nil)
			_, err := sse.OpenSSE(ctx, url, svc, nil)
			require.ErrorIs(t, err, enough)
			require.NoError(t, svc.Shutdown(t.Context()))
			require.Empty(t, svc.Peers())
		})
	}
	t.Run("and nothing after it", func(t *testing.T) {
		s := serve(t, config{})
		ctx, cancel := context.WithCancel(t.Context())
		c, err := sse.OpenSSE(ctx, s.url, nil, nil)
		require.NoError(t, err)
		cancel()
		works(t, c)
		c.Terminate()
		receive(t, c.Done(), "it ends")
	})
}

func TestServiceThatIsShutDownOpensNothing(t *testing.T) {
	s := serve(t, config{})
	svc := services.New(graph.New(), nil)
	require.NoError(t, svc.Shutdown(t.Context()))
	_, err := sse.OpenSSE(t.Context(), s.url, svc, nil)
	require.ErrorIs(t, err, graph.Unavailable)
	eventually(t, "the server notices", func() bool { return s.info.Len() == 0 })
}

// What is sent before the server has named the session waits: without the session's secret it would be nobody's.
func TestMessagesWaitForTheSession(t *testing.T) {
	posts := make(chan string, 10)
	open := make(chan struct{})
	url := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts <- r.Header.Get(services.HeaderSession)
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-open
		_, _ = io.WriteString(w, `data: {"route":"setId","args":"s1","meta":{"token":"the secret"}}`+"\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	joined := make(chan struct{})
	svc := services.New(graph.New(), &services.Options{OnConnect: func(p *services.Peer) error {
		defer close(joined)
		return p.Post(context.Background(), "early")
	}})
	go func() { <-joined; close(open) }()
	c, err := sse.OpenSSE(t.Context(), url, svc, nil)
	require.NoError(t, err)
	require.Equal(t, "the secret", receive(t, posts, "the message is posted"))
	c.Terminate()
	receive(t, c.Done(), "it ends")
	require.NoError(t, svc.Shutdown(t.Context()))
}
