package httpservice_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

// setUp starts a server that lives until the end of the test, and returns a client that does not follow redirects.
func setUp(t *testing.T, f *fixture, p httpservice.Props) (*httpservice.ServerInfo, *http.Client) {
	t.Helper()
	info, err := f.backend.SetupServer(context.WithoutCancel(t.Context()), p)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		require.NoError(t, info.Close())
		<-info.Done()
	})
	return info, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func TestPages(t *testing.T) {
	noLeak(t)
	f := newFixture(t, services.Options{}, nil)
	require.NoError(t, f.graph.Load(graph.Roots{
		"inject": graph.Roots{
			"html": func(s string) httpservice.HTML { return httpservice.HTML("<i>" + s + "</i>") },
			"text": func(s string) string { return "<u>" + s },
			"json": func() any { return []string{"<"} },
			"none": func() {},
			"fail": func() error { return errors.New("s3cr3t-canary") },
		},
	}))
	view := template.Must(template.New("").Parse(`<p title="{{.}}">{{.}}</p>`))
	info, client := setUp(t, f, httpservice.Props{Pages: httpservice.Pages{
		"/":        "<h1>Nice</h1>",
		"test":     "<div>TEST</div>",
		"/slashed": httpservice.HTML("<b>slash</b>"),
		"full":     "<!doctype html><HTML lang=en><head></head><body>x</body></HTML>",
		"sub/*":    "<i>sub</i>",
		"sub/own":  "own",
		"sub/in/*": "deeper",
		"home":     httpservice.Page{Redirect: "/"},
		"again":    httpservice.Page{Redirect: "home"},
		"away":     &httpservice.Page{Redirect: "https://example.com/x?y=z"},
		"gone":     httpservice.Page{Redirect: "nowhere"},
		"robots.txt": httpservice.Page{
			Template: "User-agent: *", Headers: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Inject: "no",
		},
		"view":  httpservice.Page{View: view, Data: `<script>"'`},
		"plain": view,
		"bad":   httpservice.Page{View: template.Must(template.New("").Parse(`<p>{{.Missing}}`)), Data: 5},
		"query": httpservice.Page{OnRequest: func(p *httpservice.Page, _ http.ResponseWriter, r *http.Request) {
			p.View, p.Data = view, r.URL.Query().Get("q")
		}},
		"time": httpservice.Page{Template: "old", OnRequest: func(p *httpservice.Page, w http.ResponseWriter, _ *http.Request) {
			p.Template = "new"
			p.Headers.Set("X-Own", "set")
			w.Header().Set("X-Direct", "set")
			p.Status = http.StatusTeapot
		}},
		"keep":  httpservice.Page{Template: "kept", OnRequest: func(*httpservice.Page, http.ResponseWriter, *http.Request) {}},
		"empty": httpservice.Page{OnRequest: func(*httpservice.Page, http.ResponseWriter, *http.Request) {}},
		"self": httpservice.Page{OnRequest: func(_ *httpservice.Page, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/csv")
			_, _ = w.Write([]byte("a,b"))
		}},
		"status": httpservice.Page{Template: "unused", OnRequest: func(_ *httpservice.Page, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
		}},
		"flush": httpservice.Page{OnRequest: func(_ *httpservice.Page, w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = w.Write([]byte("flushed"))
			_ = http.NewResponseController(w).Flush()
		}},
		"elsewhere": httpservice.Page{Template: "unused", OnRequest: func(p *httpservice.Page, _ http.ResponseWriter, _ *http.Request) { p.Redirect = "test" }},
		"loop":      httpservice.Page{OnRequest: func(p *httpservice.Page, _ http.ResponseWriter, _ *http.Request) { p.Redirect = "loop" }},
		"panic":     httpservice.Page{OnRequest: func(*httpservice.Page, http.ResponseWriter, *http.Request) { panic("s3cr3t-canary") }},
		"inject": httpservice.Page{Template: "<body>x</body>", Inject: map[string]any{
			"inject.html": "one", "inject.text": []any{"two"}, "inject.json": nil, "inject.none": nil, "inject.fail": nil, "nosuch": nil,
		}},
		"inject/list":   httpservice.Page{Template: "x", Inject: []string{"inject.html", "colour"}},
		"inject/string": httpservice.Page{Template: "<html>x</html>", Inject: "<s></s>"},
		"inject/html":   httpservice.Page{Template: "<html><!-- İİ --><BODY>x</BODY></html>", Inject: httpservice.HTML("<s></s>")},
		"inject/func":   httpservice.Page{Template: "<html>x", Inject: func() string { return "<s></s>" }},
		"inject/asked":  httpservice.Page{Template: "x", Inject: func(r *http.Request) httpservice.HTML { return httpservice.HTML(r.URL.Path) }},
		"inject/late": httpservice.Page{OnRequest: func(p *httpservice.Page, _ http.ResponseWriter, _ *http.Request) {
			p.Template, p.Inject = "x", 5
		}},
		"_all": httpservice.Page{Headers: http.Header{"X-All": {"all"}, "X-Own": {"all"}}},
	}})
	const open, end = "<!DOCTYPE html><html>", "</html>"
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"":              {200, open + "<h1>Nice</h1>" + end},
		"?x=1":          {200, open + "<h1>Nice</h1>" + end},
		"test":          {200, open + "<div>TEST</div>" + end},
		"test?x=1":      {200, open + "<div>TEST</div>" + end},
		"slashed":       {200, open + "<b>slash</b>" + end},
		"full":          {200, "<!doctype html><HTML lang=en><head></head><body>x</body></HTML>"},
		"sub":           {200, open + "<i>sub</i>" + end},
		"sub/x":         {200, open + "<i>sub</i>" + end},
		"sub/x/y":       {200, open + "<i>sub</i>" + end},
		"sub/own":       {200, open + "own" + end},
		"sub/own/x":     {200, open + "<i>sub</i>" + end},
		"sub/in":        {200, open + "deeper" + end},
		"sub/in/x/y":    {200, open + "deeper" + end},
		"home":          {200, open + "<h1>Nice</h1>" + end},
		"again":         {200, open + "<h1>Nice</h1>" + end},
		"robots.txt":    {200, "User-agent: *"},
		"view":          {200, open + `<p title="&lt;script&gt;&#34;&#39;">&lt;script&gt;&#34;&#39;</p>` + end},
		"plain":         {200, open + `<p title=""></p>` + end},
		"query?q=<b>":   {200, open + `<p title="&lt;b&gt;">&lt;b&gt;</p>` + end},
		"time":          {418, open + "new" + end},
		"keep":          {200, open + "kept" + end},
		"empty":         {204, ""},
		"self":          {200, "a,b"},
		"status":        {409, ""},
		"flush":         {200, "flushed"},
		"elsewhere":     {200, open + "<div>TEST</div>" + end},
		"inject":        {200, open + `<body>x<i>one</i>[&#34;\u003c&#34;]&lt;u&gt;two</body>` + end},
		"inject/list":   {200, open + "x<i></i>red" + end},
		"inject/string": {200, "<html>x<s></s></html>"},
		"inject/html":   {200, "<html><!-- İİ --><BODY>x<s></s></BODY></html>"},
		"inject/func":   {200, "<html>x<s></s>"},
		"inject/asked":  {200, open + "x/inject/asked" + end},
		"inject/late":   {200, open + "x" + end},
		"counter":       {200, "0"}, // a route, as no page has this path
		"math/pi":       {200, "3.14"},
	} {
		got := send(t, client, "GET", info.URL(path), "")
		require.Equal(t, want.status, got.status, path)
		require.Equal(t, want.body, got.body, path)
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), path)
		head := send(t, client, "HEAD", info.URL(path), "")
		require.Equal(t, want.status, head.status, path)
		require.Empty(t, head.body)
		switch path {
		case "self":
			require.Equal(t, "text/csv", got.header.Get("Content-Type"))
		case "robots.txt":
			require.Equal(t, plain, got.header.Get("Content-Type"))
		case "counter", "math/pi", "empty", "status", "flush":
		default:
			require.Equal(t, markup, got.header.Get("Content-Type"), path)
			require.Equal(t, "all", got.header.Get("X-All"), path)
		}
	}
	again := send(t, client, "GET", info.URL("time"), "")
	require.Equal(t, "set", again.header.Get("X-Own"), "a page's own header comes after those of all")
	require.Equal(t, "set", again.header.Get("X-Direct"))
	require.Equal(t, "all", send(t, client, "GET", info.URL("test"), "").header.Get("X-Own"), "and is set for this request only")

	for path, location := range map[string]string{"away": "https://example.com/x?y=z", "gone": "/nowhere"} {
		got := send(t, client, "GET", info.URL(path), "")
		require.Equal(t, 301, got.status)
		require.Equal(t, location, got.header.Get("Location"))
	}
	for path, status := range map[string]int{
		"bad": 500, "loop": 500, "panic": 500, "nosuch": 404, "sub/x.js": 404, "sub/": 404, "test/": 404, "/test": 404, "x/../test": 404,
		"%74est": 200, "test%2f": 404, "sub%2fx": 404, "sub%5cx": 404, "sub/%2e%2e/test": 404, "sub/..%2ftest": 404, "test;x": 404, "TEST": 404, "_all": 404, "sub/*": 404,
	} {
		got := send(t, client, "GET", info.URL("")+path, "")
		require.Equal(t, status, got.status, path)
		require.NotContains(t, got.body, "canary")
	}
	require.Contains(t, f.log.String(), "page not completed")

	// Whatever is no GET is for the routes, and so is a watch.
	require.Equal(t, "5", send(t, client, "POST", info.URL(""), `{"route":"add","args":[2,3]}`).body)
	require.Equal(t, 404, send(t, client, "POST", info.URL("test"), "").status)
	require.Equal(t, 404, send(t, client, "GET", info.URL("test"), "", "Accept", "text/event-stream").status)
}

