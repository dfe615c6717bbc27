package store_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/store"
)

// move puts what the store holds of one tenant's row where the other's row is, as whoever can write to the disk could, or two
// partition keys with one hash would.
func move(t *testing.T, backend kv.DB, from, to string) {
	t.Helper()
	err := backend.Update(context.Background(), func(tx kv.Tx) error {
		var place, forged []byte
		err := tx.Scan(kv.Range{}, func(k, v []byte) bool {
			switch {
			case bytes.HasSuffix(v, []byte("S"+to+to)): // its partition key and its value
				place = bytes.Clone(k)
			case bytes.HasSuffix(v, []byte("S"+from+from)):
				forged = bytes.Clone(v)
			}
			return true
		})
		if err != nil {
			return err
		}
		if place == nil || forged == nil {
			t.Fatalf("the rows are not there: %q, %q", place, forged)
		}
		return tx.Set(place, forged)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A row is shown in the partition that its own key names and in no other, wherever the store has it.
func TestRowsInForeignPartitionsAreRefused(t *testing.T) {
	t.Parallel()
	tags := []authn.Tag{{Key: authz.OwnerKeyTag, Value: "${tenant}#*"}, {Key: authz.GuardTag, Value: "filter"}}
	for name, read := range map[string]func(item.Rows) error{
		"get": func(rs item.Rows) error {
			v, ok, err := rs.Get(key("acme#1", "s"))
			if ok {
				t.Errorf("it shows %q", v)
			}
			return err
		},
		"query": func(rs item.Rows) error { return rs.Query([]byte("Sacme#1"), item.Range{}, shows(t)) },
		"query backwards": func(rs item.Rows) error {
			return rs.Query([]byte("Sacme#1"), item.Range{Reverse: true}, shows(t))
		},
	} {
		for _, from := range []string{"globex#1", "acme#2"} { // another tenant's, and the tenant's own
			for _, tenant := range []string{"acme", ""} {
				t.Run(name+" of "+from+" by "+tenant, func(t *testing.T) {
					t.Parallel()
					backend := memkv.New()
					db := store.New(backend)
					t.Cleanup(func() {
						db.Close()
						if err := backend.Close(); err != nil {
							t.Error(err)
						}
					})
					fill(t, db)
					move(t, backend, from, "acme#1")
					err := db.View(context.Background(), rowsGrant(t, tags, tenant, &authz.Rows{Leading: []string{"acme#1"}}), func(tx *store.Tx) error {
						rs, err := tx.Rows(table, nil, time.Time{})
						if err != nil {
							return err
						}
						return read(rs)
					})
					if err == nil || !strings.Contains(err.Error(), "have the same hash") {
						t.Errorf("the row of another partition: %v", err)
					}
				})
			}
		}
	}
}
