package iam

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/identity"
)

func (s *server) createUser(t testing.TB, name string) *api.User {
	t.Helper()
	out, err := call(s, s.root, s.need.CreateUser, s.CreateUser, &api.CreateUserInput{UserName: &name})
	return must[api.CreateUserOutput](t)(out, err).User
}

func (s *server) putPolicy(t testing.TB, user, document string) {
	t.Helper()
	_, err := call(s, s.root, s.need.PutUserPolicy, s.PutUserPolicy, &api.PutUserPolicyInput{
		UserName: &user, PolicyName: p("inline"), PolicyDocument: &document,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUserLife(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	u := s.createUser(t, "Alice")
	if *u.Arn != "arn:aws:iam::111122223333:user/Alice" || len(*u.UserId) != 21 || !strings.HasPrefix(*u.UserId, "AIDA") {
		t.Errorf("created %+v", u)
	}
	_, err := call(s, s.root, s.need.CreateUser, s.CreateUser, &api.CreateUserInput{UserName: p("alice")})
	refused(t, err, "EntityAlreadyExistsException", "User with name alice already exists.")
	_, err = call(s, s.root, s.need.GetUser, s.GetUser, &api.GetUserInput{UserName: p("bob")})
	refused(t, err, "NoSuchEntityException", "The user with name bob cannot be found.")

	s.putPolicy(t, "alice", allowGetUser)
	got, err := call(s, s.root, s.need.GetUserPolicy, s.GetUserPolicy, &api.GetUserPolicyInput{UserName: p("ALICE"), PolicyName: p("inline")})
	if document, bad := url.PathUnescape(*must[api.GetUserPolicyOutput](t)(got, err).PolicyDocument); bad != nil || document != allowGetUser {
		t.Errorf("document %s", document)
	}
	if strings.ContainsAny(*got.PolicyDocument, ` "{+`) {
		t.Errorf("document is not percent-encoded: %s", *got.PolicyDocument)
	}
	alice := s.as(t, "alice")
	me, err := call(s, alice, s.need.GetUser, s.GetUser, &api.GetUserInput{})
	if *must[api.GetUserOutput](t)(me, err).User.UserName != "Alice" {
		t.Errorf("the caller is %s", *me.User.UserName)
	}
	if _, err = call(s, alice, s.need.DeleteUser, s.DeleteUser, &api.DeleteUserInput{UserName: p("alice")}); !errors.Is(err, errDenied) {
		t.Errorf("deleting without permission: %v", err)
	}
	_, err = call(s, s.root, s.need.DeleteUser, s.DeleteUser, &api.DeleteUserInput{UserName: p("alice")})
	refused(t, err, "DeleteConflictException", "Cannot delete entity, must delete policies first.")
	_, err = call(s, s.root, s.need.DeleteUserPolicy, s.DeleteUserPolicy, &api.DeleteUserPolicyInput{UserName: p("alice"), PolicyName: p("nope")})
	refused(t, err, "NoSuchEntityException", "The user policy with name nope cannot be found.")
	if _, err = call(s, s.root, s.need.DeleteUserPolicy, s.DeleteUserPolicy, &api.DeleteUserPolicyInput{UserName: p("alice"), PolicyName: p("inline")}); err != nil {
		t.Fatal(err)
	}
	if _, err = call(s, alice, s.need.GetUser, s.GetUser, &api.GetUserInput{}); !errors.Is(err, errDenied) {
		t.Errorf("the policy still works: %v", err)
	}
	if _, err = call(s, s.root, s.need.DeleteUser, s.DeleteUser, &api.DeleteUserInput{UserName: p("alice")}); err != nil {
		t.Fatal(err)
	}
}

func TestRootWithoutUserName(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	me, err := call(s, s.root, s.need.GetUser, s.GetUser, &api.GetUserInput{})
	if u := must[api.GetUserOutput](t)(me, err).User; *u.Arn != "arn:aws:iam::111122223333:root" || u.UserName != nil || *u.UserId != account {
		t.Errorf("root is %+v", u)
	}
	keys, err := call(s, s.root, s.need.ListAccessKeys, s.ListAccessKeys, &api.ListAccessKeysInput{})
	if n := len(must[api.ListAccessKeysOutput](t)(keys, err).AccessKeyMetadata); n != 1 {
		t.Errorf("root has %d keys", n)
	}
}

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newServer(t)
	s.createUser(t, "alice")
	create := func() (*api.CreateAccessKeyOutput, error) {
		return call(s, s.root, s.need.CreateAccessKey, s.CreateAccessKey, &api.CreateAccessKeyInput{UserName: p("alice")})
	}
	out, err := create()
	k := must[api.CreateAccessKeyOutput](t)(out, err).AccessKey
	cred, err := s.catalog.Credentials(ctx, *k.AccessKeyId)
	if err != nil || cred == nil || string(cred.Secret) != *k.SecretAccessKey || cred.Principal.Name != "alice" {
		t.Fatalf("credentials %v, %v", cred, err)
	}
	if _, err := create(); err != nil {
		t.Fatal(err)
	}
	_, err = create()
	refused(t, err, "LimitExceededException", "Cannot exceed quota for AccessKeysPerUser: 2")
	update := func(id string, status api.StatusType) error {
		_, err := call(s, s.root, s.need.UpdateAccessKey, s.UpdateAccessKey,
			&api.UpdateAccessKeyInput{UserName: p("alice"), AccessKeyId: &id, Status: status})
		return err
	}
	if err := update(*k.AccessKeyId, api.StatusTypeInactive); err != nil {
		t.Fatal(err)
	}
	if cred, _ := s.catalog.Credentials(ctx, *k.AccessKeyId); cred != nil {
		t.Error("an inactive key is accepted")
	}
	refused(t, update("AKIANOTHINGNOTHING", api.StatusTypeActive), "NoSuchEntityException",
		"The Access Key with id AKIANOTHINGNOTHING cannot be found.")
	_, err = call(s, s.root, s.need.DeleteUser, s.DeleteUser, &api.DeleteUserInput{UserName: p("alice")})
	refused(t, err, "DeleteConflictException", "Cannot delete entity, must delete access keys first.")

	_, err = call(s, s.root, s.need.UpdateUser, s.UpdateUser, &api.UpdateUserInput{UserName: p("alice"), NewUserName: p("Al"), NewPath: p("/x/")})
	if err != nil {
		t.Fatal(err)
	}
	if err := update(*k.AccessKeyId, api.StatusTypeActive); err == nil {
		t.Error("the old name still works")
	}
	used, err := call(s, s.root, s.need.GetAccessKeyLastUsed, s.GetAccessKeyLastUsed, &api.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId})
	if u := must[api.GetAccessKeyLastUsedOutput](t)(used, err); *u.UserName != "Al" || *u.AccessKeyLastUsed.ServiceName != "N/A" {
		t.Errorf("last used %+v", u)
	}
}

func TestListUsersInPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i := range 7 {
		s.createUser(t, fmt.Sprintf("U%d", i))
	}
	var names []string
	var marker *string
	for {
		out, err := call(s, s.root, s.need.ListUsers, s.ListUsers, &api.ListUsersInput{MaxItems: p(int32(3)), Marker: marker})
		for _, u := range must[api.ListUsersOutput](t)(out, err).Users {
			names = append(names, *u.UserName)
		}
		if !*out.IsTruncated {
			break
		}
		marker = out.Marker
	}
	if !slices.Equal(names, []string{"U0", "U1", "U2", "U3", "U4", "U5", "U6"}) {
		t.Errorf("listed %v", names)
	}
	_, err := call(s, s.root, s.need.ListRoles, s.ListRoles, &api.ListRolesInput{Marker: marker})
	refused(t, err, "Validation", "Invalid Marker.")
	_, err = call(s, s.root, s.need.ListUsers, s.ListUsers, &api.ListUsersInput{Marker: marker, PathPrefix: p("/x/")})
	refused(t, err, "Validation", "Invalid Marker.")
}

