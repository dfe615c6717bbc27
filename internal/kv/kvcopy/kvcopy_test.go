package kvcopy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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

// A store that is written to all the while is copied whole, however often the copy is interrupted and whichever checkpoints are lost.
func TestCopyOfAStoreInUse(t *testing.T) {
	t.Parallel()
	for _, loses := range []string{"no checkpoint", "the one held", "the next one"} {
		t.Run(loses, func(t *testing.T) {
			t.Parallel()
			ctx, rng := context.Background(), rand.New(rand.NewPCG(1, 2))
			src, dst := memkv.New(), &failing{DB: memkv.New()}
			for round := range 3 {
				fill(t, src, rng, 20_000, round)
			}
			points := map[string]kv.DB{}
			cuts, rounds := 0, 0
			for rounds < 5 || !same(t, src, dst) {
				dst.left = rng.IntN(4)
				if again(t, ctx, src, dst, points, rng, &rounds) {
					continue
				}
				cuts++
				dst.left = 1
				st, err := Begin(ctx, dst)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case loses == "the one held" && cuts%3 == 0:
					delete(points, st.Holds)
				case loses == "the next one" && cuts%3 == 0:
					delete(points, st.Next)
				}
			}
			if cuts < 4 {
				t.Errorf("the copy was cut %d times only", cuts)
			}
			if under, err := UnderWay(ctx, dst); !under || err != nil {
				t.Errorf("under way: %v %v", under, err)
			}
			if n, err := Verify(ctx, src, dst, none); err != nil || n < 4_000 {
				t.Errorf("verified %d pairs: %v", n, err)
			}
			dst.left = 2
			if err := Finish(ctx, dst); err != nil {
				t.Fatal(err)
			}
			if _, err := Begin(ctx, dst); !errors.Is(err, ErrNotEmpty) {
				t.Errorf("a store in use is taken for one to copy to: %v", err)
			}
		})
	}
}

// again runs a copy until it is cut, or one step of it is done.
func again(t *testing.T, ctx context.Context, src kv.DB, dst *failing, points map[string]kv.DB, rng *rand.Rand, rounds *int) bool { //nolint:revive // t first
	t.Helper()
	st, err := Begin(ctx, dst)
	if err == nil && points[st.Next] == nil {
		if *rounds++; *rounds <= 5 {
			fill(t, src, rng, 20_000 / *rounds, 10+*rounds)
		}
		if st.Next != "" { // what it left is a mixture
			st = &State{}
		}
		st.Next, st.After = fmt.Sprint(*rounds), nil
		points[st.Next] = checkpoint(t, src)
		err = Save(ctx, dst, st)
	}
	if err == nil {
		_, err = Apply(ctx, points[st.Holds], points[st.Next], dst, st, none)
	}
	if err != nil && !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	return err == nil
}

func same(t *testing.T, a, b kv.DB) bool {
	t.Helper()
	_, err := Verify(context.Background(), a, b, none)
	if err != nil && !errors.Is(err, errDifferent) {
		t.Fatal(err)
	}
	return err == nil
}

// What says that a store is retired is not copied, and its copy is alike without.
func TestProgressOfEachStep(t *testing.T) {
	t.Parallel()
	ctx, src, dst, empty := context.Background(), memkv.New(), memkv.New(), memkv.New()
	const pairs = 2*batchPairs + 5
	err := src.Update(ctx, func(tx kv.Tx) (err error) {
		for i := range pairs {
			err = errors.Join(err, tx.Set(fmt.Appendf([]byte{0x10}, "%06d", i), []byte("x")))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	st := &State{}
	for _, step := range []string{"the first", "one that knows how many the one before had"} {
		st.Next = step
		var told []int64
		if _, err := Apply(ctx, empty, src, dst, st, func(done int64) { told = append(told, done) }); err != nil {
			t.Fatal(err)
		}
		if want := []int64{batchPairs, 2 * batchPairs, pairs}; !slices.Equal(told, want) {
			t.Errorf("%s tells of %d, not of %d", step, told, want)
		}
	}
}

func TestRetirementIsNotCopied(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	src, dst := memkv.New(), memkv.New()
	fill(t, src, rand.New(rand.NewPCG(1, 1)), 100, 1)
	if err := Retire(ctx, src, "elsewhere"); err != nil {
		t.Fatal(err)
	}
	st, err := Begin(ctx, dst)
	if err != nil {
		t.Fatal(err)
	}
	st.Next = "1"
	if _, err := Apply(ctx, nil, src, dst, st, none); err != nil {
		t.Fatal(err)
	}
	if to, err := RetiredTo(ctx, dst); to != "" || err != nil {
		t.Errorf("the copy is retired to %q: %v", to, err)
	}
	if !same(t, src, dst) {
		t.Error("the copy differs")
	}
}

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