func TestInjectIntoAll(t *testing.T) {
	f := newFixture(t, services.Options{}, &httpservice.Options{HTML: true})
	info, client := setUp(t, f, httpservice.Props{
		Pages: httpservice.Pages{
			"a":    httpservice.Page{Template: "a", Inject: "<1>"},
			"b":    "b",
			"_all": httpservice.Page{Inject: map[string]any{"markup": nil}},
		},
		Files: fstest.MapFS{"index.html": {Data: []byte("<html><body>file</body></html>")}, "x.js": {Data: []byte("js")}},
	})
	for path, want := range map[string]string{
		"a": "<!DOCTYPE html><html>a<1><b>hi</b></html>", "b": "<!DOCTYPE html><html>b<b>hi</b></html>",
		"index.html": "<html><body>file<b>hi</b></body></html>", "x.js": "js",
	} {
		require.Equal(t, want, send(t, client, "GET", info.URL(path), "").body)
	}
}

func TestPagesRefused(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	for name, p := range map[string]httpservice.Props{
		"a type that is no page":    {Pages: httpservice.Pages{"x": 5}},
		"nil":                       {Pages: httpservice.Pages{"x": nil}},
		"nothing to serve":          {Pages: httpservice.Pages{"x": httpservice.Page{}}},
		"a template for all":        {Pages: httpservice.Pages{"_all": "x"}},
		"two pages of one path":     {Pages: httpservice.Pages{"x": "x", "/x": "y"}},
		"a key that is no path":     {Pages: httpservice.Pages{"../x": "x"}},
		"a star inside":             {Pages: httpservice.Pages{"a*b": "x"}},
		"a redirect to itself":      {Pages: httpservice.Pages{"x": httpservice.Page{Redirect: "/x"}}},
		"redirects in a circle":     {Pages: httpservice.Pages{"x": httpservice.Page{Redirect: "y"}, "y": httpservice.Page{Redirect: "x"}}},
		"an injection of a number":  {Pages: httpservice.Pages{"x": httpservice.Page{Template: "x", Inject: 5}}},
		"a start page that is none": {StartPage: "nosuch"},
		"an error page, likewise":   {ErrPage: "nosuch.html", Files: fstest.MapFS{}},
		"a pattern that is none":    {Handlers: map[string]http.Handler{"no slash": http.NotFoundHandler()}},
		"two patterns in conflict":  {Handlers: map[string]http.Handler{"/{a}/x": http.NotFoundHandler(), "/x/{b}": http.NotFoundHandler()}},
		"a missing certificate":     {CertFile: "nosuch.pem", KeyFile: "nosuch.pem"},
		"half a certificate":        {CertFile: "nosuch.pem"},
	} {
		_, err := f.backend.SetupServer(t.Context(), p)
		require.Error(t, err, name)
	}
}

