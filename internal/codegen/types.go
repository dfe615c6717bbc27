package codegen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// protocolFamily is how a model's protocol encodes bodies and binds HTTP.
type protocolFamily struct {
	pkg   string // package below internal/protocol
	value string // the protocol.Protocol in it
	json  bool   // JSON bodies, else XML answers
	query bool   // form requests
	rest  bool   // HTTP bindings
}

func familyOf(md Metadata) (protocolFamily, error) {
	switch md.Protocol {
	case "json":
		switch md.JSONVersion {
		case "1.0":
			return protocolFamily{pkg: "awsjson", value: "awsjson.V10", json: true}, nil
		case "1.1":
			return protocolFamily{pkg: "awsjson", value: "awsjson.V11", json: true}, nil
		}
	case "query":
		return protocolFamily{pkg: "awsquery", value: "awsquery.Protocol", query: true}, nil
	case "rest-json":
		return protocolFamily{pkg: "restjson", value: "restjson.Protocol", json: true, rest: true}, nil
	case "rest-xml":
		return protocolFamily{pkg: "restxml", value: "restxml.Protocol", rest: true}, nil
	}
	return protocolFamily{}, fmt.Errorf("no protocol %q %q", md.Protocol, md.JSONVersion)
}

// structType is a generated structure.
type structType struct {
	name    string // Go name
	shape   *Shape
	in, out bool // reached from inputs, from outputs or errors
	top     bool // an operation's input or output
	err     bool // an error's members beyond the message
}

// members returns the names of the structure's members, sorted; for errors without the message.
func (t *structType) members() []string {
	names := slices.Sorted(maps.Keys(t.shape.Members))
	if t.err {
		names = slices.DeleteFunc(names, isMessage)
	}
	return names
}

func isMessage(member string) bool { return strings.EqualFold(member, "message") }

// collection is a list or map shape, which gets functions of its own.
type collection struct {
	name    string
	shape   *Shape
	in, out bool
}

// types finds the types that the served operations need.
type types struct {
	m       *Model
	structs map[string]*structType
	lists   map[string]*collection
	enums   map[string]*Shape
	errors  map[string]*Shape
	ops     []string
}

func collect(m *Model) (*types, error) {
	t := &types{m: m, structs: map[string]*structType{}, lists: map[string]*collection{}, enums: map[string]*Shape{},
		errors: map[string]*Shape{}, ops: slices.Sorted(maps.Keys(m.Operations))}
	for _, name := range t.ops {
		op := m.Operations[name]
		if err := t.top(name+"Input", op.Input, true); err != nil {
			return nil, err
		}
		if err := t.top(name+"Output", op.Output, false); err != nil {
			return nil, err
		}
		for _, r := range op.Errors {
			if err := t.addError(r.Shape); err != nil {
				return nil, err
			}
		}
	}
	return t, t.collisions()
}

func (t *types) top(name string, r *Ref, in bool) error {
	s := &Shape{Type: "structure"}
	if r != nil {
		if s = t.m.Shapes[r.Shape]; s == nil {
			return fmt.Errorf("no shape %s", r.Shape)
		}
	}
	t.structs[name] = &structType{name: name, shape: s, in: in, out: !in, top: true}
	return t.walkMembers(s, in)
}

func (t *types) addError(name string) error {
	s := t.m.Shapes[name]
	if s == nil {
		return fmt.Errorf("no error shape %s", name)
	}
	if t.errors[name] != nil {
		return nil
	}
	t.errors[name] = s
	st := &structType{name: export(name), shape: s, out: true, err: true}
	if len(st.members()) == 0 {
		return nil
	}
	t.structs[name] = st
	return t.walkMembers(s, false)
}

func (t *types) walkMembers(s *Shape, in bool) error {
	for _, n := range slices.Sorted(maps.Keys(s.Members)) {
		if err := t.walk(s.Members[n].Shape, in); err != nil {
			return err
		}
	}
	return nil
}

