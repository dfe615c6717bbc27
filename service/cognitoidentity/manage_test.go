package cognitoidentity

import (
	"maps"
	"reflect"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
)

func TestPools(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := w.pool(func(in *api.CreateIdentityPoolInput) { in.IdentityPoolTags = map[string]string{"a": "b"} })
	describe := func() (*api.DescribeIdentityPoolOutput, error) {
		return admin(w, w.req().DescribeIdentityPool, w.DescribeIdentityPool, &api.DescribeIdentityPoolInput{IdentityPoolId: &pool})
	}
	d, err := describe()
	if err != nil || *d.IdentityPoolName != "p" || !*d.AllowUnauthenticatedIdentities || d.IdentityPoolTags["a"] != "b" ||
		*d.CognitoIdentityProviders[0].ClientId != client || d.OpenIdConnectProviderARNs[0] != oidcARN {
		t.Fatalf("%+v %v", d, err)
	}
	_, err = admin(w, w.req().UpdateIdentityPool, w.UpdateIdentityPool, &api.UpdateIdentityPoolInput{
		IdentityPoolId: &pool, IdentityPoolName: new("q"), AllowUnauthenticatedIdentities: new(false),
	})
	if err != nil {
		t.Fatal(err)
	}
	if d, err = describe(); err != nil || *d.IdentityPoolName != "q" || *d.AllowUnauthenticatedIdentities || *d.AllowClassicFlow ||
		len(d.CognitoIdentityProviders) != 0 || d.IdentityPoolTags["a"] != "b" {
		t.Errorf("%+v %v", d, err)
	}
	for range deleteBatch + 1 { // more identities than one transaction deletes
		w.guest(pool)
	}
	if _, err = admin(w, w.req().DeleteIdentityPool, w.DeleteIdentityPool, &api.DeleteIdentityPoolInput{IdentityPoolId: &pool}); err != nil {
		t.Fatal(err)
	}
	_, err = describe()
	refused(t, err, "ResourceNotFoundException", "IdentityPool '"+pool+"' not found.")
}

// guest makes a guest's identity whatever the pool says.
func (w *world) guest(pool string) {
	w.t.Helper()
	p, err := w.factsOf(w.t.Context(), pool)
	if err != nil {
		w.t.Fatal(err)
	}
	open := *p
	open.Guests = true
	call := readOnly(w.t, p)
	call.Grant = writing(w.t, p)
	if _, err := (&scoped{w.Service, w.t.Context(), call, &open}).newGuest(); err != nil {
		w.t.Fatal(err)
	}
}

func TestPoolsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		edit func(*api.CreateIdentityPoolInput)
		code string
	}{
		"facebook": {func(in *api.CreateIdentityPoolInput) {
			in.SupportedLoginProviders = map[string]string{"graph.facebook.com": "1"}
		}, "Unsupported"},
		"saml": {func(in *api.CreateIdentityPoolInput) {
			in.SamlProviderARNs = []string{"arn:aws:iam::1:saml-provider/x"}
		}, "InvalidParameterException"},
		"a public provider that does not exist": {func(in *api.CreateIdentityPoolInput) {
			in.SupportedLoginProviders = map[string]string{"idp.example.com": "1"}
		}, "InvalidParameterException"},
		"a public provider without application": {func(in *api.CreateIdentityPoolInput) {
			in.SupportedLoginProviders = map[string]string{"accounts.google.com": " ,"}
		}, "InvalidParameterException"},
		"a developer provider of a public provider's name": {func(in *api.CreateIdentityPoolInput) {
			in.DeveloperProviderName = new("accounts.google.com")
		}, "InvalidParameterException"},
		"a developer provider of a provider's name": {func(in *api.CreateIdentityPoolInput) {
			in.DeveloperProviderName = new("idp")
			in.OpenIdConnectProviderARNs = []string{"arn:aws:iam::" + account + ":oidc-provider/idp"}
		}, "InvalidParameterException"},
		"a developer provider of the issuer's name": {func(in *api.CreateIdentityPoolInput) {
			in.DeveloperProviderName = new(eventSource)
		}, "InvalidParameterException"},
		"no client": {func(in *api.CreateIdentityPoolInput) { in.CognitoIdentityProviders[0].ClientId = nil }, "InvalidParameterException"},
		"foreign oidc": {func(in *api.CreateIdentityPoolInput) {
			in.OpenIdConnectProviderARNs = []string{"arn:aws:iam::999999999999:oidc-provider/x"}
		}, "InvalidParameterException"},
		"role for oidc": {func(in *api.CreateIdentityPoolInput) { in.OpenIdConnectProviderARNs = []string{roleARN + "x"} }, "InvalidParameterException"},
		"tag":           {func(in *api.CreateIdentityPoolInput) { in.IdentityPoolTags = map[string]string{"aws:x": "y"} }, "InvalidParameterException"},
	} {
		in := &api.CreateIdentityPoolInput{
			IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(true),
			CognitoIdentityProviders: []api.CognitoIdentityProvider{{ProviderName: new(users), ClientId: new(client)}},
		}
		c.edit(in)
		_, err := admin(w, w.req().CreateIdentityPool, w.CreateIdentityPool, in)
		if err == nil {
			t.Error(name)
			continue
		}
		refused(t, err, c.code, "")
	}
}

func TestListsByPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var pools []string
	for range 3 {
		pools = append(pools, w.pool(nil))
	}
	seen := map[string]bool{}
	in := &api.ListIdentityPoolsInput{MaxResults: new(int32(2))}
	var token *string
	for {
		out, err := admin(w, w.req().ListIdentityPools, w.ListIdentityPools, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range out.IdentityPools {
			seen[*p.IdentityPoolId] = true
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
		token = out.NextToken
	}
	if len(seen) != 3 || token == nil {
		t.Fatal(seen)
	}
	for range 3 {
		w.guest(pools[0])
	}
	list := &api.ListIdentitiesInput{IdentityPoolId: &pools[0], MaxResults: new(int32(2)), NextToken: token}
	_, err := admin(w, w.req().ListIdentities, w.ListIdentities, list)
	refused(t, err, "InvalidParameterException", "Invalid pagination token") // of another list
	list.NextToken = nil
	first, err := admin(w, w.req().ListIdentities, w.ListIdentities, list)
	if err != nil || len(first.Identities) != 2 || first.NextToken == nil {
		t.Fatal(first, err)
	}
	list.NextToken = first.NextToken
	second, err := admin(w, w.req().ListIdentities, w.ListIdentities, list)
	if err != nil || len(second.Identities) != 1 || second.NextToken != nil {
		t.Fatal(second, err)
	}
	list.IdentityPoolId = &pools[1]
	_, err = admin(w, w.req().ListIdentities, w.ListIdentities, list)
	refused(t, err, "InvalidParameterException", "Invalid pagination token") // of another pool
}

func TestTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := w.pool(nil)
	name := new(poolARN(account, region, pool))
	tag := func(tags map[string]string) error {
		_, err := admin(w, w.req().TagResource, w.TagResource, &api.TagResourceInput{ResourceArn: name, Tags: tags})
		return err
	}
	if err := tag(map[string]string{"team": "a", "x": "y"}); err != nil {
		t.Fatal(err)
	}
	refused(t, tag(map[string]string{"bad*": "y"}), "InvalidParameterException", "")
	_, err := admin(w, w.req().UntagResource, w.UntagResource, &api.UntagResourceInput{ResourceArn: name, TagKeys: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := admin(w, w.req().ListTagsForResource, w.ListTagsForResource, &api.ListTagsForResourceInput{ResourceArn: name})
	if err != nil || !maps.Equal(out.Tags, map[string]string{"team": "a"}) {
		t.Error(out, err)
	}
	// the pool's tags decide
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-identity:*","Resource":"*",` +
		`"Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}}]}`
	describe := func(id string) error {
		_, err := as(w, account, w.req().DescribeIdentityPool, w.DescribeIdentityPool, &api.DescribeIdentityPoolInput{IdentityPoolId: &id}, policy)
		return err
	}
	if err := describe(pool); err != nil {
		t.Error(err)
	}
	if err := describe(w.pool(nil)); err != errDenied { //nolint:errorlint // as returns it bare
		t.Error(err)
	}
}

// Another account's pools and identities do not exist.
func TestOtherAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	guest := w.id(pool, nil)
	const foreign, policy = "999999999999", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	_, err := as(w, foreign, w.req().DescribeIdentityPool, w.DescribeIdentityPool, &api.DescribeIdentityPoolInput{IdentityPoolId: &pool}, policy)
	refused(t, err, "ResourceNotFoundException", "")
	_, err = as(w, foreign, w.req().DeleteIdentityPool, w.DeleteIdentityPool, &api.DeleteIdentityPoolInput{IdentityPoolId: &pool}, policy)
	refused(t, err, "ResourceNotFoundException", "")
	_, err = as(w, foreign, w.req().DescribeIdentity, w.DescribeIdentity, &api.DescribeIdentityInput{IdentityId: &guest}, policy)
	refused(t, err, "ResourceNotFoundException", "Identity '"+guest+"' not found.")
	_, err = as(w, foreign, w.req().ListTagsForResource, w.ListTagsForResource,
		&api.ListTagsForResourceInput{ResourceArn: new(poolARN(account, region, pool))}, policy)
	if err == nil {
		t.Error("tags of another account's pool")
	}
	out, err := as(w, foreign, w.req().DeleteIdentities, w.DeleteIdentities, &api.DeleteIdentitiesInput{IdentityIdsToDelete: []string{guest}}, policy)
	if err != nil || len(out.UnprocessedIdentityIds) != 1 {
		t.Error(out, err)
	}
	if _, err := w.principal(guest, nil); err != nil {
		t.Error(err)
	}
}

func TestDeleteIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	l := logins{users: idToken(t, "alice", nil)}
	id := w.id(pool, l)
	unknown := region + ":00000000-0000-4000-8000-000000000000"
	out, err := admin(w, w.req().DeleteIdentities, w.DeleteIdentities, &api.DeleteIdentitiesInput{IdentityIdsToDelete: []string{id, unknown, id}})
	want := []api.UnprocessedIdentityId{{ErrorCode: "AccessDenied", IdentityId: &unknown}}
	if err != nil || !reflect.DeepEqual(out.UnprocessedIdentityIds, want) {
		t.Error(out, err)
	}
	_, err = w.principal(id, l)
	refused(t, err, "ResourceNotFoundException", "Identity '"+id+"' not found.")
	if again := w.id(pool, l); again == id {
		t.Error("a deleted identity came back")
	}
}

