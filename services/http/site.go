package httpservice

import (
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
)

// maxRedirects bounds how many pages are served in place of each other for one request.
const maxRedirects = 8

// A site serves a server's pages and files, and hands everything else to the Backend.
type site struct {
	backend  *Backend
	pages    *pageSet
	files    fs.FS // nil without any
	start    string
	errorKey string
}

func newSite(b *Backend, p *Props) (*site, error) {
	pages, err := newPageSet(p.Pages)
	if err != nil {
		return nil, err
	}
	s := &site{backend: b, pages: pages, files: p.Files}
	s.start = strings.TrimPrefix(p.StartPage, "/")
	s.errorKey = strings.TrimPrefix(p.ErrPage, "/")
	for _, name := range []string{s.start, s.errorKey} {
		t := s.lookUp(name)
		t.close()
		if name != "" && t == (target{}) {
			return nil, graph.NotFound.Errorf("%q is neither a page nor a file", name)
		}
	}
	return s, nil
}

// A target is the page or the open file that a path names; the zero target is nothing.
type target struct {
	page *Page
	file fs.File
}

func (t target) close() {
	if t.file != nil {
		_ = t.file.Close()
	}
}

// ServeHTTP serves one request. Pages and files are read only: every other method, and a watch, is for the routes.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := newExchange(s.backend, w, r)
	x.missing = func() bool { return s.serveMissing(x) }
	x.guard(func() {
		t := s.requested(r)
		defer t.close()
		if t == (target{}) {
			x.serve()
			return
		}
		if !s.pages.all.Public && (t.page == nil || !t.page.Public) {
			if _, answered := x.admit(); answered {
				return
			}
		}
		s.serveTarget(x, t, 0)
	})
}

// requested returns the page or file a request is for.
func (s *site) requested(r *http.Request) target {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || accepts(r, eventstream.MediaType) {
		return target{}
	}
	name, ok := nameOf(r.URL)
	if !ok {
		return target{}
	}
	return s.lookUp(name)
}

// lookUp finds the page with a path, or else the file, or else the page above it.
func (s *site) lookUp(name string) target {
	if name == "" && s.pages.exact[""] == nil {
		name = s.start
	}
	if p := s.pages.exact[name]; p != nil {
		return target{page: p}
	}
	if f := s.openFile(name); f != nil {
		return target{file: f}
	}
	return target{page: s.pages.findBelow(name)}
}

func (s *site) serveTarget(x *exchange, t target, redirects int) {
	if t.page != nil {
		s.servePage(x, t.page, redirects)
		return
	}
	s.serveFile(x, t.file, http.StatusOK)
}

// servePage answers with a page.
func (s *site) servePage(x *exchange, shared *Page, redirects int) {
	p := *shared
	if p.Headers = p.Headers.Clone(); p.Headers == nil {
		p.Headers = http.Header{}
	}
	s.setHeaders(x, p.Headers)
	if p.OnRequest != nil {
		w := &response{x.w, x}
		p.OnRequest(&p, w, x.r)
		if x.started {
			_ = x.finish()
			return
		}
		s.setHeaders(x, p.Headers)
	}
	if p.Redirect != "" {
		s.redirect(x, p.Redirect, redirects)
		return
	}
	if p.Template == "" && p.View == nil {
		x.send(answer{status: http.StatusNoContent})
		return
	}
	a, err := s.render(x, &p)
	if err != nil {
		x.fail(x.r.Context(), err)
		return
	}
	x.send(a)
}

func (s *site) render(x *exchange, p *Page) (answer, error) {
	a := answer{status: p.Status, contentType: x.w.Header().Get("Content-Type")}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.contentType == "" {
		a.contentType = typeHTML
	}
	isHTML := strings.HasPrefix(a.contentType, "text/html")
	text, err := p.content(isHTML)
	if err != nil {
		return answer{}, err
	}
	if isHTML {
		text = s.complete(x.r, text, p.Inject)
	}
	a.body = []byte(text)
	return a, nil
}

// complete adds to a document what is injected into it and into all.
func (s *site) complete(r *http.Request, document string, inject any) string {
	for _, v := range []any{inject, s.pages.all.Inject} {
		if piece := s.backend.injected(r, v); piece != "" {
			document = insert(document, piece)
		}
	}
	return document
}

func (s *site) setHeaders(x *exchange, own http.Header) {
	h := x.w.Header()
	h.Set("Cache-Control", "no-cache")
	for _, headers := range []http.Header{s.pages.all.Headers, own} {
		for key, values := range headers {
			h[http.CanonicalHeaderKey(key)] = slices.Clone(values)
		}
	}
}

// redirect serves another page in place of this one, or sends the browser elsewhere.
func (s *site) redirect(x *exchange, to string, redirects int) {
	if redirects == maxRedirects {
		x.fail(x.r.Context(), graph.Internal.Errorf("pages redirect to each other"))
		return
	}
	name := strings.TrimPrefix(to, "/")
	if p := s.pages.find(name); p != nil {
		s.servePage(x, p, redirects+1)
		return
	}
	if name == "" && s.start != "" {
		t := s.lookUp("")
		defer t.close()
		s.serveTarget(x, t, redirects+1)
		return
	}
	http.Redirect(&response{x.w, x}, x.r, to, http.StatusMovedPermanently)
	_ = x.finish()
}

// serveMissing answers with the error page, if there is one and a person is to read it.
func (s *site) serveMissing(x *exchange) bool {
	reads := x.r.Method == http.MethodGet || x.r.Method == http.MethodHead
	if s.errorKey == "" || !reads || !accepts(x.r, "text/html") {
		return false
	}
	x.missing = nil
	t := s.lookUp(s.errorKey)
	defer t.close()
	switch {
	case t.page != nil:
		p := *t.page
		if p.Status == 0 {
			p.Status = http.StatusNotFound
		}
		s.servePage(x, &p, 0)
	case t.file != nil:
		s.serveFile(x, t.file, http.StatusNotFound)
	default:
		return false
	}
	return true
}

// nameOf returns the path of a page or file. What could be read as another path names none.
func nameOf(u *url.URL) (name string, ok bool) {
	raw := strings.ToLower(u.RawPath)
	for _, hidden := range []string{"%2f", "%2e", "%5c", "%25", "%3b"} {
		if strings.Contains(raw, hidden) {
			return "", false
		}
	}
	if u.Path == "/" || u.Path == "" {
		return "", true
	}
	return cleanName(strings.TrimPrefix(u.Path, "/"))
}

func cleanName(name string) (string, bool) {
	refused := func(r rune) bool { return r == '\\' || r == ';' || r == '%' || r == '*' || unicode.IsControl(r) }
	if name == "." || !fs.ValidPath(name) || strings.ContainsFunc(name, refused) {
		return "", false
	}
	return name, true
}