func (t *types) walk(name string, in bool) error {
	s := t.m.Shapes[name]
	switch {
	case s == nil:
		return fmt.Errorf("no shape %s", name)
	case s.custom != nil || s.Document:
		return nil
	case len(s.Enum) > 0:
		t.enums[name] = s
		return nil
	}
	switch s.Type {
	case "structure":
		st := t.structs[name]
		if st == nil {
			st = &structType{name: export(name), shape: s}
			t.structs[name] = st
		}
		if mark(&st.in, &st.out, in) {
			return t.walkMembers(s, in)
		}
	case "list", "map":
		c := t.lists[name]
		if c == nil {
			c = &collection{name: export(name), shape: s}
			t.lists[name] = c
		}
		if mark(&c.in, &c.out, in) {
			if s.Type == "list" {
				return t.walk(s.Member.Shape, in)
			}
			if err := t.walk(s.Key.Shape, in); err != nil {
				return err
			}
			return t.walk(s.Value.Shape, in)
		}
	}
	return nil
}

// mark sets the flag of a direction and reports whether it was not set before.
func mark(in, out *bool, isIn bool) bool {
	p := out
	if isIn {
		p = in
	}
	was := *p
	*p = true
	return !was
}

// collisions refuses two declarations of one Go name.
func (t *types) collisions() error {
	taken := map[string]string{"Service": "the interface", "Requirements": "the interface", "Operations": "the constructor", "API": "the variable"}
	claim := func(name, what string) error {
		if other, ok := taken[name]; ok {
			return fmt.Errorf("%s of %s is taken by %s", name, what, other)
		}
		taken[name] = what
		return nil
	}
	for _, n := range slices.Sorted(maps.Keys(t.structs)) {
		if err := claim(t.structs[n].name, "shape "+n); err != nil {
			return err
		}
	}
	for _, n := range slices.Sorted(maps.Keys(t.enums)) {
		if err := claim(export(n), "enum "+n); err != nil {
			return err
		}
		for _, v := range t.enums[n].Enum {
			if err := claim(enumConst(n, v), "value of enum "+n); err != nil {
				return err
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(t.errors)) {
		if err := claim("New"+export(n), "error "+n); err != nil {
			return err
		}
	}
	return nil
}

// goType is the type of a shape as an element; pointer is how a member of it is held.
func (t *types) goType(name string) (typ string, pointer bool) {
	s := t.m.Shapes[name]
	switch {
	case s.custom != nil:
		return s.custom.Type, true
	case s.Document:
		return "json.RawMessage", false
	case len(s.Enum) > 0:
		return export(name), false
	}
	switch s.Type {
	case "string":
		return "string", true
	case "boolean":
		return "bool", true
	case "integer":
		return "int32", true
	case "long":
		return "int64", true
	case "float":
		return "float32", true
	case "double":
		return "float64", true
	case "timestamp":
		return "time.Time", true
	case "blob":
		return "[]byte", false
	case "structure":
		return export(name), true
	case "list":
		elem, _ := t.goType(s.Member.Shape)
		return "[]" + elem, false
	case "map":
		elem, _ := t.goType(s.Value.Shape)
		return "map[string]" + elem, false
	}
	panic("codegen: shape " + name + " has type " + s.Type)
}

// export makes a model's name a Go name.
func export(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + name[n:]
}

// enumConst is the constant of an enum's value: KeyStateType and "PendingDeletion" make KeyStateTypePendingDeletion.
func enumConst(enum, value string) string {
	var b strings.Builder
	b.WriteString(export(enum))
	word := true
	shout := value == strings.ToUpper(value)
	for _, r := range value {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			if r == '*' {
				b.WriteString("All")
			}
			word = true
			continue
		case word:
			b.WriteRune(unicode.ToUpper(r))
		case shout:
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
		word = unicode.IsDigit(r) && shout
	}
	return b.String()
}

// memberPath is a member's name in validation messages: the first letter in lower case.
func memberPath(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}
