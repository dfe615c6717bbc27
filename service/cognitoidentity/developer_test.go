package cognitoidentity

import (
	"reflect"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/jose"
)

const developer = "login.example"

// developed is a pool with a developer provider and its default roles.
func developed(w *world) (pool, role string) {
	w.t.Helper()
	pool, role, _ = ready(w, func(in *api.CreateIdentityPoolInput) { in.DeveloperProviderName = new(developer) })
	return pool, role
}

type developerInput = api.GetOpenIdTokenForDeveloperIdentityInput

// register gets a token for a user of the developer.
func (w *world) register(pool, user string, edit func(*developerInput)) (id, token string, err error) {
	w.t.Helper()
	in := &developerInput{IdentityPoolId: &pool, Logins: logins{developer: user}}
	if edit != nil {
		edit(in)
	}
	out, err := admin(w, w.req().GetOpenIdTokenForDeveloperIdentity, w.GetOpenIdTokenForDeveloperIdentity, in)
	if err != nil {
		return "", "", err
	}
	return *out.IdentityId, *out.Token, nil
}

func (w *world) registered(pool, user string, edit func(*developerInput)) (id, token string) {
	w.t.Helper()
	id, token, err := w.register(pool, user, edit)
	if err != nil {
		w.t.Fatal(err)
	}
	return id, token
}

func (w *world) describe(id string) *api.DescribeIdentityOutput {
	w.t.Helper()
	out, err := admin(w, w.req().DescribeIdentity, w.DescribeIdentity, &api.DescribeIdentityInput{IdentityId: &id})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestDeveloperIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, role := developed(w)
	id, token := w.registered(pool, "alice", func(in *developerInput) { in.PrincipalTags = map[string]string{"org": "acme"} })
	if again, _ := w.registered(pool, "alice", nil); again != id {
		t.Error("a registered user got another identity")
	}
	if other, _ := w.registered(pool, "bob", nil); other == id {
		t.Error("two users have one identity")
	}
	p, err := w.principal(id, logins{eventSource: token})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{
		eventSource + ":aud": {pool}, eventSource + ":sub": {id},
		eventSource + ":amr": {"authenticated", developer, developer + ":" + pool + ":alice"},
	}
	if p.RoleARN != role || p.HasSessionPolicy || !reflect.DeepEqual(p.FederatedContext, keys) ||
		!reflect.DeepEqual(p.Tags, authn.Tags{{Key: "org", Value: "acme"}}) {
		t.Errorf("%+v", p)
	}
	if d := w.describe(id); !reflect.DeepEqual(d.Logins, []string{developer}) {
		t.Error(d.Logins)
	}
}

func TestDeveloperTokenDuration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	for name, c := range map[string]struct {
		asked *int64
		want  time.Duration
	}{"default": {nil, 15 * time.Minute}, "a day": {new(int64(86400)), 24 * time.Hour}, "a second": {new(int64(1)), time.Second}} {
		_, token := w.registered(pool, "alice", func(in *developerInput) { in.TokenDuration = c.asked })
		claims, err := w.Tokens.Verify(t.Context(), token, Issuer, []string{pool})
		if err != nil || claims.Expiry.Sub(now.Truncate(time.Second)) != c.want {
			t.Errorf("%s: %+v, %v", name, claims, err)
		}
	}
}

