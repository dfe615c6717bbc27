package cognitoidp

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func (w *world) group(name, role string, precedence *int32, members ...string) {
	w.t.Helper()
	in := &api.CreateGroupInput{UserPoolId: &w.pool, GroupName: &name, Precedence: precedence}
	if role != "" {
		in.RoleArn = &role
	}
	must(do(w, w.r.CreateGroup, w.s.CreateGroup, in))(w.t)
	for _, m := range members {
		must(do(w, w.r.AdminAddUserToGroup, w.s.AdminAddUserToGroup, &api.AdminAddUserToGroupInput{UserPoolId: &w.pool, GroupName: &name, Username: &m}))(w.t)
	}
}

func (w *world) tag(tags map[string]string) error {
	arn := userpool.PoolARN(w.account, w.region, w.pool)
	_, err := do(w, w.r.TagResource, w.s.TagResource, &api.TagResourceInput{ResourceArn: &arn, Tags: tags})
	return err
}

func TestClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.tag(map[string]string{userpool.SessionTagsTag: "TenantID=custom:tenant_id, Color=custom:color"}); err != nil {
		t.Fatal(err)
	}
	sub := w.member("ana", "email", "ana@example.com", "email_verified", "true", "custom:tenant_id", "acme", "address", "Road 1", "updated_at", "5")
	w.group("late", "arn:aws:iam::111122223333:role/late", nil, "ana")
	w.group("first", "arn:aws:iam::111122223333:role/first", new(int32(1)), "ana")
	w.group("second", "", new(int32(2)), "ana")
	w.now = w.now.Add(time.Second)
	tok := w.tokens(w.app, "ana")
	id, access := decoded(t, *tok.IdToken), decoded(t, *tok.AccessToken)
	for _, c := range []map[string]any{id, access} {
		for _, random := range []string{"jti", "origin_jti", "event_id"} {
			if s, _ := c[random].(string); len(s) != 36 {
				t.Errorf("%s = %v", random, c[random])
			}
		}
	}
	if id["origin_jti"] != access["origin_jti"] || id["event_id"] != access["event_id"] || id["jti"] == access["jti"] {
		t.Error("the tokens of a sign-in share origin and event, not the id")
	}
	for _, c := range []map[string]any{id, access} {
		delete(c, "jti")
		delete(c, "origin_jti")
		delete(c, "event_id")
	}
	at := float64(w.now.Unix())
	iss := "https://cognito-idp.us-east-1.amazonaws.com/" + w.pool
	groups := []any{"first", "second", "late"}
	wantID := map[string]any{
		"sub": sub, "iss": iss, "token_use": "id", "aud": w.app, "auth_time": at, "iat": at, "exp": at + 3600,
		"cognito:username": "ana", "cognito:groups": groups,
		"cognito:roles":          []any{"arn:aws:iam::111122223333:role/first", "arn:aws:iam::111122223333:role/late"},
		"cognito:preferred_role": "arn:aws:iam::111122223333:role/first",
		"email":                  "ana@example.com", "email_verified": true, "custom:tenant_id": "acme",
		"address": map[string]any{"formatted": "Road 1"}, "updated_at": 5.0,
		"https://aws.amazon.com/tags": map[string]any{
			"principal_tags": map[string]any{"TenantID": []any{"acme"}}, "transitive_tag_keys": []any{"TenantID"},
		},
	}
	wantAccess := map[string]any{
		"sub": sub, "iss": iss, "token_use": "access", "client_id": w.app, "auth_time": at, "iat": at, "exp": at + 3600,
		"username": "ana", "cognito:groups": groups, "scope": "aws.cognito.signin.user.admin",
	}
	if !reflect.DeepEqual(id, wantID) {
		t.Errorf("ID token %v\nwant %v", id, wantID)
	}
	if !reflect.DeepEqual(access, wantAccess) {
		t.Errorf("access token %v\nwant %v", access, wantAccess)
	}
	if *tok.ExpiresIn != 3600 || *tok.TokenType != "Bearer" {
		t.Errorf("%d %s", *tok.ExpiresIn, *tok.TokenType)
	}
}

func TestClaimsAreLimitedToWhatTheClientReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana", "email", "ana@example.com", "custom:color", "red")
	app := w.newClient(func(in *api.CreateUserPoolClientInput) {
		in.ReadAttributes, in.EnableTokenRevocation = []string{"custom:color"}, new(false)
		in.IdTokenValidity, in.TokenValidityUnits = new(int32(5)), &api.TokenValidityUnitsType{IdToken: "minutes"}
	})
	id := decoded(t, *w.tokens(app, "ana").IdToken)
	if id["email"] != nil || id["custom:color"] != "red" || id["origin_jti"] != nil || id["exp"].(float64)-id["iat"].(float64) != 300 {
		t.Errorf("%v", id)
	}
	if id["cognito:groups"] != nil || id[tokens.TagsClaim] != nil {
		t.Errorf("claims of groups or tags that are not there: %v", id)
	}
}

