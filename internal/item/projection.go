package item

import (
	"slices"
	"strconv"
)

// Projection is a compiled projection expression. A nil Projection is the whole item.
type Projection struct {
	paths []Path
	root  *selection
	// legacy is true of AttributesToGet.
	legacy bool
	// names are what the selected values are called if they do not keep their places in the item.
	names []string
}

// selection is a tree of the selected paths: whole at a leaf.
type selection struct {
	whole bool
	names map[string]*selection
	index map[int]*selection
}

// param is the parameter that the projection was given as.
func (pr *Projection) param() string {
	if pr.legacy {
		return "AttributesToGet"
	}
	return "ProjectionExpression"
}

// ParseProjection compiles a ProjectionExpression.
func ParseProjection(src string, ph *Placeholders) (*Projection, error) {
	var paths []Path
	err := parse("ProjectionExpression", src, ph, nil, func(p *parser) {
		for {
			paths = append(paths, p.documentPath())
			if !p.accept(",") {
				break
			}
		}
		p.overlap(paths)
	})
	if err != nil {
		return nil, err
	}
	return newProjection(paths), nil
}

// ProjectionOf selects top-level attributes (AttributesToGet, keys).
func ProjectionOf(names []string) *Projection {
	paths := make([]Path, len(names))
	for i, n := range names {
		paths[i] = Path{{name: n}}
	}
	return newProjection(paths)
}

// Columns selects paths, each as a top-level attribute with the name of the path's last part: SELECT a.b gives b. A path
// that ends in a list index is named by its place among the columns: _1, _2.
func Columns(paths []Path) (*Projection, error) {
	names := make([]string, len(paths))
	for i, p := range paths {
		if last := p[len(p)-1]; last.isIndex {
			names[i] = "_" + strconv.Itoa(i+1)
		} else {
			names[i] = last.name
		}
		if slices.Contains(names[:i], names[i]) {
			return nil, invalid("Duplicate identifiers in select clause: %s", names[i])
		}
	}
	return &Projection{paths: paths, names: names}, nil
}

// columns returns the selected values side by side.
func (pr *Projection) columns(m Map) Map {
	var b Builder
	for i, p := range pr.paths {
		b.Set(pr.names[i], p.in(m))
	}
	return b.Map()
}

func newProjection(paths []Path) *Projection {
	pr := &Projection{paths: paths, root: &selection{}}
	for _, p := range paths {
		s := pr.root
		for _, st := range p {
			s = s.child(st)
		}
		s.whole = true
	}
	return pr
}

func (s *selection) child(st step) *selection {
	if st.isIndex {
		if s.index == nil {
			s.index = make(map[int]*selection)
		}
		if s.index[st.index] == nil {
			s.index[st.index] = &selection{}
		}
		return s.index[st.index]
	}
	if s.names == nil {
		s.names = make(map[string]*selection)
	}
	if s.names[st.name] == nil {
		s.names[st.name] = &selection{}
	}
	return s.names[st.name]
}

// Attributes implements Expression.
func (pr *Projection) Attributes() []string {
	if pr == nil {
		return nil
	}
	return topLevel(pr.paths)
}

// Apply returns the selected parts of an item. Selected list elements move together, in order.
func (pr *Projection) Apply(m Map) Map {
	if pr == nil || m.b == nil {
		return m
	}
	if pr.names != nil {
		return pr.columns(m)
	}
	out, _ := pr.root.fields(make([]byte, 0, len(m.b)), m)
	return Map{b: out}
}

// fields appends the selected attributes of m and reports whether there are any.
func (s *selection) fields(b []byte, m Map) ([]byte, bool) {
	found := false
	for name, v := range m.entries() {
		sub := s.names[string(name)]
		if sub == nil {
			continue
		}
		at := len(b)
		b = appendBytes(b, name)
		var ok bool
		if b, ok = sub.value(b, Value{b: v}); !ok {
			b = b[:at]
			continue
		}
		found = true
	}
	return b, found
}

func (s *selection) value(b []byte, v Value) ([]byte, bool) {
	if s.whole {
		return append(b, v.b...), true
	}
	at, found := len(b), false
	switch {
	case v.Kind() == M && s.names != nil:
		b = append(b, byte(M), 0, 0, 0, 0)
		b, found = s.fields(b, v.Map())
	case v.Kind() == L && s.index != nil:
		b = append(b, byte(L), 0, 0, 0, 0)
		i := 0
		for e := range v.Elements() {
			if sub := s.index[i]; sub != nil {
				var ok bool
				b, ok = sub.value(b, e)
				found = found || ok
			}
			i++
		}
	}
	if !found {
		return b[:at], false
	}
	closeBody(b, at)
	return b, true
}