// Who has a token of the developer has credentials for its life; it is good for nothing else.
func TestDeveloperTokenIsForCredentialsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	id, token := w.registered(pool, "alice", nil)
	bob, _ := w.registered(pool, "bob", nil)
	l := logins{eventSource: token}
	_, err := send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": l})
	refused(t, err, "NotAuthorizedException", "not from a supported provider")
	_, err = send[gotID](w, "GetOpenIdToken", object{"IdentityId": id, "Logins": l})
	refused(t, err, "NotAuthorizedException", "not from a supported provider")
	_, err = send[gotID](w, "UnlinkIdentity", object{"IdentityId": id, "Logins": l, "LoginsToRemove": []string{developer}})
	refused(t, err, "NotAuthorizedException", "not from a supported provider")
	_, err = w.principal(bob, l)
	refused(t, err, "NotAuthorizedException", "Access to Identity '"+bob+"' is forbidden.")
	_, err = w.principal(id, logins{eventSource: token, users: idToken(t, "alice", nil)})
	refused(t, err, "InvalidParameterException", "the only login")
	_, err = send[creds](w, "GetCredentialsForIdentity", object{"IdentityId": id, "Logins": l, "CustomRoleArn": w.role("Admin", pool, "authenticated")})
	refused(t, err, "NotAuthorizedException", "is forbidden")
	// the developer's name is no login that anybody could claim
	_, err = send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": logins{developer: "alice"}})
	refused(t, err, "NotAuthorizedException", "not from a supported provider")
	_, err = w.principal(id, logins{developer: "alice"})
	refused(t, err, "NotAuthorizedException", "not from a supported provider")
	_, err = w.principal(id, nil)
	refused(t, err, "NotAuthorizedException", "is forbidden")
}

// Tokens that look like the developer's: of the basic flow, of another pool, forged, of a user pool that says so.
func TestForgedDeveloperTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	second := w.pool(func(in *api.CreateIdentityPoolInput) { in.DeveloperProviderName = new(developer) })
	id, _ := w.registered(pool, "alice", nil)
	_, foreign := w.registered(second, "alice", nil)
	l := logins{users: idToken(t, "mallory", object{"amr": []string{"authenticated", developer, developer + ":" + pool + ":alice"}})}
	own := w.id(pool, l)
	basic, err := send[gotID](w, "GetOpenIdToken", object{"IdentityId": own, "Logins": l})
	if err != nil {
		t.Fatal(err)
	}
	claims := `{"iss":"` + Issuer + `","sub":"` + id + `","aud":"` + pool + `","iat":1767323045,"exp":1767326645,` +
		`"amr":["authenticated","` + developer + `","` + developer + `:` + pool + `:alice"]}`
	forged, err := jose.Sign(tokens, poolKid, []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ id, token string }{
		"another pool's":            {id, foreign},
		"of the basic flow":         {own, basic.Token},
		"signed by another key":     {id, forged},
		"a user pool's":             {id, l[users]},
		"of an identity of another": {id, basic.Token},
	} {
		if _, err := w.principal(c.id, logins{eventSource: c.token}); fault.From(err).Code != "NotAuthorizedException" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeveloperLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	token := func(sub string) string { return idToken(t, sub, object{"custom:org": "acme"}) }
	id, got := w.registered(pool, "alice", func(in *developerInput) { in.Logins[users] = token("alice@pool") })
	if w.id(pool, logins{users: token("alice@pool")}) != id {
		t.Error("the login beside the developer's is not linked")
	}
	p, err := w.principal(id, logins{eventSource: got})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"authenticated", developer, developer + ":" + pool + ":alice", users, users + ":CognitoSignIn:alice@pool"}
	if org, _ := p.Tags.Get("org"); org != "acme" || !reflect.DeepEqual(p.FederatedContext[eventSource+":amr"], want) {
		t.Errorf("%+v", p)
	}
	bob, _ := w.registered(pool, "bob", nil)
	guest := w.id(pool, nil)
	for name, c := range map[string]struct {
		user       string
		edit       func(*developerInput)
		code, text string
	}{
		"registered elsewhere": {"alice", func(in *developerInput) { in.IdentityId = &bob }, "DeveloperUserAlreadyRegisteredException", "another identity"},
		"linked elsewhere": {"bob", func(in *developerInput) { in.Logins[users] = token("alice@pool") },
			"ResourceConflictException", "already linked"},
		"second of a provider": {"alice", func(in *developerInput) { in.Logins[users] = token("eve") }, "ResourceConflictException", "already linked"},
		"no developer":         {"x", func(in *developerInput) { in.Logins = logins{users: token("alice@pool")} }, "InvalidParameterException", developer},
		"another developer":    {"x", func(in *developerInput) { in.Logins["login.other"] = "x" }, "NotAuthorizedException", "supported provider"},
		"bad login":            {"x", func(in *developerInput) { in.Logins[users] = "x" }, "NotAuthorizedException", "Invalid login token."},
		"no identity":          {"x", func(in *developerInput) { in.IdentityId = new(region + ":0") }, "ResourceNotFoundException", "not found"},
		"tag that is none":     {"x", func(in *developerInput) { in.PrincipalTags = map[string]string{"org": "*"} }, "InvalidParameterException", "org"},
		"reserved tag":         {"x", func(in *developerInput) { in.PrincipalTags = map[string]string{"aws:x": "y"} }, "InvalidParameterException", "aws:x"},
		"tags that differ": {"alice", func(in *developerInput) {
			in.Logins[users] = token("alice@pool")
			in.PrincipalTags = map[string]string{"ORG": "acme"}
		}, "InvalidParameterException", "twice"},
		"a user with a long name": {strings.Repeat("x", 1025), nil, "InvalidParameterException", "1024"},
	} {
		_, _, err := w.register(pool, c.user, c.edit)
		t.Log(name)
		refused(t, err, c.code, c.text)
	}
	if again, _ := w.registered(pool, "carol", func(in *developerInput) { in.IdentityId = &guest }); again != guest {
		t.Error("a guest did not keep the identity")
	}
	if _, err := w.principal(guest, nil); err == nil {
		t.Error("an identity with a login is still a guest's")
	}
}

