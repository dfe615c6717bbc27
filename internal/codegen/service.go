package codegen

import (
	"maps"
	"slices"
	"strings"
)

// serviceGen writes what ties a service together: its description, the two interfaces and the constructor.
type serviceGen struct {
	t   *types
	m   *Model
	f   *Facts
	fam protocolFamily
}

func (g *serviceGen) write(w *file) {
	w.doc = "// Package " + g.f.Package + " is the API of " + g.m.Metadata.ServiceID + ": its shapes, codecs and constraints, and the interfaces that an\n" +
		"// implementation has to satisfy.\n"
	w.use("context", "internal/authz", "internal/pipeline", "internal/protocol", "internal/protocol/"+g.fam.pkg)
	g.interfaces(w)
	g.operations(w)
	g.api(w)
}

func (g *serviceGen) interfaces(w *file) {
	w.p("// Service executes the operations. Every request that reaches it has been authorized.")
	w.p("type Service interface {")
	for _, op := range g.t.ops {
		w.p("%s(context.Context, *pipeline.Call, *%sInput) (*%sOutput, error)", op, op, op)
	}
	w.p("}\n")
	w.p("// Requirements says what each operation needs before it may run.")
	w.p("type Requirements interface {")
	for _, op := range g.t.ops {
		w.p("%s(*authz.Scope, *%sInput) authz.Requirement", op, op)
	}
	w.p("}\n")
}

func (g *serviceGen) operations(w *file) {
	w.p("// Operations binds each operation to its requirement and its implementation.")
	w.p("func Operations(s Service, r Requirements) []pipeline.Op {")
	w.p("return []pipeline.Op{")
	for _, op := range g.t.ops {
		o, facts := g.m.Operations[op], g.f.Operations[op]
		w.p("pipeline.NewOp(pipeline.Spec{Service: API, Name: %q, Kind: pipeline.%s%s%s},", op,
			export(facts.Kind), map[bool]string{true: ", Write: true"}[facts.Access == "write"]+
				map[bool]string{true: ", Unsigned: true"}[o.AuthType == "none"]+event(facts.Event), g.binding(o))
		w.p("%s, r.%s, s.%s, %s),", g.decoder(op), op, op, g.encoder(op))
	}
	w.p("}")
	w.p("}\n")
}

func event(name string) string {
	if name == "" {
		return ""
	}
	return ", Event: " + quote(name)
}

func (g *serviceGen) binding(o *Operation) string {
	if !g.fam.rest {
		return ""
	}
	path, _, _ := strings.Cut(o.HTTP.RequestURI, "?")
	s := ", Method: " + quote(o.HTTP.Method) + ", Path: " + quote(path)
	if o.HTTP.ResponseCode != 0 && o.HTTP.ResponseCode != 200 {
		s += ", Status: " + itoa(o.HTTP.ResponseCode)
	}
	return s
}

func (g *serviceGen) decoder(op string) string { return g.fam.pkg + ".Decode[" + op + "Input]" }

func (g *serviceGen) encoder(op string) string {
	if g.fam.query {
		wrapper := ""
		if out := g.m.Operations[op].Output; out != nil {
			wrapper = orDefault(out.ResultWrapper, op+"Result")
		}
		return "awsquery.Encode[" + op + "Output](API, " + quote(op) + ", " + quote(wrapper) + ")"
	}
	if g.fam.pkg == "restxml" {
		return "restxml.Encode[" + op + "Output](API, " + quote(g.root(op)) + ")"
	}
	encode := ".Encode["
	if g.fam.pkg == "awsjson" && g.m.Operations[op].Output == nil {
		encode = ".EncodeNothing["
	}
	return g.fam.pkg + encode + op + "Output](API)"
}

// root is the element that holds the answer of a restXml operation.
func (g *serviceGen) root(op string) string {
	ref := g.m.Operations[op].Output
	if ref == nil {
		return op + "Output"
	}
	s := g.m.Shapes[ref.Shape]
	if payload := s.Members[s.Payload]; payload != nil {
		if payload.LocationName != "" {
			return payload.LocationName
		}
		return orDefault(g.m.Shapes[payload.Shape].LocationName, payload.Shape)
	}
	return orDefault(s.LocationName, ref.Shape)
}

func (g *serviceGen) api(w *file) {
	md := g.m.Metadata
	w.p("// API describes the service to the pipeline and the protocol.")
	w.p("var API = &protocol.Service{")
	w.p("Name: %q,\nID: %q,\nEventSource: %q,", g.f.SigningName, md.ServiceID, g.f.EventSource)
	targets := slices.Clone(g.f.TargetPrefixes)
	if md.TargetPrefix != "" {
		targets = append([]string{md.TargetPrefix}, targets...)
	}
	if len(targets) > 0 {
		w.p("TargetPrefixes: %#v,", targets)
	}
	w.p("APIVersion: %q,", md.APIVersion)
	if md.XMLNamespace != "" {
		w.p("XMLNamespace: %q,", md.XMLNamespace)
	}
	if g.f.Global {
		w.p("Global: true,")
	}
	w.p("Protocol: %s,", g.fam.value)
	g.errors(w)
	g.common(w)
	w.p("Unsupported: []string{")
	for _, op := range slices.Sorted(slices.Values(g.m.Unsupported)) {
		w.p("%q,", op)
	}
	w.p("},")
	w.p("}")
}

func (g *serviceGen) errors(w *file) {
	w.p("Errors: map[string]protocol.WireError{")
	for _, name := range slices.Sorted(maps.Keys(g.t.errors)) {
		s := g.t.errors[name]
		code, status := name, 400
		if s.Fault {
			status = 500
		}
		if s.Error != nil {
			if s.Error.Code != "" {
				code = s.Error.Code
			}
			if s.Error.HTTPStatusCode != 0 {
				status = s.Error.HTTPStatusCode
			}
		}
		w.p("%q: {Code: %q, Status: %d},", name, code, status)
	}
	w.p("},")
}

func (g *serviceGen) common(w *file) {
	if len(g.f.Common) == 0 {
		return
	}
	w.use("internal/fault")
	w.p("Common: map[fault.Class]protocol.WireError{")
	for _, class := range slices.Sorted(maps.Keys(g.f.Common)) {
		c := g.f.Common[class]
		w.p("fault.%s: {Code: %q, Status: %d},", class, c.Code, c.Status)
	}
	w.p("},")
}
