package cognitoidp

import (
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func (w *world) rotating(grace int32) string {
	return w.newClient(func(in *api.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []api.ExplicitAuthFlowsType{"ALLOW_USER_PASSWORD_AUTH"}
		in.RefreshTokenRotation = &api.RefreshTokenRotationType{Feature: "ENABLED", RetryGracePeriodSeconds: &grace}
	})
}

func (w *world) exchange(app string, token *string) (*api.AuthenticationResultType, error) {
	out, err := do(w, w.r.GetTokensFromRefreshToken, w.s.GetTokensFromRefreshToken, &api.GetTokensFromRefreshTokenInput{ClientId: &app, RefreshToken: token})
	if err != nil {
		return nil, err
	}
	return out.AuthenticationResult, nil
}

func TestRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	app := w.rotating(0)
	first, other := w.tokens(app, "ana"), w.tokens(app, "ana")
	_, err := w.refresh(app, *first.RefreshToken)
	want(t, "by the flow", err, "InvalidParameterException", "Auth flow not enabled for this client")
	second := must(w.exchange(app, first.RefreshToken))(t)
	third := must(w.exchange(app, second.RefreshToken))(t)
	_, err = w.exchange(app, first.RefreshToken)
	want(t, "the first again", err, "RefreshTokenReuseException", "")
	_, err = w.exchange(app, third.RefreshToken)
	want(t, "the latest, for nobody knows whose it is", err, "NotAuthorizedException", "Refresh Token has been revoked")
	_, err = w.getUser(*third.AccessToken)
	want(t, "its access token", err, "NotAuthorizedException", "Access Token has been revoked")
	must(w.exchange(app, other.RefreshToken))(t)
}

func TestRotationKeepsTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	app := w.rotating(0)
	tok := w.tokens(app, "ana")
	began := w.now
	for range 29 {
		w.now = w.now.AddDate(0, 0, 1)
		tok = must(w.exchange(app, tok.RefreshToken))(t)
	}
	if n := w.records("family"); n != 1 {
		t.Errorf("%d records for one sign-in", n)
	}
	w.now = began.AddDate(0, 0, 30)
	_, err := w.exchange(app, tok.RefreshToken)
	want(t, "after 30 days", err, "NotAuthorizedException", "Refresh Token has expired")
	w.now = w.now.Add(time.Second)
	for range 3 {
		must(w.exchange(app, w.tokens(app, "ana").RefreshToken))(t)
	}
	if n := w.records("family"); n != 3 {
		t.Errorf("%d records, want those of 3 sign-ins", n)
	}
}

// records counts the records of a kind in the pool.
func (w *world) records(kind string) (n int) {
	w.t.Helper()
	err := system.View(w.t.Context(), w.s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(testAccount, testRegion)
		if err != nil {
			return err
		}
		n = 0
		return rec.Scan(userpool.InPool(w.pool, kind), nil, func(store.Key, []byte) bool { n++; return true })
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestRotationGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	app := w.rotating(10)
	first := w.tokens(app, "ana")
	must(w.exchange(app, first.RefreshToken))(t) // the answer is lost
	w.now = w.now.Add(9 * time.Second)
	retried := must(w.exchange(app, first.RefreshToken))(t)
	must(w.exchange(app, retried.RefreshToken))(t)
	w.now = w.now.Add(10 * time.Second)
	_, err := w.exchange(app, retried.RefreshToken)
	want(t, "after the grace", err, "RefreshTokenReuseException", "")
}

func TestExchangeWithoutRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	tok := w.tokens(w.app, "ana")
	for range 2 {
		if out := must(w.exchange(w.app, tok.RefreshToken))(t); out.RefreshToken != nil {
			t.Error("a refresh token for one that stays")
		}
	}
	_, err := w.exchange(w.quiet, tok.RefreshToken)
	want(t, "another client's", err, "NotAuthorizedException", "Invalid Refresh Token")
	_, err = w.exchange(w.private, tok.RefreshToken)
	want(t, "without the secret", err, "UnauthorizedException", "")
	none := w.newClient(func(in *api.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []api.ExplicitAuthFlowsType{"ALLOW_USER_PASSWORD_AUTH"}
	})
	_, err = w.exchange(none, w.tokens(none, "ana").RefreshToken)
	want(t, "a client that renews nothing", err, "InvalidParameterException", "Auth flow not enabled for this client")
}
