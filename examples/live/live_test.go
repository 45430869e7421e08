package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
	"github.com/graphscript-go/graphscript/services/ws"
)

// A server is the program as main runs it.
type server struct {
	url  string // ends with a slash
	stop func() error
}

func start(t *testing.T, args ...string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, stdout)
		_ = stdout.CloseWithError(io.EOF)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	url, found := strings.CutPrefix(strings.TrimSpace(line), "live: ")
	require.True(t, found, line)
	s := &server{url: url}
	s.stop = func() error {
		cancel()
		err := <-ended
		ended <- err // for the next caller
		return err
	}
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	return s
}

// A visitor has one cookie, and as many pages as it opens.
type visitor struct {
	server *server
	cookie *http.Cookie
}

func (s *server) visitor(t *testing.T) *visitor {
	t.Helper()
	document := s.get(t, "", nil)
	require.Equal(t, http.StatusOK, document.status)
	require.Len(t, document.cookies, 1)
	return &visitor{server: s, cookie: document.cookies[0]}
}

// An answer is a response that was read to its end.
type answer struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
	body    string
}

func (s *server) get(t *testing.T, path string, header http.Header) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	require.NoError(t, err)
	if header != nil {
		r.Header = header
		r.Host = header.Get("Host")
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, response.Cookies(), string(body)}
}

// A page is what app.js is: a graph with a time zone, and two connections.
type tab struct {
	down *sse.Connection
	up   *ws.SocketInfo
}

func (v *visitor) open(t *testing.T, zone string) *tab {
	t.Helper()
	g := graph.New()
	TimeZone.Handle(g, func(context.Context, graph.Void) (string, error) { return zone, nil })
	client := services.New(g, &services.Options{Expose: []string{"page.**"}})
	header := http.Header{"Cookie": {v.cookie.String()}}
	down, err := sse.OpenSSE(t.Context(), v.server.url+"sse", client, &sse.DialOptions{Header: header})
	require.NoError(t, err)
	up, err := ws.OpenWS(t.Context(), "ws"+strings.TrimPrefix(v.server.url, "http")+"ws", client, &ws.DialOptions{Header: header})
	require.NoError(t, err)
	p := &tab{down, up}
	t.Cleanup(p.close)
	return p
}

func (p *tab) close() {
	p.down.Terminate()
	p.up.Terminate()
	<-p.down.Done()
	<-p.up.Done()
}

// until watches a state until it is as wanted.
func until[T any](t *testing.T, target graph.Target, state graph.State[T], wanted func(T) bool) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var last T
	for update, err := range state.Watch(ctx, target) {
		require.NoError(t, err, "%s was last %+v", state, last)
		if last = update.Value; wanted(last) {
			break
		}
	}
	return last
}

