package item

import "slices"

// tree is a value that is being changed. Only documents on the path of a change are expanded; the rest stays encoded.
type tree struct {
	kind Kind
	src  []byte // M and L: the encoded body until expanded; others: the whole encoding
	open bool
	// nested is false of the item itself: its attributes keep their order.
	nested bool
	keys   []string         // of an M, in order
	kids   map[string]*tree // of an M; nil for an attribute that is removed
	list   []*tree          // of an L; nil for an element that is removed
	tail   map[int]*tree    // of an L: elements set beyond its end
}

func treeOf(v Value) *tree {
	if k := v.Kind(); k == M || k == L {
		return &tree{kind: k, src: v.body(), nested: true}
	}
	return &tree{kind: v.Kind(), src: v.b}
}

func (t *tree) expand() {
	if t.open {
		return
	}
	t.open = true
	switch t.kind {
	case M:
		t.kids = make(map[string]*tree)
		for name, v := range (Map{b: t.src}).All() {
			t.keys = append(t.keys, name)
			t.kids[name] = treeOf(v)
		}
	case L:
		for b := t.src; len(b) > 0; {
			n := valueLen(b)
			t.list = append(t.list, treeOf(Value{b: b[:n]}))
			b = b[n:]
		}
	}
}

func errPath() error {
	return invalid("The document path provided in the update expression is invalid for update")
}

// change sets the value at the path, or removes what is there if v is zero.
func (t *tree) change(p Path, v Value) error {
	at := t
	for _, s := range p[:len(p)-1] {
		at = at.child(s)
		if at == nil {
			return errPath()
		}
	}
	last := p[len(p)-1]
	if last.isIndex != (at.kind == L) || !last.isIndex && at.kind != M {
		return errPath()
	}
	at.expand()
	if last.isIndex {
		at.setIndex(last.index, v)
	} else {
		at.setName(last.name, v)
	}
	return nil
}

func (t *tree) child(s step) *tree {
	t.expand()
	if s.isIndex {
		if t.kind != L || s.index >= len(t.list) {
			return nil
		}
		return t.list[s.index]
	}
	if t.kind != M {
		return nil
	}
	return t.kids[s.name]
}

func (t *tree) setName(name string, v Value) {
	_, had := t.kids[name]
	if v.IsZero() {
		if had {
			t.kids[name] = nil
		}
		return
	}
	if !had {
		t.keys = append(t.keys, name)
	}
	t.kids[name] = treeOf(v)
}

func (t *tree) setIndex(i int, v Value) {
	switch {
	case i < len(t.list) && v.IsZero():
		t.list[i] = nil
	case i < len(t.list):
		t.list[i] = treeOf(v)
	case !v.IsZero():
		if t.tail == nil {
			t.tail = make(map[int]*tree)
		}
		t.tail[i] = treeOf(v)
	}
}

// body appends the encoded attributes of an M or elements of an L.
func (t *tree) body(b []byte) []byte {
	if !t.open {
		return append(b, t.src...)
	}
	if t.nested { // see sortBody
		slices.Sort(t.keys)
	}
	for _, name := range t.keys {
		if kid := t.kids[name]; kid != nil {
			b = kid.encode(appendBytes(b, name))
		}
	}
	for _, e := range t.list {
		if e != nil {
			b = e.encode(b)
		}
	}
	var beyond []int
	for i := range t.tail {
		beyond = append(beyond, i)
	}
	slices.Sort(beyond)
	for _, i := range beyond {
		b = t.tail[i].encode(b)
	}
	return b
}

func (t *tree) encode(b []byte) []byte {
	if t.kind != M && t.kind != L {
		return append(b, t.src...)
	}
	at := len(b)
	b = t.body(append(b, byte(t.kind), 0, 0, 0, 0))
	closeBody(b, at)
	return b
}