func TestFiles(t *testing.T) {
	noLeak(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"index.html": "<html><body>start</body></html>", "error.html": "<html>lost</html>", "app.js": "js()", "a b (1).txt": "named", "style.CSS": "css",
		"deep/er/x.txt": "deep", ".env": "s3cr3t-canary", ".git/config": "s3cr3t-canary", "deep/.hidden": "s3cr3t-canary", "blob": "\x00\x01",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	outside := filepath.Join(t.TempDir(), "passwd")
	require.NoError(t, os.WriteFile(outside, []byte("s3cr3t-canary"), 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link.txt")))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()

	f := newFixture(t, services.Options{}, nil)
	info, client := setUp(t, f, httpservice.Props{
		Files: root.FS(), StartPage: "index.html", ErrPage: "error.html",
		Pages: httpservice.Pages{"deep/*": "below", "app.js": "page", "home": httpservice.Page{Redirect: "/"}},
	})
	for path, want := range map[string]exchanged{
		"":                {status: 200, body: "<html><body>start</body></html>", proto: markup},
		"index.html":      {status: 200, body: "<html><body>start</body></html>", proto: markup},
		"app.js":          {status: 200, body: "<!DOCTYPE html><html>page</html>", proto: markup}, // a page comes before a file
		"style.CSS":       {status: 200, body: "css", proto: "text/css; charset=utf-8"},
		"a%20b%20(1).txt": {status: 200, body: "named", proto: plain},
		"deep/er/x.txt":   {status: 200, body: "deep", proto: plain},
		"deep/er":         {status: 200, body: "<!DOCTYPE html><html>below</html>", proto: markup}, // a folder is not there
		"counter":         {status: 200, body: "0", proto: asJSON},
	} {
		got := send(t, client, "GET", info.URL(path), "")
		require.Equal(t, want.status, got.status, path)
		require.Equal(t, want.body, got.body, path)
		require.Equal(t, want.proto, got.header.Get("Content-Type"), path)
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
	}
	ranged := send(t, client, "GET", info.URL("deep/er/x.txt"), "", "Range", "bytes=1-2")
	require.Equal(t, 206, ranged.status)
	require.Equal(t, "ee", ranged.body)
	modified := send(t, client, "GET", info.URL("deep/er/x.txt"), "").header.Get("Last-Modified")
	require.Equal(t, 304, send(t, client, "GET", info.URL("deep/er/x.txt"), "", "If-Modified-Since", modified).status)

	for _, path := range []string{
		".env", ".git/config", "deep/.hidden", "link.txt", "x/../.env", "../passwd", "..", ".", "deep/../index.html", "deep//er/x.txt", "//index.html",
		"%2eenv", "%2e%2e/passwd", "..%2fpasswd", "..%5cpasswd", `..\passwd`, "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "....//etc/passwd", "index.html%00", "index.html%20",
		"index.html/", "index.html;", "index.html/.", "nosuch", "INDEX.HTML", "%252eenv", "etc/passwd", "/etc/passwd",
	} {
		c := dial(t, info.URL("")[:len(info.URL(""))-1])
		c.say(t, "GET /%s HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nConnection: close\r\n\r\n", path)
		got := c.answer(t)
		require.Contains(t, []int{400, 404}, got.status, path)
		require.NotContains(t, got.body, "canary", path)
		require.NotContains(t, got.body, "root:", path)
		require.NotContains(t, got.body, "start", path)
	}
	lost := send(t, client, "GET", info.URL("nosuch"), "", "Accept", "text/html,*/*")
	require.Equal(t, 404, lost.status)
	require.Equal(t, "<html>lost</html>", lost.body)
	require.Equal(t, markup, lost.header.Get("Content-Type"))
	require.Equal(t, "not_found", send(t, client, "GET", info.URL("nosuch"), "").code(t), "a program gets JSON")
	require.Equal(t, "not_found", send(t, client, "POST", info.URL("nosuch"), "", "Accept", "text/html").code(t))
	require.Equal(t, 404, send(t, client, "GET", info.URL("deep/er/y.txt"), "", "Accept", "text/html").status)
}

// Files need not be on a disk, nor readable from the middle.
func TestFilesOfAnyKind(t *testing.T) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, text := range map[string]string{"index.html": "<html>zipped</html>", "data.bin": strings.Repeat("x", 200<<10), "none": ""} {
		file, err := w.Create(name)
		require.NoError(t, err)
		_, err = file.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	zipped, err := zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	require.NoError(t, err)
	f := newFixture(t, services.Options{}, nil)
	info, client := setUp(t, f, httpservice.Props{Files: zipped, StartPage: "/index.html", ErrPage: "none"})
	require.Equal(t, "<html>zipped</html>", send(t, client, "GET", info.URL(""), "").body)
	got := send(t, client, "GET", info.URL("data.bin"), "")
	require.Len(t, got.body, 200<<10)
	require.Equal(t, "application/octet-stream", got.header.Get("Content-Type"))
	head := send(t, client, "HEAD", info.URL("data.bin"), "")
	require.Equal(t, "204800", head.header.Get("Content-Length"))
	require.Equal(t, 404, send(t, client, "GET", info.URL("nosuch"), "", "Accept", "text/html").status)

	broken := fstest.MapFS{"x": {Data: []byte("x"), Mode: fs.ModeDir}}
	info, client = setUp(t, f, httpservice.Props{Files: broken})
	require.Equal(t, 404, send(t, client, "GET", info.URL("x"), "").status)
}

func TestErrPage(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	info, client := setUp(t, f, httpservice.Props{ErrPage: "/oops", Pages: httpservice.Pages{
		"/":    httpservice.Page{Redirect: "oops"},
		"oops": httpservice.Page{OnRequest: func(p *httpservice.Page, _ http.ResponseWriter, r *http.Request) { p.Template = "no " + r.URL.Path }},
	}})
	got := send(t, client, "GET", info.URL("nosuch/x"), "", "Accept", "text/html")
	require.Equal(t, 404, got.status)
	require.Equal(t, "<!DOCTYPE html><html>no /nosuch/x</html>", got.body)
	require.Equal(t, 200, send(t, client, "GET", info.URL(""), "").status)
	require.Equal(t, 403, send(t, client, "GET", info.URL("secret"), "", "Accept", "text/html").status)
}

// Pages and files are for whom Authenticate lets in, unless they are public.
func TestPagesAreAdmitted(t *testing.T) {
	ids := make(chan string, 1)
	options := services.Options{
		Hosts: []string{"localhost", "127.0.0.1"},
		Authenticate: func(r *http.Request) (services.Identity, error) {
			if user, _, ok := r.BasicAuth(); ok {
				return services.Identity{User: user}, nil
			}
			return services.Identity{}, graph.Unauthenticated
		},
	}
	f := newFixture(t, options, nil)
	pages := httpservice.Pages{
		"/": "private", "login": httpservice.Page{Template: "public", Public: true},
		"me": httpservice.Page{Template: "x", OnRequest: func(_ *httpservice.Page, _ http.ResponseWriter, r *http.Request) {
			ids <- services.IdentityFrom(r.Context()).User
		}},
	}
	files := fstest.MapFS{"x.txt": {Data: []byte("x")}}
	info, client := setUp(t, f, httpservice.Props{Pages: pages, Files: files})
	const ann = "Basic YW5uOng="
	for path, status := range map[string]int{"": 401, "login": 200, "x.txt": 401, "me": 401, "nosuch": 401} {
		require.Equal(t, status, send(t, client, "GET", info.URL(path), "").status, path)
	}
	for path, status := range map[string]int{"": 200, "login": 200, "x.txt": 200, "me": 200, "nosuch": 404} {
		require.Equal(t, status, send(t, client, "GET", info.URL(path), "", "Authorization", ann).status, path)
	}
	require.Equal(t, "ann", <-ids)
	require.Equal(t, 403, send(t, client, "GET", info.URL(""), "", "Authorization", ann, "Host", "evil.example").status)

	pages["_all"] = httpservice.Page{Public: true}
	info, client = setUp(t, f, httpservice.Props{Pages: pages, Files: files})
	for path, status := range map[string]int{"": 200, "x.txt": 200, "counter": 401} {
		require.Equal(t, status, send(t, client, "GET", info.URL(path), "").status, path)
	}
}

// A page that panics after it began is cut, so that nobody takes the part for the whole.
func TestPagePanicsLate(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	info, client := setUp(t, f, httpservice.Props{Pages: httpservice.Pages{
		"late": httpservice.Page{OnRequest: func(_ *httpservice.Page, w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("half"))
			w.(http.Flusher).Flush()
			panic("late")
		}},
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, info.URL("late"), nil)
	require.NoError(t, err)
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(response.Body)
	require.Error(t, err)
	require.Equal(t, "half", b.String())
}
