package house_test

import (
	"fmt"
	"slices"
	"strings"
)

// An arrow says what the packages of a folder may import besides the standard
// library and packages of that same folder. In the lists "x/..." stands for x
// and all below it, "..." for everything in this module.
type arrow struct {
	folder  string
	ours    []string // packages of this module
	foreign []string // packages of other modules
	inTests []string // packages of this module that test files may import, too
	why     string
}

// arrows is the table that depguard in .golangci.yml repeats; change both. No
// folder has two lines.
var arrows = []arrow{
	{
		folder:  "graph/...",
		inTests: []string{"internal/..."},
		why:     "graph stands alone: whoever describes a program as a graph takes on no transport and no dependency",
	},
	{
		folder:  "services",
		ours:    []string{"graph/...", "services/history", "services/internal/..."},
		foreign: []string{uuid},
		inTests: []string{"services/...", "internal/..."},
		why:     "services is the conversation above every transport; if it knew one, a new transport would not be one folder",
	},
	{
		folder:  "services/internal/...",
		ours:    []string{"graph/...", "services/history"},
		foreign: []string{uuid},
		why:     "it is a part of services and stands below it",
	},
	{
		folder:  "services/history",
		inTests: []string{"internal/..."},
		why:     "history is positions and bounded logs; it knows no peers, so a durable store can stand behind it",
	},
	transport("services/http/..."),
	transport("services/sse/...", gosse),
	transport("services/ws/...", gorilla),
	{
		folder:  "services/servicestest/...",
		ours:    []string{"graph/...", "services", "services/history"},
		foreign: []string{testify},
		inTests: []string{"services/...", "internal/..."},
		why:     "servicestest is the suite for transports that do not exist yet, so it knows none",
	},
	{
		folder:  "router/...",
		ours:    []string{"graph/...", "services"},
		inTests: []string{"services/...", "internal/..."},
		why:     "router joins the connections of a user whatever carries them; it sees peers, never a transport",
	},
	{
		folder:  "browser",
		inTests: []string{"..."},
		why:     "browser is a file for pages and a handler that serves it; it stands beside the Go packages",
	},
	{
		folder:  "internal/...",
		inTests: []string{"..."},
		why:     "internal holds what two packages need and no user does; it stands below all of them",
	},
	{
		folder:  "examples/...",
		ours:    []string{"graph/...", "services/...", "router/...", "browser"},
		foreign: []string{uuid},
		inTests: []string{"..."},
		why:     "an example is what a user can write: the public packages and the standard library",
	},
}

func transport(folder string, foreign ...string) arrow {
	return arrow{
		folder:  folder,
		ours:    []string{"graph/...", "services", "internal/eventstream"},
		foreign: foreign,
		inTests: []string{"services/servicestest", "services/history", "internal/..."},
		why:     "a transport is one folder below services: it never knows another transport or the router",
	}
}

const (
	uuid    = "github.com/google/uuid"
	gosse   = "github.com/tmaxmax/go-sse"
	gorilla = "github.com/gorilla/websocket"
	testify = "github.com/stretchr/testify/..."
)

// why says for a foreign package where it belongs.
var why = map[string]string{
	gosse:   "only services/sse imports go-sse, so one package decides what of it we rely on",
	gorilla: "only services/ws imports gorilla/websocket, so one package decides what of it we rely on",
	testify: "testify is for tests and servicestest; in any other file every user would inherit it",
}

// checkArrows holds every import against the table.
func checkArrows(t *tree) (problems []string) {
	for _, f := range t.files {
		a, ok := arrowOf(f.dir())
		if !ok {
			problems = append(problems, fmt.Sprintf("%s: the folder %s has no line in the table of arrows: say in internal/house/arrows_test.go and .golangci.yml what it may import, and why", f.path, f.dir()))
			continue
		}
		for _, imported := range f.imports() {
			if reason := t.forbidden(f, a, imported); reason != "" {
				problems = append(problems, fmt.Sprintf("%s imports %s: %s", f.path, imported, reason))
			}
		}
	}
	return problems
}

// forbidden returns why f must not import a package, or "" if it may.
func (t *tree) forbidden(f file, a arrow, imported string) string {
	if imported == t.module || strings.HasPrefix(imported, t.module+"/") {
		folder := strings.TrimPrefix(strings.TrimPrefix(imported, t.module), "/")
		if covers(a.folder, folder) || covered(a.ours, folder) || (f.isTest() && covered(a.inTests, folder)) {
			return ""
		}
		return a.why
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") { // the standard library
		return ""
	}
	if covered(a.foreign, imported) || (f.isTest() && covers(testify, imported)) {
		return ""
	}
	for foreign, reason := range why {
		if covers(foreign, imported) {
			return reason
		}
	}
	return a.why
}

// arrowOf returns the line about a folder.
func arrowOf(folder string) (arrow, bool) {
	i := slices.IndexFunc(arrows, func(a arrow) bool { return covers(a.folder, folder) })
	if i < 0 {
		return arrow{}, false
	}
	return arrows[i], true
}

func covered(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, name) })
}

// covers reports whether a pattern, in the notation of arrow, stands for name.
func covers(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	root, isTree := strings.CutSuffix(pattern, "/...")
	return name == root || (isTree && strings.HasPrefix(name, root+"/"))
}
