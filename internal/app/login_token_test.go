package app_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// TestUserInfoAttacks tries tokens that are none of the pool's access tokens.
func TestUserInfoAttacks(t *testing.T) {
	t.Parallel()
	s, foreign := newSite(t, nil), newSite(t, nil)
	tokens := map[*site]map[string]any{}
	for _, x := range []*site{s, foreign} {
		x.newUser("ada")
		code := x.browser().signIn("ada", word, x.request()).Query().Get("code")
		_, tokens[x] = x.exchange("grant_type", "authorization_code", "client_id", x.client, "code", code, "redirect_uri", callback, "code_verifier", verifier)
	}
	access := tokens[s]["access_token"].(string)
	parts := strings.Split(access, ".")
	text := func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) }
	for name, token := range map[string]string{
		"ID token": tokens[s]["id_token"].(string), "other pool": tokens[foreign]["access_token"].(string), "refresh token": tokens[s]["refresh_token"].(string),
		"none": text(`{"alg":"none","kid":"x"}`) + "." + parts[1] + ".", "HS256": text(`{"alg":"HS256","kid":"x"}`) + "." + parts[1] + "." + parts[2],
		"kid of a path": text(`{"alg":"RS256","kid":"../../../dev/null"}`) + "." + parts[1] + "." + parts[2],
		"kid of SQL":    text(`{"alg":"RS256","kid":"' OR 1=1 --"}`) + "." + parts[1] + "." + parts[2],
		"other claims":  parts[0] + "." + text(`{"sub":"x","token_use":"access"}`) + "." + parts[2], "none of it": "x",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/oauth2/userInfo", nil)
		s.ok(err)
		r.Header.Set("Authorization", "Bearer "+token)
		if a := s.browser().do(r); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: HTTP %d %s", name, a.StatusCode, a.body)
		}
	}
}
