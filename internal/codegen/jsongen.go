package codegen

import "strconv"

func quote(s string) string { return strconv.Quote(s) }

func itoa(n int) string { return strconv.Itoa(n) }

// jsonGen writes the JSON codecs.
type jsonGen struct {
	t   *types
	fam protocolFamily
}

func (g *jsonGen) write(w *file) {
	w.use("internal/protocol/jsoncodec")
	for _, st := range g.t.sortedStructs() {
		if st.in {
			g.decodeStruct(w, st)
		}
		if st.out {
			g.encodeStruct(w, st)
		}
	}
	for _, name := range g.t.sortedCollections() {
		c := g.t.lists[name]
		if c.in {
			g.decodeCollection(w, c)
		}
		if c.out {
			g.encodeCollection(w, c)
		}
	}
}

// inBody reports whether a member travels in the JSON or XML body.
func (fam protocolFamily) inBody(st *structType, member string) bool {
	return !fam.rest || !st.top || st.shape.Members[member].Location == "" && st.shape.Payload == ""
}

func wireName(member string, ref *Ref) string {
	if ref.LocationName != "" {
		return ref.LocationName
	}
	return member
}

func (g *jsonGen) decodeStruct(w *file, st *structType) {
	w.p("// DecodeJSON reads v.")
	w.p("func (v *%s) DecodeJSON(d *jsoncodec.Decoder) error {", st.name)
	w.p("if err := d.OpenObject(\"Struct\"); err != nil {\nreturn err\n}")
	w.p("for {")
	var body []string
	for _, m := range st.members() {
		if g.fam.inBody(st, m) {
			body = append(body, m)
		}
	}
	if len(body) == 0 {
		w.p("_, more, err := d.NextKey()\nif err != nil || !more {\nreturn err\n}")
		w.p("if err := d.Skip(); err != nil {\nreturn err\n}\n}\n}\n")
		return
	}
	w.p("key, more, err := d.NextKey()\nif err != nil || !more {\nreturn err\n}")
	w.p("switch key {")
	for _, m := range body {
		ref := st.shape.Members[m]
		w.p("case %q:", wireName(m, ref))
		w.p("v.%s, err = %s", export(m), g.readMember(w, ref))
	}
	w.p("default:\nerr = d.Skip()\n}")
	w.p("if err != nil {\nreturn err\n}\n}\n}\n")
}

// timeFormat is the format of a timestamp in a body.
func timeFormat(t *types, ref *Ref, def string) string {
	switch {
	case ref.TimestampFormat != "":
		return ref.TimestampFormat
	case t.m.Shapes[ref.Shape].TimestampFormat != "":
		return t.m.Shapes[ref.Shape].TimestampFormat
	}
	return def
}

// readMember is an expression that reads an optional member, null included.
func (g *jsonGen) readMember(w *file, ref *Ref) string {
	s := g.t.m.Shapes[ref.Shape]
	typ, _ := g.t.goType(ref.Shape)
	switch {
	case s.custom != nil:
		w.use(s.custom.Import)
		return "jsoncodec.StructPtr[" + typ + "](d)"
	case s.Document:
		return "d.RawOrNil()"
	case len(s.Enum) > 0:
		return "jsoncodec.Enum[" + typ + "](d)"
	}
	switch s.Type {
	case "structure":
		return "jsoncodec.StructPtr[" + typ + "](d)"
	case "list", "map":
		return "decode" + export(ref.Shape) + "JSON(d)"
	case "blob":
		return "d.BlobOrNil()"
	case "timestamp":
		if timeFormat(g.t, ref, "unixTimestamp") == "iso8601" {
			return "jsoncodec.Ptr(d, (*jsoncodec.Decoder).TimeISO)"
		}
	}
	return "d." + scalarMethod[s.Type] + "Ptr()"
}

// scalarMethod names the methods that read and write a type of the model.
var scalarMethod = map[string]string{
	"string": "String", "boolean": "Bool", "integer": "Int32", "long": "Int64", "float": "Float32", "double": "Float64",
	"timestamp": "Time", "blob": "Blob",
}

// readElem is a function that reads an element.
func (g *jsonGen) readElem(w *file, ref *Ref) string {
	s := g.t.m.Shapes[ref.Shape]
	typ, _ := g.t.goType(ref.Shape)
	switch {
	case s.custom != nil:
		w.use(s.custom.Import)
		return "jsoncodec.Struct[" + typ + "]"
	case s.Document:
		return "(*jsoncodec.Decoder).Raw"
	case len(s.Enum) > 0:
		return "jsoncodec.EnumElem[" + typ + "]"
	case s.Type == "structure":
		return "jsoncodec.Struct[" + typ + "]"
	case s.Type == "list", s.Type == "map":
		return "decode" + export(ref.Shape) + "JSON"
	case s.Type == "timestamp" && timeFormat(g.t, ref, "unixTimestamp") == "iso8601":
		return "(*jsoncodec.Decoder).TimeISO"
	}
	return "(*jsoncodec.Decoder)." + scalarMethod[s.Type]
}

