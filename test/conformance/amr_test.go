package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/federation/saml/samltest"
)

const amrHead = `# Which identities of an identity pool a role's trust policy lets in, by the condition it has on the pool's tokens: made by
# running the server (UPDATE_GOLDEN=1 go test ./test/conformance -run TestTrustOfIdentities).
# Every role trusts cognito-identity.amazonaws.com; aud is compared by StringEquals, amr and sub by StringLike, amr for any of its values.
# guest: nobody signed in. user: of a user pool. staff: of a SAML provider. alice, bob: users of the developer provider
# login.demo. both: alice with the user's login beside. other: login.demo's alice, of another identity pool.

`

// amrColumns are the identities, in order.
var amrColumns = []string{"guest", "user", "staff", "alice", "bob", "both", "other"}

// TestTrustOfIdentities lists what aud, amr and sub of identity pools' tokens decide in trust policies.
func TestTrustOfIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := w.must("cognito-idp.CreateUserPool", `{"PoolName":"users"}`).get(t, "Id")
	app := w.must("cognito-idp.CreateUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientName":"app","ExplicitAuthFlows":
		["ALLOW_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`, users)).get(t, "ClientId")
	provider := "cognito-idp.us-east-1.amazonaws.com/" + users
	idp := samltest.New(t, "https://idp.example.com/saml")
	corp := w.must("iam.CreateSAMLProvider", fmt.Sprintf(`{"Name":"Corp","SAMLMetadataDocument":%s}`, quoted(idp.Metadata()))).get(t, "SAMLProviderArn")
	pool := func(name string) string {
		return w.must("cognito-identity.CreateIdentityPool", fmt.Sprintf(`{"IdentityPoolName":%q,"AllowUnauthenticatedIdentities":true,
			"AllowClassicFlow":true,"DeveloperProviderName":"login.demo","SamlProviderARNs":[%q],
			"CognitoIdentityProviders":[{"ProviderName":%q,"ClientId":%q}]}`, name, corp, provider, app)).get(t, "IdentityPoolId")
	}
	own, other := pool("own"), pool("other")
	user := w.loginOf(users, app, "user")
	place := "https://signin.aws.amazon.com/saml"
	staff := idp.Encoded(idp.For("staff", place, place, time.Now(), nil))
	tokens := map[string]*answer{
		"guest": w.basic(own, `{}`),
		"user":  w.basic(own, fmt.Sprintf(`{%q:%q}`, provider, user)),
		"staff": w.basic(own, fmt.Sprintf(`{%q:%q}`, corp, staff)),
		"alice": w.developer(own, `{"login.demo":"alice"}`),
		"bob":   w.developer(own, `{"login.demo":"bob"}`),
		"both":  w.developer(own, fmt.Sprintf(`{"login.demo":"carol",%q:%q}`, provider, w.loginOf(users, app, "carol"))),
		"other": w.developer(other, `{"login.demo":"alice"}`),
	}
	names := strings.NewReplacer("$OWN", own, "$OTHER", other, "$PROVIDER", provider, "$CORP", corp, "$ALICE", tokens["alice"].get(t, "IdentityId"))
	var text strings.Builder
	text.WriteString(amrHead)
	fmt.Fprintf(&text, "%-58s %s\n", "condition", columns(amrColumns))
	for i, c := range []string{
		"none", "aud=$OWN", "aud=$OTHER", "aud=*", "amr=authenticated", "amr=unauthenticated", "amr=*authenticated", "amr=login.demo",
		"amr=login.demo:$OWN:alice", "amr=login.demo:$OWN:*", "amr=login.demo:$OTHER:*", "amr=$PROVIDER", "amr=$PROVIDER:CognitoSignIn:*", "amr=$CORP",
		"amr=accounts.google.com", "amr=Authenticated", "sub=$ALICE", "sub=us-east-1:*", "aud=$OWN amr=authenticated", "aud=$OTHER amr=login.demo",
	} {
		role := fmt.Sprintf("trust-%d", i)
		w.must("iam.CreateRole", fmt.Sprintf(`{"RoleName":%q,"AssumeRolePolicyDocument":%s}`, role, quoted(trustOf(names.Replace(c)))))
		var cells []string
		for _, who := range amrColumns {
			a := w.call(nil, "sts.AssumeRoleWithWebIdentity", fmt.Sprintf(`{"RoleArn":"arn:aws:iam::%s:role/%s","RoleSessionName":"amr","WebIdentityToken":%q}`,
				account, role, tokens[who].get(t, "Token")))
			switch a.code {
			case "":
				cells = append(cells, "ok")
			case "AccessDenied":
				cells = append(cells, "-")
			default:
				t.Errorf("%s, %s: %s: %s", c, who, a.code, a.text)
			}
		}
		fmt.Fprintf(&text, "%-58s %s\n", c, columns(cells))
	}
	golden(t, "amr.golden", trimLines(text.String()))
}

func columns(cells []string) string {
	var b strings.Builder
	for _, c := range cells {
		fmt.Fprintf(&b, "%-7s", c)
	}
	return b.String()
}

// trustOf is a trust policy with conditions written as key=value, or "none".
func trustOf(conditions string) string {
	all := map[string][]string{}
	for _, c := range strings.Fields(conditions) {
		key, value, ok := strings.Cut(c, "=")
		if !ok {
			continue
		}
		operator := map[string]string{"aud": "StringEquals", "sub": "StringLike", "amr": "ForAnyValue:StringLike"}[key]
		all[operator] = append(all[operator], fmt.Sprintf(`"cognito-identity.amazonaws.com:%s":%q`, key, value))
	}
	var operators []string
	for _, o := range []string{"StringEquals", "StringLike", "ForAnyValue:StringLike"} {
		if len(all[o]) > 0 {
			operators = append(operators, fmt.Sprintf("%q:{%s}", o, strings.Join(all[o], ",")))
		}
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},` +
		`"Action":"sts:AssumeRoleWithWebIdentity","Condition":{` + strings.Join(operators, ",") + `}}]}`
}

// loginOf makes a user of a user pool and returns an ID token.
func (w *world) loginOf(pool, app, name string) string {
	w.t.Helper()
	w.must("cognito-idp.AdminCreateUser", fmt.Sprintf(`{"UserPoolId":%q,"Username":%q,"MessageAction":"SUPPRESS"}`, pool, name))
	w.must("cognito-idp.AdminSetUserPassword", fmt.Sprintf(`{"UserPoolId":%q,"Username":%q,"Password":%q,"Permanent":true}`, pool, name, password))
	return w.must("cognito-idp.InitiateAuth", fmt.Sprintf(`{"ClientId":%q,"AuthFlow":"USER_PASSWORD_AUTH",
		"AuthParameters":{"USERNAME":%q,"PASSWORD":%q}}`, app, name, password)).get(w.t, "IdToken")
}

// basic is a token of the basic flow.
func (w *world) basic(pool, logins string) *answer {
	w.t.Helper()
	id := w.must("cognito-identity.GetId", fmt.Sprintf(`{"IdentityPoolId":%q,"Logins":%s}`, pool, logins)).get(w.t, "IdentityId")
	return w.must("cognito-identity.GetOpenIdToken", fmt.Sprintf(`{"IdentityId":%q,"Logins":%s}`, id, logins))
}

// developer is a token that the developer gets for a user.
func (w *world) developer(pool, logins string) *answer {
	w.t.Helper()
	return w.must("cognito-identity.GetOpenIdTokenForDeveloperIdentity", fmt.Sprintf(`{"IdentityPoolId":%q,"Logins":%s}`, pool, logins))
}
