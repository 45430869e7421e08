package httpservice

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// content returns a page's HTML or text before anything is injected.
func (p *Page) content(isHTML bool) (string, error) {
	text := p.Template
	if p.View != nil {
		var b bytes.Buffer
		if err := p.View.Execute(&b, p.Data); err != nil {
			return "", fmt.Errorf("execute view: %w", err)
		}
		text = b.String()
	}
	if isHTML && lastFold(text, "<html") < 0 {
		text = "<!DOCTYPE html><html>" + text + "</html>"
	}
	return text, nil
}

// insert puts a piece of HTML before the end of a document's body.
func insert(document, piece string) string {
	at := lastFold(document, "</body")
	if at < 0 {
		at = lastFold(document, "</html")
	}
	if at < 0 {
		at = len(document)
	}
	return document[:at] + piece + document[at:]
}

// lastFold is strings.LastIndex in any case. Lowering the text first could move its bytes.
func lastFold(text, tag string) int {
	for i := len(text) - len(tag); i >= 0; i-- {
		if text[i] == tag[0] && strings.EqualFold(text[i:i+len(tag)], tag) {
			return i
		}
	}
	return -1
}

// checkInject refuses what Page.Inject cannot be.
func checkInject(v any) error {
	switch v.(type) {
	case nil, string, HTML, func() string, func(*http.Request) HTML, []string, map[string]any:
		return nil
	}
	return graph.InvalidArgument.Errorf("%T cannot be injected", v)
}

// injected returns the HTML that a Page.Inject stands for. What fails is left out and logged: a page without its
// extras is better than none.
func (b *Backend) injected(r *http.Request, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case HTML:
		return string(v)
	case func() string:
		return v()
	case func(*http.Request) HTML:
		return string(v(r))
	case []string:
		var all strings.Builder
		for _, route := range v {
			all.WriteString(b.injectedRoute(r.Context(), route, nil))
		}
		return all.String()
	case map[string]any:
		var all strings.Builder
		for _, route := range slices.Sorted(maps.Keys(v)) {
			all.WriteString(b.injectedRoute(r.Context(), route, v[route]))
		}
		return all.String()
	}
	b.service.Logger().Error("page not completed", "error", checkInject(v))
	return ""
}

// injectedRoute runs a route for its HTML.
func (b *Backend) injectedRoute(ctx context.Context, route string, args any) string {
	c := &graph.Call{Route: route, Method: "get"}
	switch args := args.(type) {
	case nil:
	case []any:
		c.Args = graph.ArgsOf(args...)
	default:
		c.Args = graph.ArgsOne(args)
	}
	v, err := b.service.Graph().Do(ctx, c)
	if err != nil {
		b.service.Logger().Error("page not completed", "route", route, "error", err)
		return ""
	}
	if text, isHTML, ok := textOf(v); ok {
		if isHTML || b.options.HTML && looksLikeHTML(text) {
			return text
		}
		return template.HTMLEscapeString(text)
	}
	data, err := services.EncodeResult(v)
	if err != nil {
		b.service.Logger().Error("page not completed", "route", route, "error", err)
		return ""
	}
	return template.HTMLEscapeString(string(data))
}
