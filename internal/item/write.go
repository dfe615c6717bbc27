package item

// WriteKind says what a Write does.
type WriteKind uint8

// The kinds. The zero WriteKind is refused.
const (
	_ WriteKind = iota
	PutRow
	UpdateRow
	DeleteRow
	CheckRow // only the condition, in transactions
)

// Write is one write of one row, compiled.
type Write struct {
	Kind WriteKind
	// Item is what PutRow stores. Key names the row for the other kinds.
	Item, Key Map
	Update    *Update
	Condition *Condition
	// Alone is true of an UpdateItem request: the size that it may reach counts its actions too.
	Alone bool
	// ReturnOnFailure puts the item into the ConditionFailedError (ReturnValuesOnConditionCheckFailure = ALL_OLD).
	ReturnOnFailure bool
	// Blind is true if nobody asks what the row was, nor what the write costs: a row may then be put that was not read.
	Blind bool
}

// Written is what a write did. Old and New are absent if there was or is no row. Of a row that was put and not read, New is all
// that is known.
type Written struct {
	Old, New Map
	Cost     Cost
}

// ConditionFailedError is returned by a write whose condition does not hold: ConditionalCheckFailedException.
type ConditionFailedError struct {
	// Item is the row as it is, if there is one and the write asked for it.
	Item Map
}

// Error returns DynamoDB's message.
func (*ConditionFailedError) Error() string { return "The conditional request failed" }

// Check refuses what no table takes, so that it can be refused before any table is looked at: malformed values and items
// that are too large.
func (w *Write) Check() error {
	if w.Kind != PutRow {
		return w.Key.Err()
	}
	if err := w.Item.Err(); err != nil {
		return err
	}
	if w.Item.Has("") {
		return errNoName()
	}
	if w.Item.tooLarge() {
		return errItemSize()
	}
	return nil
}

// sizeBound bounds an item's size: none is so many times as large as its encoding.
const sizeBound = 8

// tooLarge reports whether no table takes the item.
func (m Map) tooLarge() bool { return len(m.b) > MaxItem/sizeBound && m.Size() > MaxItem }

func errNoName() error { return invalid(wrong + "Empty attribute name") }

func errItemSize() error { return invalid("Item size has exceeded the maximum allowed size") }

// RowKey checks the write against the table's schema and returns the row that it is about.
func (w *Write) RowKey(t *Table) (RowKey, error) {
	paths := append(w.Condition.paths(), w.Update.paths()...)
	if w.Kind != PutRow {
		k, err := t.Keys.Key(w.Key)
		if err != nil {
			return RowKey{}, err
		}
		if err := w.Update.check(t); err != nil {
			return RowKey{}, err
		}
		return k, t.checkPaths(paths)
	}
	if err := w.Item.Err(); err != nil {
		return RowKey{}, err
	}
	if w.Item.tooLarge() {
		return RowKey{}, errItemSize()
	}
	k, err := t.CheckItem(w.Item)
	if err != nil {
		return RowKey{}, err
	}
	return k, t.checkPaths(paths)
}

// payload is the size of what the write carries: its item, or its key with the values of its update.
func (w *Write) payload() int {
	n := w.Item.Size() + w.Key.Size()
	if w.Update != nil {
		for _, c := range w.Update.changes {
			n += c.val.payload()
		}
	}
	return n
}

// emptyKey refuses a write with an empty string or binary where a key is.
func (w *Write) emptyKey(t *Table) error {
	m := w.Key
	if w.Kind == PutRow {
		m = w.Item
	}
	empty := func(part KeyPart) bool {
		v := m.Get(part.Name)
		return part.Kind != N && v.Kind() == part.Kind && len(v.Bytes()) == 0
	}
	for i, part := range t.Keys.parts() {
		if empty(part) {
			return checkKeyValue(part, m.Get(part.Name), i == 0)
		}
	}
	for i := range t.Indexes {
		for j, part := range t.Indexes[i].Keys.parts() {
			if w.Kind == PutRow && empty(part) {
				return t.Indexes[i].checkPart(j, m.Get(part.Name))
			}
		}
	}
	return nil
}

// BatchKey is RowKey with the message that BatchWriteItem has for an item without the table's key.
func (w *Write) BatchKey(t *Table) (RowKey, error) {
	if w.Kind == PutRow && w.Item.Err() == nil {
		for _, part := range t.Keys.parts() {
			if w.Item.Get(part.Name).Kind() != part.Kind {
				return RowKey{}, errKeySchema()
			}
		}
	}
	return w.RowKey(t)
}

// Leading returns the partition key value that the write names, for authorization; the zero Value if it names none.
func (w *Write) Leading(s *KeySchema) Value {
	if w.Kind == PutRow {
		return s.Leading(w.Item)
	}
	return s.Leading(w.Key)
}

// planned is a write whose condition holds: what is left is to store it.
type planned struct {
	key      RowKey
	old, new Map
	kind     WriteKind
	blind    bool // old is not known
}

