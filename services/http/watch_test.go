package httpservice_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

// A watching is an open watch.
type watching struct {
	*http.Response
	events *eventstream.Reader
	stop   context.CancelFunc
}

func watch(t *testing.T, client *http.Client, url string, header ...string) *watching {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() {
		cancel()
		response.Body.Close()
	})
	return &watching{response, eventstream.NewReader(response.Body, nil), cancel}
}

func (w *watching) next(t *testing.T) eventstream.Event {
	t.Helper()
	e, err := w.events.Next()
	require.NoError(t, err)
	return e
}

func (w *watching) wants(t *testing.T, types string, data ...string) {
	t.Helper()
	for i, want := range strings.Fields(types) {
		e := w.next(t)
		require.Equal(t, want, e.Type, e.Data)
		require.Equal(t, data[i], e.Data)
	}
}

// ends reads the error event that a watch ends with, and the end.
func (w *watching) ends(t *testing.T, code string) {
	t.Helper()
	e := w.next(t)
	require.Equal(t, "error", e.Type)
	var failure graph.Error
	require.NoError(t, json.Unmarshal([]byte(e.Data), &failure))
	require.Equal(t, code, failure.Code.String(), e.Data)
	_, err := w.events.Next()
	require.ErrorIs(t, err, io.EOF)
}

// countWatches tells how many subscriptions of a graph live.
func countWatches(g *graph.Graph) *atomic.Int64 {
	n := &atomic.Int64{}
	g.Use(func(next graph.Handler) graph.Handler {
		return func(ctx context.Context, c *graph.Call) (any, error) {
			v, err := next(ctx, c)
			if sub, ok := v.(*graph.Subscription); ok {
				n.Add(1)
				sub.OnEnd(func(error) { n.Add(-1) })
			}
			return v, err
		}
	})
	return n
}

func becomes(t *testing.T, want int64, n *atomic.Int64) {
	t.Helper()
	require.Eventually(t, func() bool { return n.Load() == want }, 10*time.Second, time.Millisecond)
}

func TestWatch(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			f := newFixture(t, services.Options{}, nil)
			live := countWatches(f.graph)
			url, client := serveOn(t, p, f.backend)
			ctx := t.Context()
			f.count.Set(41)

			state := watch(t, client, url+"/counter")
			require.Equal(t, 200, state.StatusCode)
			require.Equal(t, p.name[:6], state.Proto[:6])
			require.Equal(t, "text/event-stream", state.Header.Get("Content-Type"))
			require.Equal(t, "no-store, no-transform", state.Header.Get("Cache-Control"))
			require.Equal(t, "no", state.Header.Get("X-Accel-Buffering"))
			require.Equal(t, "nosniff", state.Header.Get("X-Content-Type-Options"))
			require.Empty(t, state.Header.Get("Content-Length"))
			state.wants(t, "message", "41")
			retry, ok := state.events.Retry()
			require.True(t, ok && retry >= 2*time.Second && retry < 4*time.Second, retry)
			f.count.Set(42)
			state.wants(t, "message", "42")

			own := watch(t, client, url+"/counter", services.HeaderVersion, "1")
			own.wants(t, "snapshot", "42")
			bare := watch(t, client, url+"/counter?snapshot=false")
			f.count.Set(43)
			state.wants(t, "message", "43")
			own.wants(t, "message", "43")
			bare.wants(t, "message", "43")

			results := watch(t, client, url+"/math/mul")
			inputs := watch(t, client, url+"/math.mul?input=true&unknown=x")
			_, err := f.graph.Run(ctx, "math.mul", 2, 3)
			require.NoError(t, err)
			results.wants(t, "message", "6")
			inputs.wants(t, "message", "[2,3]")

			key := watch(t, client, url+"/math?key=label")
			path := watch(t, client, url+"/math/label")
			key.wants(t, "message", `"m"`)
			path.wants(t, "message", `"m"`)
			require.NoError(t, f.graph.Get("math").Set("label", "a\nb\r\u2028"))
			key.wants(t, "message", `"a\nb\r\u2028"`)
			path.wants(t, "message", `"a\nb\r\u2028"`)

			becomes(t, 7, live)
			for _, w := range []*watching{state, own, bare, results, inputs, key, path} {
				w.stop()
			}
			becomes(t, 0, live)
		})
	}
}

