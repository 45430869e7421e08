package httpservice_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

func TestTimeoutHeader(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	for _, c := range []struct {
		header, body string
		least, most  int // milliseconds left in the route
	}{
		{"60000", "", 50000, 60000},
		{"60000", `{"route":"left","meta":{"timeout":30000}}`, 20000, 30000},
		{"30000", `{"route":"left","meta":{"timeout":60000}}`, 20000, 30000},
		{"", `{"route":"left","meta":{"timeout":30000}}`, 20000, 30000},
		{"9223372036854775807", "", 86000000, 86400000},
	} {
		got := send(t, client, "POST", url+"/left", c.body, services.HeaderTimeout, c.header)
		left, err := strconv.Atoi(got.body)
		require.NoError(t, err, got.body)
		require.True(t, c.least < left && left <= c.most, "%+v: %d", c, left)
	}
	require.Equal(t, "null", send(t, client, "POST", url+"/left", "").body)
	for _, malformed := range []string{"0", "-1", "1s", "1.5", "x"} {
		got := send(t, client, "GET", url+"/left", "", services.HeaderTimeout, malformed)
		require.Equal(t, 400, got.status, malformed)
	}
	got := send(t, client, "POST", url+"/slow", "", services.HeaderTimeout, "1")
	require.Equal(t, 504, got.status)
	require.Equal(t, "deadline_exceeded", got.code(t))
}

func TestTraceparent(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	require.Equal(t, trace, send(t, client, "GET", url+"/trace", "", "Traceparent", trace).body)
	require.Empty(t, send(t, client, "GET", url+"/trace", "", "Traceparent", "nonsense").body)
	require.Empty(t, send(t, client, "GET", url+"/trace", "").body)
}

// A client that goes away ends the context of what it asked for.
func TestClientGoes(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			f := newFixture(t, services.Options{}, nil)
			url, client := serveOn(t, p, f.backend)
			for _, method := range []string{"GET", "POST"} {
				ctx, cancel := context.WithCancel(t.Context())
				r, err := http.NewRequestWithContext(ctx, method, url+"/slow", nil)
				require.NoError(t, err)
				failed := make(chan error, 1)
				go func() {
					response, err := client.Do(r)
					if err == nil {
						response.Body.Close()
					}
					failed <- err
				}()
				running := <-f.entered
				cancel()
				require.ErrorIs(t, <-failed, context.Canceled)
				<-running.Done()
				require.ErrorIs(t, running.Err(), context.Canceled)
			}
		})
	}
}

// Nobody waits for a post: it is answered when it is taken, and runs on when the request is over.
func TestPosts(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, &httpservice.Options{Posts: 2})
	url, client := serveOn(t, protocols()[0], f.backend)
	post := func(path, body string, header ...string) exchanged {
		return send(t, client, "POST", url+path, body, append(header, "Prefer", "wait=1, Respond-Async")...)
	}
	got := post("/note", `"hi"`)
	require.Equal(t, 202, got.status)
	require.Empty(t, got.body)
	require.Equal(t, "respond-async", got.header.Get("Preference-Applied"))
	require.Equal(t, "hi", <-f.noted)
	require.Equal(t, 202, post("/nosuch", "").status, "whether it succeeds nobody hears")
	require.Equal(t, 202, post("/bomb", "").status)
	require.Equal(t, 202, post("/goexit", "").status)
	require.Equal(t, 400, post("/note", "[").status, "but what cannot be taken is refused")

	require.Eventually(t, func() bool { return post("/hold", "").status == 202 }, 10*time.Second, time.Millisecond)
	first := <-f.entered
	require.Eventually(t, func() bool { return post("/slow", "", services.HeaderTimeout, "3600000").status == 202 }, 10*time.Second, time.Millisecond)
	second := <-f.entered
	require.Equal(t, 429, post("/note", `"no place"`).status)
	require.NoError(t, first.Err(), "the end of the request does not end it")
	deadline, ok := second.Deadline()
	require.True(t, ok && time.Until(deadline) > 50*time.Minute)

	f.release <- struct{}{}
	f.backend.Close()
	<-second.Done()
	require.ErrorIs(t, context.Cause(second), graph.Unavailable)
	require.NoError(t, f.svc.Shutdown(t.Context()), "the service waits for posts")
	require.Equal(t, 503, send(t, client, "GET", url+"/ping", "").status)
}

// Shutdown waits for a call over HTTP as for one of a peer, and takes no new ones.
func TestShutdownWaitsForCalls(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	answered := make(chan exchanged, 1)
	go func() { answered <- send(t, client, "GET", url+"/hold", "") }()
	<-f.entered
	ended := make(chan error, 1)
	go func() { ended <- f.backend.Shutdown(t.Context()) }()
	require.Eventually(t, func() bool { return send(t, client, "GET", url+"/ping", "").status == 503 }, 10*time.Second, time.Millisecond)
	select {
	case err := <-ended:
		t.Fatal("a call is running", err)
	default:
	}
	f.release <- struct{}{}
	require.NoError(t, <-ended)
	require.Equal(t, "held", (<-answered).body)
}
