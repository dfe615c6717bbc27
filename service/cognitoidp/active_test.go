package cognitoidp

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
)

// active asks about an ID token of the world's pool.
func (w *world) active(t *testing.T, idToken string) bool {
	t.Helper()
	claims := decoded(t, idToken)
	raw := map[string]json.RawMessage{}
	for name, v := range claims {
		raw[name] = must(json.Marshal(v))(t)
	}
	return must(w.s.Active(context.Background(), claims["iss"].(string), &webtoken.Claims{
		Subject: claims["sub"].(string), IssuedAt: time.Unix(int64(claims["iat"].(float64)), 0), Raw: raw,
	}))(t)
}

func TestActive(t *testing.T) {
	t.Parallel()
	name := new("ana")
	for what, end := range map[string]func(t *testing.T, w *world, tok *api.AuthenticationResultType){
		"signed out": func(t *testing.T, w *world, tok *api.AuthenticationResultType) {
			must(do(w, w.r.GlobalSignOut, w.s.GlobalSignOut, &api.GlobalSignOutInput{AccessToken: tok.AccessToken}))(t)
		},
		"disabled": func(t *testing.T, w *world, _ *api.AuthenticationResultType) {
			must(do(w, w.r.AdminDisableUser, w.s.AdminDisableUser, &api.AdminDisableUserInput{UserPoolId: &w.pool, Username: name}))(t)
		},
		"deleted": func(t *testing.T, w *world, _ *api.AuthenticationResultType) {
			must(do(w, w.r.AdminDeleteUser, w.s.AdminDeleteUser, &api.AdminDeleteUserInput{UserPoolId: &w.pool, Username: name}))(t)
		},
		"revoked": func(t *testing.T, w *world, tok *api.AuthenticationResultType) {
			must(do(w, w.r.RevokeToken, w.s.RevokeToken, &api.RevokeTokenInput{ClientId: &w.app, Token: tok.RefreshToken}))(t)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.member("ana")
			tok := w.tokens(w.app, "ana")
			if !w.active(t, *tok.IdToken) {
				t.Fatal("not active to begin with")
			}
			end(t, w, tok)
			if w.active(t, *tok.IdToken) {
				t.Error("still active")
			}
		})
	}
	w := newWorld(t)
	if ok, err := w.s.Active(context.Background(), "https://idp.example.com", &webtoken.Claims{Subject: "x"}); ok || err != nil {
		t.Error(ok, err)
	}
}