func TestPrincipalTagAttributeMap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _, _ := ready(w, nil)
	set := func(in *api.SetPrincipalTagAttributeMapInput) error {
		in.IdentityPoolId = &pool
		_, err := admin(w, w.req().SetPrincipalTagAttributeMap, w.SetPrincipalTagAttributeMap, in)
		return err
	}
	for name, in := range map[string]*api.SetPrincipalTagAttributeMapInput{
		"unknown provider": {IdentityProviderName: new(other), PrincipalTags: map[string]string{"a": "b"}},
		"reserved":         {IdentityProviderName: new(users), PrincipalTags: map[string]string{"aws:a": "b"}},
		"characters":       {IdentityProviderName: new(users), PrincipalTags: map[string]string{"a*": "b"}},
		"twice":            {IdentityProviderName: new(users), PrincipalTags: map[string]string{"org": "b", "ORG": "c"}},
		"both":             {IdentityProviderName: new(users), PrincipalTags: map[string]string{"org": "b"}, UseDefaults: new(true)},
	} {
		if set(in) == nil {
			t.Error(name)
		}
	}
	if err := set(&api.SetPrincipalTagAttributeMapInput{IdentityProviderName: new(users), UseDefaults: new(true)}); err != nil {
		t.Fatal(err)
	}
	out, err := admin(w, w.req().GetPrincipalTagAttributeMap, w.GetPrincipalTagAttributeMap,
		&api.GetPrincipalTagAttributeMapInput{IdentityPoolId: &pool, IdentityProviderName: new(users)})
	if err != nil || !*out.UseDefaults {
		t.Error(out, err)
	}
	l := logins{users: idToken(t, "alice", nil)}
	p, err := w.principal(w.id(pool, l), l)
	if err != nil {
		t.Fatal(err)
	}
	if u, _ := p.Tags.Get("username"); u != "alice" || len(p.Tags) != 2 {
		t.Errorf("%+v", p.Tags)
	}
}
