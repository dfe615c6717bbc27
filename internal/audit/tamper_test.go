package audit

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
)

// filled returns a store with a closed chain of ten records, a second with a pending intent, and the second's log.
func filled(t *testing.T) (*memkv.DB, *Log) {
	t.Helper()
	db := memkv.New()
	for chain := range 2 {
		l := openLog(t, db, options(t))
		for i := range 8 {
			if err := l.Append(t.Context(), event(t, i)); err != nil {
				t.Fatal(err)
			}
		}
		if chain == 1 {
			for range 2 {
				if _, err := l.Intent(t.Context(), event(t, 9)); err != nil {
					t.Fatal(err)
				}
			}
			return db, l
		}
		closeLog(t, l)
	}
	return db, nil
}

func edit(t *testing.T, db kv.DB, fn func(kv.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func value(t *testing.T, tx kv.Reader, key []byte) []byte {
	t.Helper()
	v, ok, err := tx.Get(key)
	if err != nil || !ok {
		t.Fatalf("no %q: %v", key, err)
	}
	return bytes.Clone(v)
}

func TestVerifyShowsManipulation(t *testing.T) {
	t.Parallel()
	k := keys{"audit/"}
	// flip changes one byte of a value.
	flip := func(key []byte, at int) func(*testing.T, kv.Tx) error {
		return func(t *testing.T, tx kv.Tx) error {
			v := value(t, tx, key)
			if at < 0 {
				at += len(v)
			}
			v[at] ^= 1
			return tx.Set(key, v)
		}
	}
	drop := func(keys ...[]byte) func(*testing.T, kv.Tx) error {
		return func(_ *testing.T, tx kv.Tx) error {
			for _, key := range keys {
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			return nil
		}
	}
	swap := func(a, b []byte) func(*testing.T, kv.Tx) error {
		return func(t *testing.T, tx kv.Tx) error {
			va, vb := value(t, tx, a), value(t, tx, b)
			return errors.Join(tx.Set(a, vb), tx.Set(b, va))
		}
	}
	move := func(from, to []byte) func(*testing.T, kv.Tx) error {
		return func(t *testing.T, tx kv.Tx) error { return tx.Set(to, value(t, tx, from)) }
	}
	rec := func(chain, seq uint64) []byte { return k.record(nil, chain, seq) }
	tenantPlace := append(k.tenant(nil, []byte("acme")), place{day, 1, 2}.append(nil)...)
	accountPlace := append(k.account(nil, []byte(account)), place{day, 1, 2}.append(nil)...)
	for name, tc := range map[string]struct {
		do   func(*testing.T, kv.Tx) error
		want string
	}{
		"change the event":           {flip(rec(1, 3), -1), "chain 1 record 3: audit: the log was changed"},
		"change the account":         {flip(rec(1, 3), recordFixed+payloadFixed+3), "chain 1 record 3: audit: the log was changed"},
		"change the MAC":             {flip(rec(1, 3), sumSize), "chain 1 record 3: audit: the log was changed"},
		"change the hash before":     {flip(rec(1, 3), 0), "chain 1 record 3: audit: the log was changed"},
		"empty a record":             {func(_ *testing.T, tx kv.Tx) error { return tx.Set(rec(1, 3), nil) }, "chain 1 record 3: audit: the log was changed"},
		"remove a record":            {drop(rec(1, 5)), "chain 1 record 5: records are missing before record 6"},
		"remove the first":           {drop(rec(1, 1)), "chain 1 record 1: records are missing before record 2"},
		"cut the tail":               {drop(rec(1, 9), rec(1, 10)), "chain 1 record 9: the chain ends before its last record 10"},
		"cut a running tail":         {drop(rec(2, 9)), "chain 2 record 9: the chain ends before its last record 9"},
		"reorder":                    {swap(rec(1, 4), rec(1, 5)), "chain 1 record 4: audit: the log was changed"},
		"append a copy":              {move(rec(1, 5), rec(1, 11)), "chain 1 record 11: audit: the log was changed"},
		"take a record elsewhere":    {move(rec(1, 5), rec(2, 5)), "chain 2 record 5: audit: the log was changed"},
		"change the head":            {flip(k.head(1), 15), "chain 1 record 0: audit: the log was changed: the head of chain 1"},
		"swap heads":                 {swap(k.head(1), k.head(2)), "chain 1 record 0: audit: the log was changed: the head of chain 1"},
		"remove a head":              {drop(k.head(1)), "chain 1 record 0: audit: the log was changed: the head of chain 1 is gone"},
		"unknown root":               {flip(k.head(1), 1), "chain 1 record 0: audit: the log was changed: the head of chain 1"},
		"change the registry":        {flip(k.registry(), -1), "chain 0 record 0: audit: the log was changed: the registry of chains"},
		"remove the registry":        {drop(k.registry()), "chain 0 record 0: audit: the log was changed: chains are there and their registry is not"},
		"add a chain":                {move(k.head(1), k.head(3)), "chain 3 record 0: the chain is not in the registry"},
		"remove an intent":           {drop(k.intent(nil, 2, 1)), "chain 2 record 0: pending intents were changed"},
		"change an intent":           {flip(k.intent(nil, 2, 1), -1), "chain 2 record 0: pending intents were changed"},
		"copy an intent":             {move(k.intent(nil, 2, 1), k.intent(nil, 2, 7)), "chain 2 record 0: pending intents were changed"},
		"swap intents":               {swap(k.intent(nil, 2, 1), k.intent(nil, 2, 2)), "chain 2 record 0: pending intents were changed"},
		"hide from a tenant's index": {drop(tenantPlace), "chain 1 record 2: an index entry of the record is missing or changed"},
		"hide from an account":       {drop(accountPlace), "chain 1 record 2: an index entry of the record is missing or changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, l := filled(t)
			defer l.crash()
			if rep := wholeLog(t, db); rep.Records != 19 || rep.Pending != 2 {
				t.Fatalf("report before: %+v", rep)
			}
			edit(t, db, func(tx kv.Tx) error { return tc.do(t, tx) })
			rep := verify(t, db)
			var all []string
			for _, p := range rep.Problems {
				all = append(all, p.String())
			}
			if !strings.Contains(strings.Join(all, "\n"), tc.want) {
				t.Errorf("problems:\n%s\nwant %s", strings.Join(all, "\n"), tc.want)
			}
		})
	}
}

// TestPuttingAChainBack restores an older head with its records: the chain after it, or an anchor, shows it.
func TestPuttingAChainBack(t *testing.T) {
	t.Parallel()
	k := keys{"audit/"}
	db := memkv.New()
	l := openLog(t, db, options(t))
	if err := l.Append(t.Context(), event(t, 0)); err != nil {
		t.Fatal(err)
	}
	var old []byte
	edit(t, db, func(tx kv.Tx) error { old = value(t, tx, k.head(1)); return nil })
	if err := l.Append(t.Context(), event(t, 1)); err != nil {
		t.Fatal(err)
	}
	anchor, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.crash()
	back := func(tx kv.Tx) error { return errors.Join(tx.Set(k.head(1), old), tx.Delete(k.record(nil, 1, 3))) }

	edit(t, db, func(tx kv.Tx) error {
		return errors.Join(back(tx), // the indexes too, as a thorough attacker does
			tx.Delete(place{day.Add(1e9), 1, 3}.append(k.tenant(nil, []byte("globex")))),
			tx.Delete(place{day.Add(1e9), 1, 3}.append(k.account(nil, []byte(account)))))
	})
	if rep := verify(t, db); !rep.OK() {
		t.Errorf("without an anchor: %v", rep.Problems)
	}
	if rep := verify(t, db, anchor); rep.OK() {
		t.Error("the anchor does not show it")
	}
	if rep := verify(t, db, Anchor{Chain: 7, Seq: 1}); rep.OK() {
		t.Error("the anchor of a chain that is gone shows nothing")
	}
	if rep := verify(t, db, Anchor{Chain: 1, Seq: 2}); rep.OK() {
		t.Error("an anchor with another hash shows nothing")
	}
}

func TestAChainHoldsTheOneBefore(t *testing.T) {
	t.Parallel()
	k := keys{"audit/"}
	db := memkv.New()
	l := openLog(t, db, options(t))
	var old []byte
	edit(t, db, func(tx kv.Tx) error { old = value(t, tx, k.head(1)); return nil })
	if err := l.Append(t.Context(), event(t, 1)); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	closeLog(t, openLog(t, db, options(t)))
	edit(t, db, func(tx kv.Tx) error {
		return errors.Join(tx.Set(k.head(1), old), tx.Delete(k.record(nil, 1, 2)), tx.Delete(k.record(nil, 1, 3)))
	})
	rep := verify(t, db)
	if rep.OK() || rep.Problems[0].Chain != 2 {
		t.Errorf("problems: %v", rep.Problems)
	}
}

func TestOpenRefusesAChangedLog(t *testing.T) {
	t.Parallel()
	k := keys{"audit/"}
	for name, do := range map[string]func(kv.Tx) error{
		"no registry": func(tx kv.Tx) error { return tx.Delete(k.registry()) },
		"no head":     func(tx kv.Tx) error { return tx.Delete(k.head(1)) },
		"bad head":    func(tx kv.Tx) error { return tx.Set(k.head(2), []byte("head")) },
	} {
		db, l := filled(t)
		l.crash()
		edit(t, db, do)
		if _, err := Open(t.Context(), db, options(t)); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenMarksChangedIntents(t *testing.T) {
	t.Parallel()
	db, l := filled(t)
	l.crash()
	edit(t, db, func(tx kv.Tx) error { return tx.Delete(keys{"audit/"}.intent(nil, 2, 1)) })
	closeLog(t, openLog(t, db, options(t)))
	if got := names(t, db); !strings.HasSuffix(got, "AuditStart AuditGap AuditGap Op9!OutcomeUnknown AuditClose") {
		t.Errorf("stored: %s", got)
	}
	wholeLog(t, db)
}

func TestAnchorText(t *testing.T) {
	t.Parallel()
	a := Anchor{Chain: 3, Seq: 9, Hash: [32]byte{1, 2}}
	if b, err := ParseAnchor(a.String()); err != nil || a != b {
		t.Errorf("%v: %v, %v", a, b, err)
	}
	for _, s := range []string{"", "1:2", "1:2:zz", "x:2:" + strings.Repeat("0", 64), "1:-2:" + strings.Repeat("0", 64), "1:2:" + strings.Repeat("g", 64)} {
		if _, err := ParseAnchor(s); err == nil {
			t.Errorf("%q is an anchor", s)
		}
	}
}