func TestWatchRefused(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, &httpservice.Options{Watches: 1})
	live := countWatches(f.graph)
	url, client := serveOn(t, protocols()[0], f.backend)
	for path, status := range map[string]int{
		"/nosuch": 404, "/": 404, "/math/PI": 404, "/secret": 403, "/math?key=nosuch": 404, "/counter?lag=never": 400, "/counter?size=x": 400,
		"/counter?size=-1": 400, "/counter?wait=1s": 400, "/counter?input=maybe": 400, "/counter?snapshot=2": 400, "/ping": 404,
	} {
		got := send(t, client, "GET", url+path, "", "Accept", "text/event-stream")
		require.Equal(t, status, got.status, "%s: %s", path, got.body)
		got.code(t)
	}
	first := watch(t, client, url+"/counter")
	first.wants(t, "message", "0")
	require.Equal(t, 429, send(t, client, "GET", url+"/counter", "", "Accept", "text/event-stream").status)
	first.stop()
	becomes(t, 0, live)
	require.Eventually(t, func() bool { return watch(t, client, url+"/counter").StatusCode == http.StatusOK }, 10*time.Second, time.Millisecond)
}

func TestWatchHead(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	live := countWatches(f.graph)
	url, client := serveOn(t, protocols()[0], f.backend)
	got := send(t, client, "HEAD", url+"/counter", "", "Accept", "text/event-stream")
	require.Equal(t, 200, got.status)
	require.Equal(t, "text/event-stream", got.header.Get("Content-Type"))
	require.Equal(t, 404, send(t, client, "HEAD", url+"/nosuch", "", "Accept", "text/event-stream").status)
	becomes(t, 0, live)
}

// The first bytes come at once although there is nothing to tell, so that the client knows that it is connected.
func TestWatchBegins(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	w := watch(t, client, url+"/ticks")
	lines := bufio.NewReader(w.Body)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Regexp(t, `^retry: [23]\d\d\d\n$`, line)
}

// A server's WriteTimeout is for answers. A watch lives on, as comments show, and still gets its events.
func TestWatchOutlivesWriteTimeout(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			const timeout = 50 * time.Millisecond
			f := newFixture(t, services.Options{}, &httpservice.Options{KeepAlive: 10 * time.Millisecond})
			url, client := serveOn(t, p, f.backend, func(s *http.Server) { s.WriteTimeout = timeout })
			w := watch(t, client, url+"/ticks")
			lines := bufio.NewScanner(w.Body)
			began := time.Now()
			for time.Since(began) < 4*timeout {
				require.True(t, lines.Scan(), lines.Err())
			}
			_, err := f.graph.Run(t.Context(), "ticks", "still here")
			require.NoError(t, err)
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "data:") {
			}
			require.Equal(t, `data: "still here"`, lines.Text())
		})
	}
}

// With Limits.WriteTimeout short, a watch that is only quiet is not ended by a deadline that an earlier write left behind.
func TestWatchLeavesNoDeadline(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			const timeout = 30 * time.Millisecond
			f := newFixture(t, services.Options{Limits: services.Limits{WriteTimeout: timeout}}, nil)
			live := countWatches(f.graph)
			url, client := serveOn(t, p, f.backend)
			w := watch(t, client, url+"/counter")
			w.wants(t, "message", "0")
			timer := time.NewTimer(5 * timeout)
			<-timer.C
			require.EqualValues(t, 1, live.Load())
			f.count.Set(1)
			w.wants(t, "message", "1")
		})
	}
}

