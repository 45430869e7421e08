package sse_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

func request(version string, lines ...string) string {
	return strings.Join(append([]string{"GET / HTTP/" + version, "Host: example.com"}, lines...), "\r\n") + "\r\n\r\n"
}

func TestFirstBytesComeAtOnce(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, config{props: sse.Props{OnConnection: func(*sse.ClientInfo, *http.Request) error { <-release; return nil }}})
	defer close(release)
	_, in := s.dial(t, request("1.1", "Accept: text/event-stream", "Accept-Encoding: gzip", "Graphscript-Version: 1"))
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 200 OK", response.Proto+" "+response.Status)
	require.Equal(t, http.Header{
		"Content-Type":           {"text/event-stream"},
		"Cache-Control":          {"no-store, no-transform"},
		"X-Accel-Buffering":      {"no"},
		"X-Content-Type-Options": {"nosniff"},
		"Date":                   response.Header["Date"],
	}, response.Header, "and no length, no encoding")
	require.Equal(t, []string{"chunked"}, response.TransferEncoding)

	body := bufio.NewReader(response.Body)
	var lines []string
	for range 5 {
		line, err := body.ReadString('\n')
		require.NoError(t, err)
		lines = append(lines, line)
	}
	p := s.info.Peers()[0]
	require.Equal(t, ": ok\nretry: 2000\n\n"+
		`data: {"route":"setId","args":"`+p.ID()+`","meta":{"token":"`+p.Token()+`"}}`+"\n\n", strings.Join(lines, ""))
}

func TestRetry(t *testing.T) {
	for retry, want := range map[time.Duration]string{
		0: ": ok\nretry: 2000\n\ndata", 1500*time.Microsecond + 700: ": ok\nretry: 1\n\ndata", time.Minute: ": ok\nretry: 60000\n\ndata", -1: ": ok\ndata",
	} {
		s := serve(t, config{props: sse.Props{Retry: retry}})
		e := s.stream(t)
		require.Equal(t, want, e.raw.String()[:len(want)])
	}
}

func TestHeaderOfTheEndpoint(t *testing.T) {
	header := http.Header{"X-Version": {"7"}, "Content-Type": {"text/plain"}}
	s := serve(t, config{props: sse.Props{Header: header}})
	for range 2 {
		e := s.stream(t)
		require.Equal(t, []string{"7"}, e.response.Header.Values("X-Version"))
		require.Equal(t, "text/event-stream", e.response.Header.Get("Content-Type"))
	}
}

func payloads() []string {
	return []string{
		"", "\n", "a\n", "\n\n", "a\r\nb", "a\rb", "\r", ":x", " x", "data: x", "event: close", "id: 7\n\nretry: 1", strings.Repeat("x", 1<<20), "a\x00b", "\ufeffx",
		"a\u2028b\u2029c", "</script>", "🙂é…", `{"lone":"\ud800"}`, "\t", `"quoted"`, "null",
	}
}

func TestPayloadsArriveAsTheyAre(t *testing.T) {
	s := serve(t, config{options: services.Options{Limits: services.Limits{QueueBytes: 8 << 20}}})
	e := s.stream(t)
	c := s.info.Session(e.id)
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n")
	for _, payload := range payloads() {
		require.NoError(t, c.Send(t.Context(), payload))
		require.Equal(t, lines.Replace(payload), e.data(), "text is sent verbatim, but for its line ends")

		require.NoError(t, c.Push(payload))
		require.Equal(t, payload, decoded[string](t, e.data()), "a value is sent as JSON")

		require.NoError(t, c.PushEventID("tick é", "e1-42", map[string]string{"text": payload}))
		event := e.next()
		require.Equal(t, "tick é", event.Type)
		require.Equal(t, "e1-42", event.ID)
		require.Equal(t, map[string]string{"text": payload}, decoded[map[string]string](t, event.Data))
	}
}

func TestBytesOfEvents(t *testing.T) {
	s := serve(t, config{})
	e := s.stream(t)
	c := s.info.Session(e.id)
	start := e.raw.Len()
	require.NoError(t, c.Push("Hello from SSE!"))
	require.NoError(t, c.PushEvent("test", []int{1, 2}))
	require.NoError(t, c.PushEventID("test", "e-1", nil))
	require.NoError(t, c.PushEvent("message", true))
	require.NoError(t, c.Send(t.Context(), "a\n\nb\r"))
	require.NoError(t, c.Send(t.Context(), struct{ A int }{1}))
	for range 6 {
		e.next()
	}
	require.Equal(t, `data: "Hello from SSE!"`+"\n\n"+
		"event: test\ndata: [1,2]\n\n"+
		"event: test\nid: e-1\ndata: null\n\n"+
		"data: true\n\n"+
		"data: a\ndata: \ndata: b\ndata: \n\n"+
		`data: {"A":1}`+"\n\n", e.raw.String()[start:])
}

