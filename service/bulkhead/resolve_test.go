package bulkhead

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

const (
	testAccount = "111122223333"
	testRegion  = "us-east-1"
)

// What a sealed route holds: a tenant's route, or for nobody the same stand-in for the same question.
func TestRouted(t *testing.T) {
	t.Parallel()
	db := store.New(memkv.New())
	s := New(Config{DB: db, Keys: keyringtest.New(t, 'k'), Account: testAccount})
	err := system.Update(t.Context(), db, "bulkhead", func(tx *store.Tx) error {
		home, err := tx.Records(testAccount, testRegion)
		if err != nil {
			return err
		}
		return saveRoute(home, &Route{Tenant: "acme", UserPoolID: "p", ClientID: "c"})
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_790_000_000, 0)
	c := &pipeline.Call{Account: testAccount, Region: testRegion, Now: now}
	open := func(tenant, kind, value string) (*Route, string) {
		t.Helper()
		out, err := s.routed(c, tenant, kind, value)
		if err != nil {
			t.Fatal(err)
		}
		r, seed, err := s.Routed(t.Context(), testAccount, testRegion, *out.Route, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Routed(t.Context(), testAccount, testRegion, *out.Route, now.Add(routingLife)); !errors.Is(err, ErrRoute) {
			t.Errorf("a route that is over opens: %v", err)
		}
		if _, _, err := s.Routed(t.Context(), testAccount, "eu-west-1", *out.Route, now); !errors.Is(err, ErrRoute) {
			t.Errorf("a route opens in another region: %v", err)
		}
		return r, seed
	}
	if r, seed := open("acme", byCode, "ACME"); r == nil || r.ClientID != "c" || seed != "acme" {
		t.Errorf("the tenant's route is %+v", r)
	}
	_, first := open("", byCode, "NOBODY")
	if r, again := open("", byCode, "NOBODY"); r != nil || again != first {
		t.Errorf("nobody is %q and then %q: %+v", first, again, r)
	}
	if _, other := open("", bySubdomain, "NOBODY"); other == first {
		t.Error("two questions have one stand-in")
	}
	for _, bad := range []string{"", "x", base64.RawURLEncoding.EncodeToString(make([]byte, 100))} {
		if _, _, err := s.Routed(t.Context(), testAccount, testRegion, bad, now); !errors.Is(err, ErrRoute) {
			t.Errorf("%q opens: %v", bad, err)
		}
	}
}