func TestWatchEnds(t *testing.T) {
	for _, p := range protocols() {
		for name, end := range map[string]struct {
			code string
			do   func(f *fixture)
		}{
			"with the node":     {"not_found", func(f *fixture) { f.graph.Remove("counter") }},
			"with the backend":  {"unavailable", func(f *fixture) { f.backend.Close() }},
			"with the service":  {"unavailable", func(f *fixture) { _ = f.backend.Shutdown(context.Background()) }},
			"with the identity": {"unauthenticated", func(*fixture) {}},
		} {
			t.Run(p.name+" "+name, func(t *testing.T) {
				noLeak(t)
				expires := time.Now().Add(time.Hour)
				if end.code == "unauthenticated" {
					expires = time.Now().Add(300 * time.Millisecond)
				}
				f := newFixture(t, services.Options{Authenticate: func(*http.Request) (services.Identity, error) {
					return services.Identity{Expires: expires}, nil
				}}, nil)
				live := countWatches(f.graph)
				url, client := serveOn(t, p, f.backend)
				w := watch(t, client, url+"/counter")
				w.wants(t, "message", "0")
				f.count.Set(1)
				w.wants(t, "message", "1")
				end.do(f)
				w.ends(t, end.code)
				becomes(t, 0, live)
				if end.code == "unavailable" {
					require.Equal(t, 503, send(t, client, "GET", url+"/counter", "", "Accept", "text/event-stream").status)
				}
			})
		}
	}
}

// A client that does not read is let go after Limits.WriteTimeout.
func TestWatchStalled(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			f := newFixture(t, services.Options{Limits: services.Limits{WriteTimeout: 50 * time.Millisecond}}, nil)
			live := countWatches(f.graph)
			url, client := serveOn(t, p, f.backend)
			w := watch(t, client, url+"/ticks")
			require.Equal(t, 200, w.StatusCode)
			becomes(t, 1, live)
			large := strings.Repeat("x", 256<<10)
			require.Eventually(t, func() bool {
				_, err := f.graph.Run(t.Context(), "ticks", large)
				require.NoError(t, err)
				return live.Load() == 0
			}, 10*time.Second, time.Millisecond)
		})
	}
}

// A gate is a client that takes nothing until it is opened.
type gate struct {
	*httptest.ResponseRecorder
	writing chan struct{} // told when something is to be written
	open    chan struct{}
	text    *io.PipeWriter
}

func (g *gate) Write(data []byte) (int, error) {
	select {
	case g.writing <- struct{}{}:
	case <-g.open:
	}
	<-g.open
	return g.text.Write(data)
}

// What a client is too slow for is left out by the policy, and counted.
func TestWatchLoss(t *testing.T) {
	for _, c := range []struct {
		route, query string
		most         int    // Limits.QueueMessages
		first, then  string // events before and after one more is published
	}{
		{"ticks", "size=2", 0, "1|lost 3|5|6", "7"},
		{"ticks", "size=2&lag=dropNewest", 0, "1|2|3", "lost 3|7"},
		{"ticks", "size=10&lag=dropNewest", 2, "1|2|3", "lost 3|7"},
		{"ticks", "lag=dropNewest", 2, "1|2|3", "lost 3|7"},
		{"ticks", "lag=conflate", 0, "1|lost 4|6", "7"},
		{"counter", "", 0, "1|lost 4|6", "7"},
		{"counter", "lag=dropOldest&size=3", 0, "1|lost 2|4|5|6", "7"},
		{"ticks", "lag=disconnect&size=2", 0, "1|2|3|lost 1|error resource_exhausted", ""},
		{"ticks", "lag=block&wait=1&size=2", 0, "1|2|3", "lost 3|7"},
		{"ticks", "lag=block&wait=3600000&size=2", 0, "1|2|3", "lost 3|7"}, // cut to Limits.BlockWait
		{"ticks", "", 0, "1|2|3|4|5|6", "7"},
	} {
		t.Run(c.route+" "+c.query, func(t *testing.T) {
			noLeak(t)
			f := newFixture(t, services.Options{Limits: services.Limits{QueueMessages: c.most, BlockWait: time.Millisecond}}, nil)
			publish := func(n int) {
				if c.route == "counter" {
					f.count.Set(int64(n))
					return
				}
				_, err := f.graph.Run(t.Context(), "ticks", strconv.Itoa(n))
				require.NoError(t, err)
			}
			text, writer := io.Pipe()
			g := &gate{httptest.NewRecorder(), make(chan struct{}), make(chan struct{}), writer}
			ctx, cancel := context.WithCancel(t.Context())
			r := httptest.NewRequest(http.MethodGet, "/"+c.route+"?snapshot=false&"+c.query, nil).WithContext(ctx)
			r.Header.Set("Accept", "text/event-stream")
			var served sync.WaitGroup
			served.Go(func() {
				f.backend.ServeHTTP(g, r)
				writer.Close()
			})
			<-g.writing // the opening
			go func() { g.open <- struct{}{} }()
			events := eventstream.NewReader(text, nil)
			read := func(n int) string {
				var got []string
				for range n {
					e, err := events.Next()
					require.NoError(t, err)
					switch e.Type {
					case "message":
						got = append(got, strings.Trim(e.Data, `"`))
					case "error":
						var failure graph.Error
						require.NoError(t, json.Unmarshal([]byte(e.Data), &failure))
						got = append(got, "error "+failure.Code.String())
					default:
						got = append(got, e.Type+" "+e.Data)
					}
				}
				return strings.Join(got, "|")
			}
			opening := make(chan string, 1)
			go func() { opening <- read(1) }()
			publish(1)
			<-g.writing // has 1 in hand
			began := time.Now()
			for n := 2; n <= 6; n++ {
				publish(n)
			}
			require.Less(t, time.Since(began), 5*time.Second, "nobody holds up a publisher for long")
			close(g.open)
			first := <-opening
			if more := strings.Count(c.first, "|"); more > 0 {
				first += "|" + read(more)
			}
			require.Equal(t, c.first, first)
			if c.then != "" {
				publish(7)
				require.Equal(t, c.then, read(strings.Count(c.then, "|")+1))
			}
			cancel()
			text.Close()
			served.Wait()
		})
	}
}