func TestBroadcastsReachAllSessions(t *testing.T) {
	s := serve(t, config{props: sse.Props{Channels: []string{"test"}}})
	streams := []*stream{s.stream(t), s.stream(t), s.stream(t)}
	for _, send := range []func() (int, error){
		func() (int, error) { return s.info.Push("hello") },
		func() (int, error) { return s.info.PushEvent("test", "hello") },
		func() (int, error) { return s.info.PushEventID("", "7", "hello") },
		func() (int, error) { return s.info.Send(`"hello"`) },
	} {
		n, err := send()
		require.NoError(t, err)
		require.Equal(t, 3, n)
		for _, e := range streams {
			require.Equal(t, `"hello"`, e.next().Data)
		}
	}
}

// What could be taken for something else is refused where it is made, and nothing of it reaches the wire.
func TestInjectionIsRefused(t *testing.T) {
	s := serve(t, config{})
	e := s.stream(t)
	c := s.info.Session(e.id)
	for _, event := range []string{"a\nb", "a\rb", "a\x00b", "x\ndata: y\n\n", "\u202eevil", "a\u200bb", "\u2028", "a\u0085b", "\xff", "\x1b[2J", "close"} {
		require.ErrorIs(t, c.PushEvent(event, 1), graph.InvalidArgument, "%q", event)
		n, err := s.info.PushEvent(event, 1)
		require.ErrorIs(t, err, graph.InvalidArgument, "%q", event)
		require.Zero(t, n)
	}
	for _, id := range []string{"a\nb", "a\rb", "a\x00b", "1\n\ndata: x", "a b", "é", "\u202e", strings.Repeat("x", 65)} {
		require.ErrorIs(t, c.PushEventID("tick", id, 1), graph.InvalidArgument, "%q", id)
		_, err := s.info.PushEventID("tick", id, 1)
		require.ErrorIs(t, err, graph.InvalidArgument, "%q", id)
	}
	require.ErrorIs(t, c.Push(func() {}), graph.InvalidArgument)
	_, err := s.info.Push(make(chan int))
	require.ErrorIs(t, err, graph.InvalidArgument)

	before := e.raw.Len()
	require.NoError(t, c.Push("sentinel"))
	require.Equal(t, `"sentinel"`, e.data())
	require.Equal(t, `data: "sentinel"`+"\n\n", e.raw.String()[before:])
}

// Frames can also be made by hand. One that cannot be an event is left out, visibly.
func TestFrameThatIsNoEventIsLeftOut(t *testing.T) {
	s := serve(t, config{})
	e := s.stream(t)
	f := services.NewFrame([]byte("x"))
	f.Event = "a\ndata: injected"
	before := e.raw.Len()
	require.NoError(t, s.info.Session(e.id).SendFrame(t.Context(), f))
	require.NoError(t, s.info.Session(e.id).Push("sentinel"))
	require.Equal(t, `"sentinel"`, e.data())
	require.Equal(t, ": event left out\n"+`data: "sentinel"`+"\n\n", e.raw.String()[before:])
	require.Contains(t, s.log.String(), "event left out")
}

func TestBurstArrivesWhole(t *testing.T) {
	s := serve(t, config{})
	e := s.stream(t)
	c := s.info.Session(e.id)
	const n = 10_000
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := c.Send(t.Context(), fmt.Sprint("event ", i)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range n {
		event, err := e.events.Next()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("event ", i), event.Data)
	}
	require.NoError(t, receive(t, sent, "all are sent"))
	require.NoError(t, c.Err())
}

