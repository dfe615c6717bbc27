package codegen

import "strings"

// restGen writes the HTTP bindings of REST protocols: what of an input or output is not in the body.
type restGen struct {
	t   *types
	m   *Model
	fam protocolFamily
}

func (g *restGen) write(w *file) {
	w.use("internal/protocol", "internal/protocol/rest")
	for _, op := range g.t.ops {
		g.input(w, g.t.structs[op+"Input"])
		g.output(w, g.t.structs[op+"Output"])
	}
}

// location is a member's source and the name it has there.
func location(member string, ref *Ref) (source, name string) {
	name = wireName(member, ref)
	switch ref.Location {
	case "uri":
		return "rest.Label(r, " + quote(name) + ")", name
	case "querystring":
		return "rest.Query(r, " + quote(name) + ")", name
	case "header":
		return "rest.Header(r, " + quote(name) + ")", name
	}
	return "", name
}

func (g *restGen) input(w *file, st *structType) {
	w.p("// DecodeHTTP reads what of v is not in the body.")
	bound := g.bound(st)
	if len(bound) == 0 && st.shape.Payload == "" {
		w.p("func (v *%s) DecodeHTTP(*protocol.Request) (rest.Body, error) { return v, nil }\n", st.name)
		return
	}
	w.p("func (v *%s) DecodeHTTP(r *protocol.Request) (rest.Body, error) {", st.name)
	fails := false
	for _, m := range bound {
		expr, can := g.read(m, st.shape.Members[m])
		if !can {
			w.p("v.%s = %s", export(m), expr)
			continue
		}
		if !fails {
			w.p("var err error")
			fails = true
		}
		w.p("if v.%s, err = %s; err != nil {\nreturn nil, err\n}", export(m), expr)
	}
	g.inputPayload(w, st)
	w.p("}\n")
	g.repeats(w, st)
}

// repeats writes which query parameters of an input are lists.
func (g *restGen) repeats(w *file, st *structType) {
	var names []string
	for _, m := range g.bound(st) {
		if ref := st.shape.Members[m]; ref.Location == "querystring" && g.t.m.Shapes[ref.Shape].Type == "list" {
			names = append(names, "name == "+quote(wireName(m, ref)))
		}
	}
	if len(names) == 0 {
		return
	}
	w.p("// RepeatsQuery implements rest.Repeats.")
	w.p("func (v *%s) RepeatsQuery(name string) bool { return %s }\n", st.name, strings.Join(names, " || "))
}

// inputPayload writes what takes the body: the input's own members, one structure, or raw bytes.
func (g *restGen) inputPayload(w *file, st *structType) {
	if st.shape.Payload == "" {
		w.p("return v, nil")
		return
	}
	ref := st.shape.Members[st.shape.Payload]
	field := "v." + export(st.shape.Payload)
	switch s := g.t.m.Shapes[ref.Shape]; s.Type {
	case "structure":
		w.p("if len(r.Body) == 0 {\nreturn nil, nil\n}")
		w.p("%s = new(%s)\nreturn %s, nil", field, export(ref.Shape), field)
	case "blob":
		w.p("%s = r.Body\nreturn nil, nil", field)
	default:
		w.use("internal/protocol/text")
		w.p("%s = text.Of(string(r.Body)).StringPtr()\nreturn nil, nil", field)
	}
}

func (g *restGen) bound(st *structType) []string {
	var names []string
	for _, m := range st.members() {
		if st.shape.Members[m].Location != "" {
			names = append(names, m)
		}
	}
	return names
}

func (g *restGen) read(m string, ref *Ref) (expr string, can bool) {
	source, name := location(m, ref)
	s := g.t.m.Shapes[ref.Shape]
	typ, _ := g.t.goType(ref.Shape)
	switch {
	case len(s.Enum) > 0:
		return typ + "(" + source + ".S)", false
	case s.Type == "list":
		return "rest.Queries(r, " + quote(name) + ")", false
	case s.Type == "map":
		return "rest.Headers(r, " + quote(name) + ")", false
	case s.Type == "string":
		return source + ".StringPtr()", false
	case s.Type == "blob":
		return source + ".BlobOrNil()", true
	}
	return source + "." + scalarMethod[s.Type] + "Ptr()", true
}

func (g *restGen) output(w *file, st *structType) {
	w.p("// EncodeHTTP writes what of v is not in the body.")
	bound := g.bound(st)
	if len(bound) == 0 && st.shape.Payload == "" {
		w.p("func (v *%s) EncodeHTTP(*protocol.Response) rest.Answer { return v }\n", st.name)
		return
	}
	w.p("func (v *%s) EncodeHTTP(w *protocol.Response) rest.Answer {", st.name)
	for _, m := range bound {
		ref := st.shape.Members[m]
		field := "v." + export(m)
		if ref.Location == "statusCode" {
			w.p("if %s != nil {\nw.Status = int(*%s)\n}", field, field)
			continue
		}
		w.p("if %s {", g.t.present(ref.Shape, field))
		w.p("%s\n}", g.header(ref, wireName(m, ref), g.t.deref(ref.Shape, field)))
	}
	g.outputPayload(w, st)
	w.p("}\n")
}

func (g *restGen) header(ref *Ref, name, v string) string {
	s := g.t.m.Shapes[ref.Shape]
	set := "rest.SetHeader(w, " + quote(name) + ", "
	switch {
	case len(s.Enum) > 0:
		return set + "string(" + v + "))"
	case s.Type == "map":
		return "rest.SetHeaders(w, " + quote(name) + ", " + v + ")"
	case s.Type == "timestamp":
		return set + "rest.HTTPDate(" + v + "))"
	case s.Type == "string":
		return set + v + ")"
	}
	return set + "rest.Scalar(" + v + "))"
}

func (g *restGen) outputPayload(w *file, st *structType) {
	if st.shape.Payload == "" {
		w.p("return v")
		return
	}
	ref := st.shape.Members[st.shape.Payload]
	field := "v." + export(st.shape.Payload)
	switch s := g.t.m.Shapes[ref.Shape]; s.Type {
	case "structure":
		w.p("if %s == nil {\nreturn nil\n}\nreturn %s", field, field)
	case "blob":
		w.p("w.Body = append(w.Body, %s...)\nreturn nil", field)
	default:
		w.p("if %s != nil {\nw.Body = append(w.Body, *%s...)\n}\nreturn nil", field, field)
	}
}
