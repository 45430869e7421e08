package house_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// The guides are assembled from code that is compiled and commands that are run: before a block of Go stands
// the file it is from, before a block of commands the file that runs them.
//
//	<!-- from examples/hello/main.go -->
//	<!-- run by .ci/run -->
var source = regexp.MustCompile(`^<!-- (from|run by) (\S+) -->$`)

func TestDocsAreTrue(t *testing.T) {
	tree := os.DirFS("../..")
	pages := []string{"README.md"}
	require.NoError(t, fs.WalkDir(tree, "docs", func(name string, _ fs.DirEntry, err error) error {
		if path.Ext(name) == ".md" {
			pages = append(pages, name)
		}
		return err
	}))
	for _, page := range pages {
		for _, problem := range checkPage(tree, page) {
			t.Error(problem)
		}
	}
}

// checkPage returns what of a page's blocks cannot be found where they are said to be from.
func checkPage(tree fs.FS, page string) []string {
	text, err := fs.ReadFile(tree, page)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		language, fenced := strings.CutPrefix(lines[i], "```")
		if !fenced {
			continue
		}
		start := i
		for i++; i < len(lines) && lines[i] != "```"; i++ {
		}
		if language != "go" && language != "sh" {
			continue
		}
		before := ""
		if start > 0 {
			before = lines[start-1]
		}
		if problem := checkBlock(tree, language, before, lines[start+1:min(i, len(lines))]); problem != "" {
			problems = append(problems, fmt.Sprintf("%s:%d: %s", page, start+1, problem))
		}
	}
	return problems
}

func checkBlock(tree fs.FS, language, before string, block []string) string {
	m := source.FindStringSubmatch(before)
	want := map[string]string{"go": "from", "sh": "run by"}[language]
	if m == nil || m[1] != want {
		return fmt.Sprintf("a block of %s needs <!-- %s FILE --> on the line before it", language, want)
	}
	text, err := fs.ReadFile(tree, m[2])
	if err != nil {
		return err.Error()
	}
	if language == "sh" {
		for _, command := range block {
			command, _, _ = strings.Cut(command, "  #")
			if !strings.Contains(string(text), strings.TrimSpace(command)) {
				return fmt.Sprintf("%s does not run %q", m[2], command)
			}
		}
		return ""
	}
	if !strings.Contains(unindented(strings.Split(string(text), "\n")), unindented(block)) {
		return "this is not in " + m[2]
	}
	return ""
}

// unindented makes text comparable wherever it stood.
func unindented(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimSpace(l))
		b.WriteByte('\n')
	}
	return b.String()
}

func TestCheckPageFindsWhatIsNotTrue(t *testing.T) {
	tree := fstest.MapFS{
		"main.go": {Data: []byte("package main\n\nfunc main() {\n\tprintln(1)\n\tprintln(2)\n}\n")},
		"ci":      {Data: []byte("make check\ngo test ./...\n")},
	}
	for name, c := range map[string]struct {
		page string
		want string
	}{
		"true go":        {"<!-- from main.go -->\n```go\nprintln(1)\nprintln(2)\n```\n", ""},
		"true command":   {"<!-- run by ci -->\n```sh\ngo test ./...  # all\n```\n", ""},
		"other language": {"```text\nanything\n```\n", ""},
		"changed go":     {"<!-- from main.go -->\n```go\nprintln(2)\nprintln(1)\n```\n", "not in main.go"},
		"no source":      {"words\n```go\nprintln(1)\n```\n", "needs <!-- from FILE -->"},
		"wrong kind":     {"<!-- from main.go -->\n```sh\nmake check\n```\n", "needs <!-- run by FILE -->"},
		"missing file":   {"<!-- from gone.go -->\n```go\nx\n```\n", "gone.go"},
		"other command":  {"<!-- run by ci -->\n```sh\nmake all\n```\n", "does not run"},
	} {
		t.Run(name, func(t *testing.T) {
			tree["page.md"] = &fstest.MapFile{Data: []byte(c.page)}
			problems := checkPage(tree, "page.md")
			if c.want == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], c.want)
		})
	}
}
