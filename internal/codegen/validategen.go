package codegen

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// validateGen writes the model's constraints on inputs.
type validateGen struct {
	t      *types
	needed map[string]bool
}

func (g *validateGen) write(w *file) {
	g.needed = map[string]bool{}
	w.use("internal/protocol/constraint")
	for _, st := range g.t.sortedStructs() {
		if st.in {
			g.structure(w, st)
		}
	}
	for _, name := range g.scalars() {
		g.scalar(w, name)
	}
	for _, name := range g.t.sortedCollections() {
		if g.t.lists[name].in && g.constrained(name) {
			g.collection(w, name)
		}
	}
}

// constrained reports whether values of a shape have constraints.
func (g *validateGen) constrained(name string) bool { return g.search(name, map[string]bool{}) }

func (g *validateGen) search(name string, seen map[string]bool) bool {
	s := g.t.m.Shapes[name]
	if s == nil || s.unchecked || s.custom != nil || s.Document || seen[name] {
		return false
	}
	seen[name] = true
	if len(s.Enum) > 0 || s.Pattern != "" || s.Min != nil || s.Max != nil || len(s.Required) > 0 {
		return true
	}
	for _, r := range s.Members {
		if g.search(r.Shape, seen) {
			return true
		}
	}
	for _, r := range []*Ref{s.Member, s.Key, s.Value} {
		if r != nil && g.search(r.Shape, seen) {
			return true
		}
	}
	return false
}

func (g *validateGen) structure(w *file, st *structType) {
	w.p("// Validate checks v against the constraints of the model.")
	w.p("func (v *%s) Validate(c *constraint.Checker) {", st.name)
	if st.shape.Sensitive {
		w.p("c.Hide()\ndefer c.Show()")
	}
	for _, m := range st.members() {
		ref := st.shape.Members[m]
		required := slices.Contains(st.shape.Required, m)
		checked := g.constrained(ref.Shape)
		field, at := "v."+export(m), quote(memberPath(m))
		present := g.t.present(ref.Shape, field)
		switch {
		case required && checked:
			w.p("if c.Required(%s, %s) {", at, present)
		case required:
			w.p("c.Required(%s, %s)", at, present)
			continue
		case checked:
			w.p("if %s {", present)
		default:
			continue
		}
		w.p("%s\n}", g.check(ref, at, g.t.deref(ref.Shape, field)))
	}
	w.p("}\n")
}

// check is a statement that checks a value.
func (g *validateGen) check(ref *Ref, at, v string) string {
	s := g.t.m.Shapes[ref.Shape]
	if s.Type == "structure" {
		return "c.Enter(" + at + ")\n" + v + ".Validate(c)\nc.Leave()"
	}
	if s.Type != "list" && s.Type != "map" {
		g.needed[ref.Shape] = true
	}
	return "check" + export(ref.Shape) + "(c, " + at + ", " + v + ")"
}