func TestMethods(t *testing.T) {
	s := serve(t, config{options: services.Options{
		Origins: []string{"https://partner.example"},
		Authenticate: func(r *http.Request) (services.Identity, error) {
			if r.Header.Get("X-User") == "nobody" {
				return services.Identity{}, graph.Unauthenticated.Errorf("who are you?")
			}
			return services.Identity{}, nil
		},
	}})
	for _, tt := range []struct {
		method string
		lines  []string
		status int
		header map[string]string
	}{
		{"HEAD", nil, 200, map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform"}},
		{"OPTIONS", nil, 204, map[string]string{"Allow": "GET, HEAD, POST, OPTIONS"}},
		{"OPTIONS", []string{"Origin: https://partner.example", "Access-Control-Request-Method: POST"}, 204, map[string]string{
			"Access-Control-Allow-Origin": "https://partner.example", "Access-Control-Allow-Credentials": "true", "Allow": "",
		}},
		{"OPTIONS", []string{"Origin: https://evil.example", "Access-Control-Request-Method: POST"}, 403, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"OPTIONS", []string{"Origin: https://partner.example", "Access-Control-Request-Method: GET", "X-User: nobody"}, 204, map[string]string{
			"Access-Control-Allow-Origin": "https://partner.example",
		}},
		{"GET", []string{"Origin: https://partner.example", "X-User: nobody"}, 401, map[string]string{"Access-Control-Allow-Origin": "https://partner.example"}},
		{"POST", nil, 400, map[string]string{"Content-Type": "application/json"}},
		{"POST", []string{"Origin: https://evil.example"}, 403, nil},
		{"PUT", nil, 405, map[string]string{"Allow": "GET, HEAD, POST, OPTIONS"}},
		{"DELETE", nil, 405, map[string]string{"Allow": "GET, HEAD, POST, OPTIONS"}},
		{"GET", []string{"Accept: application/json"}, 406, nil},
		{"GET", []string{"Accept: application/json", "Accept: text/html;q=0.5"}, 406, nil},
		{"GET", []string{"Origin: https://evil.example"}, 403, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors"}, 403, nil},
	} {
		t.Run(tt.method+" "+strings.Join(tt.lines, ", "), func(t *testing.T) {
			e := s.get(t, tt.method, tt.lines...)
			require.Equal(t, tt.status, e.response.StatusCode)
			for name, value := range tt.header {
				require.Equal(t, value, e.response.Header.Get(name), name)
			}
			_, err := io.ReadAll(e.response.Body) // which would hang for a stream
			require.NoError(t, err)
		})
	}
	for _, accept := range []string{"text/event-stream", "Text/Event-Stream", "text/*", "*/*", "text/html, */*;q=0.1"} {
		s.stream(t, "Accept: "+accept)
	}
	e := s.stream(t, "Origin: https://partner.example")
	require.Equal(t, "https://partner.example", e.response.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, e.response.Header.Values("Vary"), "Origin")
}

func TestLastEventID(t *testing.T) {
	s := serve(t, config{})
	require.Empty(t, s.info.Session(s.stream(t).id).LastEventID)
	require.Equal(t, "e1-7", s.info.Session(s.stream(t, "Last-Event-ID: e1-7").id).LastEventID)
	s.url += "?lastEventId=e1-8"
	require.Equal(t, "e1-8", s.info.Session(s.stream(t).id).LastEventID)
	require.Equal(t, "e1-7", s.info.Session(s.stream(t, "Last-Event-ID: e1-7").id).LastEventID, "the header beats the query")
}

func TestProtocols(t *testing.T) {
	t.Run("HTTP/2", func(t *testing.T) {
		s := serve(t, config{
			props: sse.Props{KeepAlive: 20 * time.Millisecond},
			start: func(h *httptest.Server) {
				h.EnableHTTP2 = true
				h.Config.ReadTimeout, h.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
				h.StartTLS()
			},
		})
		streams := []*stream{s.stream(t), s.stream(t)} // on one connection
		for _, e := range streams {
			require.Equal(t, "HTTP/2.0", e.response.Proto)
			require.NoError(t, s.info.Session(e.id).Push(1))
			require.Equal(t, "1", e.data())
		}
		status, _ := s.post(t, `{"route":"double","args":21,"callbackId":1}`, "Graphscript-Session: "+streams[0].token)
		require.Equal(t, http.StatusAccepted, status)
		require.JSONEq(t, `{"args":42,"callbackId":1}`, streams[0].data())

		client := s.open(t, &sse.DialOptions{Client: s.http.Client()})
		works(t, client)
		outlives(t, s, streams[1])

		p := s.info.Session(streams[0].id)
		streams[0].cancel()
		receive(t, p.Done(), "the server notices that the client has gone")
		s.info.Session(streams[1].id).Close(graph.Aborted, "enough")
		require.JSONEq(t, `{"code":"aborted","message":"enough"}`, streams[1].ends())
	})
	t.Run("HTTP/1.0", func(t *testing.T) {
		s := serve(t, config{})
		_, in := s.dial(t, request("1.0", "Graphscript-Version: 1"))
		response, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		require.Empty(t, response.TransferEncoding)
		eventually(t, "the session is there", func() bool { return s.info.Len() == 1 })
		_, err = s.info.Push(1)
		require.NoError(t, err)
		s.info.Terminate()
		all, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Contains(t, string(all), "setId")
		require.Contains(t, string(all), "data: 1\n\n")
		require.Contains(t, string(all), "event: close\n")
	})
}

// outlives requires that a stream goes on longer than the timeouts of its server, of 100 ms.
func outlives(t *testing.T, s *server, e *stream) {
	t.Helper()
	c := s.info.Session(e.id)
	started := time.Now()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for time.Since(started) < 400*time.Millisecond {
		<-again.C // silence on the stream, but for keep-alives
	}
	require.NoError(t, c.Err())
	require.NoError(t, c.Push("still here"))
	require.Equal(t, `"still here"`, e.data())
}

func TestServerTimeoutsDoNotEndAStream(t *testing.T) {
	for _, keepAlive := range []time.Duration{20 * time.Millisecond, -1} {
		s := serve(t, config{props: sse.Props{KeepAlive: keepAlive}, start: func(h *httptest.Server) {
			h.Config.ReadTimeout, h.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
			h.Start()
		}})
		outlives(t, s, s.stream(t))
	}
}

// A wrapper is what middleware makes of a response writer.
type wrapper struct {
	http.ResponseWriter
	bytes atomic.Int64
}

func (w *wrapper) Write(p []byte) (int, error) {
	w.bytes.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}

type unwrappable struct{ wrapper }

func (u *unwrappable) Unwrap() http.ResponseWriter { return u.ResponseWriter }

type flushable struct{ wrapper }

func (f *flushable) Flush() { f.ResponseWriter.(http.Flusher).Flush() }

func TestBehindMiddleware(t *testing.T) {
	t.Run("that can be unwrapped", func(t *testing.T) {
		var u *unwrappable
		s := serve(t, config{wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				u = &unwrappable{wrapper{ResponseWriter: w}}
				h.ServeHTTP(u, r)
			})
		}})
		e := s.stream(t)
		require.EqualValues(t, e.raw.Len(), u.bytes.Load(), "it sees all that is written")
	})
	for name, wrap := range map[string]func(h http.Handler) http.Handler{
		"that cannot": func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(&wrapper{ResponseWriter: w}, r) })
		},
		"that can only flush": func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(&flushable{wrapper{ResponseWriter: w}}, r) })
		},
		"that buffers": func(h http.Handler) http.Handler { return http.TimeoutHandler(h, patience, "late") },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, config{wrap: wrap})
			e := s.get(t, http.MethodGet)
			require.Equal(t, http.StatusInternalServerError, e.response.StatusCode)
			body, err := io.ReadAll(e.response.Body)
			require.NoError(t, err)
			require.Equal(t, "the server cannot stream\n", string(body))
			require.Contains(t, s.log.String(), "event stream cannot be served")
			require.Contains(t, s.log.String(), "needs an Unwrap method")
			require.Zero(t, s.info.Len())
		})
	}
}