func (w *world) refresh(app, token string) (*api.InitiateAuthOutput, error) {
	return w.initiate(app, "REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": token})
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	tok := w.tokens(w.app, "ana")
	began := w.now
	w.now = w.now.Add(time.Hour)
	_, err := w.getUser(*tok.AccessToken)
	want(t, "expired", err, "NotAuthorizedException", "Access Token has expired")
	out := must(w.refresh(w.app, *tok.RefreshToken))(t).AuthenticationResult
	if out.RefreshToken != nil {
		t.Error("a refresh token for a refresh token")
	}
	c := decoded(t, *out.IdToken)
	if c["auth_time"] != float64(began.Unix()) || c["iat"] != float64(w.now.Unix()) || c["origin_jti"] != decoded(t, *tok.IdToken)["origin_jti"] {
		t.Errorf("%v", c)
	}
	must(w.getUser(*out.AccessToken))(t)
	_, err = w.refresh(w.quiet, *tok.RefreshToken)
	want(t, "another client's", err, "NotAuthorizedException", "Invalid Refresh Token")
	for _, made := range []string{"x", "!", *tok.AccessToken, (*tok.RefreshToken)[:40], (*tok.RefreshToken) + "A"} {
		_, err = w.refresh(w.app, made)
		want(t, "made up", err, "NotAuthorizedException", "Invalid Refresh Token")
	}
	_, err = w.refresh(w.app, "")
	want(t, "none", err, "InvalidParameterException", "Missing required parameter REFRESH_TOKEN")
	w.now = began.AddDate(0, 0, 30)
	_, err = w.refresh(w.app, *tok.RefreshToken)
	want(t, "after 30 days", err, "NotAuthorizedException", "Refresh Token has expired")
}

func TestRefreshNeedsTheSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	out := must(w.initiate(w.private, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": "ana", "PASSWORD": password, "SECRET_HASH": *w.hash("ana")}))(t)
	token := *out.AuthenticationResult.RefreshToken
	_, err := w.refresh(w.private, token)
	want(t, "without", err, "NotAuthorizedException", "Client "+w.private+" is configured with secret but SECRET_HASH was not received")
	must(w.initiate(w.private, "REFRESH_TOKEN", map[string]string{"REFRESH_TOKEN": token, "SECRET_HASH": *w.hash("ana")}))(t)
	_, err = w.initiate(w.private, "REFRESH_TOKEN", map[string]string{"REFRESH_TOKEN": token, "SECRET_HASH": *w.hash("bob")})
	want(t, "another user's hash", err, "NotAuthorizedException", "Unable to verify secret hash for client "+w.private)
	_, err = do(w, w.r.RevokeToken, w.s.RevokeToken, &api.RevokeTokenInput{ClientId: &w.private, Token: &token, ClientSecret: new("guess")})
	want(t, "revoke with a guess", err, "UnauthorizedException", "")
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	byAdmin := func(f func(w *world) error) func(*testing.T, *world, *api.AuthenticationResultType) {
		return func(t *testing.T, w *world, _ *api.AuthenticationResultType) {
			if err := f(w); err != nil {
				t.Fatal(err)
			}
		}
	}
	name := new("ana")
	for what, tc := range map[string]struct {
		revoke          func(*testing.T, *world, *api.AuthenticationResultType)
		refresh, access string
		others          bool // other sign-ins of the user go on
	}{
		"RevokeToken": {func(t *testing.T, w *world, tok *api.AuthenticationResultType) {
			must(do(w, w.r.RevokeToken, w.s.RevokeToken, &api.RevokeTokenInput{ClientId: &w.app, Token: tok.RefreshToken}))(t)
			must(do(w, w.r.RevokeToken, w.s.RevokeToken, &api.RevokeTokenInput{ClientId: &w.app, Token: tok.RefreshToken}))(t)
		}, "Refresh Token has been revoked", "Access Token has been revoked", true},
		"GlobalSignOut": {func(t *testing.T, w *world, tok *api.AuthenticationResultType) {
			must(do(w, w.r.GlobalSignOut, w.s.GlobalSignOut, &api.GlobalSignOutInput{AccessToken: tok.AccessToken}))(t)
		}, "Refresh Token has been revoked", "Access Token has been revoked", false},
		"AdminUserGlobalSignOut": {byAdmin(func(w *world) error {
			_, err := do(w, w.r.AdminUserGlobalSignOut, w.s.AdminUserGlobalSignOut, &api.AdminUserGlobalSignOutInput{UserPoolId: &w.pool, Username: name})
			return err
		}), "Refresh Token has been revoked", "Access Token has been revoked", false},
		"AdminDisableUser": {byAdmin(func(w *world) error {
			_, err := do(w, w.r.AdminDisableUser, w.s.AdminDisableUser, &api.AdminDisableUserInput{UserPoolId: &w.pool, Username: name})
			return err
		}), "User is disabled.", "User is disabled.", false},
		"AdminDeleteUser": {byAdmin(func(w *world) error {
			_, err := do(w, w.r.AdminDeleteUser, w.s.AdminDeleteUser, &api.AdminDeleteUserInput{UserPoolId: &w.pool, Username: name})
			return err
		}), "Invalid Refresh Token", "User does not exist.", false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.member("ana")
			tok, other := w.tokens(w.app, "ana"), w.tokens(w.app, "ana")
			tc.revoke(t, w, tok)
			_, err := w.refresh(w.app, *tok.RefreshToken)
			want(t, "refresh", err, "NotAuthorizedException", tc.refresh)
			if _, err := w.getUser(*tok.AccessToken); err == nil || !strings.HasSuffix(err.Error(), tc.access) {
				t.Errorf("access: %v", err)
			}
			if _, err := w.refresh(w.app, *other.RefreshToken); (err == nil) != tc.others {
				t.Errorf("another sign-in: %v", err)
			}
		})
	}
}

func TestRevokeOddTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	tok := w.tokens(w.app, "ana")
	revoke := func(app, token string) error {
		_, err := do(w, w.r.RevokeToken, w.s.RevokeToken, &api.RevokeTokenInput{ClientId: &app, Token: &token})
		return err
	}
	want(t, "an access token", revoke(w.app, *tok.AccessToken), "UnsupportedTokenTypeException", "")
	if err := revoke(w.quiet, *tok.RefreshToken); err != nil {
		t.Error("another client's:", err)
	}
	must(w.refresh(w.app, *tok.RefreshToken))(t)
}

// TestForgedAccessTokens tries the usual attacks on web tokens.
func TestForgedAccessTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	tok := w.tokens(w.app, "ana")
	good := decoded(t, *tok.AccessToken)
	p, err := w.s.FactsOf(context.Background(), w.pool)
	if err != nil {
		t.Fatal(err)
	}
	mine := testRSA()[3]
	forge := func(key *rsa.PrivateKey, kid string, change func(map[string]any)) string {
		c := map[string]any{}
		for k, v := range good {
			c[k] = v
		}
		change(c)
		text, _ := json.Marshal(c)
		s, err := jose.Sign(key, kid, text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	access, _ := w.s.Signer(p, &p.Keys[tokens.KeyOfAccess])
	idKey, _ := w.s.Signer(p, &p.Keys[tokens.KeyOfID])
	kid := p.Keys[tokens.KeyOfAccess].KID
	parts := strings.Split(*tok.AccessToken, ".")
	for name, token := range map[string]string{
		"empty":             "",
		"ID token":          *tok.IdToken,
		"ID key":            forge(idKey, p.Keys[tokens.KeyOfID].KID, func(map[string]any) {}),
		"another key":       forge(mine, kid, func(map[string]any) {}),
		"unknown key id":    forge(access, "x", func(map[string]any) {}),
		"wrong use":         forge(access, kid, func(c map[string]any) { c["token_use"] = "id" }),
		"another issuer":    forge(access, kid, func(c map[string]any) { c["iss"] = "https://evil.example/" + w.pool }),
		"no issuer":         forge(access, kid, func(c map[string]any) { delete(c, "iss") }),
		"unknown pool":      forge(access, kid, func(c map[string]any) { c["iss"] = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_nosuch000" }),
		"no signature":      parts[0] + "." + parts[1] + ".",
		"alg none":          "eyJhbGciOiJub25lIiwia2lkIjoieCJ9." + parts[1] + ".",
		"strings for times": forge(access, kid, func(c map[string]any) { c["exp"] = "9999999999" }),
	} {
		_, err := w.getUser(token)
		want(t, name, err, "NotAuthorizedException", "Invalid Access Token")
	}
	_, err = w.getUser(forge(access, kid, func(c map[string]any) { delete(c, "exp") }))
	want(t, "no expiry", err, "NotAuthorizedException", "Access Token has expired")
	_, err = w.getUser(forge(access, kid, func(c map[string]any) { c["client_id"] = "nosuch" }))
	want(t, "no client", err, "ResourceNotFoundException", "")
}

func TestWellKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	get := func(path string) (int, []byte) {
		rec := httptest.NewRecorder()
		w.s.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		return rec.Code, rec.Body.Bytes()
	}
	_, body := get("/" + w.pool + "/.well-known/jwks.json")
	var set gojose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%s, %v", body, err)
	}
	tok := w.tokens(w.app, "ana")
	for _, compact := range []string{*tok.IdToken, *tok.AccessToken} {
		jws, err := gojose.ParseSignedCompact(compact, []gojose.SignatureAlgorithm{gojose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jws.Verify(set.Key(jws.Signatures[0].Header.KeyID)[0]); err != nil {
			t.Error(err)
		}
	}
	_, body = get("/" + w.pool + "/.well-known/openid-configuration")
	var d map[string]any
	if err := json.Unmarshal(body, &d); err != nil || d["issuer"] != "https://cognito-idp.us-east-1.amazonaws.com/"+w.pool ||
		d["jwks_uri"] != "http://example.com/"+w.pool+"/.well-known/jwks.json" { // where it answers, unlike at AWS's address
		t.Errorf("%s, %v", body, err)
	}
	for _, path := range []string{"/us-east-1_nosuch000/.well-known/jwks.json", "/x/.well-known/openid-configuration", "/" + w.pool + "/.well-known/x"} {
		if code, body := get(path); code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, err := w.s.FactsOf(context.Background(), w.pool)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = w.s.WithKeys(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	name := "cognito-idp.us-east-1.amazonaws.com/" + w.pool
	kid := p.Keys[tokens.KeyOfID].KID
	for issuer, ok := range map[string]bool{
		name: true, "https://" + name: true, "http://" + name: false, w.pool: false, "": false, "evil.example/" + w.pool: false,
		strings.Replace(name, "us-east-1.", "eu-west-1.", 1): false, name + "/": false,
	} {
		key, alg, got := w.s.Keys(context.Background(), issuer, kid)
		if got != ok || ok != (key != nil && alg == "RS256") {
			t.Errorf("%q: %v %v", issuer, alg, got)
		}
	}
	if key, _, own := w.s.Keys(context.Background(), name, "other"); key != nil || !own {
		t.Errorf("an unknown key of an own pool: %v, own %v", key, own)
	}
	own := newService(t, "http://127.0.0.1:4600/")
	if key, _, mine := own.Keys(context.Background(), "http://127.0.0.1:4600/us-east-1_nosuch000", kid); key != nil || !mine {
		t.Errorf("an unknown pool of this server: %v, own %v", key, mine)
	}
	p.ID, p.Region = "us-east-1_x", "us-east-1"
	if got := own.IssuerOf(p); got != "http://127.0.0.1:4600/us-east-1_x" {
		t.Error(got)
	}
}

// A token of the pool's own key is refused before its time, but for the difference of two nodes' clocks.
func TestAccessTokensOfTheFuture(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	tok := w.tokens(w.app, "ana")
	for name, tc := range map[string]struct {
		claim string
		ahead time.Duration
		good  bool
	}{
		"iat within the leeway": {"iat", tokens.ClockLeeway, true}, "iat": {"iat", tokens.ClockLeeway + time.Second, false},
		"nbf within the leeway": {"nbf", tokens.ClockLeeway, true}, "nbf": {"nbf", tokens.ClockLeeway + time.Second, false},
	} {
		claims := decoded(t, *tok.AccessToken)
		claims[tc.claim], claims["scope"] = w.now.Add(tc.ahead).Unix(), "openid "+tokens.ScopeSelf
		var signed string
		var told error
		err := w.inside(func(c *scoped) (err error) {
			signed, err = c.tokens().Sign(tokens.KeyOfAccess, claims)
			if err == nil {
				_, told = (&oauth{w.s}).UserInfo(c.Ctx, c.Call, &login.UserInfoInput{PoolId: &w.pool, AccessToken: &signed})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_, self := w.getUser(signed)
		if tc.good {
			if told != nil || self != nil {
				t.Errorf("%s: %v, %v", name, told, self)
			}
			continue
		}
		want(t, name, told, ErrInvalidToken, "")
		want(t, name, self, "NotAuthorizedException", "Invalid Access Token")
	}
}
