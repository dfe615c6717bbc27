package cognitoidentity

import (
	"reflect"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	iamapi "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/federation/saml/samltest"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

const (
	samlARN  = "arn:aws:iam::" + account + ":saml-provider/Corp"
	samlPost = "https://signin.aws.amazon.com/saml"
)

// corporate is a pool with a SAML provider, a role for its administrators, and the tag of its organisation.
func corporate(w *world) (pool, staff, admins string, idp *samltest.Provider) {
	w.t.Helper()
	idp = samltest.New(w.t, "https://idp.example.com/saml")
	call := &pipeline.Call{Grant: authztest.Home(w.t, "iam", account, ""), Caller: authztest.Root(account), Account: account, Now: now}
	_, err := w.iam.CreateSAMLProvider(w.t.Context(), call, &iamapi.CreateSAMLProviderInput{Name: new("Corp"), SAMLMetadataDocument: new(idp.Metadata())})
	if err != nil {
		w.t.Fatal(err)
	}
	pool = w.pool(func(in *api.CreateIdentityPoolInput) { in.SamlProviderARNs = []string{samlARN} })
	staff, admins = w.role("Staff", pool, "authenticated"), w.role("Admins", pool, samlARN)
	w.setRoles(&api.SetIdentityPoolRolesInput{
		IdentityPoolId: &pool, Roles: map[string]string{"authenticated": staff},
		RoleMappings: map[string]api.RoleMapping{samlARN: {
			Type: api.RoleMappingTypeRules, AmbiguousRoleResolution: api.AmbiguousRoleResolutionTypeAuthenticatedRole,
			RulesConfiguration: &api.RulesConfigurationType{Rules: []api.MappingRule{
				{Claim: new("groups"), MatchType: api.MappingRuleMatchTypeContains, Value: new("admin"), RoleARN: &admins},
			}},
		}},
	})
	w.tagMap(pool, samlARN, map[string]string{"org": "org", "username": "sub"})
	return pool, staff, admins, idp
}

func asserted(idp *samltest.Provider, name string, attributes map[string][]string, edit func(*samltest.Response)) logins {
	r := idp.For(name, samlPost, samlPost, now, attributes)
	if edit != nil {
		edit(r)
	}
	return logins{samlARN: idp.Encoded(r)}
}

func TestSAMLLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, staff, admins, idp := corporate(w)
	jane := asserted(idp, "jane", map[string][]string{"org": {"acme"}, "groups": {"dev", "administrators"}, "sub": {"root"}}, nil)
	id := w.id(pool, jane)
	p, err := w.principal(id, jane)
	if err != nil {
		t.Fatal(err)
	}
	org, _ := p.Tags.Get("org")
	name, _ := p.Tags.Get("username")
	if p.RoleARN != staff || org != "acme" || name != "jane" ||
		!reflect.DeepEqual(p.FederatedContext[eventSource+":amr"], []string{"authenticated", samlARN}) {
		t.Errorf("%+v", p)
	}
	again := asserted(idp, "jane", map[string][]string{"groups": {"dev", "admin"}}, nil)
	if w.id(pool, again) != id {
		t.Error("one subject has two identities")
	}
	if p, err = w.principal(id, again); err != nil || p.RoleARN != admins {
		t.Error(p, err)
	}
	if _, ok := p.Tags.Get("org"); ok {
		t.Error("a tag without its attribute")
	}
}

func TestSAMLLoginsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _, idp := corporate(w)
	stranger := samltest.New(t, "https://idp.example.com/saml")
	jane := w.id(pool, asserted(idp, "jane", nil, nil))
	for name, c := range map[string]struct {
		l    logins
		text string
	}{
		"unsigned":         {asserted(idp, "jane", nil, func(r *samltest.Response) { r.SignAssertion = false }), "Response signature invalid"},
		"another key":      {asserted(stranger, "jane", nil, nil), "Response signature invalid"},
		"another audience": {asserted(idp, "jane", nil, func(r *samltest.Response) { r.Audience = "urn:x" }), "required audience"},
		"expired":          {asserted(idp, "jane", nil, func(r *samltest.Response) { r.Now = now.Add(-6 * time.Minute) }), "within 5 minutes"},
		"no response":      {logins{samlARN: idToken(t, "jane", nil)}, "Invalid"},
		"as a token":       {logins{users: asserted(idp, "jane", nil, nil)[samlARN]}, "Invalid login token."},
		"another provider": {logins{samlARN + "x": asserted(idp, "jane", nil, nil)[samlARN]}, "not from a supported provider"},
	} {
		_, err := send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": c.l})
		t.Log(name)
		refused(t, err, "NotAuthorizedException", c.text)
		_, err = w.principal(jane, c.l)
		refused(t, err, "NotAuthorizedException", c.text)
	}
	_, err := w.principal(jane, asserted(idp, "eve", nil, nil))
	refused(t, err, "NotAuthorizedException", "")
	two := asserted(idp, "jane", map[string][]string{"org": {"acme", "globex"}}, nil)
	_, err = w.principal(jane, two)
	refused(t, err, "NotAuthorizedException", "The claim org cannot be used as a principal tag.")
	_, err = admin(w, w.req().CreateIdentityPool, w.CreateIdentityPool, &api.CreateIdentityPoolInput{
		IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(false), SamlProviderARNs: []string{"arn:aws:iam::999988887777:saml-provider/Corp"},
	})
	refused(t, err, "InvalidParameterException", "Invalid SAML provider ARN")
}
