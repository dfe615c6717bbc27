package store_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// That a row may be read, and has been in this transaction, does not make it one that may be written.
func TestReadingPermitsNoWriting(t *testing.T) {
	t.Parallel()
	db := open(t)
	fill(t, db)
	ids, err := tenant.NewLanguage(tenant.DefaultLanguage)
	if err != nil {
		t.Fatal(err)
	}
	rule, err := authz.ParseOwnerRule([]authn.Tag{
		{Key: authz.OwnerKeyTag, Value: "${tenant}#*"}, {Key: authz.SharedKeysTag, Value: "PUBLIC#*"}, {Key: authz.GuardTag, Value: "filter"},
	}, ids)
	if err != nil {
		t.Fatal(err)
	}
	caller := *authztest.Root(accountA)
	caller.Tenant, _ = ids.ID("acme")
	res := authz.Resource{ARN: "arn:aws:dynamodb:eu-central-1:111111111111:table/t", Account: accountA, Region: region, ID: table, Owner: rule}
	g := authztest.Grant(t, &caller, "dynamodb", authz.Write, authz.RequireChecks(
		authz.Check{Action: "dynamodb:Scan", Resource: res, Rows: &authz.Rows{All: true}},
		authz.Check{Action: "dynamodb:PutItem", Resource: res, Rows: &authz.Rows{Leading: []string{"acme#1"}, Write: true}},
	))
	for name, read := range map[string]func(item.Rows) error{
		"get": func(rs item.Rows) error {
			if _, ok, err := rs.Get(key("PUBLIC#1", "s")); err != nil || !ok {
				return errors.Join(err, errors.New("the shared row is not there"))
			}
			return nil
		},
		"query": func(rs item.Rows) error {
			return rs.Query([]byte("SPUBLIC#1"), item.Range{}, func([]byte) bool { return true })
		},
	} {
		for change, write := range map[string]func(item.Rows) error{
			"put":    func(rs item.Rows) error { return rs.Put(key("PUBLIC#1", "s"), []byte("changed")) },
			"delete": func(rs item.Rows) error { return rs.Delete(key("PUBLIC#1", "s")) },
		} {
			err := db.Update(context.Background(), g, func(tx *store.Tx) error {
				rs, err := tx.Rows(table, nil, time.Time{})
				if err != nil {
					return err
				}
				if err := read(rs); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				return write(rs)
			})
			if !errors.Is(err, authz.ErrForeignRow) {
				t.Errorf("%s of a shared row after a %s: %v", change, name, err)
			}
		}
	}
}

// A row that is not sealed is none of a sealed table: whoever can write to the disk cannot put one there.
func TestSealedTablesRefuseOpenRows(t *testing.T) {
	t.Parallel()
	db := open(t)
	fill(t, db)
	none := func(string) string { return "" }
	seal := store.NewSealing(table, accountA, region, nil, none, none)
	g := rowsGrant(t, nil, "", &authz.Rows{All: true})
	for name, read := range map[string]func(item.Rows) error{
		"get":   func(rs item.Rows) error { _, _, err := rs.Get(key("acme#1", "s")); return err },
		"query": func(rs item.Rows) error { return rs.Query([]byte("Sacme#1"), item.Range{}, shows(t)) },
		"scan":  func(rs item.Rows) error { return rs.Scan(item.Segment{}, nil, 0, shows(t)) },
		"index": func(rs item.Rows) error {
			return rs.Index("by-kind").Query([]byte("Skind"), item.Range{}, nil, shows(t))
		},
	} {
		err := db.View(context.Background(), g, func(tx *store.Tx) error {
			rs, err := tx.Rows(table, seal, time.Time{})
			if err != nil {
				return err
			}
			return read(rs)
		})
		if err == nil {
			t.Errorf("%s: an open row is read", name)
		}
	}
}

// shows is a yield that must not be called.
func shows(t *testing.T) func([]byte) bool {
	return func(b []byte) bool {
		t.Errorf("it shows %q", b)
		return true
	}
}

// What a writing transaction depends on does not change before it commits, on a store where transactions run side by side.
func TestDependingOnRecords(t *testing.T) {
	t.Parallel()
	backend, err := pebblekv.Open(t.TempDir(), pebblekv.Options{Logger: slog.New(slog.DiscardHandler), CacheSize: 1 << 20, MemTableSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	db := store.New(backend)
	defer func() {
		db.Close()
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	}()
	g := authztest.Home(t, "kms", accountA, region)
	update := func(fn func(*store.Records) error) error {
		return db.Update(context.Background(), g, func(tx *store.Tx) error {
			r, err := tx.Home()
			if err != nil {
				return err
			}
			return fn(r)
		})
	}
	runs := 0
	err = update(func(r *store.Records) error {
		if !r.Depend(store.K("table", "t")) {
			t.Error("the store cannot depend")
		}
		if runs++; runs == 1 {
			if err := update(func(r *store.Records) error { return r.Set(store.K("table", "t"), []byte("changed")) }); err != nil {
				t.Error(err)
			}
		}
		return r.Set(store.K("row"), []byte("x"))
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs: %v", runs, err)
	}
}

// Rows may be put without being read only where nobody can find two partition keys with one hash.
func TestOverwrites(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	for name, c := range map[string]struct {
		seal *store.Sealing
		want bool
	}{
		"not sealed":               {nil, false},
		"hashed without a key":     {store.NewSealing(table, accountA, region, nil, none, none), false},
		"hashed with a secret key": {store.NewSealing(table, accountA, region, []byte("secret"), none, none), true},
	} {
		err := open(t).Update(t.Context(), rowsGrant(t, nil, "", &authz.Rows{All: true, Write: true}), func(tx *store.Tx) error {
			rs, err := tx.Rows(table, c.seal, time.Time{})
			if err != nil {
				return err
			}
			if o, ok := rs.(item.Overwriter); !ok || o.Overwrites() != c.want {
				t.Errorf("%s: not %v", name, c.want)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