// blind reports whether a write is done without reading the row: nobody asks for it, no index and no log of changes has to follow
// from what it was, and the store needs no look at it either.
func (t *Table) blind(rows RowReader, w *Write) bool {
	if !w.Blind || w.Kind != PutRow || w.Condition != nil || len(t.Indexes) > 0 || t.Logged {
		return false
	}
	o, ok := rows.(Overwriter)
	return ok && o.Overwrites()
}

// plan reads the row at k, which is the write's RowKey, checks the condition and computes the new row.
func (t *Table) plan(rows RowReader, k RowKey, w *Write) (planned, error) {
	if t.blind(rows, w) {
		return planned{key: k, new: w.Item, kind: PutRow, blind: true}, nil
	}
	old, err := load(rows, k)
	if err != nil {
		return planned{}, err
	}
	if !w.Condition.Holds(old) {
		failed := &ConditionFailedError{}
		if w.ReturnOnFailure {
			failed.Item = old.Clone() // the error outlives the transaction
		}
		return planned{}, failed
	}
	p := planned{key: k, old: old, kind: w.Kind}
	switch w.Kind {
	case PutRow:
		p.new = w.Item
	case UpdateRow:
		p.new, err = t.updated(w, old)
	case CheckRow:
		p.new = old
	case DeleteRow:
	default:
		err = invalid("Unknown kind of write")
	}
	return p, err
}

func (t *Table) updated(w *Write, old Map) (Map, error) {
	base := old
	if base.IsZero() {
		if w.Update.onlyRemoves() {
			return Map{}, nil
		}
		base = t.Keys.attrs(w.Key)
	}
	m, err := w.Update.Apply(base)
	if err != nil {
		return Map{}, err
	}
	size := m.Size()
	if w.Alone {
		size = max(size, size-t.Keys.attrs(m).Size()+w.Update.charge())
	}
	if size > MaxItem {
		return Map{}, errUpdateSize()
	}
	return m, t.checkUpdated(base, m)
}

// apply stores what was planned.
func (t *Table) apply(rows Rows, p planned) (Written, error) {
	out := Written{Old: p.old, New: p.new}
	if p.kind == CheckRow {
		out.Cost.Table = WriteUnits(p.old.Size())
		return out, nil
	}
	var err error
	switch {
	case !p.new.IsZero():
		err = rows.Put(p.key, p.new.Stored())
	case !p.old.IsZero():
		err = rows.Delete(p.key)
	}
	if err != nil || p.blind {
		return out, err
	}
	if out.Cost, err = t.reindex(rows, p.old, p.new); err != nil {
		return Written{}, err
	}
	if err := t.log(rows, &p); err != nil {
		return Written{}, err
	}
	out.Cost.Table = WriteUnits(max(p.old.Size(), p.new.Size()))
	return out, nil
}

// Write performs one write. It fails with a ValidationException or a *ConditionFailedError before it has changed
// anything.
func (t *Table) Write(rows Rows, w *Write) (Written, error) {
	k, err := w.RowKey(t)
	if err != nil {
		return Written{}, err
	}
	return t.WriteAt(rows, k, w)
}

// WriteAt is Write where the write's RowKey, or BatchKey, is known.
func (t *Table) WriteAt(rows Rows, k RowKey, w *Write) (Written, error) {
	p, err := t.plan(rows, k, w)
	if err != nil {
		return Written{}, err
	}
	return t.apply(rows, p)
}

// Restore writes a row of a backup, with its entries in the indexes, into a table that has no such row. Attributes that cannot
// be keys of an index leave the row out of it, as in Backfill.
func (t *Table) Restore(rows Rows, m Map) error {
	if err := rows.Put(t.Keys.rowKey(m), m.Stored()); err != nil {
		return err
	}
	for i := range t.Indexes {
		x := &t.Indexes[i]
		if pos, value, ok := x.entry(t, m); ok && x.check(m) == nil {
			if err := rows.PutIndex(x.ID, pos, value.Stored()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Returned selects the attributes that ReturnValues names ("NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW",
// "UPDATED_NEW"); it is absent if there are none.
func (w *Write) Returned(returnValues string, done Written) Map {
	var m Map
	switch returnValues {
	case "ALL_OLD":
		return done.Old
	case "ALL_NEW":
		return done.New
	case "UPDATED_OLD":
		m = done.Old
	case "UPDATED_NEW":
		m = done.New
	}
	if m.IsZero() || w.Update == nil {
		return Map{}
	}
	m = newProjection(w.Update.targets()).Apply(m)
	if len(m.b) == 0 {
		return Map{}
	}
	return m
}

// load reads a row; it is absent if there is none.
func load(rows RowReader, k RowKey) (Map, error) {
	raw, ok, err := rows.Get(k)
	if err != nil || !ok {
		return Map{}, err
	}
	return Load(raw)
}
