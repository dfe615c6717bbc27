package cognitoidentity

import (
	"reflect"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
)

func (w *world) lookup(edit func(*api.LookupDeveloperIdentityInput), pool string) (*api.LookupDeveloperIdentityOutput, error) {
	w.t.Helper()
	in := &api.LookupDeveloperIdentityInput{IdentityPoolId: &pool}
	edit(in)
	return admin(w, w.req().LookupDeveloperIdentity, w.LookupDeveloperIdentity, in)
}

func (w *world) merge(pool, from, to string) (string, error) {
	w.t.Helper()
	out, err := admin(w, w.req().MergeDeveloperIdentities, w.MergeDeveloperIdentities, &api.MergeDeveloperIdentitiesInput{
		IdentityPoolId: &pool, DeveloperProviderName: new(developer), SourceUserIdentifier: &from, DestinationUserIdentifier: &to,
	})
	if err != nil {
		return "", err
	}
	return *out.IdentityId, nil
}

func (w *world) unlinkUser(pool, id, user string) error {
	w.t.Helper()
	_, err := admin(w, w.req().UnlinkDeveloperIdentity, w.UnlinkDeveloperIdentity, &api.UnlinkDeveloperIdentityInput{
		IdentityPoolId: &pool, IdentityId: &id, DeveloperProviderName: new(developer), DeveloperUserIdentifier: &user,
	})
	return err
}

func TestLookup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	id, _ := w.registered(pool, "alice", nil)
	for _, more := range []string{"alice2", "alice3"} {
		w.registered(pool, more, func(in *developerInput) { in.IdentityId = &id })
	}
	bob, _ := w.registered(pool, "bob", nil)
	var got []string
	var token *string
	for range 4 {
		out, err := w.lookup(func(in *api.LookupDeveloperIdentityInput) {
			in.IdentityId, in.MaxResults, in.NextToken = &id, new(int32(2)), token
		}, pool)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, out.DeveloperUserIdentifierList...)
		if token = out.NextToken; token == nil {
			break
		}
	}
	if !reflect.DeepEqual(got, []string{"alice", "alice2", "alice3"}) {
		t.Error(got)
	}
	out, err := w.lookup(func(in *api.LookupDeveloperIdentityInput) { in.DeveloperUserIdentifier = new("alice2") }, pool)
	if err != nil || *out.IdentityId != id || len(out.DeveloperUserIdentifierList) != 3 {
		t.Error(out, err)
	}
	out, err = w.lookup(func(in *api.LookupDeveloperIdentityInput) {
		in.DeveloperUserIdentifier, in.IdentityId = new("alice2"), &id
	}, pool)
	if err != nil || !reflect.DeepEqual(out.DeveloperUserIdentifierList, []string{"alice2"}) {
		t.Error(out, err)
	}
	second := w.pool(func(in *api.CreateIdentityPoolInput) { in.DeveloperProviderName = new(developer) })
	for name, c := range map[string]struct {
		pool string
		edit func(*api.LookupDeveloperIdentityInput)
		code string
	}{
		"neither": {pool, func(*api.LookupDeveloperIdentityInput) {}, "InvalidParameterException"},
		"nobody":  {pool, func(in *api.LookupDeveloperIdentityInput) { in.DeveloperUserIdentifier = new("eve") }, "ResourceNotFoundException"},
		"another's": {pool, func(in *api.LookupDeveloperIdentityInput) {
			in.DeveloperUserIdentifier, in.IdentityId = new("alice"), &bob
		}, "ResourceConflictException"},
		"another pool's": {second, func(in *api.LookupDeveloperIdentityInput) { in.IdentityId = &id }, "ResourceNotFoundException"},
		"of another pool": {second, func(in *api.LookupDeveloperIdentityInput) { in.DeveloperUserIdentifier = new("alice") },
			"ResourceNotFoundException"},
	} {
		_, err := w.lookup(c.edit, c.pool)
		t.Log(name)
		refused(t, err, c.code, "")
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	alice := logins{users: idToken(t, "alice", nil)}
	from, token := w.registered(pool, "alice", func(in *developerInput) { in.Logins[users] = alice[users] })
	to, _ := w.registered(pool, "bob", nil)
	id, err := w.merge(pool, "alice", "bob")
	if err != nil || id != to {
		t.Fatal(id, err)
	}
	if again, _ := w.registered(pool, "alice", nil); again != to || w.id(pool, alice) != to {
		t.Error("the logins did not move")
	}
	if id, err := w.merge(pool, "alice", "bob"); err != nil || id != to {
		t.Error("merging again:", id, err)
	}
	// what the source was is nobody's: not by the old token, not as a guest, not by another login
	_, err = w.principal(from, logins{eventSource: token})
	refused(t, err, "NotAuthorizedException", "is forbidden")
	_, err = w.principal(from, nil)
	refused(t, err, "NotAuthorizedException", "is forbidden")
	_, err = w.principal(from, logins{users: idToken(t, "eve", nil)})
	refused(t, err, "NotAuthorizedException", "Logins don't match.")
	_, _, err = w.register(pool, "eve", func(in *developerInput) { in.IdentityId = &from })
	refused(t, err, "NotAuthorizedException", "is forbidden")
	for hide, want := range map[bool]int{false: 2, true: 1} {
		out, err := admin(w, w.req().ListIdentities, w.ListIdentities, &api.ListIdentitiesInput{
			IdentityPoolId: &pool, MaxResults: new(int32(10)), HideDisabled: &hide,
		})
		if err != nil || len(out.Identities) != want {
			t.Error(hide, out, err)
		}
	}
	w.registered(pool, "carol", func(in *developerInput) { in.Logins[users] = idToken(t, "carol", nil) })
	_, err = w.merge(pool, "carol", "bob")
	refused(t, err, "ResourceConflictException", "already linked")
	_, err = w.merge(pool, "nobody", "bob")
	refused(t, err, "ResourceNotFoundException", "'nobody' not found")
	second := w.pool(func(in *api.CreateIdentityPoolInput) { in.DeveloperProviderName = new(developer) })
	w.registered(second, "dave", nil)
	_, err = w.merge(second, "bob", "dave")
	refused(t, err, "ResourceNotFoundException", "'bob' not found")
	none := w.pool(nil)
	_, err = w.merge(none, "bob", "dave")
	refused(t, err, "InvalidParameterException", developer)
}

