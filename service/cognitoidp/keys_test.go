package cognitoidp

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
)

// Keys are made at the first need, once however many ask at the same time, and stay.
func TestKeysAreMadeAtFirstNeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, err := w.s.FactsOf(t.Context(), w.pool)
	if err != nil || tokens.HasKeys(p) {
		t.Fatalf("a new pool has keys already, or cannot be read: %v", err)
	}
	var wg sync.WaitGroup
	kids := make([]string, 16)
	for i := range kids {
		wg.Go(func() {
			doc, err := w.s.KeySet(context.WithoutCancel(t.Context()), p, "")
			if err != nil {
				t.Error(err)
				return
			}
			kids[i] = fmt.Sprint(doc.(jose.Set).Keys[tokens.KeyOfID].KID, doc.(jose.Set).Keys[tokens.KeyOfAccess].KID)
		})
	}
	wg.Wait()
	for _, k := range kids {
		if k != kids[0] || len(k) < 80 {
			t.Fatalf("who asks at the same time sees keys %q and %q", kids[0], k)
		}
	}
	if again, err := w.s.FactsOf(t.Context(), w.pool); err != nil || !tokens.HasKeys(again) {
		t.Errorf("the cached pool has no keys: %v", err)
	}
}

// A node that has cached a pool without keys verifies what another node has just signed.
func TestKeysMadeElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stale, err := w.s.FactsOf(t.Context(), w.pool)
	if err != nil {
		t.Fatal(err)
	}
	made, err := w.s.WithKeys(t.Context(), stale)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := w.s.Keyed(t.Context(), stale); err != nil || now.Keys[tokens.KeyOfID].KID != made.Keys[tokens.KeyOfID].KID {
		t.Errorf("keys made by another request are not seen: %v", err)
	}
	if again, err := w.s.MakeKeys(t.Context(), stale); err != nil || again.Keys[tokens.KeyOfID].KID != made.Keys[tokens.KeyOfID].KID {
		t.Errorf("a slower maker of keys replaces those that are in use: %v", err)
	}
}

// A token that names no key is never taken for one of a pool that has none yet.
func TestTokensOfPoolWithoutKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, err := jose.Sign(testRSA()[0], "", fmt.Appendf(nil, `{"iss":"https://cognito-idp.us-east-1.amazonaws.com/%s","token_use":"access","exp":9999999999}`, w.pool))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.s.VerifyAccess(t.Context(), token, w.now); err == nil || err.Error() != refusal.BadAccessToken().Error() {
		t.Errorf("a token without a key id answers %v", err)
	}
	if key, _, own := w.s.Keys(t.Context(), tokens.ProviderName(testRegion, w.pool), ""); key != nil || !own {
		t.Error("a pool without keys gives one out")
	}
}
