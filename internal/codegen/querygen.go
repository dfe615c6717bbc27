package codegen

// queryGen writes what reads forms.
type queryGen struct{ t *types }

func (g *queryGen) write(w *file) {
	w.use("internal/protocol/awsquery")
	for _, st := range g.t.sortedStructs() {
		if st.in {
			g.structure(w, st)
		}
	}
	for _, name := range g.t.sortedCollections() {
		if c := g.t.lists[name]; c.in {
			g.collection(w, c)
		}
	}
}

func (g *queryGen) structure(w *file, st *structType) {
	w.p("// DecodeQuery reads v.")
	names := st.members()
	if len(names) == 0 {
		w.p("func (v *%s) DecodeQuery(*awsquery.Node) error { return nil }\n", st.name)
		return
	}
	w.p("func (v *%s) DecodeQuery(n *awsquery.Node) error {", st.name)
	fails := false
	for _, m := range names {
		ref := st.shape.Members[m]
		expr, can := g.read(ref, "n.Child("+quote(g.name(m, ref))+")")
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

// name is a member's name in a form; that of a flattened list is its element's.
func (g *queryGen) name(member string, ref *Ref) string {
	s := g.t.m.Shapes[ref.Shape]
	if s.Type == "list" && (s.Flattened || ref.Flattened) && s.Member.LocationName != "" {
		return s.Member.LocationName
	}
	return wireName(member, ref)
}

// read is an expression that reads the member at node; can is whether it also gives an error.
func (g *queryGen) read(ref *Ref, node string) (expr string, can bool) {
	s := g.t.m.Shapes[ref.Shape]
	typ, _ := g.t.goType(ref.Shape)
	switch {
	case len(s.Enum) > 0:
		return "awsquery.Enum[" + typ + "](" + node + ")", false
	case s.Type == "structure":
		return "awsquery.StructPtr[" + typ + "](" + node + ")", true
	case s.Type == "list", s.Type == "map":
		flat := s.Flattened || ref.Flattened
		return "decode" + export(ref.Shape) + "Query(" + node + ", " + map[bool]string{true: "true", false: "false"}[flat] + ")", true
	case s.Type == "string":
		return node + ".Text().StringPtr()", false
	case s.Type == "blob":
		return node + ".Text().BlobOrNil()", true
	}
	return node + ".Text()." + scalarMethod[s.Type] + "Ptr()", true
}

func (g *queryGen) readElem(ref *Ref) string {
	s := g.t.m.Shapes[ref.Shape]
	typ, _ := g.t.goType(ref.Shape)
	switch {
	case len(s.Enum) > 0:
		return "awsquery.EnumElem[" + typ + "]"
	case s.Type == "structure":
		return "awsquery.Struct[" + typ + "]"
	case s.Type == "list", s.Type == "map":
		return "func(n *awsquery.Node) (" + typ + ", error) { return decode" + export(ref.Shape) + "Query(n, false) }"
	}
	return "(*awsquery.Node)." + scalarMethod[s.Type]
}

func (g *queryGen) collection(w *file, c *collection) {
	var typ string
	if c.shape.Type == "list" {
		elem, _ := g.t.goType(c.shape.Member.Shape)
		w.useType(g.t, c.shape.Member.Shape)
		typ = "[]" + elem
		w.p("func decode%sQuery(n *awsquery.Node, flat bool) (%s, error) {", c.name, typ)
		w.p("return awsquery.List(n, flat, %q, %s)\n}\n", orDefault(c.shape.Member.LocationName, "member"), g.readElem(c.shape.Member))
		return
	}
	elem, _ := g.t.goType(c.shape.Value.Shape)
	w.useType(g.t, c.shape.Value.Shape)
	w.p("func decode%sQuery(n *awsquery.Node, flat bool) (map[string]%s, error) {", c.name, elem)
	w.p("return awsquery.Map(n, flat, %q, %q, %s)\n}\n", orDefault(c.shape.Key.LocationName, "key"),
		orDefault(c.shape.Value.LocationName, "value"), g.readElem(c.shape.Value))
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
