package cognitoidentity

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// ready is a pool with its two default roles and the tag map of system S3.
func ready(w *world, edit func(*api.CreateIdentityPoolInput)) (pool, signedIn, guest string) {
	w.t.Helper()
	pool = w.pool(edit)
	signedIn, guest = w.role("SignedIn", pool, "authenticated"), w.role("Guest", pool, "unauthenticated")
	w.setRoles(&api.SetIdentityPoolRolesInput{
		IdentityPoolId: &pool, Roles: map[string]string{"authenticated": signedIn, "unauthenticated": guest},
	})
	w.tagMap(pool, users, map[string]string{"org": "custom:org", "username": "sub", "client": "aud"})
	return pool, signedIn, guest
}

func (w *world) tagMap(pool, name string, tags map[string]string) {
	w.t.Helper()
	_, err := admin(w, w.req().SetPrincipalTagAttributeMap, w.SetPrincipalTagAttributeMap, &api.SetPrincipalTagAttributeMapInput{
		IdentityPoolId: &pool, IdentityProviderName: &name, PrincipalTags: tags,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestSignedInUserGetsTaggedCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, role, _ := ready(w, nil)
	l := logins{users: idToken(t, "alice", map[string]any{"custom:org": "acme"})}
	id := w.id(pool, l)
	if again := w.id(pool, l); again != id || !strings.HasPrefix(id, region+":") {
		t.Fatal(id, again)
	}
	p, err := w.principal(id, l)
	if err != nil {
		t.Fatal(err)
	}
	want := authn.Tags{{Key: "client", Value: client}, {Key: "org", Value: "acme"}, {Key: "username", Value: "alice"}}
	if p.RoleARN != role || p.Name != sessionName || !reflect.DeepEqual(p.Tags, want) || p.HasSessionPolicy {
		t.Errorf("%+v", p)
	}
	keys := map[string][]string{
		eventSource + ":aud": {pool}, eventSource + ":sub": {id},
		eventSource + ":amr": {"authenticated", users, users + ":CognitoSignIn:alice"},
	}
	if !reflect.DeepEqual(p.FederatedContext, keys) || p.FederatedProvider != eventSource {
		t.Errorf("%v", p.FederatedContext)
	}
}

func TestLoginByTheServersIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	token := idToken(t, "alice", nil)
	if a, b := w.id(pool, logins{users: token}), w.id(pool, logins{"auth.test:8080/us-east-1_abc": token}); a != b {
		t.Error("the two names of one user pool lead to two identities")
	}
}

func TestClaimThatIsAbsentOrEmptyGivesNoTag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	for _, claim := range []any{nil, "", json.RawMessage("null")} {
		l := logins{users: idToken(t, "alice", map[string]any{"custom:org": claim})}
		p, err := w.principal(w.id(pool, l), l)
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := p.Tags.Get("org"); ok {
			t.Errorf("claim %v gives the tag %q", claim, v)
		}
	}
}

func TestGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, guest := ready(w, nil)
	id := w.id(pool, nil)
	if id == w.id(pool, nil) {
		t.Error("two guests have one identity")
	}
	p, err := w.principal(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.RoleARN != guest || len(p.Tags) != 0 || len(p.SessionPolicies) != 1 || !p.HasSessionPolicy {
		t.Errorf("%+v", p)
	}
	if amr := p.FederatedContext[eventSource+":amr"]; !reflect.DeepEqual(amr, []string{"unauthenticated"}) {
		t.Error(amr)
	}
}

// Guests reach the services that AWS lets them use and no others, whatever their role says.
func TestGuestPolicy(t *testing.T) {
	t.Parallel()
	if len(guestPolicy) > 2048 {
		t.Errorf("%d characters are too long for a session policy", len(guestPolicy))
	}
	doc, err := policy.Parse([]byte(guestPolicy), policy.Identity)
	if err != nil {
		t.Fatal(err)
	}
	set := policy.NewSet([]policy.Source{{Name: "guest", Policy: doc}})
	for action, want := range map[string]bool{
		"dynamodb:GetItem": true, "s3:GetObject": true, "execute-api:Invoke": true, "cognito-identity:GetId": true,
		"kms:Decrypt": true, "kms:ReEncryptFrom": true, "kms:CreateKey": false, "kms:ScheduleKeyDeletion": false,
		"iam:CreateUser": false, "sts:AssumeRole": false, "organizations:ListAccounts": false, "bulkhead:CreateTenant": false,
		"ec2:RunInstances": false, "cloudtrail:LookupEvents": false,
	} {
		r := &policy.Request{
			Action: action, Resource: "*", ResourceAccount: account, Principal: policy.Principal{Account: account}, Context: &policy.Context{},
		}
		if got := policy.Evaluate(r, &policy.Policies{Identity: set}).Allowed; got != want {
			t.Errorf("%s: %v", action, got)
		}
	}
}

func TestBasicFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	l := logins{users: idToken(t, "alice", map[string]any{"custom:org": "acme"})}
	id := w.id(pool, l)
	out, err := send[gotID](w, "GetOpenIdToken", object{"IdentityId": id, "Logins": l})
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Parse(out.Token)
	if err != nil || token.Verify(&own.PublicKey) != nil {
		t.Fatal(err)
	}
	want := `{"iss":"https://cognito-identity.amazonaws.com","sub":"` + id + `","aud":"` + pool + `","amr":["authenticated","` +
		users + `","` + users + `:CognitoSignIn:alice"],"iat":1767323045,"exp":1767323645,` +
		`"https://cognito-identity.amazonaws.com/identity-pool-arn":"` + poolARN(account, region, pool) + `","https://aws.amazon.com/tags":` +
		`{"principal_tags":{"client":["client1"],"org":["acme"],"username":["alice"]}}}`
	if string(token.Claims) != want {
		t.Errorf("got  %s\nwant %s", token.Claims, want)
	}
	enhanced := w.pool(func(in *api.CreateIdentityPoolInput) { in.AllowClassicFlow = nil })
	_, err = send[gotID](w, "GetOpenIdToken", object{"IdentityId": w.id(enhanced, l), "Logins": l})
	refused(t, err, "InvalidParameterException", "Basic (classic) flow is not enabled, please use enhanced flow.")
}

func TestOutsideProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, role, _ := ready(w, nil)
	l := logins{outside: idToken(t, "bob", map[string]any{"iss": "https://" + outside, "aud": "web", "token_use": nil, "org": 7})}
	_, err := send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": l})
	refused(t, err, "NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
	w.outsideProvider()
	w.tagMap(pool, oidcARN, map[string]string{"org": "org"})
	p, err := w.principal(w.id(pool, l), l)
	if err != nil {
		t.Fatal(err)
	}
	amr := p.FederatedContext[eventSource+":amr"]
	if v, _ := p.Tags.Get("org"); v != "7" || p.RoleARN != role || !reflect.DeepEqual(amr, []string{"authenticated", outside, outside + ":OIDC:bob"}) {
		t.Errorf("%+v", p)
	}
}

func TestLinking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	w.outsideProvider()
	atPool := func(sub string) string { return idToken(t, sub, nil) }
	atOutside := func(sub string) string {
		return idToken(t, sub, map[string]any{"iss": "https://" + outside, "aud": "web", "token_use": nil})
	}
	alice := w.id(pool, logins{users: atPool("alice")})
	// beside a linked login, in each of the operations
	if _, err := w.principal(alice, logins{users: atPool("alice"), outside: atOutside("alice.example")}); err != nil {
		t.Fatal(err)
	}
	if id := w.id(pool, logins{outside: atOutside("alice.example")}); id != alice {
		t.Error("not linked")
	}
	bob := w.id(pool, logins{users: atPool("bob"), outside: atOutside("bob.example")})
	if bob == alice || bob != w.id(pool, logins{users: atPool("bob")}) || bob != w.id(pool, logins{outside: atOutside("bob.example")}) {
		t.Error("not one identity of two logins")
	}
	for name, l := range map[string]logins{
		"of two identities":              {users: atPool("alice"), outside: atOutside("bob.example")},
		"a second subject of a provider": {users: atPool("mallory"), outside: atOutside("alice.example")},
	} {
		_, err := send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": l})
		refused(t, err, "ResourceConflictException", "Login is already linked to another account.")
		if _, err = w.principal(alice, l); err == nil {
			t.Error(name)
		}
	}
	d, err := admin(w, w.req().DescribeIdentity, w.DescribeIdentity, &api.DescribeIdentityInput{IdentityId: &alice})
	if err != nil || !reflect.DeepEqual(d.Logins, []string{users, outside}) {
		t.Error(d, err)
	}
}

// A returning user's GetId changes nothing in the store.
func TestReturningGetIdDoesNotWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	l := logins{users: idToken(t, "alice", nil)}
	id := w.id(pool, l)
	// a grant that only reads is enough
	p, err := w.factsOf(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	c := &scoped{w.Service, t.Context(), readOnly(t, p), p}
	if got, err := c.identityOf(l); err != nil || got != id {
		t.Error(got, err)
	}
}