// Whoever may not call for the pool gets no token, whatever the pool's own roles say.
func TestDeveloperTokenNeedsPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	second := w.pool(func(in *api.CreateIdentityPoolInput) { in.DeveloperProviderName = new(developer) })
	for _, actions := range []string{"cognito-identity:GetOpenIdToken", "cognito-identity:GetId", "sts:*"} {
		_, err := as(w, account, w.req().GetOpenIdTokenForDeveloperIdentity, w.GetOpenIdTokenForDeveloperIdentity,
			&developerInput{IdentityPoolId: &pool, Logins: logins{developer: "alice"}},
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"`+actions+`","Resource":"*"}]}`)
		if err == nil {
			t.Error(actions)
		}
	}
	scoped := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-identity:*","Resource":"` + poolARN(account, region, second) + `"}]}`
	in := &developerInput{IdentityPoolId: &pool, Logins: logins{developer: "alice"}}
	if _, err := as(w, account, w.req().GetOpenIdTokenForDeveloperIdentity, w.GetOpenIdTokenForDeveloperIdentity, in, scoped); err == nil {
		t.Error("a permission for another pool")
	}
	alice, _ := w.registered(pool, "alice", nil)
	in = &developerInput{IdentityPoolId: &second, IdentityId: &alice, Logins: logins{developer: "eve"}}
	_, err := as(w, account, w.req().GetOpenIdTokenForDeveloperIdentity, w.GetOpenIdTokenForDeveloperIdentity, in, scoped)
	refused(t, err, "ResourceNotFoundException", "not found")
	const all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	in = &developerInput{IdentityPoolId: &pool, Logins: logins{developer: "alice"}}
	_, err = as(w, "999988887777", w.req().GetOpenIdTokenForDeveloperIdentity, w.GetOpenIdTokenForDeveloperIdentity, in, all)
	refused(t, err, "ResourceNotFoundException", "not found")
}

func TestDeveloperProviderNameStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	update := func(name *string) error {
		_, err := admin(w, w.req().UpdateIdentityPool, w.UpdateIdentityPool, &api.UpdateIdentityPoolInput{
			IdentityPoolId: &pool, IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(true), DeveloperProviderName: name,
		})
		return err
	}
	refused(t, update(new("login.other")), "InvalidParameterException", "cannot be changed")
	if err := update(nil); err != nil {
		t.Fatal(err)
	}
	d, err := admin(w, w.req().DescribeIdentityPool, w.DescribeIdentityPool, &api.DescribeIdentityPoolInput{IdentityPoolId: &pool})
	if err != nil || d.DeveloperProviderName == nil || *d.DeveloperProviderName != developer {
		t.Error(d, err)
	}
}
