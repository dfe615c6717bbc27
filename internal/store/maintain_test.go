package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// What maintains tables touches everybody's rows, so that no grant opens it, not even the root's for all of a table.
func TestMaintenanceIsForTheSystem(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), context.Background()
	fill(t, db)
	g := rowsGrant(t, nil, "", &authz.Rows{All: true, Write: true})
	schema := &item.Table{Name: "t", Keys: item.KeySchema{Hash: item.KeyPart{Name: "pk", Kind: item.S}}}
	for name, do := range map[string]func(*store.Tx) error{
		"drop":  func(tx *store.Tx) error { _, err := system.Drop(tx, table, "", 10); return err },
		"count": func(tx *store.Tx) error { _, _, _, err := system.Count(tx, table, "", nil, 10); return err },
		"backfill": func(tx *store.Tx) error {
			_, err := system.Backfill(tx, table, nil, schema, &item.Index{ID: "i"}, nil, 10)
			return err
		},
	} {
		if err := db.Update(ctx, g, do); !errors.Is(err, store.ErrNotGranted) {
			t.Errorf("%s with a grant: %v", name, err)
		}
	}
	if err := system.View(ctx, db, "dynamodb", func(tx *store.Tx) error { _, err := system.Drop(tx, table, "", 10); return err }); !errors.Is(err, store.ErrNotGranted) {
		t.Errorf("drop in a view: %v", err)
	}
	if got, err := scan(db, g, false); err != nil || len(got) != 4 {
		t.Errorf("rows are gone: %q %v", got, err)
	}
}

// Dropping goes in steps, takes rows and index entries of one table, and of one index if it is named.
func TestDrop(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), context.Background()
	fill(t, db)
	g := rowsGrant(t, nil, "", &authz.Rows{All: true})
	left := func() [2]int {
		rows, err := scan(db, g, false)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := scan(db, g, true)
		if err != nil {
			t.Fatal(err)
		}
		return [2]int{len(rows), len(entries)}
	}
	drop := func(table, index string, limit int) (more bool) {
		err := system.Update(ctx, db, "dynamodb", func(tx *store.Tx) (err error) {
			more, err = system.Drop(tx, table, index, limit)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return more
	}
	if drop("another", "", 10) || drop(table, "another", 10) || left() != [2]int{4, 4} {
		t.Errorf("others' rows are gone: %v left", left())
	}
	if !drop(table, "by-kind", 3) || left() != [2]int{4, 1} {
		t.Errorf("%v left", left())
	}
	if !drop(table, "", 3) || left() != [2]int{2, 0} {
		t.Errorf("%v left", left())
	}
	if drop(table, "", 3) || left() != [2]int{0, 0} {
		t.Errorf("%v left", left())
	}
}
