package httpservice_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

// unmeasured hides a body's length, so that it is sent in chunks.
type unmeasured struct{ io.Reader }

func TestBodyLimit(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			f := newFixture(t, services.Options{}, nil)
			url, client := serveOn(t, p, f.backend)
			const limit = 1 << 20
			body := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
			for _, chunked := range []bool{false, true} {
				for n, status := range map[int]int{limit: 200, limit + 1: 413, 3 * limit: 413} {
					var reader io.Reader = strings.NewReader(body(n))
					if chunked {
						reader = unmeasured{reader}
					}
					response, err := client.Post(url+"/same", asJSON, reader)
					require.NoError(t, err)
					data, err := io.ReadAll(response.Body)
					require.NoError(t, err)
					require.NoError(t, response.Body.Close())
					require.Equal(t, status, response.StatusCode, "%d bytes, chunked: %v", n, chunked)
					if status == 200 {
						require.Len(t, data, n-2)
					} else {
						require.Equal(t, "resource_exhausted", exchanged{header: response.Header, body: string(data)}.code(t))
					}
				}
			}
		})
	}
}

// A body that does not come is not waited for, nor is the connection used for anything else then.
func TestSlowBody(t *testing.T) {
	for _, https := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls %v", https), func(t *testing.T) {
			noLeak(t)
			f := newFixture(t, services.Options{}, &httpservice.Options{BodyTimeout: 20 * time.Millisecond})
			server := httptest.NewUnstartedServer(f.backend)
			if https {
				server.StartTLS()
			} else {
				server.Start()
			}
			defer server.Close()
			for _, head := range []string{
				"Content-Length: 100\r\n\r\n[1,", "Content-Length: 2\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n", "Transfer-Encoding: chunked\r\n\r\n",
			} {
				c := dial(t, server.URL)
				c.say(t, "POST /add HTTP/1.1\r\nHost: x\r\n%s", head)
				got := c.answer(t)
				require.Equal(t, 408, got.status, got.body)
				require.Equal(t, "deadline_exceeded", got.code(t))
				require.Empty(t, c.ended(t))
			}
		})
	}
}

func TestSlowBodyHTTP2(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, &httpservice.Options{BodyTimeout: 20 * time.Millisecond})
	url, client := serveOn(t, protocols()[1], f.backend)
	body, feed := io.Pipe()
	defer feed.Close()
	response, err := client.Post(url+"/add", asJSON, body)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, 408, response.StatusCode)
	require.Equal(t, "5", send(t, client, "POST", url+"/add", "[2,3]").body, "the connection goes on")
}

// The deadline of a body is gone when the body is there: a route may take longer, and the client is still listened for.
func TestBodyDeadlineIsTakenAway(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, &httpservice.Options{BodyTimeout: 30 * time.Millisecond})
	url, client := serveOn(t, protocols()[0], f.backend)
	done := make(chan exchanged, 1)
	go func() { done <- send(t, client, "POST", url+"/hold", "[]") }()
	ctx := <-f.entered
	timer := time.NewTimer(100 * time.Millisecond)
	select {
	case <-timer.C:
	case <-ctx.Done():
		t.Fatal("the body's deadline ended the route")
	}
	f.release <- struct{}{}
	require.Equal(t, "held", (<-done).body)
}

func TestBodyEncodings(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte("[2,3]"))
	require.NoError(t, w.Close())
	got := send(t, client, "POST", url+"/add", zipped.String(), "Content-Encoding", "gzip")
	require.Equal(t, 415, got.status)
	require.Equal(t, "invalid_argument", got.code(t))
	for _, mediaType := range []string{"", "text/plain;charset=UTF-8", asJSON, "application/octet-stream", "application/x-www-form-urlencoded"} {
		require.Equal(t, "5", send(t, client, "POST", url+"/add", "[2,3]", "Content-Type", mediaType).body, mediaType)
	}
	require.Equal(t, "5", send(t, client, "POST", url+"/add", "[2,3]", "Content-Encoding", "identity").body)
}

