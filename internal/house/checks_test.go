package house_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const maxLines = 400

// checkLength finds files that have outgrown one idea. Tests may be longer:
// a table is read line by line.
func checkLength(t *tree) (problems []string) {
	for _, f := range t.files {
		if f.lines > maxLines && !f.isTest() && !f.generated {
			problems = append(problems, fmt.Sprintf("%s has %d lines: a file over %d lines is a question for review; split it by idea", f.path, f.lines, maxLines))
		}
	}
	return problems
}

// checkComments finds packages that do not say what they are.
func checkComments(t *tree) (problems []string) {
	dirs, files := t.packages()
	for _, dir := range dirs {
		var name, doc string
		for _, f := range files[dir] {
			if !f.isTest() {
				name = f.syntax.Name.Name
				doc += f.syntax.Doc.Text()
			}
		}
		switch {
		case name == "": // a folder of tests only
		case doc == "":
			problems = append(problems, fmt.Sprintf("%s: package %s has no package comment: say in doc.go what it is for", dir, name))
		case name != "main" && !strings.HasPrefix(doc, "Package "+name+" "):
			problems = append(problems, fmt.Sprintf("%s: the package comment must start with %q, or go doc and the package lists show it badly", dir, "Package "+name+" "))
		}
	}
	return problems
}

// vague are words that say nothing about what is inside.
var vague = []string{"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}

// checkNames finds vague words in the names of files, folders and packages.
func checkNames(t *tree) (problems []string) {
	report := func(where, name string) {
		for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
			if slices.Contains(vague, word) {
				problems = append(problems, fmt.Sprintf("%s: the word %q says nothing about what is inside; name the idea", where, word))
			}
		}
	}
	dirs, files := t.packages()
	for _, dir := range dirs {
		for folder := range strings.SplitSeq(dir, "/") {
			report("folder "+dir, folder)
		}
		for _, f := range files[dir] {
			report("file "+f.path, path.Base(f.path))
			if name := strings.TrimSuffix(f.syntax.Name.Name, "_test"); name != path.Base(dir) {
				report("package "+name+" in "+f.path, name)
			}
		}
	}
	return problems
}

// checkSleep finds tests that sleep, by whatever name they import time.
func checkSleep(t *tree) (problems []string) {
	for _, f := range t.files {
		name := importName(f.syntax, "time")
		if !f.isTest() || name == "" {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Sleep" {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == name {
				problems = append(problems, fmt.Sprintf("%s: a test that sleeps is slow when it passes and flaky when the machine is busy; wait for the condition; inside a bubble of testing/synctest, for a timer or synctest.Wait", t.fset.Position(n.Pos())))
			}
			return true
		})
	}
	return problems
}

// importName returns what a file calls an imported package, "" if nothing.
func importName(f *ast.File, imported string) string {
	for _, spec := range f.Imports {
		switch {
		case strings.Trim(spec.Path.Value, "`\"") != imported:
		case spec.Name != nil:
			return spec.Name.Name
		default:
			return path.Base(imported)
		}
	}
	return ""
}

// checkExamples finds examples that nobody explains or nobody runs.
func checkExamples(t *tree) (problems []string) {
	entries, err := fs.ReadDir(t.fsys, "examples")
	if err != nil {
		return nil // no examples yet; whoever lists packages will miss them first
	}
	for _, e := range entries {
		dir := path.Join("examples", e.Name())
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || e.Name() == "internal" || e.Name() == "testdata" {
			continue
		}
		if _, err := fs.Stat(t.fsys, path.Join(dir, "README.md")); err != nil {
			problems = append(problems, dir+": an example needs a README.md that says what it shows and how to run it")
		}
		if tests, _ := fs.Glob(t.fsys, path.Join(dir, "*_test.go")); len(tests) == 0 {
			problems = append(problems, dir+": an example needs a test, or the first change to an API breaks it unnoticed")
		}
	}
	return problems
}
