package cognitoidentity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	iamapi "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

func readOnly(t testing.TB, p *pool) *pipeline.Call {
	t.Helper()
	g := authztest.Grant(t, &authn.Principal{}, serviceName, authz.Read, authz.Anonymous("test", p.resource()))
	return &pipeline.Call{Grant: g, Caller: &authn.Principal{}, Now: now}
}

func writing(t testing.TB, p *pool) authz.Grant {
	t.Helper()
	return authztest.Grant(t, &authn.Principal{}, serviceName, authz.Write, authz.Anonymous("test", p.resource()))
}

func TestTokensThatAreNotLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	good := idToken(t, "alice", nil)
	id := w.id(pool, logins{users: good})
	forged, err := jose.Sign(own, poolKid, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ provider, token, text string }{
		"expired":            {users, idToken(t, "alice", object{"exp": now.Unix()}), "Invalid login token. Token expired"},
		"not yet":            {users, idToken(t, "alice", object{"nbf": now.Add(time.Hour).Unix()}), "Invalid login token."},
		"another client":     {users, idToken(t, "alice", object{"aud": "client2"}), "Invalid login token. Incorrect token audience"},
		"another pool":       {users, idToken(t, "alice", object{"iss": "https://" + other}), "Invalid login token."},
		"another pool's own": {other, idToken(t, "alice", object{"iss": "https://" + other}), "not from a supported provider"},
		"unknown provider":   {"graph.facebook.com", good, "not from a supported provider"},
		"developer token":    {eventSource, good, "not from a supported provider"},
		"access token":       {users, idToken(t, "alice", object{"aud": nil, "client_id": client, "token_use": "access"}), "Missing a required claim: aud"},
		"access with aud":    {users, idToken(t, "alice", object{"token_use": "access"}), "Not a valid OpenId Connect identity token."},
		"no use":             {users, idToken(t, "alice", object{"token_use": nil}), "Not a valid OpenId Connect identity token."},
		"use of a number":    {users, idToken(t, "alice", object{"token_use": 1}), "Not a valid OpenId Connect identity token."},
		"tampered":           {users, good[:len(good)-6] + "AAAAAA", "Invalid login token."},
		"other key":          {users, forged, "Invalid login token."},
		"not a token":        {users, "x", "Invalid login token."},
		"too long":           {users, good + strings.Repeat("A", 30000), "Invalid login token."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := logins{c.provider: c.token}
			_, err := send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": l})
			refused(t, err, "NotAuthorizedException", c.text)
			_, err = send[creds](w, "GetCredentialsForIdentity", object{"IdentityId": id, "Logins": l})
			refused(t, err, "NotAuthorizedException", c.text)
			_, err = send[gotID](w, "GetOpenIdToken", object{"IdentityId": id, "Logins": l})
			refused(t, err, "NotAuthorizedException", c.text)
		})
	}
}

func TestOthersIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	mine := logins{users: idToken(t, "mallory", nil)}
	alice := w.id(pool, logins{users: idToken(t, "alice", nil)})
	for _, operation := range []string{"GetCredentialsForIdentity", "GetOpenIdToken"} {
		get := func(id string, l logins) error {
			_, err := send[creds](w, operation, object{"IdentityId": id, "Logins": l})
			return err
		}
		refused(t, get(alice, mine), "NotAuthorizedException", "Logins don't match.")
		refused(t, get(alice, nil), "NotAuthorizedException", "Access to Identity '"+alice+"' is forbidden.")
		refused(t, get(region+":00000000-0000-4000-8000-000000000000", mine), "ResourceNotFoundException", "not found.")
	}
	w.id(pool, mine)
	_, err := w.principal(alice, mine)
	refused(t, err, "NotAuthorizedException", "Access to Identity '"+alice+"' is forbidden.")
	_, err = send[gotID](w, "GetId", object{"IdentityPoolId": region + ":00000000-0000-4000-8000-000000000000"})
	refused(t, err, "ResourceNotFoundException", "IdentityPool '"+region+":00000000-0000-4000-8000-000000000000' not found.")
	_, err = send[gotID](w, "GetId", object{"IdentityPoolId": pool, "AccountId": "999999999999"})
	refused(t, err, "ResourceNotFoundException", "not found.")
}

