package item

import (
	"slices"
	"testing"
)

// blindRows count what is read of them. Puts need no Get before if overwrites is true.
type blindRows struct {
	memRows
	overwrites bool
	gets       int
}

func (r *blindRows) Overwrites() bool { return r.overwrites }

func (r *blindRows) Get(k RowKey) ([]byte, bool, error) {
	r.gets++
	return r.memRows.Get(k)
}

func (r *blindRows) Log(*Change) error { return nil }

// A row is put without being read only if nothing depends on what it was.
func TestBlindPuts(t *testing.T) {
	t.Parallel()
	plain := Table{Name: "t", Keys: KeySchema{Hash: KeyPart{"pk", S}, Sort: KeyPart{"sk", S}}}
	logged, indexed := plain, plain
	logged.Logged = true
	indexed.Indexes = []Index{{ID: "x", Name: "x", Keys: KeySchema{Hash: KeyPart{"owner", S}}}}
	row := mustMap(t, `{"pk":{"S":"a"},"sk":{"S":"b"},"v":{"N":"1"}}`)
	key := mustMap(t, `{"pk":{"S":"a"},"sk":{"S":"b"}}`)
	put := Write{Kind: PutRow, Item: row, Blind: true}
	asked, conditional := put, put
	asked.Blind, conditional.Condition = false, request{}.condition(t, "attribute_not_exists(gone)")
	for name, c := range map[string]struct {
		tab        *Table
		w          Write
		overwrites bool
		gets       int
	}{
		"nobody asks":              {&plain, put, true, 0},
		"somebody asks":            {&plain, asked, true, 1},
		"a condition":              {&plain, conditional, true, 1},
		"a log":                    {&logged, put, true, 1},
		"an index":                 {&indexed, put, true, 1},
		"keys have to be compared": {&plain, put, false, 1},
		"a deletion":               {&plain, Write{Kind: DeleteRow, Key: key, Blind: true}, true, 1},
		"a check":                  {&plain, Write{Kind: CheckRow, Key: key, Blind: true, Condition: request{}.condition(t, "attribute_not_exists(gone)")}, true, 1},
	} {
		for _, together := range []bool{false, true} {
			rows := &blindRows{overwrites: c.overwrites}
			if err := c.tab.Restore(rows, mustMap(t, `{"pk":{"S":"a"},"sk":{"S":"b"},"owner":{"S":"o"}}`)); err != nil {
				t.Fatal(err)
			}
			w := c.w
			var err error
			if together {
				_, err = transact(c.tab, rows, &w)
			} else {
				_, err = c.tab.Write(rows, &w)
			}
			if err != nil || rows.gets != c.gets {
				t.Errorf("%s, in a transaction %v: %d reads, %v; want %d", name, together, rows.gets, err, c.gets)
			}
			got, err := load(&rows.memRows, c.tab.Keys.rowKey(key))
			if w.Kind == PutRow && (err != nil || !got.Same(row)) {
				t.Errorf("%s: the row is %s, %v", name, got.AppendJSON(nil), err)
			}
			if c.tab == &indexed && len(rows.indexes["x"]) != 0 {
				t.Errorf("%s: an entry of the old row is left", name)
			}
		}
	}
}

func TestAddNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ names, want []string }{
		{nil, []string{"a", "b", "c"}},
		{[]string{"a", "b", "c"}, []string{"a", "b", "c"}},
		{[]string{"c", "b", "a", "d"}, []string{"c", "b", "a", "d"}},
		{[]string{"x", "b"}, []string{"x", "b", "a", "c"}},
		{[]string{"a"}, []string{"a", "b", "c"}},
	} {
		m := mustMap(t, `{"a":{"S":"1"},"b":{"S":"2"},"c":{"S":"3"}}`)
		if got := m.AddNames(slices.Clone(c.names)); !slices.Equal(got, c.want) {
			t.Errorf("to %q: %q, want %q", c.names, got, c.want)
		}
	}
}

// Distinct compares few keys with each other and looks many up: both find what is there twice, and nothing else.
func TestDistinct(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, fewKeys, fewKeys + 1, 100} {
		keys := make([]RowKey, n)
		for i := range keys {
			keys[i] = RowKey{PK: []byte{'S', byte(i / 2)}, SK: []byte{byte(i % 2)}}
		}
		if !Distinct(keys) {
			t.Errorf("%d keys: some are found twice", n)
		}
		if n < 2 {
			continue
		}
		keys[n-1] = keys[0]
		if Distinct(keys) {
			t.Errorf("%d keys: one that is there twice is not found", n)
		}
		keys[n-1] = RowKey{PK: []byte{'S'}, SK: []byte{0, 0}} // as long together as the first
		if !Distinct(keys) {
			t.Errorf("%d keys: parts of keys are mixed up", n)
		}
	}
}
