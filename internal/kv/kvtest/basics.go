package kvtest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
)

var basics = []test{
	{"get set delete", getSetDelete},
	{"binary keys and empty values", binaryKeys},
	{"limits", limits},
	{"set copies", setCopies},
	{"own writes", ownWrites},
	{"rollback", rollback},
	{"empty update", emptyUpdate},
	{"last write wins", lastWriteWins},
}

func getSetDelete(t *testing.T, db kv.DB) {
	wantValue(t, db, "a", "-")
	set(t, db, "a", "1", "b", "2")
	wantValue(t, db, "a", "1")
	set(t, db, "a", "3")
	wantValue(t, db, "a", "3")
	update(t, db, func(tx kv.Tx) error {
		if err := tx.Delete([]byte("absent")); err != nil {
			return err
		}
		return tx.Delete([]byte("a"))
	})
	wantValue(t, db, "a", "-")
	wantValue(t, db, "b", "2")
}

func binaryKeys(t *testing.T, db kv.DB) {
	keys := []string{"\x00", "\x00\x00", "\x01", "a", "a\x00", "a\x00b", "\xc3\x28", "\xff", "\xff\xff"}
	var pairs []string
	var want []pair
	for i, k := range keys {
		v := string(bytes.Repeat([]byte{0xfe, 0x00}, i)) // the first is empty
		pairs = append(pairs, k, v)
		want = append(want, pair{k, v})
	}
	set(t, db, pairs...)
	view(t, db, func(r kv.Reader) error {
		v, ok, err := r.Get([]byte("\x00"))
		if err == nil && (!ok || len(v) != 0) {
			t.Errorf("empty value: got %q, %v", v, ok)
		}
		if err != nil {
			return err
		}
		return wantScan(r, kv.Range{}, want...)
	})
}

func limits(t *testing.T, db kv.DB) {
	key, value := bytes.Repeat([]byte{0xab}, kv.MaxKey), bytes.Repeat([]byte{0xcd}, kv.MaxValue)
	update(t, db, func(tx kv.Tx) error {
		for _, tc := range []struct {
			name       string
			key, value []byte
		}{
			{"empty key", []byte{}, []byte("v")},
			{"nil key", nil, []byte("v")},
			{"long key", append(bytes.Clone(key), 0), []byte("v")},
			{"long value", []byte("k"), append(bytes.Clone(value), 0)},
		} {
			if err := tx.Set(tc.key, tc.value); !errors.Is(err, kv.ErrTooLarge) {
				t.Errorf("Set with %s: %v, want ErrTooLarge", tc.name, err)
			}
			if err := tx.Delete(tc.key); err != nil {
				t.Errorf("Delete with %s: %v", tc.name, err)
			}
			if _, ok, err := tx.Get(tc.key); ok || err != nil {
				t.Errorf("Get with %s: %v, %v", tc.name, ok, err)
			}
		}
		return tx.Set(key, value)
	})
	view(t, db, func(r kv.Reader) error {
		got, ok, err := r.Get(key)
		if err == nil && (!ok || !bytes.Equal(got, value)) {
			t.Errorf("largest pair: %v, %d bytes", ok, len(got))
		}
		return err
	})
}

func setCopies(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) error {
		k, v := []byte("key"), []byte("value")
		if err := tx.Set(k, v); err != nil {
			return err
		}
		copy(k, "xxx")
		copy(v, "xxxxx")
		d := []byte("del")
		if err := tx.Delete(d); err != nil {
			return err
		}
		copy(d, "key")
		return nil
	})
	wantValue(t, db, "key", "value")
	wantValue(t, db, "xxx", "-")
}

func ownWrites(t *testing.T, db kv.DB) {
	set(t, db, "a", "old", "b", "old")
	update(t, db, func(tx kv.Tx) error {
		before, _, err := tx.Get([]byte("a"))
		if err != nil {
			return err
		}
		steps := []struct {
			key, want string
			do        func() error
		}{
			{"a", "new", func() error { return tx.Set([]byte("a"), []byte("new")) }},
			{"a", "-", func() error { return tx.Delete([]byte("a")) }},
			{"a", "again", func() error { return tx.Set([]byte("a"), []byte("again")) }},
			{"b", "-", func() error { return tx.Delete([]byte("b")) }},
			{"c", "made", func() error { return tx.Set([]byte("c"), []byte("made")) }},
		}
		for i, s := range steps {
			if err := s.do(); err != nil {
				return err
			}
			got, err := get(tx, s.key)
			if err != nil {
				return err
			}
			if got != s.want {
				t.Errorf("step %d: %q is %q, want %q", i, s.key, got, s.want)
			}
		}
		if string(before) != "old" {
			t.Errorf("a slice got before the write became %q", before)
		}
		return nil
	})
	wantValue(t, db, "a", "again")
	wantValue(t, db, "b", "-")
	wantValue(t, db, "c", "made")
}

func rollback(t *testing.T, db kv.DB) {
	set(t, db, "a", "1")
	mine := errors.New("mine")
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		if err := tx.Set([]byte("a"), []byte("2")); err != nil {
			return err
		}
		if err := tx.Set([]byte("b"), []byte("2")); err != nil {
			return err
		}
		return mine
	})
	if err != mine { //nolint:errorlint // the contract is the error itself
		t.Errorf("Update returned %v, want the error of fn as it is", err)
	}
	wantValue(t, db, "a", "1")
	wantValue(t, db, "b", "-")

	if err := db.View(t.Context(), func(kv.Reader) error { return mine }); err != mine { //nolint:errorlint // as above
		t.Errorf("View returned %v, want the error of fn as it is", err)
	}

	// A panic in fn must roll back and release whatever the transaction holds.
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of fn was swallowed")
			}
		}()
		_ = db.Update(t.Context(), func(tx kv.Tx) error {
			if err := tx.Set([]byte("a"), []byte("3")); err != nil {
				return err
			}
			panic("mine")
		})
	}()
	wantValue(t, db, "a", "1")
	set(t, db, "a", "4")
	wantValue(t, db, "a", "4")
}

func emptyUpdate(t *testing.T, db kv.DB) {
	update(t, db, func(kv.Tx) error { return nil })
	update(t, db, func(tx kv.Tx) error {
		_, err := get(tx, "a")
		return err
	})
	view(t, db, func(kv.Reader) error { return nil })
}

func lastWriteWins(t *testing.T, db kv.DB) {
	// Many keys, so that a write set that changes its layout with size is seen in both.
	update(t, db, func(tx kv.Tx) error {
		for round := range 3 {
			for i := range 50 {
				if err := setCounter(tx, string(rune('A'+i)), i*10+round); err != nil {
					return err
				}
			}
		}
		return nil
	})
	view(t, db, func(r kv.Reader) error {
		for i := range 50 {
			n, err := counter(r, string(rune('A'+i)))
			if err != nil {
				return err
			}
			if n != i*10+2 {
				t.Errorf("key %d holds %d", i, n)
			}
		}
		return nil
	})
}