func TestFiguresMove(t *testing.T) {
	p := start(t, "-addr", "127.0.0.1:0").visitor(t).open(t, "UTC")
	facts := until(t, p.down, Computer, func(c ComputerFacts) bool { return c.Source != "" })
	require.NotZero(t, facts.Cores)

	var times []int64
	until(t, p.down, Process, func(f ProcessFigures) bool {
		if f.Time > 0 {
			times = append(times, f.Time)
			require.NotNil(t, f.Goroutines, "every source knows it")
		}
		return len(times) == 2
	})
	require.Greater(t, times[1], times[0])

	if facts.Source == "proc" {
		until(t, p.down, CPU, func(f CPUFigures) bool { return f.TotalPercent != nil && len(f.Cores) > 0 })
		until(t, p.down, Memory, func(f MemoryFigures) bool { return f.TotalBytes != nil && *f.UsedBytes > 0 })
		until(t, p.down, Network, func(f NetworkFigures) bool { return f.Time > 0 })
	}

	recent, err := Recent.Run(t.Context(), p.down, graph.Void{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(recent), 2)
	require.True(t, slices.ContainsFunc(recent, func(s host.Sample) bool { return s.Time == times[1] }),
		"the charts of a new page begin with what others have seen")
}

func TestLinesReachEverybody(t *testing.T) {
	s := start(t, "-addr", "127.0.0.1:0")
	ada, grace := s.visitor(t), s.visitor(t)
	a, g := ada.open(t, "Europe/London"), grace.open(t, "America/New_York")
	adaID, err := Me.Run(t.Context(), a.down, graph.Void{})
	require.NoError(t, err)
	secret, err := base64.RawURLEncoding.DecodeString(ada.cookie.Value)
	require.NoError(t, err)
	require.NotContains(t, hex.EncodeToString(secret), string(adaID), "the id is public, the cookie is not")

	_, err = Rename.Run(t.Context(), a.up, "  Ada\n")
	require.NoError(t, err)
	const text = `<img src=x onerror=alert(1)> "quoted" \ 🙂`
	_, err = Say.Run(t.Context(), a.up, text)
	require.NoError(t, err)
	for _, p := range []*tab{a, g} {
		lines := until(t, p.down, Lines, func(lines []Line) bool { return len(lines) == 1 })
		require.Equal(t, Line{ID: 1, From: adaID, Name: "Ada", Text: text, Time: lines[0].Time}, lines[0])
		require.WithinDuration(t, time.Now(), lines[0].Time, time.Minute)
	}

	late := s.visitor(t).open(t, "UTC")
	until(t, late.down, Lines, func(lines []Line) bool { return len(lines) == 1 })
}

func TestLastLinesAreKept(t *testing.T) {
	p := start(t, "-addr", "127.0.0.1:0").visitor(t).open(t, "UTC")
	for range keptLines + 3 {
		_, err := Say.Run(t.Context(), p.up, "again")
		require.NoError(t, err)
	}
	lines, err := Lines.Get(t.Context(), p.down)
	require.NoError(t, err)
	require.Len(t, lines, keptLines)
	require.EqualValues(t, 4, lines[0].ID)
	require.EqualValues(t, keptLines+3, lines[keptLines-1].ID)
}

func TestTextIsChecked(t *testing.T) {
	p := start(t, "-addr", "127.0.0.1:0").visitor(t).open(t, "UTC")
	for _, text := range []string{"", " \n\t ", strings.Repeat("é", maxLine+1)} {
		_, err := Say.Run(t.Context(), p.up, text)
		require.ErrorIs(t, err, graph.InvalidArgument)
	}
	_, err := Say.Run(t.Context(), p.up, strings.Repeat("é", maxLine))
	require.NoError(t, err)
	_, err = Rename.Run(t.Context(), p.up, strings.Repeat("x", maxName+1))
	require.ErrorIs(t, err, graph.InvalidArgument)
	require.ErrorIs(t, Lines.Set(t.Context(), p.up, nil), graph.PermissionDenied)
	_, err = p.up.Run(t.Context(), "sampler")
	require.ErrorIs(t, err, graph.NotFound, "what is not exposed does not exist")
}

func TestOnlineList(t *testing.T) {
	s := start(t, "-addr", "127.0.0.1:0")
	ada, grace := s.visitor(t), s.visitor(t)
	a := ada.open(t, "Europe/London")
	g := grace.open(t, "Asia/Tokyo")
	_, err := Rename.Run(t.Context(), g.up, "Grace")
	require.NoError(t, err)

	people := until(t, a.down, Online, func(list []Person) bool {
		return len(list) == 2 && list[0].TimeZone != "" && list[1].TimeZone != "" && list[1].Name == "Grace"
	})
	require.Equal(t, "Europe/London", people[0].TimeZone)
	require.Regexp(t, `^Guest \w{4}$`, people[0].Name)
	require.Equal(t, Person{ID: people[1].ID, Name: "Grace", TimeZone: "Asia/Tokyo", Tabs: 1}, people[1])
	require.NotEqual(t, people[0].ID, people[1].ID)

	second := grace.open(t, "Asia/Tokyo")
	until(t, a.down, Online, func(list []Person) bool { return len(list) == 2 && list[1].Tabs == 2 })
	second.close()
	until(t, a.down, Online, func(list []Person) bool { return len(list) == 2 && list[1].Tabs == 1 })
	g.close()
	until(t, a.down, Online, func(list []Person) bool { return len(list) == 1 && list[0].ID == people[0].ID })

	// Who comes back is the same person, whose name is forgotten. Pages count also if they tell no time zone.
	grace.open(t, "")
	grace.open(t, "")
	people = until(t, a.down, Online, func(list []Person) bool { return len(list) == 2 && list[1].Tabs == 2 })
	require.Equal(t, Person{ID: people[1].ID, Name: "Guest " + string(people[1].ID[:4]), Tabs: 2}, people[1])
}

func TestRefused(t *testing.T) {
	s := start(t, "-addr", "127.0.0.1:0")
	b := s.visitor(t)
	_, err := sse.OpenSSE(t.Context(), s.url+"sse", nil, nil)
	require.ErrorIs(t, err, graph.Unauthenticated)
	_, err = ws.OpenWS(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"ws", nil, nil)
	require.ErrorIs(t, err, graph.Unauthenticated)

	ours := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/")
	_, port, err := net.SplitHostPort(ours)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		path, host, origin, cookie string
		want                       int
	}{
		"the page by another name":   {"", "evil.test:" + port, "", "", http.StatusForbidden},
		"a stream by another name":   {"sse", "evil.test:" + port, "", b.cookie.String(), http.StatusForbidden},
		"a stream of another site":   {"sse", ours, "http://evil.test", b.cookie.String(), http.StatusForbidden},
		"a socket of another site":   {"ws", ours, "http://evil.test", b.cookie.String(), http.StatusForbidden},
		"a cookie of another form":   {"sse", ours, "", cookieName + "=admin", http.StatusUnauthorized},
		"a cookie that is short":     {"sse", ours, "", cookieName + "=AAAA", http.StatusUnauthorized},
		"the page as localhost":      {"", "localhost:" + port, "", "", http.StatusOK},
		"the page by IPv6 loopback":  {"", "[::1]:" + port, "", "", http.StatusOK},
		"no handshake, but a cookie": {"ws", ours, "", b.cookie.String(), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"Host": {test.host}}
			if test.origin != "" {
				header.Set("Origin", test.origin)
			}
			if test.cookie != "" {
				header.Set("Cookie", test.cookie)
			}
			require.Equal(t, test.want, s.get(t, test.path, header).status)
		})
	}
}

func TestStop(t *testing.T) {
	s := start(t, "-addr", "127.0.0.1:0")
	p := s.visitor(t).open(t, "UTC")
	require.NoError(t, s.stop())
	<-p.down.Done()
	<-p.up.Done()
	require.ErrorIs(t, p.down.Err(), graph.Unavailable)
	_, err := net.Dial("tcp", strings.Trim(strings.TrimPrefix(s.url, "http://"), "/"))
	require.Error(t, err)
}