func TestGroups(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.createUser(t, "alice")
	out, err := call(s, s.root, s.need.CreateGroup, s.CreateGroup, &api.CreateGroupInput{GroupName: p("Devs")})
	must[api.CreateGroupOutput](t)(out, err)
	_, err = call(s, s.root, s.need.PutGroupPolicy, s.PutGroupPolicy,
		&api.PutGroupPolicyInput{GroupName: p("devs"), PolicyName: p("g"), PolicyDocument: p(allowGetUser)})
	if err != nil {
		t.Fatal(err)
	}
	alice := s.as(t, "alice")
	if _, err := call(s, alice, s.need.GetUser, s.GetUser, &api.GetUserInput{}); !errors.Is(err, errDenied) {
		t.Errorf("before joining: %v", err)
	}
	join := &api.AddUserToGroupInput{GroupName: p("devs"), UserName: p("alice")}
	if _, err := call(s, s.root, s.need.AddUserToGroup, s.AddUserToGroup, join); err != nil {
		t.Fatal(err)
	}
	if _, err := call(s, alice, s.need.GetUser, s.GetUser, &api.GetUserInput{}); err != nil {
		t.Errorf("after joining: %v", err)
	}
	_, err = call(s, s.root, s.need.UpdateGroup, s.UpdateGroup, &api.UpdateGroupInput{GroupName: p("devs"), NewGroupName: p("Ops")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := call(s, s.root, s.need.GetGroup, s.GetGroup, &api.GetGroupInput{GroupName: p("ops")})
	if g := must[api.GetGroupOutput](t)(got, err); len(g.Users) != 1 || *g.Users[0].UserName != "alice" || *g.Group.GroupName != "Ops" {
		t.Errorf("group %+v", g)
	}
	if _, err := call(s, alice, s.need.GetUser, s.GetUser, &api.GetUserInput{}); err != nil {
		t.Errorf("after renaming the group: %v", err)
	}
	_, err = call(s, s.root, s.need.DeleteGroup, s.DeleteGroup, &api.DeleteGroupInput{GroupName: p("ops")})
	refused(t, err, "DeleteConflictException", "Cannot delete entity, must delete policies first.")
	_, err = call(s, s.root, s.need.RemoveUserFromGroup, s.RemoveUserFromGroup, &api.RemoveUserFromGroupInput{GroupName: p("ops"), UserName: p("alice")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call(s, alice, s.need.GetUser, s.GetUser, &api.GetUserInput{}); !errors.Is(err, errDenied) {
		t.Errorf("after leaving: %v", err)
	}
}

func TestManagedPolicies(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.createUser(t, "alice")
	create := func(document string) (*api.CreatePolicyOutput, error) {
		return call(s, s.root, s.need.CreatePolicy, s.CreatePolicy, &api.CreatePolicyInput{PolicyName: p("P"), PolicyDocument: &document})
	}
	_, err := create(`{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}`)
	refused(t, err, "MalformedPolicyDocumentException", "")
	_, err = create(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"` + strings.Repeat("a", 6200) + `"}]}`)
	if err == nil {
		t.Error("a policy over the quota is accepted")
	}
	out, err := create(allowGetUser)
	a := must[api.CreatePolicyOutput](t)(out, err).Policy.Arn
	_, err = create(allowGetUser)
	refused(t, err, "EntityAlreadyExistsException", "A policy called P already exists. Duplicate names are not allowed.")
	if _, err := call(s, s.root, s.need.AttachUserPolicy, s.AttachUserPolicy, &api.AttachUserPolicyInput{UserName: p("alice"), PolicyArn: a}); err != nil {
		t.Fatal(err)
	}
	alice := s.as(t, "alice")
	if _, err := call(s, alice, s.need.GetUser, s.GetUser, &api.GetUserInput{}); err != nil {
		t.Errorf("attached: %v", err)
	}
	version := func(isDefault bool) error {
		_, err := call(s, s.root, s.need.CreatePolicyVersion, s.CreatePolicyVersion, &api.CreatePolicyVersionInput{
			PolicyArn: a, PolicyDocument: p(strings.Replace(allowGetUser, "GetUser", "ListUsers", 1)), SetAsDefault: &isDefault,
		})
		return err
	}
	if err := version(false); err != nil {
		t.Fatal(err)
	}
	if _, err := call(s, alice, s.need.GetUser, s.GetUser, &api.GetUserInput{}); err != nil {
		t.Errorf("a version that is not the default is in force: %v", err)
	}
	for range 3 {
		if err := version(true); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, version(true), "LimitExceededException", "A managed policy can have up to 5 versions. Before you create a new version, "+
		"you must delete an existing version.")
	if _, err := call(s, alice, s.need.GetUser, s.GetUser, &api.GetUserInput{}); !errors.Is(err, errDenied) {
		t.Errorf("the old version is in force: %v", err)
	}
	_, err = call(s, s.root, s.need.DeletePolicyVersion, s.DeletePolicyVersion, &api.DeletePolicyVersionInput{PolicyArn: a, VersionId: p("v5")})
	refused(t, err, "DeleteConflictException", "Cannot delete the default version of a policy.")
	_, err = call(s, s.root, s.need.DeletePolicy, s.DeletePolicy, &api.DeletePolicyInput{PolicyArn: a})
	refused(t, err, "DeleteConflictException", "Cannot delete a policy attached to entities.")
	got, err := call(s, s.root, s.need.GetPolicy, s.GetPolicy, &api.GetPolicyInput{PolicyArn: a})
	if pol := must[api.GetPolicyOutput](t)(got, err).Policy; *pol.AttachmentCount != 1 || *pol.DefaultVersionId != "v5" {
		t.Errorf("policy %+v", pol)
	}
	uses, err := call(s, s.root, s.need.ListEntitiesForPolicy, s.ListEntitiesForPolicy, &api.ListEntitiesForPolicyInput{PolicyArn: a})
	if u := must[api.ListEntitiesForPolicyOutput](t)(uses, err).PolicyUsers; len(u) != 1 || *u[0].UserName != "alice" {
		t.Errorf("uses %+v", u)
	}
	if _, err := call(s, s.root, s.need.DetachUserPolicy, s.DetachUserPolicy, &api.DetachUserPolicyInput{UserName: p("alice"), PolicyArn: a}); err != nil {
		t.Fatal(err)
	}
	_, err = call(s, s.root, s.need.DetachUserPolicy, s.DetachUserPolicy, &api.DetachUserPolicyInput{UserName: p("alice"), PolicyArn: a})
	refused(t, err, "NoSuchEntityException", "Policy "+*a+" was not found.")
	_, err = call(s, s.root, s.need.AttachUserPolicy, s.AttachUserPolicy,
		&api.AttachUserPolicyInput{UserName: p("alice"), PolicyArn: p("arn:aws:iam::111122223333:policy/Nope")})
	refused(t, err, "NoSuchEntityException", "Policy arn:aws:iam::111122223333:policy/Nope does not exist or is not attachable.")
	list, err := call(s, s.root, s.need.ListPolicies, s.ListPolicies, &api.ListPoliciesInput{MaxItems: p(int32(1000))})
	if n := len(must[api.ListPoliciesOutput](t)(list, err).Policies); n != 1+len(identity.AWSManagedAll()) {
		t.Errorf("listed %d policies", n)
	}
}

func TestInlineQuota(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.createUser(t, "alice")
	big := strings.Replace(allowGetUser, `"*"`, `"arn:aws:iam::111122223333:user/`+strings.Repeat("a", 1000)+`"`, 1)
	for i, want := range []string{"", "Maximum policy size of 2048 bytes exceeded for user alice"} {
		_, err := call(s, s.root, s.need.PutUserPolicy, s.PutUserPolicy, &api.PutUserPolicyInput{
			UserName: p("alice"), PolicyName: p(fmt.Sprint("p", i)), PolicyDocument: &big,
		})
		if want == "" && err != nil {
			t.Fatal(err)
		} else if want != "" {
			refused(t, err, "LimitExceededException", want)
		}
	}
}

func TestBoundaryConditionKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.createUser(t, "admin")
	s.putPolicy(t, "admin", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:CreateUser","iam:AttachUserPolicy"],
		"Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/IAMReadOnlyAccess"}}}]}`)
	admin := s.as(t, "admin")
	if _, err := call(s, admin, s.need.CreateUser, s.CreateUser, &api.CreateUserInput{UserName: p("bob")}); !errors.Is(err, errDenied) {
		t.Errorf("without the boundary: %v", err)
	}
	out, err := call(s, admin, s.need.CreateUser, s.CreateUser,
		&api.CreateUserInput{UserName: p("bob"), PermissionsBoundary: p("arn:aws:iam::aws:policy/IAMReadOnlyAccess")})
	if b := must[api.CreateUserOutput](t)(out, err).User.PermissionsBoundary; b == nil || *b.PermissionsBoundaryArn == "" {
		t.Error("the boundary is not shown")
	}
	attach := &api.AttachUserPolicyInput{UserName: p("bob"), PolicyArn: p("arn:aws:iam::aws:policy/AdministratorAccess")}
	if _, err := call(s, admin, s.need.AttachUserPolicy, s.AttachUserPolicy, attach); err != nil {
		t.Errorf("attaching to a bounded user: %v", err)
	}
	bob := s.as(t, "bob")
	if _, err := call(s, bob, s.need.CreateUser, s.CreateUser, &api.CreateUserInput{UserName: p("eve")}); !errors.Is(err, errDenied) {
		t.Errorf("the boundary does not bound: %v", err)
	}
	if _, err := call(s, bob, s.need.GetUser, s.GetUser, &api.GetUserInput{}); err != nil {
		t.Errorf("within the boundary: %v", err)
	}
}

func TestTagging(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.createUser(t, "admin")
	s.putPolicy(t, "admin", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:CreateUser","iam:TagUser"],"Resource":"*",
		"Condition":{"StringEquals":{"aws:RequestTag/team":"a"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}},
		{"Effect":"Allow","Action":"iam:DeleteUser","Resource":"*","Condition":{"StringEquals":{"iam:ResourceTag/team":"a","aws:ResourceTag/team":"a"}}}]}`)
	admin := s.as(t, "admin")
	tag := func(k, v string) api.Tag { return api.Tag{Key: &k, Value: &v} }
	for _, c := range []struct {
		name string
		tags []api.Tag
		ok   bool
	}{{"u1", nil, false}, {"u2", []api.Tag{tag("team", "b")}, false}, {"u3", []api.Tag{tag("team", "a"), tag("x", "y")}, false}, {"u4", []api.Tag{tag("team", "a")}, true}} {
		_, err := call(s, admin, s.need.CreateUser, s.CreateUser, &api.CreateUserInput{UserName: &c.name, Tags: c.tags})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	s.createUser(t, "other")
	if _, err := call(s, admin, s.need.DeleteUser, s.DeleteUser, &api.DeleteUserInput{UserName: p("other")}); !errors.Is(err, errDenied) {
		t.Errorf("deleting an untagged user: %v", err)
	}
	_, err := call(s, s.root, s.need.TagUser, s.TagUser, &api.TagUserInput{UserName: p("u4"), Tags: []api.Tag{tag("TEAM", "b"), tag("n", "1")}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := call(s, s.root, s.need.ListUserTags, s.ListUserTags, &api.ListUserTagsInput{UserName: p("u4")})
	if tags := must[api.ListUserTagsOutput](t)(out, err).Tags; len(tags) != 2 || *tags[0].Key != "TEAM" || *tags[0].Value != "b" {
		t.Errorf("tags %v", tags)
	}
	if _, err := call(s, admin, s.need.DeleteUser, s.DeleteUser, &api.DeleteUserInput{UserName: p("u4")}); !errors.Is(err, errDenied) {
		t.Errorf("the tag's change has no effect: %v", err)
	}
	_, err = call(s, s.root, s.need.TagUser, s.TagUser, &api.TagUserInput{UserName: p("u4"), Tags: []api.Tag{tag("a", "1"), tag("A", "2")}})
	refused(t, err, "InvalidInputException", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	many := make([]api.Tag, 49)
	for i := range many {
		many[i] = tag(fmt.Sprint("k", i), "v")
	}
	_, err = call(s, s.root, s.need.TagUser, s.TagUser, &api.TagUserInput{UserName: p("u4"), Tags: many})
	refused(t, err, "LimitExceededException", "The number of tags has reached the maximum limit.")
}

func TestRoles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	u := s.createUser(t, "alice")
	create := func(trust string) (*api.CreateRoleOutput, error) {
		return call(s, s.root, s.need.CreateRole, s.CreateRole, &api.CreateRoleInput{RoleName: p("R"), AssumeRolePolicyDocument: &trust})
	}
	_, err := create(strings.Replace(trustAll, account, "arn:aws:iam::111122223333:user/bob", 1))
	refused(t, err, "MalformedPolicyDocumentException", `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/bob"`)
	trust := strings.Replace(trustAll, account, *u.Arn, 1)
	out, err := create(trust)
	r := must[api.CreateRoleOutput](t)(out, err).Role
	if !strings.HasPrefix(*r.RoleId, "AROA") || *r.MaxSessionDuration != 3600 {
		t.Errorf("role %+v", r)
	}
	shown := func() string {
		t.Helper()
		got, err := call(s, s.root, s.need.GetRole, s.GetRole, &api.GetRoleInput{RoleName: p("r")})
		text, err := url.PathUnescape(*must[api.GetRoleOutput](t)(got, err).Role.AssumeRolePolicyDocument)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if shown() != trust {
		t.Errorf("trust %s", shown())
	}
	if _, err := call(s, s.root, s.need.DeleteUser, s.DeleteUser, &api.DeleteUserInput{UserName: p("alice")}); err != nil {
		t.Fatal(err)
	}
	if s.createUser(t, "alice"); !strings.Contains(shown(), *u.UserId) {
		t.Errorf("trust after its principal was made anew: %s", shown())
	}
	_, err = call(s, s.root, s.need.UpdateAssumeRolePolicy, s.UpdateAssumeRolePolicy,
		&api.UpdateAssumeRolePolicyInput{RoleName: p("R"), PolicyDocument: p(shown())})
	refused(t, err, "MalformedPolicyDocumentException", "")
	_, err = call(s, s.root, s.need.UpdateAssumeRolePolicy, s.UpdateAssumeRolePolicy,
		&api.UpdateAssumeRolePolicyInput{RoleName: p("R"), PolicyDocument: p(trustAll)})
	if err != nil || shown() != trustAll {
		t.Errorf("%v, %s", err, shown())
	}
	if _, err := call(s, s.root, s.need.DeleteRole, s.DeleteRole, &api.DeleteRoleInput{RoleName: p("R")}); err != nil {
		t.Fatal(err)
	}
}

func TestOIDCProviders(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	create := func(u string) (*api.CreateOpenIDConnectProviderOutput, error) {
		return call(s, s.root, s.need.CreateOpenIDConnectProvider, s.CreateOpenIDConnectProvider,
			&api.CreateOpenIDConnectProviderInput{Url: &u, ClientIDList: []string{"c1"}})
	}
	out, err := create("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc")
	a := must[api.CreateOpenIDConnectProviderOutput](t)(out, err).OpenIDConnectProviderArn
	if *a != "arn:aws:iam::111122223333:oidc-provider/cognito-idp.us-east-1.amazonaws.com/us-east-1_abc" {
		t.Errorf("arn %s", *a)
	}
	_, err = create("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc/")
	refused(t, err, "EntityAlreadyExistsException", "")
	for _, bad := range []string{"http://example.com", "https://", "https://u@example.com", "https://example.com?x", "example.com", "https://e.com#f"} {
		_, err := create(bad)
		refused(t, err, "InvalidInputException", "Invalid Open ID Connect Provider URL")
	}
	if _, err := create("http://127.0.0.1:4600/pool"); err != nil {
		t.Errorf("a loopback issuer: %v", err)
	}
	_, err = call(s, s.root, s.need.AddClientIDToOpenIDConnectProvider, s.AddClientIDToOpenIDConnectProvider,
		&api.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: a, ClientID: p("c2")})
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"arn:x:iam::", "arn:aws:iam:us-east-1:"} { // another name than policies know it by
		other += strings.TrimPrefix(*a, "arn:aws:iam::")
		_, err := call(s, s.root, s.need.AddClientIDToOpenIDConnectProvider, s.AddClientIDToOpenIDConnectProvider,
			&api.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &other, ClientID: p("c3")})
		refused(t, err, "NoSuchEntityException", "OpenIDConnect Provider not found for arn "+other)
	}
	fact, err := s.catalog.OIDCProvider(context.Background(), account, "cognito-idp.us-east-1.amazonaws.com/us-east-1_abc")
	if err != nil || fact == nil || !slices.Equal(fact.ClientIDs, []string{"c1", "c2"}) || !strings.HasPrefix(fact.Issuer(), "https://") {
		t.Errorf("provider %+v, %v", fact, err)
	}
	for range 2 { // deleting is idempotent
		_, err := call(s, s.root, s.need.DeleteOpenIDConnectProvider, s.DeleteOpenIDConnectProvider,
			&api.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: a})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = call(s, s.root, s.need.GetOpenIDConnectProvider, s.GetOpenIDConnectProvider, &api.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: a})
	refused(t, err, "NoSuchEntityException", "OpenIDConnect Provider not found for arn "+*a)
}

func TestAuthorizationDetailsInPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, n := range []string{"u1", "u2", "u3"} {
		s.createUser(t, n)
	}
	s.putPolicy(t, "u1", allowGetUser)
	for _, n := range []string{"r1", "r2"} {
		out, err := call(s, s.root, s.need.CreateRole, s.CreateRole, &api.CreateRoleInput{RoleName: &n, AssumeRolePolicyDocument: p(trustAll)})
		must[api.CreateRoleOutput](t)(out, err)
	}
	out, err := call(s, s.root, s.need.CreatePolicy, s.CreatePolicy, &api.CreatePolicyInput{PolicyName: p("P"), PolicyDocument: p(allowGetUser)})
	must[api.CreatePolicyOutput](t)(out, err)
	_, err = call(s, s.root, s.need.AttachRolePolicy, s.AttachRolePolicy,
		&api.AttachRolePolicyInput{RoleName: p("r1"), PolicyArn: p("arn:aws:iam::aws:policy/ReadOnlyAccess")})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	var marker *string
	for {
		page, err := call(s, s.root, s.need.GetAccountAuthorizationDetails, s.GetAccountAuthorizationDetails,
			&api.GetAccountAuthorizationDetailsInput{MaxItems: p(int32(2)), Marker: marker})
		must[api.GetAccountAuthorizationDetailsOutput](t)(page, err)
		for _, u := range page.UserDetailList {
			seen = append(seen, *u.UserName)
		}
		for _, r := range page.RoleDetailList {
			if r.AssumeRolePolicyDocument == nil {
				t.Error("a role without its trust policy")
			}
			seen = append(seen, *r.RoleName)
		}
		for _, pol := range page.Policies {
			seen = append(seen, *pol.PolicyName)
		}
		if !*page.IsTruncated {
			break
		}
		marker = page.Marker
	}
	if got := strings.Join(seen, " "); got != "u1 u2 u3 r1 r2 P ReadOnlyAccess" {
		t.Errorf("seen %s", got)
	}
	sum, err := call(s, s.root, s.need.GetAccountSummary, s.GetAccountSummary, &api.GetAccountSummaryInput{})
	if m := must[api.GetAccountSummaryOutput](t)(sum, err).SummaryMap; m["Users"] != 3 || m["Roles"] != 2 || m["Policies"] != 1 {
		t.Errorf("summary %v", m)
	}
}

