package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

const (
	accountA = "111111111111"
	accountB = "222222222222"
	region   = "eu-central-1"
)

func open(t *testing.T) *store.DB {
	t.Helper()
	db := storetest.New(t)
	return db
}

type thing struct{ Name string }

func TestRecordsAreBoundToTheGrant(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), context.Background()
	a := authztest.Home(t, "kms", accountA, region)
	err := db.Update(ctx, a, func(tx *store.Tx) error {
		r, err := tx.Home()
		if err != nil {
			return err
		}
		return store.Save(r, store.K("key", "1"), &thing{"one"})
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		grant           authz.Grant
		account, region string
		granted, there  bool
	}{
		"own":             {a, accountA, region, true, true},
		"other account":   {a, accountB, region, false, false},
		"other region":    {a, accountA, "eu-west-1", false, false},
		"other service":   {authztest.Home(t, "iam", accountA, region), accountA, region, true, false},
		"other's own":     {authztest.Home(t, "kms", accountB, region), accountB, region, true, false},
		"the empty grant": {authz.Grant{}, accountA, region, false, false},
	} {
		var got *thing
		err := db.View(ctx, tc.grant, func(tx *store.Tx) error {
			r, err := tx.Records(tc.account, tc.region)
			if err != nil {
				return err
			}
			got, err = store.Load[thing](r, store.K("key", "1"))
			return err
		})
		if granted := !errors.Is(err, store.ErrNotGranted); granted != tc.granted || tc.granted && err != nil {
			t.Errorf("%s: granted %v: %v", name, granted, err)
		}
		if (got != nil) != tc.there {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestReadingGrantDoesNotWrite(t *testing.T) {
	t.Parallel()
	db := open(t)
	at := authz.Resource{ARN: "*", Account: accountA, Region: region}
	g := authztest.Grant(t, authztest.Root(accountA), "kms", authz.Read, authz.Require("kms:Test", at, nil))
	err := db.Update(context.Background(), g, func(*store.Tx) error { return nil })
	if !errors.Is(err, store.ErrNotGranted) {
		t.Errorf("update: %v", err)
	}
	err = db.View(context.Background(), g, func(tx *store.Tx) error {
		r, err := tx.Home()
		if err != nil {
			return err
		}
		return store.Save(r, store.K("x"), &thing{})
	})
	if !errors.Is(err, store.ErrNotGranted) {
		t.Errorf("write through a view: %v", err)
	}
}

func TestKeyParts(t *testing.T) {
	t.Parallel()
	parts := []string{"", "a", "a\x00", "a\x00\xff", "\x00\x01", "\xff"}
	for _, a := range parts {
		for _, b := range parts {
			k := store.K(a, b)
			if got := k.Parts(); !slices.Equal(got, []string{a, b}) {
				t.Errorf("%q: %q", []string{a, b}, got)
			}
			if !bytes.HasPrefix(k, store.K(a)) {
				t.Errorf("%q does not begin with its first part", k)
			}
			for _, c := range parts {
				if a != c && bytes.HasPrefix(store.K(c, b), store.K(a)) {
					t.Errorf("%q begins with %q", c, a)
				}
			}
		}
	}
}

const table = "table-1"

func rowsGrant(t *testing.T, tags []authn.Tag, tenantID string, rows *authz.Rows) authz.Grant {
	t.Helper()
	ids, err := tenant.NewLanguage(tenant.DefaultLanguage)
	if err != nil {
		t.Fatal(err)
	}
	rule, err := authz.ParseOwnerRule(tags, ids)
	if err != nil {
		t.Fatal(err)
	}
	caller := *authztest.Root(accountA)
	if tenantID != "" {
		id, ok := ids.ID(tenantID)
		if !ok {
			t.Fatalf("%q is no tenant id", tenantID)
		}
		caller.Tenant = id
	}
	res := authz.Resource{ARN: "arn:aws:dynamodb:eu-central-1:111111111111:table/t", Account: accountA, Region: region, ID: table, Owner: rule}
	access := authz.Read
	if rows.Write {
		access = authz.Write
	}
	return authztest.Grant(t, &caller, "dynamodb", access,
		authz.RequireChecks(authz.Check{Action: "dynamodb:Test", Resource: res, Rows: rows}))
}

func key(pk, sk string) item.RowKey { return item.RowKey{PK: []byte("S" + pk), SK: []byte(sk)} }

// fill writes rows of three tenants and the public range as the operator, with an index over all of them.
func fill(t *testing.T, db *store.DB) {
	t.Helper()
	g := rowsGrant(t, nil, "", &authz.Rows{All: true, Write: true})
	err := db.Update(context.Background(), g, func(tx *store.Tx) error {
		rows, err := tx.Rows(table, nil, time.Time{})
		if err != nil {
			return err
		}
		for _, pk := range []string{"acme#1", "acme#2", "globex#1", "PUBLIC#1"} {
			k := key(pk, "s")
			if err := rows.Put(k, []byte(pk)); err != nil {
				return err
			}
			if err := rows.PutIndex("by-kind", item.IndexPos{Key: key("kind", pk), Base: k}, []byte("ix "+pk)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func scan(db *store.DB, g authz.Grant, index bool) (got []string, err error) {
	err = db.View(context.Background(), g, func(tx *store.Tx) error {
		got = nil
		rows, err := tx.Rows(table, nil, time.Time{})
		if err != nil {
			return err
		}
		yield := func(v []byte) bool { got = append(got, string(v)); return true }
		if index {
			return rows.Index("by-kind").Query([]byte("Skind"), item.Range{}, nil, yield)
		}
		return rows.Scan(item.Segment{}, nil, 0, yield)
	})
	slices.Sort(got)
	return got, err
}

func TestGuardConfinesViews(t *testing.T) {
	t.Parallel()
	db := open(t)
	fill(t, db)
	deny := []authn.Tag{{Key: authz.OwnerKeyTag, Value: "${tenant}#*"}, {Key: authz.SharedKeysTag, Value: "PUBLIC#*"}}
	filter := append(slices.Clone(deny), authn.Tag{Key: authz.GuardTag, Value: "filter"})

	operator, err := scan(db, rowsGrant(t, deny, "", &authz.Rows{All: true}), false)
	if err != nil || len(operator) != 4 {
		t.Errorf("operator: %q %v", operator, err)
	}
	got, err := scan(db, rowsGrant(t, filter, "acme", &authz.Rows{All: true}), false)
	if want := []string{"PUBLIC#1", "acme#1", "acme#2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("filtered scan: %q %v", got, err)
	}
	got, err = scan(db, rowsGrant(t, filter, "acme", &authz.Rows{Leading: []string{"kind"}, Index: true}), true)
	if want := []string{"ix PUBLIC#1", "ix acme#1", "ix acme#2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("filtered index: %q %v", got, err)
	}
	got, err = scan(db, rowsGrant(t, deny, "acme", &authz.Rows{Leading: []string{"kind"}, Index: true}), true)
	if want := []string{"ix PUBLIC#1", "ix acme#1", "ix acme#2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("index with foreign rows: %q %v", got, err)
	}
}

// A handler with a bug asks for a row that its request did not name: the view refuses, whoever calls.
func TestViewRefusesRowsTheRequestDidNotName(t *testing.T) {
	t.Parallel()
	db := open(t)
	fill(t, db)
	g := rowsGrant(t, nil, "", &authz.Rows{Leading: []string{"acme#1"}, Write: true})
	err := db.Update(context.Background(), g, func(tx *store.Tx) error {
		rows, err := tx.Rows(table, nil, time.Time{})
		if err != nil {
			return err
		}
		if v, ok, err := rows.Get(key("acme#1", "s")); err != nil || !ok || string(v) != "acme#1" {
			return fmt.Errorf("own row: %q %v %w", v, ok, err)
		}
		for name, do := range map[string]func() error{
			"get":    func() error { _, _, err := rows.Get(key("globex#1", "s")); return err },
			"put":    func() error { return rows.Put(key("globex#1", "s"), nil) },
			"delete": func() error { return rows.Delete(key("globex#1", "s")) },
			"query":  func() error { return rows.Query([]byte("Sglobex#1"), item.Range{}, func([]byte) bool { return true }) },
			"scan":   func() error { return rows.Scan(item.Segment{}, nil, 0, func([]byte) bool { return true }) },
			"index": func() error {
				return rows.PutIndex("i", item.IndexPos{Key: key("k", ""), Base: key("globex#1", "s")}, nil)
			},
		} {
			if err := do(); !errors.Is(err, store.ErrNotGranted) {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if _, err := tx.Rows("table-2", nil, time.Time{}); !errors.Is(err, store.ErrNotGranted) {
			return fmt.Errorf("other table: %w", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Index entries come in the order of any sort key, and positions continue in both directions.
func TestIndexOrder(t *testing.T) {
	t.Parallel()
	db := open(t)
	rng := rand.New(rand.NewPCG(1, 2))
	var want [][]byte
	for range 200 {
		b := make([]byte, rng.IntN(20))
		for i := range b {
			b[i] = []byte{0, 1, 7, 255}[rng.IntN(4)]
		}
		want = append(want, b)
	}
	g := rowsGrant(t, nil, "", &authz.Rows{All: true, Write: true})
	pos := func(i int) item.IndexPos {
		return item.IndexPos{Key: item.RowKey{PK: []byte("Sp"), SK: want[i]}, Base: key(fmt.Sprint(i), "")}
	}
	var forward, backward [][]byte
	err := db.Update(context.Background(), g, func(tx *store.Tx) error {
		rows, err := tx.Rows(table, nil, time.Time{})
		if err != nil {
			return err
		}
		for i := range want {
			if err := rows.PutIndex("i", pos(i), want[i]); err != nil {
				return err
			}
		}
		forward, backward = nil, nil
		if err := rows.Index("i").Query([]byte("Sp"), item.Range{}, nil, func(v []byte) bool {
			forward = append(forward, bytes.Clone(v))
			return true
		}); err != nil {
			return err
		}
		return rows.Index("i").Query([]byte("Sp"), item.Range{Reverse: true}, nil, func(v []byte) bool {
			backward = append(backward, bytes.Clone(v))
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(want, bytes.Compare)
	if !slices.EqualFunc(forward, want, bytes.Equal) {
		t.Error("forward is out of order")
	}
	slices.Reverse(backward)
	if !slices.EqualFunc(backward, want, bytes.Equal) {
		t.Error("backward is out of order")
	}
}

// Segments are disjoint and cover the table.
func TestSegments(t *testing.T) {
	t.Parallel()
	db := open(t)
	g := rowsGrant(t, nil, "", &authz.Rows{All: true, Write: true})
	seen := map[string]int{}
	err := db.Update(context.Background(), g, func(tx *store.Tx) error {
		rows, err := tx.Rows(table, nil, time.Time{})
		if err != nil {
			return err
		}
		for i := range 300 {
			if err := rows.Put(key(fmt.Sprint(i), ""), []byte(fmt.Sprint(i))); err != nil {
				return err
			}
		}
		clear(seen)
		for _, total := range []int{1, 3, 7} {
			for i := range total {
				if err := rows.Scan(item.Segment{Index: i, Total: total}, nil, 0, func(v []byte) bool { seen[string(v)]++; return true }); err != nil {
					return err
				}
			}
		}
		// A scan begins only after a row of its own segment.
		for i := range 300 {
			accepted, after := 0, key(fmt.Sprint(i), "")
			for j := range 7 {
				err := rows.Scan(item.Segment{Index: j, Total: 7}, &after, 0, func([]byte) bool { return false })
				if err == nil {
					accepted++
				} else if !strings.Contains(err.Error(), fmt.Sprintf("correct Segment. TotalSegments: 7 Segment: %d", j)) {
					return err
				}
			}
			if accepted != 1 {
				t.Errorf("row %d begins scans of %d segments", i, accepted)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if n := seen[fmt.Sprint(i)]; n != 3 {
			t.Fatalf("row %d was seen %d times in 3 scans", i, n)
		}
	}
}

func TestCacheDropsWhatChanged(t *testing.T) {
	t.Parallel()
	db := open(t)
	c := store.NewCache[string, int](db, "iam", 2)
	loads := 0
	get := func(account, key string) int {
		v, err := c.Get(account, key, func() (int, error) { loads++; return loads, nil })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if first, again := get(accountA, "a"), get(accountA, "a"); first != 1 || again != 1 || get(accountB, "b") != 2 {
		t.Fatal("not cached")
	}
	change := func(commit error) {
		err := db.Update(context.Background(), authztest.Home(t, "iam", accountA, ""), func(tx *store.Tx) error {
			r, err := tx.Home()
			if err != nil {
				return err
			}
			r.Changed()
			return commit
		})
		if !errors.Is(err, commit) {
			t.Fatal(err)
		}
	}
	change(errors.New("rolled back"))
	if get(accountA, "a") != 1 {
		t.Error("dropped by a transaction that rolled back")
	}
	change(nil)
	if get(accountA, "a") != 3 {
		t.Error("kept what changed")
	}
	if get(accountB, "b") != 2 {
		t.Error("dropped another account's")
	}
	get(accountA, "c")
	if get(accountA, "a") == 3 {
		t.Error("the cache is not bounded")
	}
}
