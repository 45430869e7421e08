package graph_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ownPackage gives the type checker this package, checked from its source, and the standard library.
type ownPackage struct {
	types.Importer
	graph *types.Package
}

const ownPath = "github.com/graphscript-go/graphscript/graph"

func (o ownPackage) Import(path string) (*types.Package, error) {
	if path == ownPath {
		return o.graph, nil
	}
	return o.Importer.Import(path)
}

func checkOwnPackage(t *testing.T, fset *token.FileSet) ownPackage {
	own := ownPackage{Importer: importer.ForCompiler(fset, "source", nil)}
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, f)
	}
	config := types.Config{Importer: own.Importer, IgnoreFuncBodies: true}
	own.graph, err = config.Check(ownPath, fset, files, nil)
	require.NoError(t, err)
	return own
}

// What a contract says is checked by the compiler, on both sides.
func TestWrongTypesDoNotCompile(t *testing.T) {
	fset := token.NewFileSet()
	own := checkOwnPackage(t, fset)
	for _, c := range []struct{ name, code, problem string }{
		{"right", `Add.Handle(g, func(context.Context, In) (int, error) { return 0, nil })
			n, err := Add.Run(ctx, g, In{1}); var _ int = n; _ = err
			v := Count.Serve(g, 5); v.Set(6)
			for u, err := range Count.Watch(ctx, g) { var _ int = u.Value; _ = err }
			for v, err := range Add.Subscribe(ctx, g, graph.Lag{}) { var _ int = v; _ = err }`, ""},
		{"handler takes another type", `Add.Handle(g, func(context.Context, string) (int, error) { return 0, nil })`, "as func(context.Context, In) (int, error) value in argument to Add.Handle"},
		{"handler gives another type", `Add.Handle(g, func(context.Context, In) (string, error) { return "", nil })`, "as func(context.Context, In) (int, error) value in argument to Add.Handle"},
		{"handler without context", `Add.Handle(g, func(In) (int, error) { return 0, nil })`, "as func(context.Context, In) (int, error) value in argument to Add.Handle"},
		{"handler without error", `Add.Handle(g, func(context.Context, In) int { return 0 })`, "as func(context.Context, In) (int, error) value in argument to Add.Handle"},
		{"argument of another type", `Add.Run(ctx, g, "1")`, `cannot use "1"`},
		{"no argument", `Add.Run(ctx, g)`, "not enough arguments"},
		{"post of another type", `Add.Post(ctx, g, 1)`, "cannot use 1"},
		{"result of another type", `n, _ := Add.Run(ctx, g, In{1}); var _ string = n`, "cannot use n"},
		{"value of another type", `Count.Set(ctx, g, "1")`, `cannot use "1"`},
		{"initial value of another type", `Count.Serve(g, "1")`, `cannot use "1"`},
		{"variable of another type", `Count.Serve(g, 1).Set("1")`, `cannot use "1"`},
		{"read as another type", `n, _ := Count.Get(ctx, g); var _ string = n`, "cannot use n"},
		{"listener of another type", `Count.Listen(ctx, g, func(graph.Update[string]) {})`, "as func(graph.Update[int]) value in argument to Count.Listen"},
		{"watched as another type", `for u := range Count.Watch(ctx, g) { var _ string = u.Value }`, "cannot use u.Value"},
		{"subscribed as another type", `for v := range Add.Subscribe(ctx, g) { var _ string = v }`, "cannot use v"},
		{"foreign option", `Count.Watch(ctx, g, 5)`, "cannot use 5"},
		{"no target", `Add.Run(ctx, 5, In{1})`, "cannot use 5"},
		{"state is not run", `Count.Run(ctx, g, 1)`, "Count.Run undefined"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := parser.ParseFile(fset, c.name+".go", `package p
				import ("context"; "`+ownPath+`")
				type In struct{ A int }
				const Add graph.Func[In, int] = "add"
				const Count graph.State[int] = "count"
				func f(ctx context.Context, g *graph.Graph) {`+c.code+`}`, 0)
			require.NoError(t, err)
			_, err = (&types.Config{Importer: own}).Check("p", fset, []*ast.File{file}, nil)
			if c.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.problem)
		})
	}
}