// What a pool made of a login is another pool's nothing.
func TestIdentitiesOfOnePoolAreNotAnothers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, role, _ := ready(w, nil)
	l := logins{users: idToken(t, "alice", nil)}
	second := w.pool(nil)
	if w.id(pool, l) == w.id(second, l) {
		t.Error("two pools share an identity")
	}
	// the first pool's role does not trust the second pool
	w.setRoles(&api.SetIdentityPoolRolesInput{IdentityPoolId: &second, Roles: map[string]string{"authenticated": role}})
	_, err := w.principal(w.id(second, l), l)
	refused(t, err, "InvalidIdentityPoolConfigurationException", "Invalid identity pool configuration. Check assigned IAM roles for this pool.")
}

func TestGuestsWhereTheyAreNotLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	guest := w.id(pool, nil)
	_, err := admin(w, w.req().UpdateIdentityPool, w.UpdateIdentityPool, &api.UpdateIdentityPoolInput{
		IdentityPoolId: &pool, IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(false), AllowClassicFlow: new(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	const text = "Unauthenticated access is not supported for this identity pool."
	_, err = send[gotID](w, "GetId", object{"IdentityPoolId": pool})
	refused(t, err, "NotAuthorizedException", text)
	_, err = w.principal(guest, nil)
	refused(t, err, "NotAuthorizedException", text)
	_, err = send[gotID](w, "GetOpenIdToken", object{"IdentityId": guest})
	refused(t, err, "NotAuthorizedException", text)
}

// Claims that look like tags or roles change nothing by themselves.
func TestForgedClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, role, _ := ready(w, nil)
	l := logins{users: idToken(t, "alice", object{
		"custom:org": "acme", webTags: object{"principal_tags": object{"org": []string{"evil"}, "admin": []string{"yes"}}},
		"cognito:preferred_role": "arn:aws:iam::" + account + ":role/Admin", "amr": []string{"unauthenticated"},
	})}
	p, err := w.principal(w.id(pool, l), l)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := p.Tags.Get("org"); v != "acme" || len(p.Tags) != 3 || p.RoleARN != role {
		t.Errorf("%+v", p)
	}
}

const webTags = "https://aws.amazon.com/tags"

// A claim that cannot be a tag refuses; it is never cut or left out.
func TestClaimsThatCannotBeTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	for name, claim := range map[string]any{
		"star": "*", "too long": strings.Repeat("a", 257), "newline": "a\nb", "variable": "${aws:PrincipalTag/org}",
		"list": []string{"acme"}, "object": object{"a": "b"}, "quote": `a"b`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := logins{users: idToken(t, "alice", object{"custom:org": claim})}
			_, err := w.principal(w.id(pool, l), l)
			refused(t, err, "NotAuthorizedException", "The claim custom:org cannot be used as a principal tag.")
		})
	}
}

// Two logins of one request must not give a choice of the tenant.
func TestLoginsThatDisagree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	w.outsideProvider()
	w.tagMap(pool, outside, map[string]string{"ORG": "org"})
	l := logins{
		users:   idToken(t, "alice", object{"custom:org": "acme"}),
		outside: idToken(t, "a", object{"iss": "https://" + outside, "aud": "web", "token_use": nil, "org": "evil"}),
	}
	_, err := w.principal(w.id(pool, l), l)
	refused(t, err, "NotAuthorizedException", "The logins differ about the principal tag")
}

func TestInactiveUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, func(in *api.CreateIdentityPoolInput) { in.CognitoIdentityProviders[0].ServerSideTokenCheck = new(true) })
	l := logins{users: idToken(t, "alice", nil)}
	id := w.id(pool, l)
	w.inactive["alice"] = true
	_, err := w.principal(id, l)
	refused(t, err, "NotAuthorizedException", "Token is inactive")
	w.Active = nil
	_, err = w.principal(id, l)
	if err == nil {
		t.Error("a check that nobody can do was passed")
	}
	_, err = admin(w, w.req().CreateIdentityPool, w.CreateIdentityPool, &api.CreateIdentityPoolInput{
		IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(true),
		CognitoIdentityProviders: []api.CognitoIdentityProvider{{ProviderName: new(users), ClientId: new(client), ServerSideTokenCheck: new(true)}},
	})
	refused(t, err, "Unsupported", "ServerSideTokenCheck")
}

func TestManyLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	l := logins{}
	for i := range 11 {
		l[fmt.Sprint("p", i)] = "x"
	}
	_, err := send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": l})
	if err == nil {
		t.Error("11 logins")
	}
	token := idToken(t, "alice", nil)
	_, err = send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": logins{users: token, "auth.test:8080/us-east-1_abc": token}})
	refused(t, err, "InvalidParameterException", "is in Logins twice.")
}

// FuzzMatches: a rule never matches a claim that is absent, null or an object.
func FuzzMatches(f *testing.F) {
	f.Add("Contains", "admin", `["admin"]`)
	f.Add("NotEqual", "x", `null`)
	f.Fuzz(func(t *testing.T, how, value, claim string) {
		rule := &api.MappingRule{MatchType: api.MappingRuleMatchType(how), Value: &value}
		if !json.Valid([]byte(claim)) {
			return
		}
		var v any
		_ = json.Unmarshal([]byte(claim), &v)
		_, object := v.(map[string]any)
		if raw := json.RawMessage(strings.TrimSpace(claim)); (v == nil || object) && matches(rule, raw) {
			t.Fatal(how, value, claim)
		}
	})
}

// A role that trusts identity pools without saying which is still not for the pools of another account.
func TestPoolsOfAnotherAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const foreign = "999988887777"
	out, err := as(w, foreign, w.req().CreateIdentityPool, w.CreateIdentityPool, &api.CreateIdentityPoolInput{
		IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(true), AllowClassicFlow: new(true),
	}, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	own := w.pool(nil)
	role := func(name, condition string) string {
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},` +
			`"Action":"sts:AssumeRoleWithWebIdentity","Condition":{` + condition + `}}]}`
		call := &pipeline.Call{Grant: authztest.Home(t, "iam", account, ""), Caller: authztest.Root(account), Account: account, Now: now}
		r, err := w.iam.CreateRole(t.Context(), call, &iamapi.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
		if err != nil {
			t.Fatal(err)
		}
		return *r.Role.Arn
	}
	aud := func(pool string) string {
		return `"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + pool + `"}`
	}
	const amr = `"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"unauthenticated"}`
	for name, c := range map[string]struct {
		condition     string
		own, stranger bool
	}{
		"none": {"", true, false}, "amr": {amr, true, false}, "aud": {aud(*out.IdentityPoolId), false, false},
		"both": {aud(*out.IdentityPoolId) + "," + amr, false, true}, "mine": {aud(own) + "," + amr, true, false},
	} {
		arn := role(name, c.condition)
		for pool, want := range map[string]bool{own: c.own, *out.IdentityPoolId: c.stranger} {
			token, err := send[gotID](w, "GetOpenIdToken", object{"IdentityId": w.id(pool, nil)})
			if err != nil {
				t.Fatal(err)
			}
			form := url.Values{
				"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {arn}, "RoleSessionName": {"guest"},
				"WebIdentityToken": {token.Token},
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			if got := rec.Code == http.StatusOK; got != want {
				t.Errorf("%s, own pool %t: %d %.200s", name, pool == own, rec.Code, rec.Body)
			}
		}
	}
}
