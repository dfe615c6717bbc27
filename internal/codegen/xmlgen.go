package codegen

import "strings"

// xmlGen writes the XML codecs: answers of the query protocol, both directions of restXml.
type xmlGen struct {
	t   *types
	fam protocolFamily
}

func (g *xmlGen) write(w *file) {
	for _, st := range g.t.sortedStructs() {
		if st.out {
			g.encodeStruct(w, st)
		}
		if st.in && g.fam.rest {
			g.decodeStruct(w, st)
		}
	}
	for _, name := range g.t.sortedCollections() {
		c := g.t.lists[name]
		if c.out {
			g.encodeCollection(w, c)
		}
		if c.in && g.fam.rest {
			g.decodeCollection(w, c)
		}
	}
}

func (g *xmlGen) body(st *structType) []string {
	var names []string
	for _, m := range st.members() {
		if g.fam.inBody(st, m) {
			names = append(names, m)
		}
	}
	return names
}

func (g *xmlGen) encodeStruct(w *file, st *structType) {
	w.p("// AppendXML appends the members of v as elements.")
	names := g.body(st)
	if len(names) == 0 {
		w.p("func (v *%s) AppendXML(b []byte) []byte { return b }\n", st.name)
		return
	}
	w.p("func (v *%s) AppendXML(b []byte) []byte {", st.name)
	for _, m := range names {
		ref := st.shape.Members[m]
		field := "v." + export(m)
		w.p("if %s {", g.t.present(ref.Shape, field))
		g.appendElem(w, ref, wireName(m, ref), g.t.deref(ref.Shape, field), ref.Flattened || g.t.m.Shapes[ref.Shape].Flattened)
		w.p("}")
	}
	w.p("return b\n}\n")
}

// appendElem writes what appends an element called name with the value v.
func (g *xmlGen) appendElem(w *file, ref *Ref, name, v string, flat bool) {
	s := g.t.m.Shapes[ref.Shape]
	w.use("internal/protocol/xmlcodec")
	switch {
	case len(s.Enum) > 0:
		w.p("b = xmlcodec.AppendString(b, %q, string(%s))", name, v)
		return
	case s.Type == "structure":
		w.p("b = xmlcodec.Open(b, %q)", name)
		w.p("b = %s.AppendXML(b)", v)
		w.p("b = xmlcodec.Close(b, %q)", name)
		return
	case flat && (s.Type == "list" || s.Type == "map"):
		elem := name
		if s.Type == "list" && s.Member.LocationName != "" {
			elem = s.Member.LocationName
		}
		w.p("b = append%sXML(b, %q, %s)", export(ref.Shape), elem, v)
		return
	case s.Type == "list" || s.Type == "map":
		elem := "entry"
		if s.Type == "list" {
			elem = orDefault(s.Member.LocationName, "member")
		}
		w.p("b = xmlcodec.Open(b, %q)", name)
		w.p("b = append%sXML(b, %q, %s)", export(ref.Shape), elem, v)
		w.p("b = xmlcodec.Close(b, %q)", name)
		return
	}
	switch s.Type {
	case "integer", "long":
		w.p("b = xmlcodec.AppendInt(b, %q, int64(%s))", name, v)
	case "float":
		w.p("b = xmlcodec.AppendFloat(b, %q, float64(%s), 32)", name, v)
	case "double":
		w.p("b = xmlcodec.AppendFloat(b, %q, %s, 64)", name, v)
	default:
		w.p("b = xmlcodec.Append%s(b, %q, %s)", scalarMethod[s.Type], name, v)
	}
}

func (g *xmlGen) encodeCollection(w *file, c *collection) {
	if c.shape.Type == "list" {
		elem, _ := g.t.goType(c.shape.Member.Shape)
		w.useType(g.t, c.shape.Member.Shape)
		w.p("func append%sXML(b []byte, name string, v []%s) []byte {", c.name, elem)
		w.p("for i := range v {")
		g.appendNamed(w, c.shape.Member, "v[i]")
		w.p("}\nreturn b\n}\n")
		return
	}
	elem, _ := g.t.goType(c.shape.Value.Shape)
	w.useType(g.t, c.shape.Value.Shape)
	w.use("maps", "slices", "internal/protocol/xmlcodec")
	w.p("func append%sXML(b []byte, name string, v map[string]%s) []byte {", c.name, elem)
	w.p("for _, key := range slices.Sorted(maps.Keys(v)) {")
	w.p("e := v[key]")
	w.p("b = xmlcodec.Open(b, name)")
	w.p("b = xmlcodec.AppendString(b, %q, key)", orDefault(c.shape.Key.LocationName, "key"))
	g.appendElem(w, c.shape.Value, orDefault(c.shape.Value.LocationName, "value"), "e", false)
	w.p("b = xmlcodec.Close(b, name)")
	w.p("}\nreturn b\n}\n")
}

