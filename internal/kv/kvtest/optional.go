package kvtest

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// optional are the interfaces that a backend may have beside the contract: what they promise holds with and without them.
var optional = []test{
	{"what was given is kept", given},
	{"views that may run again", viewRerun},
	{"views that may run again and read while they scan", viewRerunNested},
	{"a view that ran again for nothing", viewRerunUnchanged},
	{"a view that ran again for what it has not read", viewRerunElsewhere},
	{"dependence", dependence},
	{"dependence before a read", dependenceFirst},
	{"dependence alone", dependenceAlone},
}

// Many writes take other ways than few.
func given(t *testing.T, db kv.DB) {
	for _, n := range []int{1, 40} {
		buf := make([]byte, 2*n)
		update(t, db, func(tx kv.Tx) error {
			var errs []error
			for i := range n {
				buf[2*i], buf[2*i+1] = byte('a'+i), byte('A'+i)
				errs = append(errs, kv.Give(tx, buf[2*i:2*i+1], buf[2*i+1:2*i+2]))
			}
			if got, err := get(tx, "a"); err != nil || got != "A" {
				t.Errorf("the transaction reads %q, %v", got, err)
			}
			errs = append(errs, kv.Give(tx, []byte("a"), []byte("again")), tx.Delete([]byte("c")))
			return errors.Join(errs...)
		})
		for i := range buf {
			buf[i] = 'x'
		}
		wantValue(t, db, "a", "again")
		if n > 1 {
			wantValue(t, db, "b", "B")
			wantValue(t, db, "c", "-")
			wantValue(t, db, "z", "Z")
		}
	}
	update(t, db, func(tx kv.Tx) error {
		for key, value := range map[string]int{"": 1, string(make([]byte, kv.MaxKey+1)): 1, "k": kv.MaxValue + 1} {
			if err := kv.Give(tx, []byte(key), make([]byte, value)); !errors.Is(err, kv.ErrTooLarge) {
				t.Errorf("a key of %d and a value of %d bytes: %v", len(key), value, err)
			}
		}
		return nil
	})
}

// viewRerun reads two keys that are changed together between the reads, by a Get or a scan each.
func viewRerun(t *testing.T, db kv.DB) {
	all := maps.Clone(reads)
	maps.Copy(all, wideReads)
	for name, first := range all {
		for then, second := range all {
			set(t, db, "a", "1", "b", "1")
			runs, a, b := 0, "", ""
			err := kv.ViewRerun(t.Context(), db, func(r kv.Reader) (err error) {
				runs++
				if a, err = first(r, "a"); err != nil {
					return err
				}
				if runs == 1 {
					set(t, db, "a", "2", "b", "2")
				}
				b, err = second(r, "b")
				return err
			})
			if err != nil || a != b {
				t.Errorf("%s, then %s: after %d runs the view holds %s and %s, %v", name, then, runs, a, b, err)
			}
		}
	}
}

// reads are the ways to read the value at a key.
var reads = map[string]func(kv.Reader, string) (string, error){
	"get":  get,
	"scan": func(r kv.Reader, key string) (string, error) { return scanned(r, kv.Prefix([]byte(key)), false) },
	"reverse scan": func(r kv.Reader, key string) (string, error) {
		rng := kv.Prefix([]byte(key))
		rng.Reverse = true
		return scanned(r, rng, false)
	},
	// Those that are stopped have read no more than the key.
	"scan of all": func(r kv.Reader, key string) (string, error) { return scanned(r, kv.Range{Start: []byte(key)}, true) },
	"reverse scan of all": func(r kv.Reader, key string) (string, error) {
		return scanned(r, kv.Range{End: append([]byte(key), 0), Reverse: true}, true)
	},
}

// wideReads are those that read more than the key, to where there is no bound.
var wideReads = map[string]func(kv.Reader, string) (string, error){
	"scan to the end": func(r kv.Reader, key string) (string, error) { return scanned(r, kv.Range{Start: []byte(key)}, false) },
	"reverse scan to the beginning": func(r kv.Reader, key string) (string, error) {
		return scanned(r, kv.Range{End: append([]byte(key), 0), Reverse: true}, false)
	},
}

// scanned returns the first value of a range, "-" if there is none.
func scanned(r kv.Reader, rng kv.Range, stop bool) (string, error) {
	got := "-"
	err := r.Scan(rng, func(_, v []byte) bool {
		if got == "-" {
			got = string(v)
		}
		return !stop
	})
	return got, err
}