// scalars returns the constrained scalar shapes that inputs reach.
func (g *validateGen) scalars() []string {
	for name, c := range g.t.lists {
		if !c.in {
			continue
		}
		for _, r := range []*Ref{c.shape.Member, c.shape.Key, c.shape.Value} {
			if r == nil || !g.constrained(r.Shape) {
				continue
			}
			if typ := g.t.m.Shapes[r.Shape].Type; typ != "structure" && typ != "list" && typ != "map" && g.constrained(name) {
				g.needed[r.Shape] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(g.needed))
}

func (g *validateGen) scalar(w *file, name string) {
	s := g.t.m.Shapes[name]
	typ, _ := g.t.goType(name)
	w.useType(g.t, name)
	if s.Pattern != "" && s.Type == "string" {
		w.p("var pattern%s = constraint.NewPattern(%s, %s)\n", export(name), goString(s.Pattern), goString(mustRE2(name, s)))
	}
	w.p("func check%s(c *constraint.Checker, at string, v %s) {", export(name), typ)
	if s.Sensitive {
		w.p("c.Hide()\ndefer c.Show()")
	}
	str := "v"
	if len(s.Enum) > 0 {
		str = "string(v)"
		consts := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			consts[i] = enumConst(name, e)
		}
		w.p("switch v {\ncase %s:\ndefault:\nc.Enum(at, string(v), %q)\n}", strings.Join(consts, ",\n"), strings.Join(s.Enum, ", "))
	}
	low, high := bounds(s)
	switch s.Type {
	case "string":
		if len(s.Enum) == 0 && (s.Min != nil || s.Max != nil) {
			w.p("c.Length(at, %s, %s, %s)", str, low, high)
		}
		if s.Pattern != "" {
			w.p("c.Matches(at, %s, pattern%s)", str, export(name))
		}
	case "blob":
		w.p("c.Size(at, len(v), %s, %s)", low, high)
	default:
		if s.Min != nil {
			w.p("c.Min(at, float64(v), %s)", strconv.FormatFloat(*s.Min, 'f', -1, 64))
		}
		if s.Max != nil {
			w.p("c.Max(at, float64(v), %s)", strconv.FormatFloat(*s.Max, 'f', -1, 64))
		}
	}
	w.p("}\n")
}

// bounds are the arguments of Length and Size.
func bounds(s *Shape) (low, high string) {
	low, high = "0", "constraint.None"
	if s.Min != nil {
		low = strconv.Itoa(int(*s.Min))
	}
	if s.Max != nil {
		high = strconv.Itoa(int(*s.Max))
	}
	return low, high
}

func goString(s string) string {
	if strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return quote(s)
}

// javaUnicode is Java's escape of a UTF-16 unit.
var javaUnicode = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// RE2 returns a shape's pattern in the syntax of Go's regexp; an error means that the facts need a patch.
func RE2(s *Shape) (string, error) {
	expr := s.rePattern
	if expr == "" {
		expr = javaUnicode.ReplaceAllString(s.Pattern, `\x{$1}`)
	}
	_, err := regexp.Compile(expr)
	return expr, err
}

func mustRE2(name string, s *Shape) string {
	expr, err := RE2(s)
	if err != nil {
		panic(fmt.Sprintf("codegen: the pattern of %s needs a patch: %v", name, err))
	}
	return expr
}

func (g *validateGen) collection(w *file, name string) {
	c := g.t.lists[name]
	typ, _ := g.t.goType(name)
	w.useType(g.t, name)
	w.p("func check%s(c *constraint.Checker, at string, v %s) {", c.name, typ)
	if c.shape.Sensitive {
		w.p("c.Hide()\ndefer c.Show()")
	}
	if c.shape.Min != nil || c.shape.Max != nil {
		low, high := bounds(c.shape)
		w.p("c.Size(at, len(v), %s, %s)", low, high)
	}
	if c.shape.Type == "list" {
		g.listElems(w, c)
	} else {
		g.mapElems(w, c)
	}
	w.p("}\n")
}

func (g *validateGen) listElems(w *file, c *collection) {
	ref := c.shape.Member
	if !g.constrained(ref.Shape) {
		return
	}
	if g.composite(ref) {
		w.p("c.Enter(at)\nfor i := range v {\nc.EnterIndex(i)")
		w.p("%s", g.checkHere(ref, "v[i]"))
		w.p("c.Leave()\n}\nc.Leave()")
		return
	}
	s := g.t.m.Shapes[ref.Shape]
	show := "nil"
	if s.Type == "string" && !s.Sensitive {
		show = "func() string { return constraint.Strings(v) }"
	}
	w.p("c.Each(\"Member\", %s)\nfor i := range v {\n%s\n}\nc.EachDone()", show, g.check(ref, "at", "v[i]"))
}

func (g *validateGen) mapElems(w *file, c *collection) {
	if g.constrained(c.shape.Key.Shape) {
		w.use("maps", "slices")
		key := "key"
		if typ, _ := g.t.goType(c.shape.Key.Shape); typ != "string" {
			key = typ + "(key)"
		}
		w.p("c.Each(\"Map keys\", nil)\nfor _, key := range slices.Sorted(maps.Keys(v)) {\n%s\n}\nc.EachDone()", g.check(c.shape.Key, "at", key))
	}
	ref := c.shape.Value
	if !g.constrained(ref.Shape) {
		return
	}
	w.use("maps", "slices")
	if !g.composite(ref) {
		w.p("c.Each(\"Map values\", nil)\nfor _, key := range slices.Sorted(maps.Keys(v)) {\n%s\n}\nc.EachDone()", g.check(ref, "at", "v[key]"))
		return
	}
	w.p("c.Enter(at)\nfor _, key := range slices.Sorted(maps.Keys(v)) {\ne := v[key]\nc.EnterKey(key)")
	w.p("%s\nc.Leave()\n}\nc.Leave()", g.checkHere(ref, "e"))
}

func (g *validateGen) composite(ref *Ref) bool {
	t := g.t.m.Shapes[ref.Shape].Type
	return t == "structure" || t == "list" || t == "map"
}

// checkHere checks a composite whose path has been entered already.
func (g *validateGen) checkHere(ref *Ref, v string) string {
	if g.t.m.Shapes[ref.Shape].Type == "structure" {
		return v + ".Validate(c)"
	}
	return g.check(ref, `""`, v)
}
