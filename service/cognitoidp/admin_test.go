package cognitoidp

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func TestPoolRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := must(do(w, w.r.DescribeUserPool, w.s.DescribeUserPool, &api.DescribeUserPoolInput{UserPoolId: &w.pool}))(t).UserPool
	if *d.Name != "test" || *d.Arn != "arn:aws:cognito-idp:us-east-1:111122223333:userpool/"+w.pool || d.MfaConfiguration != "OFF" ||
		!strings.HasPrefix(w.pool, "us-east-1_") || len(d.SchemaAttributes) != 23 || *d.Policies.PasswordPolicy.MinimumLength != 8 {
		t.Errorf("%+v", d)
	}
	must(do(w, w.r.UpdateUserPool, w.s.UpdateUserPool, &api.UpdateUserPoolInput{
		UserPoolId: &w.pool, DeletionProtection: "ACTIVE", UserPoolTags: map[string]string{"a": "b"},
		Policies: &api.UserPoolPolicyType{PasswordPolicy: &api.PasswordPolicyType{MinimumLength: new(int32(20))}},
	}))(t)
	_, err := w.signUp("ana", "ana@example.com")
	want(t, "the new policy", err, "InvalidPasswordException", "")
	del := func() error {
		_, err := do(w, w.r.DeleteUserPool, w.s.DeleteUserPool, &api.DeleteUserPoolInput{UserPoolId: &w.pool})
		return err
	}
	want(t, "protected", del(), "InvalidParameterException", "")
	must(do(w, w.r.UpdateUserPool, w.s.UpdateUserPool, &api.UpdateUserPoolInput{UserPoolId: &w.pool, DeletionProtection: "INACTIVE"}))(t)
	tags := must(do(w, w.r.ListTagsForResource, w.s.ListTagsForResource, &api.ListTagsForResourceInput{ResourceArn: d.Arn}))(t).Tags
	if !reflect.DeepEqual(tags, map[string]string{"a": "b"}) {
		t.Errorf("tags %v", tags)
	}
	must(do(w, w.r.UntagResource, w.s.UntagResource, &api.UntagResourceInput{ResourceArn: d.Arn, TagKeys: []string{"a"}}))(t)
	w.member("bob")
	if err := del(); err != nil {
		t.Fatal(err)
	}
	_, err = do(w, w.r.DescribeUserPool, w.s.DescribeUserPool, &api.DescribeUserPoolInput{UserPoolId: &w.pool})
	want(t, "deleted", err, "ResourceNotFoundException", "User pool "+w.pool+" does not exist.")
	_, err = w.signIn(w.app, "bob", password)
	want(t, "its client", err, "ResourceNotFoundException", "")
	n := 0
	err = system.View(context.Background(), w.s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(testAccount, testRegion)
		if err != nil {
			return err
		}
		return rec.Scan(nil, nil, func(store.Key, []byte) bool { n++; return true })
	})
	if err != nil || n != 0 {
		t.Errorf("%d records are left of a deleted pool (%v)", n, err)
	}
}

func TestClientSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type in = api.CreateUserPoolClientInput
	for name, tc := range map[string]struct {
		change func(*in)
		code   string
	}{
		"short access token": {func(i *in) {
			i.AccessTokenValidity, i.TokenValidityUnits = new(int32(4)), &api.TokenValidityUnitsType{AccessToken: "minutes"}
		}, "InvalidParameterException"},
		"long ID token": {func(i *in) { i.IdTokenValidity = new(int32(25)) }, "InvalidParameterException"},
		"access outlives refresh": {func(i *in) {
			i.AccessTokenValidity, i.RefreshTokenValidity, i.TokenValidityUnits = new(int32(5)), new(int32(2)), &api.TokenValidityUnitsType{RefreshToken: "hours"}
		}, "InvalidParameterException"},
		"eleven years": {func(i *in) { i.RefreshTokenValidity = new(int32(4015)) }, "InvalidParameterException"},
		"mixed flows": {func(i *in) {
			i.ExplicitAuthFlows = []api.ExplicitAuthFlowsType{"ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH"}
		}, "InvalidParameterException"},
		"write the unknown":  {func(i *in) { i.WriteAttributes = []string{"custom:nosuch"} }, "InvalidParameterException"},
		"write the verified": {func(i *in) { i.WriteAttributes = []string{"email_verified"} }, "InvalidParameterException"},
		"read the unknown":   {func(i *in) { i.ReadAttributes = []string{"nosuch"} }, "InvalidParameterException"},
		"rotation and the flow": {func(i *in) {
			i.ExplicitAuthFlows = []api.ExplicitAuthFlowsType{"ALLOW_REFRESH_TOKEN_AUTH"}
			i.RefreshTokenRotation = &api.RefreshTokenRotationType{Feature: "ENABLED"}
		}, "InvalidParameterException"},
		"rotation without revocation": {func(i *in) {
			i.RefreshTokenRotation, i.EnableTokenRevocation = &api.RefreshTokenRotationType{Feature: "ENABLED"}, new(false)
		}, "InvalidParameterException"},
		"no pool": {func(i *in) { i.UserPoolId = new("us-east-1_nosuch000") }, "ResourceNotFoundException"},
	} {
		i := &in{UserPoolId: &w.pool, ClientName: new("c")}
		tc.change(i)
		_, err := do(w, w.r.CreateUserPoolClient, w.s.CreateUserPoolClient, i)
		want(t, name, err, tc.code, "")
	}
	out := must(do(w, w.r.UpdateUserPoolClient, w.s.UpdateUserPoolClient, &api.UpdateUserPoolClientInput{UserPoolId: &w.pool, ClientId: &w.private}))(t)
	if *out.UserPoolClient.ClientSecret != w.secret || slices.Contains(out.UserPoolClient.ExplicitAuthFlows, "ALLOW_USER_PASSWORD_AUTH") {
		t.Errorf("%+v", out.UserPoolClient)
	}
	must(do(w, w.r.DeleteUserPoolClient, w.s.DeleteUserPoolClient, &api.DeleteUserPoolClientInput{UserPoolId: &w.pool, ClientId: &w.private}))(t)
	_, err := w.initiate(w.private, "USER_SRP_AUTH", nil)
	want(t, "deleted", err, "ResourceNotFoundException", "User pool client "+w.private+" does not exist.")
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 5 {
		w.member(fmt.Sprint("user", i), "email", fmt.Sprintf("u%d@example.com", i), "name", `a "b" \c`)
	}
	list := func(filter string, limit int32, token *string) (*api.ListUsersOutput, error) {
		return do(w, w.r.ListUsers, w.s.ListUsers, &api.ListUsersInput{UserPoolId: &w.pool, Filter: opt.Present(filter), Limit: &limit, PaginationToken: token})
	}
	seen := map[string]bool{}
	var token *string
	for pages := 0; ; pages++ {
		out := must(list("", 2, token))(t)
		for _, u := range out.Users {
			seen[*u.Username] = true
		}
		if token = out.PaginationToken; token == nil {
			if pages != 2 || len(seen) != 5 {
				t.Errorf("%d pages, %v", pages+1, seen)
			}
			break
		}
	}
	for filter, n := range map[string]int{
		`username = "user1"`: 1, `username ^= "user"`: 5, `email = "u3@example.com"`: 1, `"email" ^= "u"`: 5, `email = "u"`: 0,
		`cognito:user_status = "CONFIRMED"`: 5, `status = "Disabled"`: 0, `name = "a \"b\" \\c"`: 5, `username="nosuch"`: 0,
	} {
		if out := must(list(filter, 60, nil))(t); len(out.Users) != n {
			t.Errorf("%s: %d users", filter, len(out.Users))
		}
	}
	for _, filter := range []string{`username`, `username = user1`, `custom:color = "red"`, `username = "a" or username = "b"`} {
		_, err := list(filter, 60, nil)
		want(t, filter, err, "InvalidParameterException", "")
	}
	first := must(list("", 2, nil))(t)
	_, err := list(`username ^= "u"`, 2, first.PaginationToken)
	want(t, "another list's token", err, "InvalidParameterException", "Invalid pagination token")
	_, err = list("", 2, new("AAAA"))
	want(t, "made up token", err, "InvalidParameterException", "Invalid pagination token")
}

func TestGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	w.member("bob")
	w.group("acme", "", nil, "ana", "bob")
	w.group("globex", "", nil, "ana")
	_, err := do(w, w.r.CreateGroup, w.s.CreateGroup, &api.CreateGroupInput{UserPoolId: &w.pool, GroupName: new("acme")})
	want(t, "twice", err, "GroupExistsException", "A group with the name already exists.")
	in := func(group string) int {
		return len(must(do(w, w.r.ListUsersInGroup, w.s.ListUsersInGroup, &api.ListUsersInGroupInput{UserPoolId: &w.pool, GroupName: &group}))(t).Users)
	}
	of := func(user string) int {
		return len(must(do(w, w.r.AdminListGroupsForUser, w.s.AdminListGroupsForUser, &api.AdminListGroupsForUserInput{UserPoolId: &w.pool, Username: &user}))(t).Groups)
	}
	if in("acme") != 2 || in("globex") != 1 || of("ana") != 2 || of("bob") != 1 {
		t.Error(in("acme"), in("globex"), of("ana"), of("bob"))
	}
	must(do(w, w.r.AdminRemoveUserFromGroup, w.s.AdminRemoveUserFromGroup, &api.AdminRemoveUserFromGroupInput{UserPoolId: &w.pool, GroupName: new("acme"), Username: new("bob")}))(t)
	must(do(w, w.r.DeleteGroup, w.s.DeleteGroup, &api.DeleteGroupInput{UserPoolId: &w.pool, GroupName: new("globex")}))(t)
	if in("acme") != 1 || of("ana") != 1 || of("bob") != 0 {
		t.Error(in("acme"), of("ana"), of("bob"))
	}
	_, err = do(w, w.r.GetGroup, w.s.GetGroup, &api.GetGroupInput{UserPoolId: &w.pool, GroupName: new("globex")})
	want(t, "deleted", err, "ResourceNotFoundException", "Group not found.")
	must(do(w, w.r.AdminDeleteUser, w.s.AdminDeleteUser, &api.AdminDeleteUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	if in("acme") != 0 {
		t.Error("a deleted user is a member")
	}
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := func(action api.MessageActionType, pairs ...string) error {
		_, err := do(w, w.r.AdminCreateUser, w.s.AdminCreateUser, &api.AdminCreateUserInput{
			UserPoolId: &w.pool, Username: new("ana"), MessageAction: action, UserAttributes: attrs(pairs...),
		})
		return err
	}
	want(t, "nowhere to send it", create(""), "InvalidParameterException", "")
	if err := create("", "email", "ana@example.com"); err != nil {
		t.Fatal(err)
	}
	word := func() string {
		mail := must(w.box.List(context.Background(), testAccount, testRegion, "ANA@example.com"))(t)
		body := mail[len(mail)-1].Body
		return strings.TrimSuffix(body[strings.LastIndex(strings.TrimSpace(body), " ")+1:], ". ")
	}
	first := word()
	if out := must(w.signIn(w.app, "ana", first))(t); out.ChallengeName != "NEW_PASSWORD_REQUIRED" {
		t.Errorf("%+v", out)
	}
	if err := create("RESEND"); err != nil {
		t.Fatal(err)
	}
	_, err := w.signIn(w.app, "ana", first)
	want(t, "the first password", err, "NotAuthorizedException", "")
	must(w.signIn(w.app, "ana", word()))(t)
}

// TestOutsiders asks without permission, from another account and from another region.
func TestOutsiders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	get := func() error {
		_, err := do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: new("ana")})
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	gone := "User pool " + w.pool + " does not exist."
	w.account = otherAccount
	want(t, "another account", get(), "ResourceNotFoundException", gone)
	_, err := do(w, w.r.AdminInitiateAuth, w.s.AdminInitiateAuth, &api.AdminInitiateAuthInput{
		UserPoolId: &w.pool, ClientId: &w.app, AuthFlow: "ADMIN_USER_PASSWORD_AUTH", AuthParameters: map[string]string{"USERNAME": "ana", "PASSWORD": password},
	})
	want(t, "sign-in from another account", err, "ResourceNotFoundException", gone)
	want(t, "tags from another account", w.tag(map[string]string{"a": "b"}), "ResourceNotFoundException", "")
	w.account, w.region = testAccount, "eu-west-1"
	want(t, "another region", get(), "ResourceNotFoundException", gone)
	w.region = testRegion
	statement := func(condition string) []string {
		return []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-idp:AdminGetUser",` +
			`"Resource":"arn:aws:cognito-idp:us-east-1:111122223333:userpool/*"` + condition + `}]}`}
	}
	tagged := statement(`,"Condition":{"StringEquals":{"aws:ResourceTag/tenant":"acme"}}`)
	w.policies = tagged
	want(t, "a pool without the tag", get(), "AccessDenied", "")
	w.policies = []string{allowAll}
	if err := w.tag(map[string]string{"tenant": "acme"}); err != nil {
		t.Fatal(err)
	}
	w.policies = tagged
	if err := get(); err != nil {
		t.Error("a pool with the tag:", err)
	}
	w.policies = nil
	want(t, "no policy", get(), "AccessDenied", "")
	must(w.signIn(w.app, "ana", password))(t)
}

// TestNoSecretsAtRest looks for what must not be stored as it is.
func TestNoSecretsAtRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.signUp("ana", "ana@example.com"))(t)
	secrets := []string{password, w.code("ana@example.com"), w.secret}
	err := system.View(context.Background(), w.s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(testAccount, testRegion)
		if err != nil {
			return err
		}
		return rec.Scan(nil, nil, func(k store.Key, v []byte) bool {
			for _, s := range secrets {
				if strings.Contains(string(v), s) || strings.Contains(string(k), s) {
					t.Errorf("%q holds a secret in plain", k)
				}
			}
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