// viewRerunNested changes two keys while a scan shows the first, and reads the second before the scan ends.
func viewRerunNested(t *testing.T, db kv.DB) {
	for name, second := range reads {
		set(t, db, "a", "1", "b", "1")
		runs, a, b := 0, "", ""
		err := kv.ViewRerun(t.Context(), db, func(r kv.Reader) (err error) {
			runs++
			return errors.Join(r.Scan(kv.Prefix([]byte("a")), func(_, v []byte) bool {
				a = string(v)
				if runs == 1 {
					set(t, db, "a", "2", "b", "2")
				}
				b, err = second(r, "b")
				return err == nil
			}), err)
		})
		if err != nil || a != b {
			t.Errorf("%s in a scan: after %d runs the view holds %s and %s, %v", name, runs, a, b, err)
		}
	}
}

// viewRerunElsewhere changes keys that the first read has not read, which is no reason to run again.
func viewRerunElsewhere(t *testing.T, db kv.DB) {
	for name, first := range reads {
		set(t, db, "a", "1", "b", "1", "c", "1")
		runs, b := 0, ""
		err := kv.ViewRerun(t.Context(), db, func(r kv.Reader) (err error) {
			runs++
			if b, err = first(r, "b"); err != nil {
				return err
			}
			set(t, db, "a", "2", "c", "2")
			_, err = get(r, "c")
			return err
		})
		if err != nil || b != "1" || runs != 1 {
			t.Errorf("%s: after %d runs the view holds %s, %v", name, runs, b, err)
		}
	}
}

// viewRerunUnchanged sees keys that nobody else writes in one run, and gives back the error of fn.
func viewRerunUnchanged(t *testing.T, db kv.DB) {
	set(t, db, "a", "1", "b", "1")
	runs, failed := 0, errors.New("failed")
	err := kv.ViewRerun(t.Context(), db, func(r kv.Reader) error {
		runs++
		for _, key := range []string{"a", "b", "a", "none"} {
			want := "1"
			if key == "none" {
				want = "-"
			}
			if got, err := get(r, key); err != nil || got != want {
				t.Errorf("value at %q is %q, %v", key, got, err)
			}
		}
		return failed
	})
	if runs != 1 || !errors.Is(err, failed) {
		t.Errorf("%d runs ended with %v", runs, err)
	}
}

// depends writes the key "out" in a transaction that depends on the key "fact", which changes to 2 while it runs for the first time.
// It returns the fact of its last run as the caller knows it.
func depends(t *testing.T, db kv.DB, first, then func(kv.Tx) error) {
	t.Helper()
	set(t, db, "fact", "1", "row", "1")
	runs := 0
	changed := make(chan error, 1)
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		if _, ok := tx.(kv.Depender); !ok {
			t.Skip("the backend does not have it")
		}
		runs++
		err := first(tx)
		if runs == 1 {
			done := make(chan struct{})
			go func() {
				defer close(done)
				changed <- db.Update(context.WithoutCancel(t.Context()), func(tx kv.Tx) error { return tx.Set([]byte("fact"), []byte("2")) })
			}()
			interleave(done)
		}
		return errors.Join(err, then(tx), setCounter(tx, "out", runs))
	})
	if err = errors.Join(err, <-changed); err != nil {
		t.Fatal(err)
	}
	// Either the change came after the whole transaction, or this one ran again.
	view(t, db, func(r kv.Reader) error {
		out, err := counter(r, "out")
		if err == nil && out != runs {
			t.Errorf("run %d of %d was committed", out, runs)
		}
		return err
	})
	if concurrent(t, db) && runs < 2 {
		t.Error("a transaction was committed on a fact that has changed since")
	}
}

// concurrent reports whether a transaction of the store can commit while another one runs.
func concurrent(t *testing.T, db kv.DB) bool {
	t.Helper()
	var during bool
	done := make(chan struct{})
	update(t, db, func(kv.Tx) error {
		go func() {
			defer close(done)
			if err := add(context.WithoutCancel(t.Context()), db, "other", 1); err != nil {
				t.Error(err)
			}
		}()
		interleave(done)
		select {
		case <-done:
			during = true
		default:
		}
		return nil
	})
	<-done
	return during
}

func depend(tx kv.Tx) error {
	tx.(kv.Depender).Depend([]byte("fact"))
	return nil
}

func readRow(tx kv.Tx) error {
	_, err := get(tx, "row")
	return err
}

func nothing(kv.Tx) error { return nil }

func dependence(t *testing.T, db kv.DB) {
	depends(t, db, func(tx kv.Tx) error { return errors.Join(readRow(tx), depend(tx)) }, nothing)
	depends(t, db, readRow, depend)
}

func dependenceFirst(t *testing.T, db kv.DB) {
	depends(t, db, func(tx kv.Tx) error { return errors.Join(depend(tx), readRow(tx)) }, readRow)
}

func dependenceAlone(t *testing.T, db kv.DB) { depends(t, db, depend, nothing) }