// appendNamed is appendElem for an element whose name is the variable name.
func (g *xmlGen) appendNamed(w *file, ref *Ref, v string) {
	const placeholder = "\x00name\x00"
	sub := &file{imports: w.imports}
	g.appendElem(sub, ref, placeholder, v, false)
	w.body.WriteString(strings.ReplaceAll(sub.body.String(), quote(placeholder), "name"))
}

func (g *xmlGen) decodeStruct(w *file, st *structType) {
	w.use("internal/protocol/xmlcodec")
	w.p("// DecodeXML reads v.")
	names := g.body(st)
	if len(names) == 0 {
		w.p("func (v *%s) DecodeXML(*xmlcodec.Node) error { return nil }\n", st.name)
		return
	}
	w.p("func (v *%s) DecodeXML(n *xmlcodec.Node) error {", st.name)
	fails := false
	for _, m := range names {
		expr, can := g.read(st.shape.Members[m], m)
		if !can {
			w.p("v.%s = %s", export(m), expr)
			continue
		}
		if !fails {
			w.p("var err error")
			fails = true
		}
		w.p("if v.%s, err = %s; err != nil {\nreturn err\n}", export(m), expr)
	}
	w.p("return nil\n}\n")
}

func (g *xmlGen) read(ref *Ref, member string) (expr string, can bool) {
	s := g.t.m.Shapes[ref.Shape]
	typ, _ := g.t.goType(ref.Shape)
	name := wireName(member, ref)
	node := "n.Child(" + quote(name) + ")"
	switch {
	case len(s.Enum) > 0:
		return "xmlcodec.Enum[" + typ + "](" + node + ")", false
	case s.Type == "structure":
		return "xmlcodec.StructPtr[" + typ + "](" + node + ")", true
	case s.Type == "list", s.Type == "map":
		elem := "entry"
		if s.Type == "list" {
			elem = orDefault(s.Member.LocationName, "member")
		}
		if s.Flattened || ref.Flattened {
			if s.Type == "map" || s.Member.LocationName == "" {
				elem = name
			}
			node = "n"
		}
		return "decode" + export(ref.Shape) + "XML(" + node + ", " + quote(elem) + ", " +
			map[bool]string{true: "true", false: "false"}[s.Flattened || ref.Flattened] + ")", true
	case s.Type == "string":
		return node + ".Text().StringPtr()", false
	case s.Type == "blob":
		return node + ".Text().BlobOrNil()", true
	}
	return node + ".Text()." + scalarMethod[s.Type] + "Ptr()", true
}

func (g *xmlGen) readElem(ref *Ref) string {
	s := g.t.m.Shapes[ref.Shape]
	typ, _ := g.t.goType(ref.Shape)
	switch {
	case len(s.Enum) > 0:
		return "xmlcodec.EnumElem[" + typ + "]"
	case s.Type == "structure":
		return "xmlcodec.Struct[" + typ + "]"
	case s.Type == "list", s.Type == "map":
		elem := "entry"
		if s.Type == "list" {
			elem = orDefault(s.Member.LocationName, "member")
		}
		return "func(n *xmlcodec.Node) (" + typ + ", error) { return decode" + export(ref.Shape) + "XML(n, " + quote(elem) + ", false) }"
	}
	return "(*xmlcodec.Node)." + scalarMethod[s.Type]
}

func (g *xmlGen) decodeCollection(w *file, c *collection) {
	w.use("internal/protocol/xmlcodec")
	if c.shape.Type == "list" {
		elem, _ := g.t.goType(c.shape.Member.Shape)
		w.useType(g.t, c.shape.Member.Shape)
		w.p("func decode%sXML(n *xmlcodec.Node, name string, flat bool) ([]%s, error) {", c.name, elem)
		w.p("return xmlcodec.List(n, name, flat, %s)\n}\n", g.readElem(c.shape.Member))
		return
	}
	elem, _ := g.t.goType(c.shape.Value.Shape)
	w.useType(g.t, c.shape.Value.Shape)
	w.p("func decode%sXML(n *xmlcodec.Node, name string, flat bool) (map[string]%s, error) {", c.name, elem)
	w.p("return xmlcodec.Map(n, name, flat, %q, %q, %s)\n}\n", orDefault(c.shape.Key.LocationName, "key"),
		orDefault(c.shape.Value.LocationName, "value"), g.readElem(c.shape.Value))
}