func TestAccountAlias(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, alias := range []string{"one", "two"} {
		if _, err := call(s, s.root, s.need.CreateAccountAlias, s.CreateAccountAlias, &api.CreateAccountAliasInput{AccountAlias: &alias}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := call(s, s.root, s.need.ListAccountAliases, s.ListAccountAliases, &api.ListAccountAliasesInput{})
	if got := must[api.ListAccountAliasesOutput](t)(out, err).AccountAliases; !slices.Equal(got, []string{"two"}) {
		t.Errorf("aliases %v", got)
	}
	_, err = call(s, s.root, s.need.DeleteAccountAlias, s.DeleteAccountAlias, &api.DeleteAccountAliasInput{AccountAlias: p("one")})
	refused(t, err, "NoSuchEntityException", "")
}

func TestGroupQuota(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	create := func(i int) error {
		_, err := call(s, s.root, s.need.CreateGroup, s.CreateGroup, &api.CreateGroupInput{GroupName: p(fmt.Sprint("g", i))})
		return err
	}
	for i := range maxGroups {
		if err := create(i); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, create(maxGroups), "LimitExceededException", "Cannot exceed quota for GroupsPerAccount: 300")
	if _, err := call(s, s.root, s.need.DeleteGroup, s.DeleteGroup, &api.DeleteGroupInput{GroupName: p("g7")}); err != nil {
		t.Fatal(err)
	}
	if err := create(maxGroups); err != nil {
		t.Errorf("after deleting one: %v", err)
	}
}
