package kvcopy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
)

func none(int64) {}

// fill writes pairs 0 to n, those of the round with another value.
func fill(t *testing.T, db kv.DB, rng *rand.Rand, n, round int) {
	t.Helper()
	err := db.Update(context.Background(), func(tx kv.Tx) error {
		for i := range n {
			k := fmt.Appendf([]byte{0x10}, "%06d", i)
			switch rng.IntN(4) {
			case 0:
				if err := tx.Delete(k); err != nil {
					return err
				}
			case 1:
				if err := tx.Set(k, fmt.Appendf(bytes.Repeat([]byte("x"), rng.IntN(300)), "%d-%d", i, round)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkpoint is a copy of a store as it is.
func checkpoint(t *testing.T, db kv.DB) kv.DB {
	t.Helper()
	to := memkv.New()
	err := db.View(context.Background(), func(r kv.Reader) error {
		return to.Update(context.Background(), func(tx kv.Tx) error {
			var bad error
			err := r.Scan(kv.Range{}, func(k, v []byte) bool { bad = tx.Set(k, v); return bad == nil })
			return errors.Join(err, bad)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// failing fails after some updates, as a connection does.
type failing struct {
	kv.DB
	left int
}

var errCut = errors.New("cut")

func (f *failing) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if f.left--; f.left < 0 {
		return errCut
	}
	return f.DB.Update(ctx, fn)
}

// A store that is written to all the while is copied whole, however often the copy is interrupted.
func TestCopyOfAStoreInUse(t *testing.T) {
	t.Parallel()
	ctx, rng := context.Background(), rand.New(rand.NewPCG(1, 2))
	src, dst := memkv.New(), &failing{DB: memkv.New()}
	for round := range 3 {
		fill(t, src, rng, 20_000, round)
	}
	points := map[string]kv.DB{"0": checkpoint(t, src)}
	cuts := 0
	for round := 0; ; {
		dst.left = rng.IntN(4)
		st, err := Load(ctx, dst)
		if err != nil {
			t.Fatal(err)
		}
		if st == nil {
			st = &State{From: "0"}
		}
		if !st.Copied {
			err = Copy(ctx, points[st.From], dst, st, none)
		} else {
			if st.To == "" {
				if round++; round > 4 {
					break
				}
				fill(t, src, rng, 20_000/round, 10+round)
				st.To = fmt.Sprint(round)
				points[st.To] = checkpoint(t, src)
			}
			_, err = Changes(ctx, points[st.From], points[st.To], dst, st, none)
			if errors.Is(err, errCut) { // what was not written is begun again, from another checkpoint
				if again, err := Load(ctx, dst); err != nil || again.To == "" {
					round--
				}
			}
		}
		if errors.Is(err, errCut) {
			cuts++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	dst.left = 1
	if cuts < 4 {
		t.Errorf("the copy was cut %d times only", cuts)
	}
	if under, err := UnderWay(ctx, dst); !under || err != nil {
		t.Errorf("under way: %v %v", under, err)
	}
	n, err := Verify(ctx, checkpointOf(points), dst, none)
	if err != nil || n < 4_000 {
		t.Errorf("verified %d pairs: %v", n, err)
	}
	if err := Finish(ctx, dst); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(ctx, dst); err == nil {
		t.Error("a store in use is taken for one to copy to")
	}
}

// checkpointOf is the newest.
func checkpointOf(points map[string]kv.DB) kv.DB { return points[fmt.Sprint(len(points)-1)] }

func TestVerifyFindsDifferences(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, spoil := range map[string]func(kv.Tx) error{
		"changed": func(tx kv.Tx) error { return tx.Set([]byte("b"), []byte("other")) },
		"missing": func(tx kv.Tx) error { return tx.Delete([]byte("b")) },
		"more":    func(tx kv.Tx) error { return tx.Set([]byte("bb"), []byte("v")) },
		"last":    func(tx kv.Tx) error { return tx.Set([]byte("z"), []byte("v")) },
	} {
		src := memkv.New()
		if err := src.Update(ctx, func(tx kv.Tx) error {
			return errors.Join(tx.Set([]byte("a"), []byte("v")), tx.Set([]byte("b"), []byte("v")), tx.Set([]byte("c"), []byte("v")))
		}); err != nil {
			t.Fatal(err)
		}
		dst := checkpoint(t, src)
		if n, err := Verify(ctx, src, dst, none); n != 3 || err != nil {
			t.Errorf("alike: %d %v", n, err)
		}
		if err := dst.Update(ctx, spoil); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(ctx, src, dst, none); !errors.Is(err, errDifferent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