// A compressor decides when the header is written whether it compresses, as those of chi and others do.
type compressor struct {
	http.ResponseWriter
	obedient bool
	gzip     *gzip.Writer
}

func (c *compressor) WriteHeader(status int) {
	h := c.Header()
	if !c.obedient || !strings.Contains(h.Get("Cache-Control"), "no-transform") {
		h.Set("Content-Encoding", "gzip")
		c.gzip = gzip.NewWriter(c.ResponseWriter)
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *compressor) Write(p []byte) (int, error) {
	if c.gzip == nil {
		return c.ResponseWriter.Write(p)
	}
	return c.gzip.Write(p)
}

func (c *compressor) Flush() {
	if c.gzip != nil {
		_ = c.gzip.Flush()
	}
	c.ResponseWriter.(http.Flusher).Flush()
}

func (c *compressor) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func TestBehindCompression(t *testing.T) {
	for _, obedient := range []bool{true, false} {
		t.Run(fmt.Sprint("that heeds no-transform: ", obedient), func(t *testing.T) {
			s := serve(t, config{wrap: func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(&compressor{w, obedient, nil}, r) })
			}})
			e := s.stream(t) // the client says that it takes gzip, and decodes it
			require.Equal(t, !obedient, e.response.Uncompressed)
			require.NoError(t, s.info.Session(e.id).Push("readable"))
			require.Equal(t, `"readable"`, e.data())
		})
	}
}
