package streamid

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestNames(t *testing.T) {
	t.Parallel()
	began := time.Date(2023, 11, 14, 22, 13, 20, 1e6, time.UTC)
	if got := Shard(began, 3); got != "shardId-00000001700000000001-00000003" {
		t.Error(got)
	}
	it := Iterator{ARN: "arn", Began: began, Part: 1, Next: 2, Made: began}
	if got := it.String(); got != "arn|1|AAABi8/laAEBAAAAAAAAAAIAAAGLz+VoAQ==" {
		t.Error(got)
	}
	if _, err := ParseIterator(it.String(), 1); err == nil {
		t.Error("a part that no stream has is taken")
	}
}

// Clients compare sequence numbers as text.
func TestSequence(t *testing.T) {
	t.Parallel()
	var all []string
	for _, n := range []uint64{0, 1, 9, 10, 1 << 40, math.MaxUint64} {
		text := Sequence(n)
		if back, ok := ParseSequence(text); !ok || back != n || len(text) != 21 {
			t.Errorf("%d: %s is %d", n, text, back)
		}
		all = append(all, text)
	}
	if !slices.IsSorted(all) {
		t.Error(all)
	}
	for _, text := range []string{"", "1", "100000000000000000000000", "200000000000000000001", "1-0000000000000000001", "199999999999999999999"} {
		if n, ok := ParseSequence(text); ok {
			t.Errorf("%q is %d", text, n)
		}
	}
}

// Nothing that a client makes of an iterator is more than a refusal.
func FuzzIterator(f *testing.F) {
	f.Add((&Iterator{ARN: "arn:aws:dynamodb:eu-central-1:000000000000:table/pool/stream/2023-11-14T22:13:20.000", Began: time.Unix(1, 0), Part: 1, Next: 2, Made: time.Unix(3, 0)}).String())
	f.Add("arn|1|AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		it, err := ParseIterator(text, 4)
		if err == nil && (it.String() != text || it.Part > 3) {
			t.Errorf("%q is read as %q", text, it)
		}
	})
}