// Each request on a connection is answered once and in turn, whatever is wrong with it.
func TestPipelined(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, nil)
	url, _ := serveOn(t, protocols()[0], f.backend)
	c := dial(t, url)
	requests := []struct {
		text string
		want int
	}{
		{"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		{"POST /add HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n[2,3]", 200},
		{"POST /add HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[2,", 400},
		{"POST /add HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[2\r\n3\r\n,3]\r\n0\r\n\r\n", 200},
		{"GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		{"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", 204},
		{"GET /panics HTTP/1.1\r\nHost: x\r\n\r\n", 500},
		{"OPTIONS /add HTTP/1.1\r\nHost: x\r\n\r\n", 204},
		{"DELETE /add HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		{"GET /goexit HTTP/1.1\r\nHost: x\r\n\r\n", 500},
		{"GET /add HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n[2,3]", 200},
		{"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200},
	}
	for _, r := range requests {
		c.say(t, "%s", r.text)
	}
	for _, r := range requests {
		got := c.answer(t)
		require.Equal(t, r.want, got.status, "%s: %s", r.text, got.body)
	}
	require.Empty(t, c.ended(t))
}

// What is malformed below the body is refused by net/http; the next connection is served.
func TestMalformedRequests(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	for _, text := range []string{
		"\r\n\r\n\r\n", "GET\r\n\r\n", "GET /add\r\n\r\n", "GET /add HTTP/9.9\r\n\r\n", "GET /add HTTP/1.1\r\n\r\n",
		"POST /add HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "POST /add HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n[]",
		"POST /add HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "G@T /add HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", "GET add HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00",
	} {
		c := dial(t, url)
		c.say(t, "%s", text)
		require.NoError(t, c.Conn.(interface{ CloseWrite() error }).CloseWrite())
		rest := c.ended(t)
		require.NotContains(t, rest, " 200 ", "%q", text)
		require.LessOrEqual(t, strings.Count(rest, "HTTP/1.1 "), 1, "%q", text)
	}
	c := dial(t, url)
	c.say(t, "POST /add HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	require.Equal(t, 400, c.answer(t).status, "a broken chunk is an incomplete body")
	require.Equal(t, "5", send(t, client, http.MethodPost, url+"/add", "[2,3]").body)
}

func FuzzBody(f *testing.F) {
	for _, body := range []string{
		"", "[2,3]", `{"A":1}`, `{"route":"add","args":[1,2]}`, `"{\"route\":\"add\"}"`, `{"route":"secret"}`, `{"node":"secret","method":"get"}`,
		`{"route":"add","route":"secret"}`, `{"\u0072oute":"secret"}`, `{"route":"multi","method":"custom","args":{}}`, "[[[[", "\xff", `{"route":null,"node":"x"}`,
		`{"route":"math","method":"subscribe","callbackId":1}`, `{"meta":{"timeout":-1},"route":"add"}`, `{"meta":{"timeout":1e300},"route":"add"}`,
	} {
		f.Add(body, "/add", false)
		f.Add(body, "/", true)
	}
	f.Fuzz(func(t *testing.T, body, path string, own bool) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \r\n\t\x00") || strings.Contains(path, "goexit") {
			t.Skip("no path")
		}
		for c := range strings.SplitSeq("slow hold note big", " ") {
			if strings.Contains(body+path, c) {
				t.Skip("waits or is large on purpose")
			}
		}
		fix := newFixture(t, services.Options{}, nil)
		r, err := http.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader(body))
		if err != nil {
			t.Skip("no URL")
		}
		if own {
			r.Header.Set(services.HeaderVersion, "1")
		}
		w := httptest.NewRecorder()
		fix.backend.ServeHTTP(w, r)
		require.Contains(t, []int{200, 204, 400, 403, 404, 412, 500, 501}, w.Code)
		require.NotContains(t, w.Body.String(), "canary")
		if w.Code != 204 {
			require.NotEmpty(t, w.Header().Get("Content-Type"))
		}
	})
}
