package conformance

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const openHead = `# Operations that need no permission, by who may call and why (UPDATE_GOLDEN=1 go test ./test/conformance -run TestOpenOperations).
# Found in the sources: every use of authz.Anonymous and authz.Authenticated in service/, by the method of Requirements
# that it is in or that leads to it.

`

// TestOpenOperations lists every operation that is open to callers without permission, or without credentials.
func TestOpenOperations(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("../../service/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("find services: %v", err)
	}
	var lines []string
	for _, d := range dirs {
		lines = append(lines, scan(t, d)...)
	}
	slices.Sort(lines)
	golden(t, "open-operations.golden", openHead+strings.Join(slices.Compact(lines), "\n")+"\n")
}

// source is a service's package: its functions, and its constants by name.
type source struct {
	t      *testing.T
	name   string
	funcs  []*ast.FuncDecl
	consts map[string]string
}

func scan(t *testing.T, dir string) []string {
	t.Helper()
	s := &source{t: t, name: filepath.Base(dir), consts: map[string]string{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, f, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s.add(file)
	}
	var lines []string
	for _, f := range s.funcs {
		for _, c := range calls(f) {
			sel, ok := c.Fun.(*ast.SelectorExpr)
			if !ok {
				continue
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "authz" && (sel.Sel.Name == "Anonymous" || sel.Sel.Name == "Authenticated") {
				lines = append(lines, s.reasons(sel.Sel.Name, f, c.Args[0], 0)...)
			}
		}
	}
	return lines
}

func (s *source) add(file *ast.File) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			s.funcs = append(s.funcs, d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || len(v.Values) != len(v.Names) {
					continue
				}
				for i, n := range v.Names {
					if text, ok := literal(v.Values[i]); ok {
						s.consts[n.Name] = text
					}
				}
			}
		}
	}
}

// reasons are the lines of a use in f: one if the reason is a constant; if it is a parameter, those of f's callers.
func (s *source) reasons(kind string, f *ast.FuncDecl, reason ast.Expr, depth int) []string {
	s.t.Helper()
	text, ok := literal(reason)
	id, named := reason.(*ast.Ident)
	if !ok && named {
		text, ok = s.consts[id.Name]
	}
	if ok {
		return s.operations(kind, f, text, depth)
	}
	at := -1
	if named {
		at = parameter(f, id.Name)
	}
	if at < 0 || depth > 4 {
		s.t.Errorf("%s: the reason of authz.%s in %s is neither a constant nor a parameter", s.name, kind, f.Name.Name)
		return nil
	}
	var lines []string
	for _, g := range s.funcs {
		for _, c := range calls(g) {
			if called(c) == f.Name.Name && len(c.Args) > at {
				lines = append(lines, s.reasons(kind, g, c.Args[at], depth+1)...)
			}
		}
	}
	if lines == nil {
		s.t.Errorf("%s: nothing calls %s", s.name, f.Name.Name)
	}
	return lines
}

// operations names the operations that reach f: f itself if it is one, else those of its callers.
func (s *source) operations(kind string, f *ast.FuncDecl, reason string, depth int) []string {
	s.t.Helper()
	if f.Recv != nil && f.Name.IsExported() {
		return []string{fmt.Sprintf("%-13s %s.%s: %s", kind, s.name, f.Name.Name, reason)}
	}
	var lines []string
	if depth <= 4 {
		for _, g := range s.funcs {
			for _, c := range calls(g) {
				if called(c) == f.Name.Name {
					lines = append(lines, s.operations(kind, g, reason, depth+1)...)
				}
			}
		}
	}
	if lines == nil {
		s.t.Errorf("%s: no operation reaches %s", s.name, f.Name.Name)
	}
	return lines
}

func calls(f *ast.FuncDecl) []*ast.CallExpr {
	var found []*ast.CallExpr
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			found = append(found, c)
		}
		return true
	})
	return found
}

// called is the name of a function or method that is called.
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// parameter is the position of a function's parameter, or -1.
func parameter(f *ast.FuncDecl, name string) int {
	at := 0
	for _, p := range f.Type.Params.List {
		for _, n := range p.Names {
			if n.Name == name {
				return at
			}
			at++
		}
	}
	return -1
}

// literal is the value of a string literal, or of several added up.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return constant.StringVal(constant.MakeFromLiteral(e.Value, e.Kind, 0)), true
		}
	case *ast.BinaryExpr:
		a, ok := literal(e.X)
		b, also := literal(e.Y)
		return a + b, ok && also && e.Op == token.ADD
	}
	return "", false
}
