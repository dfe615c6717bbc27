package codegen

import (
	"maps"
	"slices"
)

// shapeGen writes structures, enums and error constructors.
type shapeGen struct{ t *types }

func (g *shapeGen) write(w *file) {
	for _, name := range slices.Sorted(maps.Keys(g.t.enums)) {
		g.enum(w, name)
	}
	for _, st := range g.t.sortedStructs() {
		g.structure(w, st)
	}
	for _, name := range slices.Sorted(maps.Keys(g.t.errors)) {
		g.errorShape(w, name)
	}
}

func (g *shapeGen) enum(w *file, name string) {
	w.p("// %s is an enum of the model; \"\" is absent.", export(name))
	w.p("type %s string\n", export(name))
	w.p("// The values of %s.", export(name))
	w.p("const (")
	for _, v := range g.t.enums[name].Enum {
		w.p("%s %s = %q", enumConst(name, v), export(name), v)
	}
	w.p(")\n")
}

func (g *shapeGen) structure(w *file, st *structType) {
	switch {
	case st.err:
		w.p("// %s holds the members of the error beyond its message.", st.name)
	case st.shape.Union:
		w.p("// %s is a union of the model: exactly one member is set.", st.name)
	default:
		w.p("// %s is a structure of the model.", st.name)
	}
	w.p("type %s struct {", st.name)
	for _, m := range st.members() {
		ref := st.shape.Members[m]
		typ, pointer := g.t.goType(ref.Shape)
		w.useType(g.t, ref.Shape)
		if pointer {
			typ = "*" + typ
		}
		w.p("%s %s", export(m), typ)
	}
	w.p("}\n")
}

func (g *shapeGen) errorShape(w *file, name string) {
	w.use("internal/fault")
	w.p("// New%s makes the error of the model.", export(name))
	w.p("func New%s(format string, args ...any) *fault.Error { return fault.Of(%q, format, args...) }\n", export(name), name)
	if g.t.structs[name] != nil {
		w.p("// Fault makes the error with the members of v.")
		w.p("func (v *%s) Fault(format string, args ...any) *fault.Error {", export(name))
		w.p("f := New%s(format, args...)", export(name))
		w.p("f.Shape = v")
		w.p("return f")
		w.p("}\n")
	}
}
