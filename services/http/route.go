package httpservice

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/graphscript-go/graphscript/graph"
)

// routeOf returns the route a URL names: its segments joined by dots, so that "/" and "." mean the same. There is one
// spelling for each route: what a proxy, a browser or another decoder could read as some other path names none.
func routeOf(u *url.URL) (route string, ok bool) {
	if u.RawPath != "" { // not as Go would write it, so something is encoded that need not be
		return "", false
	}
	route = strings.ReplaceAll(strings.TrimPrefix(u.Path, "/"), "/", ".")
	return route, spellable(route)
}

// hasEmptySegment reports whether a request target has a double slash, which a prefix that was stripped together with
// its last slash hides.
func hasEmptySegment(target string) bool {
	target, _, _ = strings.Cut(target, "?")
	if !strings.HasPrefix(target, "/") { // absolute, as a proxy is asked
		_, target, _ = strings.Cut(target, "://")
	}
	return strings.Contains(target, "//")
}

// pathOf is the inverse of routeOf. It fails for a route that no URL names, and for one that might end in a method
// or key in another case than the node's, which only the node can tell.
func pathOf(route string) (path string, ok bool) {
	last := route[strings.LastIndexByte(route, '.')+1:]
	return strings.ReplaceAll(route, ".", "/"), spellable(route) && last == strings.ToLower(last)
}

// spellable reports whether a route may be spelled as a path. An empty segment stands for "//", "/./",
// "/../" and a slash at the end.
func spellable(route string) bool {
	if len(route) > graph.MaxTag || !utf8.ValidString(route) {
		return false
	}
	for segment := range strings.SplitSeq(route, ".") {
		if segment == "" {
			return false
		}
	}
	return !strings.ContainsFunc(route, func(r rune) bool {
		if r < utf8.RuneSelf {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_~$&+,:=@", r)
		}
		return !unicode.IsGraphic(r) || unicode.IsSpace(r)
	})
}

// spelledAsIs reports whether a route that ends in a method or key spells it as the node does: of two spellings of one
// path only one is a route.
func spelledAsIs(g *graph.Graph, route string) bool {
	_, member, ok := g.Locate(&graph.Call{Route: route})
	return !ok || member == "" || strings.HasSuffix(route, "."+member)
}

// isState reports whether a call is for state. It does not look into mounted graphs.
func isState(g *graph.Graph, c *graph.Call) bool {
	tag, member, _ := g.Locate(c)
	n := g.Get(tag)
	if n == nil {
		return false
	}
	_, keys := n.Members()
	return member == "" && n.IsState() || slices.Contains(keys, member)
}