// A value that cannot be encoded is counted like one that was left out.
func TestWatchUnencodable(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	w := watch(t, client, url+"/same")
	for _, v := range []any{func() {}, json.RawMessage(`{"a":`), json.RawMessage("{\n\"a\":\r\n\"\xff\"}")} {
		_, err := f.graph.Run(t.Context(), "same", v)
		require.NoError(t, err)
	}
	w.wants(t, "lost message", "2", "{\n\"a\":\n\"\uFFFD\"}")
}

// What has a position says it, as the event's id.
func TestWatchPositions(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	f.graph.UseAt("ticks", func(next graph.Handler) graph.Handler {
		return func(ctx context.Context, c *graph.Call) (any, error) {
			if c.Verb != graph.VerbSubscribe {
				return next(ctx, c)
			}
			placed := *c
			placed.Deliver = func(ctx context.Context, e graph.Event) {
				text, _ := graph.As[string](e.Value)
				e.Position = text
				c.Deliver(ctx, e)
			}
			return next(ctx, &placed)
		}
	})
	url, client := serveOn(t, protocols()[0], f.backend)
	w := watch(t, client, url+"/ticks")
	for _, position := range []string{"epoch-1", "no position\n", "epoch-2"} {
		_, err := f.graph.Run(t.Context(), "ticks", position)
		require.NoError(t, err)
	}
	for _, want := range []string{"epoch-1", "epoch-1", "epoch-2"} { // one without an id leaves the last in force
		require.Equal(t, want, w.next(t).ID)
	}
}

// A hostile route name or value makes no line that the server did not mean.
func TestWatchInjection(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	w := watch(t, client, url+"/ticks")
	_, err := f.graph.Run(t.Context(), "ticks", "x\n\nevent: evil\ndata: evil\r\rid: evil")
	require.NoError(t, err)
	e := w.next(t)
	require.Equal(t, "message", e.Type)
	require.Empty(t, e.ID)
	require.NoError(t, json.Unmarshal([]byte(e.Data), new(string)))
}

// A Watch needs a writer that can flush, and says so in the log.
func TestWatchCannotFlush(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	r := httptest.NewRequest(http.MethodGet, "/counter", nil)
	r.Header.Set("Accept", "text/event-stream")
	f.backend.ServeHTTP(struct{ http.ResponseWriter }{httptest.NewRecorder()}, r)
	require.Contains(t, f.log.String(), "flush")
}
