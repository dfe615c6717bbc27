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
	first := g.first(w, st)
	for _, m := range st.members() {
		ref := st.shape.Members[m]
		if m == first {
			continue
		}
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

// first writes the check of the member that is checked before all others and returns its name.
func (g *validateGen) first(w *file, st *structType) string {
	for _, m := range st.members() {
		ref := st.shape.Members[m]
		if !g.t.m.Shapes[ref.Shape].first {
			continue
		}
		field := "v." + export(m)
		w.p("if !c.Present(%s, %s) {\nreturn\n}", quote(m), g.t.present(ref.Shape, field))
		w.p("%s", g.check(ref, quote(memberPath(m)), g.t.deref(ref.Shape, field)))
		w.p("if c.Failed() {\nreturn\n}")
		return m
	}
	return ""
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
	if s.Pattern != "" && s.Type == "string" && s.check == nil {
		w.p("var pattern%s = constraint.NewPattern(%s, %s)\n", export(name), goString(s.Pattern), goString(mustRE2(name, s)))
	}
	w.p("func check%s(c *constraint.Checker, at string, v %s) {", export(name), typ)
	if s.Sensitive {
		w.p("c.Hide()\ndefer c.Show()")
	}
	if s.check != nil {
		w.use(s.check.Import)
		w.p("%s(c, at, v)\n}\n", s.check.Func)
		return
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
		w.p("c.Size(at, len(v), %s, %s, \"\")", low, high)
	default:
		if s.Min != nil {
			w.p("constraint.Min(c, at, v, %s)", strconv.FormatFloat(*s.Min, 'f', -1, 64))
		}
		if s.Max != nil {
			w.p("constraint.Max(c, at, v, %s)", strconv.FormatFloat(*s.Max, 'f', -1, 64))
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
	g.size(w, c.shape, "v")
	if g.sizedInMap(name) {
		w.p("check%sElems(c, at, v)\n}\n", c.name)
		w.p("func check%sElems(c *constraint.Checker, at string, v %s) {", c.name, typ)
	}
	if c.shape.Type == "list" {
		g.listElems(w, c)
	} else {
		g.mapElems(w, c)
	}
	w.p("}\n")
}

// sizedInMap reports whether a list or map of bounded length is the value of a map. A violation of the bounds is then one
// of the map, so what checks the elements is a function of its own.
func (g *validateGen) sizedInMap(name string) bool {
	s := g.t.m.Shapes[name]
	if s.Type != "list" && s.Type != "map" || s.Min == nil && s.Max == nil {
		return false
	}
	for _, c := range g.t.lists {
		if c.in && c.shape.Type == "map" && c.shape.Value.Shape == name {
			return true
		}
	}
	return false
}

func (g *validateGen) size(w *file, s *Shape, v string) {
	if s.Min == nil && s.Max == nil {
		return
	}
	low, high := bounds(s)
	w.p("c.Size(at, len(%s), %s, %s, %q)", v, low, high, map[string]string{"list": "[]", "map": "{}"}[s.Type])
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
	w.p("c.Each()\nfor i := range v {\n%s\n}", g.check(ref, "at", "v[i]"))
	w.p("c.EachDone(at, %s, %s)", goString("Member must satisfy constraint: ["+allConstraints(s)+"]"), show)
}

func (g *validateGen) mapElems(w *file, c *collection) {
	if g.constrained(c.shape.Key.Shape) {
		key := "key"
		if typ, _ := g.t.goType(c.shape.Key.Shape); typ != "string" {
			key = typ + "(key)"
		}
		g.eachValue(w, c.shape.Key, "Map keys", "nil", "for key := range v {\n"+g.check(c.shape.Key, "at", key)+"\n}")
	}
	ref := c.shape.Value
	if !g.constrained(ref.Shape) {
		return
	}
	if !g.composite(ref) {
		g.eachValue(w, ref, "Map value", "nil", "for _, e := range v {\n"+g.check(ref, "at", "e")+"\n}")
		return
	}
	check := g.checkHere(ref, "e")
	if g.sizedInMap(ref.Shape) {
		s := g.t.m.Shapes[ref.Shape]
		low, high := bounds(s)
		show := "nil"
		if !g.t.m.Shapes[c.shape.Key.Shape].Sensitive {
			show = fmt.Sprintf("func() string { return constraint.Keys(v, %q) }", elided[s.Type])
		}
		g.eachValue(w, ref, "Map value", show, "for _, e := range v {\nc.Size(at, len(e), "+low+", "+high+", \"\")\n}")
		check = "check" + export(ref.Shape) + "Elems(c, \"\", e)"
	}
	w.use("maps", "slices")
	w.p("c.Enter(at)\nfor _, key := range slices.Sorted(maps.Keys(v)) {\ne := v[key]\nc.EnterKey(key)")
	w.p("%s\nc.Leave()\n}\nc.Leave()", check)
}

// eachValue writes a loop whose failures are one violation of the map, which show shows.
func (g *validateGen) eachValue(w *file, ref *Ref, what, show, loop string) {
	w.p("c.Each()\n%s", loop)
	w.p("c.EachDone(at, %s, %s)", goString(what+" must satisfy constraint: ["+allConstraints(g.t.m.Shapes[ref.Shape])+"]"), show)
}

// elided is how messages show the lists and maps in a map.
var elided = map[string]string{"list": "[...]", "map": "{...}"}

var numbers = map[string]struct{}{"integer": {}, "long": {}, "float": {}, "double": {}}

// allConstraints lists the constraints of a value in the order of AWS's messages.
func allConstraints(s *Shape) string {
	noun := "length"
	if _, number := numbers[s.Type]; number {
		noun = "value"
	}
	var all []string
	if s.Max != nil {
		all = append(all, "Member must have "+noun+" less than or equal to "+strconv.FormatFloat(*s.Max, 'f', -1, 64))
	}
	if s.Min != nil {
		all = append(all, "Member must have "+noun+" greater than or equal to "+strconv.FormatFloat(*s.Min, 'f', -1, 64))
	}
	if s.Pattern != "" {
		all = append(all, "Member must satisfy regular expression pattern: "+s.Pattern)
	}
	if len(s.Enum) > 0 {
		all = append(all, "Member must satisfy enum value set: ["+strings.Join(s.Enum, ", ")+"]")
	}
	return strings.Join(all, ", ")
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
