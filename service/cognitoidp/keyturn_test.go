package cognitoidp

import (
	"slices"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
)

// New keys are published at once and sign later; what the old ones signed holds through the turn.
func TestKeysArePublishedAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	w.now = time.Now() // by which the key set leaves keys out
	kids := func() (id, access string, token string) {
		tok := w.tokens(w.app, "ana")
		of := func(text *string) string { return must(jose.Parse(*text))(t).KID }
		return of(tok.IdToken), of(tok.AccessToken), *tok.AccessToken
	}
	turn := func() ([]string, error) { return w.s.RotateKeys(t.Context(), testAccount, testRegion, w.pool, w.now) }
	published := func() (out []string) {
		p := must(w.s.FactsOf(t.Context(), w.pool))(t)
		for _, k := range must(w.s.KeySet(t.Context(), p, ""))(t).(jose.Set).Keys {
			out = append(out, k.KID)
		}
		return out
	}
	id, access, before := kids()
	all := must(turn())(t)
	if len(all) != 4 || all[2] != id || all[3] != access || !slices.Equal(published(), all) {
		t.Fatalf("published are %q, of %q", published(), all)
	}
	_, err := turn()
	want(t, "again before the new ones sign", err, "InvalidParameterException", "")
	w.now = w.now.Add(tokens.KeysAhead - time.Second)
	stillID, stillAccess, between := kids()
	if stillID != id || stillAccess != access {
		t.Error("new keys sign before everybody knows them")
	}
	w.now = w.now.Add(time.Second)
	newID, newAccess, after := kids()
	if newID != all[0] || newAccess != all[1] {
		t.Error("new keys do not sign in time")
	}
	for name, token := range map[string]string{"before": before, "between": between, "after": after} {
		if _, err := w.getUser(token); err != nil {
			t.Errorf("the token of %s the turn: %v", name, err)
		}
	}
	all = must(turn())(t)
	if p := must(w.s.FactsOf(t.Context(), w.pool))(t); len(all) != 6 || tokens.SigningKeyOf(p, tokens.KeyOfAccess, w.now).KID != newAccess || tokens.SigningKeyOf(p, tokens.KeyOfID, w.now).KID != newID {
		t.Errorf("the second turn: %q", all)
	}
	for _, r := range must(w.s.FactsOf(t.Context(), w.pool))(t).Retired {
		if signs := r.KID == newID || r.KID == newAccess; signs != (len(r.Sealed) > 0) {
			t.Errorf("%s keeps its private half: %v", r.KID, !signs)
		}
	}
}
