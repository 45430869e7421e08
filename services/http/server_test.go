package httpservice_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

// certificate returns a certificate for 127.0.0.1 and example.com, and a client configuration that trusts it.
func certificate(t *testing.T) (tls.Certificate, *tls.Config) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return server.TLS.Certificates[0], &tls.Config{RootCAs: roots, ServerName: "example.com"}
}

func TestServer(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, nil)
	info, client := setUp(t, f, httpservice.Props{})
	require.Regexp(t, `^127\.0\.0\.1:\d+$|^\[::1\]:\d+$`, info.Address)
	require.Equal(t, "http://"+info.Address+"/x/y", info.URL("/x/y"))
	require.Equal(t, "pong", send(t, client, "GET", info.URL("ping"), "").body)
	select {
	case <-info.Done():
		t.Fatal("done")
	default:
	}
	require.NoError(t, info.Err())

	_, port, err := net.SplitHostPort(info.Address)
	require.NoError(t, err)
	_, err = f.backend.SetupServer(t.Context(), httpservice.Props{Host: "127.0.0.1", Port: atoi(t, port)})
	require.Error(t, err, "the address is taken")
	all, _ := setUp(t, f, httpservice.Props{Host: "0.0.0.0"})
	require.True(t, strings.HasPrefix(all.URL(""), "http://localhost:"), all.URL(""))
}

func atoi(t *testing.T, s string) (n int) {
	t.Helper()
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

func TestServerTLS(t *testing.T) {
	noLeak(t)
	pair, trust := certificate(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600))
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	f := newFixture(t, services.Options{}, nil)
	for name, p := range map[string]httpservice.Props{
		"files":  {CertFile: certFile, KeyFile: keyFile},
		"config": {TLS: &tls.Config{Certificates: []tls.Certificate{pair}}},
		"both":   {CertFile: certFile, KeyFile: keyFile, TLS: &tls.Config{MinVersion: tls.VersionTLS13}},
	} {
		t.Run(name, func(t *testing.T) {
			info, _ := setUp(t, f, p)
			require.True(t, strings.HasPrefix(info.URL("x"), "https://"))
			for _, h2 := range []bool{true, false} {
				transport := &http.Transport{TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: h2}
				got := send(t, &http.Client{Transport: transport}, "POST", info.URL("add"), "[2,3]")
				transport.CloseIdleConnections()
				require.Equal(t, "5", got.body)
				require.Equal(t, map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[h2], got.proto)
			}
			c := open(t, info.URL(""), &httpservice.ClientOptions{TLS: trust.Clone()})
			v, err := greet.Run(t.Context(), c, "bob")
			require.NoError(t, err)
			require.Equal(t, "hello bob", v)
			_, err = tls.Dial("tcp", info.Address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11})
			require.Error(t, err, "old versions are not spoken")
		})
	}
	_, err = f.backend.SetupServer(t.Context(), httpservice.Props{TLS: &tls.Config{}})
	require.ErrorIs(t, err, graph.InvalidArgument)
}

// Handlers come before pages and routes, by ServeMux's patterns; no request is sent to another spelling of its path.
func TestServerHandlers(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	say := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(text + r.PathValue("id") + " " + r.URL.Path))
		})
	}
	info, client := setUp(t, f, httpservice.Props{
		Pages:    httpservice.Pages{"wss": "page", "x": "page"},
		Handlers: map[string]http.Handler{"/wss": say("ws"), "POST /x": say("post"), "/users/{id}": say("user "), "/tree/": say("tree")},
	})
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/wss", "ws /wss"},
		{"GET", "/wss?x=1", "ws /wss"},
		{"GET", "//wss", "ws /wss"},
		{"GET", "///wss", "ws /wss"},
		{"POST", "/x", "post /x"},
		{"GET", "/x", "<!DOCTYPE html><html>page</html>"},
		{"GET", "/users/ann%20b", "user ann b /users/ann b"},
		{"GET", "/tree/a(1)", "tree /tree/a(1)"},
		{"GET", "/math/pi", "3.14"},
		{"POST", "/add", "5"},
	} {
		got := send(t, client, c.method, info.URL("")[:len(info.URL(""))-1]+c.path, "[2,3]")
		require.Equal(t, 200, got.status, c.path)
		require.Equal(t, c.want, got.body, c.path)
	}
	for _, path := range []string{"/x/../wss", "/wss/", "/wss/..", "//math/pi", "/tree//x", "/%77ss/"} {
		require.Equal(t, 404, send(t, client, "GET", info.URL("")[:len(info.URL(""))-1]+path, "").status, path)
	}
}

func TestServerShutdown(t *testing.T) {
	for name, begin := range map[string]func(info *httpservice.ServerInfo, end context.CancelFunc) error{
		"Shutdown": func(info *httpservice.ServerInfo, _ context.CancelFunc) error {
			return info.Shutdown(context.Background())
		},
		"the end of the context": func(_ *httpservice.ServerInfo, end context.CancelFunc) error { end(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			f := newFixture(t, services.Options{}, nil)
			ctx, end := context.WithCancel(t.Context())
			defer end()
			info, err := f.backend.SetupServer(ctx, httpservice.Props{})
			require.NoError(t, err)
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			w := watch(t, client, info.URL("counter"))
			w.wants(t, "message", "0")
			answered := make(chan exchanged, 1)
			go func() { answered <- send(t, client, "GET", info.URL("hold"), "") }()
			running := <-f.entered

			begun := make(chan error, 1)
			go func() { begun <- begin(info, end) }()
			w.ends(t, "unavailable")
			require.Eventually(t, func() bool {
				conn, err := net.Dial("tcp", info.Address)
				if err == nil {
					conn.Close()
				}
				return err != nil
			}, 10*time.Second, time.Millisecond, "no more connections")
			require.NoError(t, running.Err(), "what runs may finish")
			select {
			case <-info.Done():
				t.Fatal("done while a call runs")
			default:
			}
			f.release <- struct{}{}
			require.Equal(t, "held", (<-answered).body)
			require.NoError(t, <-begun)
			<-info.Done()
			require.NoError(t, info.Err())
			_, err = f.svc.Admit(httptest.NewRequest(http.MethodGet, "/", nil))
			require.ErrorIs(t, err, graph.Unavailable, "the service is shut down, too")
			require.NoError(t, info.Shutdown(context.Background()), "once more does no harm")
		})
	}
}