func (g *jsonGen) decodeCollection(w *file, c *collection) {
	typ, elem, kind := g.collectionType(w, c)
	w.p("func decode%sJSON(d *jsoncodec.Decoder) (%s, error) {", c.name, typ)
	if c.shape.dropNulls {
		kind = "MapWithoutNulls"
	}
	w.p("return jsoncodec.%s(d, %s)\n}\n", kind, g.readElem(w, elem))
}

// collectionType returns the Go type, the element and "List" or "Map".
func (g *jsonGen) collectionType(w *file, c *collection) (typ string, elem *Ref, kind string) {
	elem, kind = c.shape.Member, "List"
	if c.shape.Type == "map" {
		elem, kind = c.shape.Value, "Map"
	}
	elemType, _ := g.t.goType(elem.Shape)
	w.useType(g.t, elem.Shape)
	if kind == "Map" {
		return "map[string]" + elemType, elem, kind
	}
	return "[]" + elemType, elem, kind
}

func (g *jsonGen) encodeStruct(w *file, st *structType) {
	if st.err {
		w.p("// AppendMembersJSON appends the members to an object that has others.")
		w.p("func (v *%s) AppendMembersJSON(b []byte) []byte {", st.name)
	} else {
		w.p("// AppendJSON appends v.")
		w.p("func (v *%s) AppendJSON(b []byte) []byte {", st.name)
		w.p("b = append(b, '{')")
	}
	for _, m := range st.members() {
		if !g.fam.inBody(st, m) {
			continue
		}
		ref := st.shape.Members[m]
		field := "v." + export(m)
		w.p("if %s {", g.t.present(ref.Shape, field))
		w.p("b = jsoncodec.AppendKey(b, %q)", wireName(m, ref))
		w.p("b = %s", g.appendValue(ref, g.t.deref(ref.Shape, field)))
		w.p("}")
	}
	if st.err {
		w.p("return b\n}\n")
		return
	}
	w.p("return append(b, '}')\n}\n")
}

// present is a condition that holds when an optional member is set.
func (t *types) present(shape, field string) string {
	if s := t.m.Shapes[shape]; len(s.Enum) > 0 && s.custom == nil {
		return field + ` != ""`
	}
	return field + " != nil"
}

// deref is the value of a member that is set.
func (t *types) deref(shape, field string) string {
	s := t.m.Shapes[shape]
	if _, pointer := t.goType(shape); pointer && (s.Type != "structure" && s.custom == nil) {
		return "*" + field
	}
	return field
}

// appendValue is an expression that appends a value; structures and custom types are addressable.
func (g *jsonGen) appendValue(ref *Ref, v string) string {
	s := g.t.m.Shapes[ref.Shape]
	switch {
	case s.custom != nil, !s.Document && s.Type == "structure":
		return v + ".AppendJSON(b)"
	case s.Document:
		return "append(b, " + v + "...)"
	case len(s.Enum) > 0:
		return "jsoncodec.AppendString(b, string(" + v + "))"
	}
	switch s.Type {
	case "list", "map":
		return "append" + export(ref.Shape) + "JSON(b, " + v + ")"
	case "integer", "long":
		return "jsoncodec.AppendInt(b, int64(" + v + "))"
	case "float":
		return "jsoncodec.AppendFloat(b, float64(" + v + "), 32)"
	case "double":
		return "jsoncodec.AppendFloat(b, " + v + ", 64)"
	case "timestamp":
		if timeFormat(g.t, ref, "unixTimestamp") == "iso8601" {
			return "jsoncodec.AppendTimeISO(b, " + v + ")"
		}
	}
	return "jsoncodec.Append" + scalarMethod[s.Type] + "(b, " + v + ")"
}

func (g *jsonGen) encodeCollection(w *file, c *collection) {
	typ, elem, kind := g.collectionType(w, c)
	w.p("func append%sJSON(b []byte, v %s) []byte {", c.name, typ)
	if kind == "List" {
		w.p("b = append(b, '[')")
		w.p("for i := range v {\nif i > 0 {\nb = append(b, ',')\n}")
		w.p("b = %s\n}", g.appendValue(elem, "v[i]"))
		w.p("return append(b, ']')\n}\n")
		return
	}
	w.use("maps", "slices")
	w.p("b = append(b, '{')")
	w.p("for _, key := range slices.Sorted(maps.Keys(v)) {")
	w.p("e := v[key]")
	w.p("b = jsoncodec.AppendMapKey(b, key)")
	w.p("b = %s\n}", g.appendValue(elem, "e"))
	w.p("return append(b, '}')\n}\n")
}
