package tokens

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func TestOpenedKeysAreBounded(t *testing.T) {
	t.Parallel()
	var o opened[int]
	loads := 0
	get := func(kid string) {
		if _, err := o.get(kid, func() (*int, error) { loads++; return new(int), nil }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 * maxSigners {
		get("hot")
		get(fmt.Sprint(i))
	}
	if n := len(o.young) + len(o.old); n > 2*maxSigners {
		t.Errorf("%d keys are kept", n)
	}
	if loads != 5*maxSigners+1 {
		t.Errorf("a key in use all the time was opened %d times", loads-5*maxSigners)
	}
}

// TestRetiredKeys shows how long keys that were replaced are good for, and for what.
func TestRetiredKeys(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	p := &userpool.Pool{Keys: [2]userpool.SigningKey{{KID: "id0", Sealed: []byte{1}}, {KID: "access0", Sealed: []byte{1}}}}
	kids, err := retireKeys(p, [2]userpool.SigningKey{{KID: "id1"}, {KID: "access1"}}, now)
	if err != nil || strings.Join(kids, " ") != "id1 access1 id0 access0" || !p.KeysSign.Equal(now.Add(KeysAhead)) {
		t.Fatal(kids, err)
	}
	for _, c := range []struct {
		use   int
		kid   string
		after time.Duration
		want  bool
	}{
		{KeyOfAccess, "access1", 0, true}, {KeyOfAccess, "access0", 0, true}, {KeyOfAccess, "access0", KeysAhead + userpool.MaxTokenLife - 1, true},
		{KeyOfAccess, "access0", KeysAhead + userpool.MaxTokenLife, false}, {KeyOfAccess, "id0", 0, false}, {KeyOfAccess, "id1", 0, false}, {KeyOfAccess, "", 0, false},
	} {
		if got := keyOf(p, c.use, c.kid, now.Add(c.after)) != nil; got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