// A shutdown that takes too long is cut.
func TestServerShutdownIsCut(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, nil)
	ctx, end := context.WithCancel(t.Context())
	info, err := f.backend.SetupServer(ctx, httpservice.Props{Grace: 20 * time.Millisecond})
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	failed := make(chan error, 1)
	go func() {
		response, err := (&http.Client{Transport: transport}).Get(info.URL("slow"))
		if err == nil {
			response.Body.Close()
		}
		failed <- err
	}()
	running := <-f.entered
	end()
	<-info.Done()
	require.Error(t, <-failed)
	<-running.Done()
	require.ErrorIs(t, info.Err(), context.DeadlineExceeded)
	require.Contains(t, f.log.String(), "server stopped")
}

func TestServerClose(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, nil)
	info, err := f.backend.SetupServer(t.Context(), httpservice.Props{})
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	live := countWatches(f.graph)
	w := watch(t, &http.Client{Transport: transport}, info.URL("counter"))
	w.wants(t, "message", "0")
	require.NoError(t, info.Close())
	<-info.Done()
	require.NoError(t, info.Err())
	becomes(t, 0, live)
	_, err = f.svc.Admit(httptest.NewRequest(http.MethodGet, "/", nil))
	require.NoError(t, err, "the service goes on")
	other, client := setUp(t, f, httpservice.Props{})
	again := watch(t, client, other.URL("counter"))
	again.wants(t, "message", "0")
}

// A listener that fails ends the server, and Err says so.
func TestServerFails(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	info, err := f.backend.SetupServer(t.Context(), httpservice.Props{Listener: listener})
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	<-info.Done()
	require.ErrorIs(t, info.Err(), net.ErrClosed)
}

func TestServerHeaderLimit(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	info, _ := setUp(t, f, httpservice.Props{})
	c := dial(t, "http://"+info.Address)
	c.say(t, "GET /ping HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", 32<<10))
	require.Equal(t, 431, c.answer(t).status)
	c = dial(t, "http://"+info.Address)
	c.say(t, "GET /ping HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", 8<<10))
	require.Equal(t, 200, c.answer(t).status)
}

// A memoryListener accepts connections that use no network, so that time in a bubble can pass.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newMemoryListener() *memoryListener {
	return &memoryListener{make(chan net.Conn), make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error   { close(l.closed); return nil }
func (l *memoryListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (l *memoryListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

// The default deadlines: 5 s for the header, 10 s for the body, 15 s between comments, 2 min between requests.
func TestServerDeadlines(t *testing.T) {
	for name, c := range map[string]struct {
		say    string
		want   string // what is read at last
		within time.Duration
	}{
		"no header":     {"", "", 5 * time.Second},
		"half a header": {"GET /ping HTTP/1.1\r\nHo", "", 5 * time.Second},
		"half a body":   {"POST /add HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[1", "408 Request Timeout", 10 * time.Second},
		"no request":    {"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", "pong", 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, services.Options{}, nil)
				listener := newMemoryListener()
				info, err := f.backend.SetupServer(t.Context(), httpservice.Props{Listener: listener})
				require.NoError(t, err)
				conn := listener.dial()
				began := time.Now()
				go func() { _, _ = conn.Write([]byte(c.say)) }()
				rest := &rawConn{Conn: conn}
				text := rest.readAll()
				require.Contains(t, text, c.want)
				require.Equal(t, c.within, time.Since(began).Round(time.Second))
				require.NoError(t, conn.Close())
				require.NoError(t, info.Close())
				<-info.Done()
			})
		})
	}
}

func (c *rawConn) readAll() string {
	var text strings.Builder
	buf := make([]byte, 1<<10)
	for {
		n, err := c.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			return text.String()
		}
	}
}

func TestWatchComments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, services.Options{}, nil)
		listener := newMemoryListener()
		info, err := f.backend.SetupServer(t.Context(), httpservice.Props{Listener: listener})
		require.NoError(t, err)
		conn := listener.dial()
		go func() {
			_, _ = conn.Write([]byte("GET /ticks HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"))
		}()
		began := time.Now()
		var heard []time.Duration
		buf := make([]byte, 1<<10)
		for len(heard) < 4 {
			n, err := conn.Read(buf)
			require.NoError(t, err)
			if strings.Contains(string(buf[:n]), "\n: ") || strings.HasPrefix(string(buf[:n]), ": ") {
				heard = append(heard, time.Since(began))
			}
		}
		require.Equal(t, []time.Duration{0, 15 * time.Second, 30 * time.Second, 45 * time.Second}, heard)
		require.NoError(t, conn.Close())
		require.NoError(t, info.Close())
		<-info.Done()
	})
}