func TestUnlinkDeveloper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	id, token := w.registered(pool, "alice", nil)
	bob, _ := w.registered(pool, "bob", nil)
	refused(t, w.unlinkUser(pool, bob, "alice"), "ResourceConflictException", "")
	if err := w.unlinkUser(pool, id, "alice"); err != nil {
		t.Fatal(err)
	}
	refused(t, w.unlinkUser(pool, id, "alice"), "ResourceNotFoundException", "'alice' not found")
	_, err := w.principal(id, logins{eventSource: token})
	refused(t, err, "NotAuthorizedException", "is forbidden")
	_, err = w.principal(id, nil)
	refused(t, err, "NotAuthorizedException", "is forbidden")
	if again, _ := w.registered(pool, "alice", nil); again == id {
		t.Error("an unlinked user got the old identity")
	}
}

func TestUnlink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := developed(w)
	w.outsideProvider()
	atPool := idToken(t, "alice", nil)
	atOutside := idToken(t, "a", object{"iss": "https://" + outside, "aud": "web", "token_use": nil})
	id := w.id(pool, logins{users: atPool, outside: atOutside})
	w.registered(pool, "alice", func(in *developerInput) { in.IdentityId = &id })
	unlink := func(l logins, remove ...string) error {
		_, err := send[object](w, "UnlinkIdentity", object{"IdentityId": id, "Logins": l, "LoginsToRemove": append([]string{}, remove...)})
		return err
	}
	refused(t, unlink(logins{users: idToken(t, "eve", nil)}, users), "NotAuthorizedException", "is forbidden")
	refused(t, unlink(logins{}, users), "NotAuthorizedException", "is forbidden")
	refused(t, unlink(logins{users: "x"}, users), "NotAuthorizedException", "Invalid login token.")
	refused(t, unlink(logins{users: atPool}), "InvalidParameterException", "LoginsToRemove")
	refused(t, unlink(logins{users: atPool}, developer), "InvalidParameterException", "not linked")
	refused(t, unlink(logins{users: atPool}, "accounts.google.com"), "InvalidParameterException", "not linked")
	if err := unlink(logins{users: atPool}, outside); err != nil {
		t.Fatal(err)
	}
	if d := w.describe(id); !reflect.DeepEqual(d.Logins, []string{users, developer}) {
		t.Error(d.Logins)
	}
	if other := w.id(pool, logins{outside: atOutside}); other == id {
		t.Error("an unlinked login is still linked")
	}
	if err := unlink(logins{users: atPool}, users); err != nil {
		t.Fatal(err)
	}
	refused(t, unlink(logins{users: atPool}, users), "NotAuthorizedException", "is forbidden")
}

func TestGuestSignsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, role, _ := ready(w, nil)
	guest := w.id(pool, nil)
	l := logins{users: idToken(t, "alice", nil)}
	p, err := w.principal(guest, l)
	if err != nil || p.RoleARN != role || p.HasSessionPolicy {
		t.Fatal(p, err)
	}
	if w.id(pool, l) != guest {
		t.Error("the login has another identity")
	}
	_, err = w.principal(guest, nil)
	refused(t, err, "NotAuthorizedException", "is forbidden")
	_, err = w.principal(guest, logins{users: idToken(t, "eve", nil)})
	refused(t, err, "NotAuthorizedException", "Logins don't match.")
	// a login with an identity of its own does not take a guest's
	second := w.id(pool, nil)
	_, err = w.principal(second, l)
	refused(t, err, "NotAuthorizedException", "Access to Identity '"+second+"' is forbidden.")
	if _, err := w.principal(second, nil); err != nil {
		t.Error("the refusal changed the guest's identity:", err)
	}
}

func TestPublicProviders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const google = "accounts.google.com"
	pool, role, _ := ready(w, func(in *api.CreateIdentityPoolInput) {
		in.SupportedLoginProviders = map[string]string{google: "web, ios"}
	})
	w.tagMap(pool, google, map[string]string{"username": "sub"})
	at := func(aud, iss string) logins {
		return logins{google: idToken(t, "g", object{"iss": iss, "aud": aud, "token_use": nil})}
	}
	l := at("ios", "https://"+google)
	p, err := w.principal(w.id(pool, l), l)
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := p.Tags.Get("username"); name != "g" || p.RoleARN != role ||
		!reflect.DeepEqual(p.FederatedContext[eventSource+":amr"], []string{"authenticated", google, google + ":OIDC:g"}) {
		t.Errorf("%+v", p)
	}
	for name, l := range map[string]logins{
		"another application": at("other", "https://"+google), "another issuer": at("web", "https://"+outside),
		"a provider the pool does not take": {"appleid.apple.com": idToken(t, "a", object{"iss": "https://appleid.apple.com", "aud": "web"})},
	} {
		_, err := send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": l})
		t.Log(name)
		refused(t, err, "NotAuthorizedException", "")
	}
}
