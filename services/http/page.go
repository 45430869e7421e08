package httpservice

import (
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"

	"github.com/graphscript-go/graphscript/graph"
)

// Pages are the pages of a server by their keys:
//
//   - "/" is the root;
//   - "test" or "/test" is one page;
//   - "sub/*" is /sub and whatever is below it that has no file extension; "*" is every such path. The longest
//     key counts, and a page with the very path comes first;
//   - "_all" is no page: its Inject, Headers and Public hold for all pages and files.
//
// A value is a [Page], a pointer to one, a string or [HTML], which is a Page's Template, or a *template.Template, which is
// a Page's View.
type Pages map[string]any

// keyAll is the key of what holds for all pages.
const keyAll = "_all"

// A Page is what is served for a path. It needs at least one of Template, View, Redirect and OnRequest.
type Page struct {
	// Template is HTML that is served as it is written. Unless it has an <html> tag it is wrapped in
	// <!DOCTYPE html><html>…</html>. With a Content-Type in Headers that is not HTML it is served unwrapped.
	Template string
	// View is executed with Data in place of Template. html/template escapes the data.
	View *template.Template
	Data any
	// Redirect names another page, which is served in its place, or else a URL to which the browser
	// is sent for good (301).
	Redirect string
	// OnRequest runs first. It may change p, which is a copy for this request, write the answer itself, or
	// neither. services.IdentityFrom(r.Context()) tells who asks.
	OnRequest func(p *Page, w http.ResponseWriter, r *http.Request)
	// Inject is HTML that is put before </body>, or else before </html>, or at the end: a string, an [HTML], a
	// func() string or func(*http.Request) HTML that makes it, or the routes that make it: a []string of their names, or
	// a map[string]any of names and arguments (nil for none, a []any for positional ones). Routes run on the
	// graph itself, whatever is exposed, under the request's context; a result that is not an HTML is escaped, unless Options.HTML
	// takes it for HTML.
	Inject any
	// Headers are set on the answer, those of "_all" first.
	Headers http.Header
	// Status is the status of the answer, 200 if zero.
	Status int
	// Public serves the page to everybody: the service does not Admit the request, so Authenticate is not asked.
	Public bool
}

// pageOf turns what Pages may hold into a Page.
func pageOf(v any) (*Page, error) {
	var p Page
	switch v := v.(type) {
	case string:
		p.Template = v
	case HTML:
		p.Template = string(v)
	case *template.Template:
		p.View = v
	case Page:
		p = v
	case *Page:
		if v != nil {
			p = *v
		}
	default:
		return nil, graph.InvalidArgument.Errorf("%T is no page", v)
	}
	return &p, checkInject(p.Inject)
}

func (p *Page) isEmpty() bool {
	return p.Template == "" && p.View == nil && p.Redirect == "" && p.OnRequest == nil
}

// A pageSet finds pages by path.
type pageSet struct {
	all   Page
	exact map[string]*Page // by path without the first slash
	below map[string]*Page // by the path before "/*"
}

func newPageSet(pages Pages) (*pageSet, error) {
	s := &pageSet{exact: map[string]*Page{}, below: map[string]*Page{}}
	for key, v := range pages {
		p, err := pageOf(v)
		if err == nil {
			err = s.add(key, p)
		}
		if err != nil {
			return nil, fmt.Errorf("page %q: %w", key, err)
		}
	}
	for key := range s.exact {
		if err := s.checkRedirects(key); err != nil {
			return nil, fmt.Errorf("page %q: %w", key, err)
		}
	}
	return s, nil
}

func (s *pageSet) add(key string, p *Page) error {
	if key == keyAll {
		if !p.isEmpty() {
			return graph.InvalidArgument.Errorf("takes Inject, Headers and Public only")
		}
		s.all = *p
		return nil
	}
	if p.isEmpty() {
		return graph.InvalidArgument.Errorf("nothing to serve")
	}
	name := strings.TrimPrefix(key, "/")
	set := s.exact
	if prefix, ok := strings.CutSuffix("/"+name, "/*"); ok {
		name, set = strings.TrimPrefix(prefix, "/"), s.below
	}
	if _, ok := cleanName(name); !ok && name != "" {
		return graph.InvalidArgument.Errorf("the key is no path")
	}
	if set[name] != nil {
		return graph.AlreadyExists.Errorf("two pages have this path")
	}
	set[name] = p
	return nil
}

// checkRedirects finds pages that are served in each other's place for ever.
func (s *pageSet) checkRedirects(key string) error {
	seen := map[*Page]bool{}
	for p := s.exact[key]; p != nil && p.Redirect != ""; p = s.find(p.Redirect) {
		if seen[p] {
			return graph.InvalidArgument.Errorf("redirects to itself")
		}
		seen[p] = true
	}
	return nil
}

// find returns the page with this key or path, or nil.
func (s *pageSet) find(name string) *Page {
	name = strings.TrimPrefix(name, "/")
	if p := s.exact[name]; p != nil {
		return p
	}
	return s.findBelow(name)
}

// findBelow returns the page of the longest "/*" key above a path that looks like a page's.
func (s *pageSet) findBelow(name string) *Page {
	if _, ok := cleanName(name); !ok && name != "" || path.Ext(name) != "" {
		return nil
	}
	for {
		if p := s.below[name]; p != nil {
			return p
		}
		if name == "" {
			return nil
		}
		name = name[:max(0, strings.LastIndexByte(name, '/'))]
	}
}
