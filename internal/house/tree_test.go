package house_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A tree is the Go source of one module, without what is below testdata or
// belongs to a nested module.
type tree struct {
	fsys   fs.FS
	module string // its import path
	fset   *token.FileSet
	files  []file
}

type file struct {
	path      string // slash-separated, from the root of the module
	lines     int
	generated bool
	syntax    *ast.File
}

func (f file) dir() string  { return path.Dir(f.path) }
func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// imports returns the import paths of f.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, "`\""))
	}
	return paths
}

// load parses all Go files of the module whose root is fsys. Build constraints
// are ignored on purpose: the rules hold on every platform.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{fsys: fsys, fset: token.NewFileSet()}
	mod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, fmt.Errorf("find the root of the module: %w", err)
	}
	for line := range strings.Lines(string(mod)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			t.module = strings.TrimSpace(name)
		}
	}
	if t.module == "" {
		return nil, errors.New("find the root of the module: go.mod has no module line")
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(fsys, name):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		return t.parse(name)
	})
	if err != nil {
		return nil, fmt.Errorf("read the source tree: %w", err)
	}
	return t, nil
}

// skipped reports whether the go command would not look for packages of this
// module in dir.
func skipped(fsys fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	base := path.Base(dir)
	if base == "testdata" || base == "vendor" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

func (t *tree) parse(name string) error {
	src, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, name, src, parser.ParseComments)
	if err != nil {
		return err
	}
	t.files = append(t.files, file{
		path:      name,
		lines:     bytes.Count(src, []byte("\n")),
		generated: ast.IsGenerated(syntax),
		syntax:    syntax,
	})
	return nil
}

// packages returns the folders that hold Go files, sorted, with those files.
func (t *tree) packages() (dirs []string, files map[string][]file) {
	files = map[string][]file{}
	for _, f := range t.files {
		if files[f.dir()] == nil {
			dirs = append(dirs, f.dir())
		}
		files[f.dir()] = append(files[f.dir()], f)
	}
	slices.Sort(dirs)
	return dirs, files
}
