package organizations

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/organizations"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
)

const management = "111122223333"

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

type server struct {
	*Service
	need   *requirements
	engine *authz.Engine
	root   *authn.Principal
}

func newServer(t testing.TB) *server {
	t.Helper()
	ring := keyringtest.New(t, 'k')
	db := storetest.New(t)
	catalog, err := identity.New(identity.Config{DB: db, Keyring: ring, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Init(context.Background(), identity.InitInput{Account: management, Email: "root@example.com"}); err != nil {
		t.Fatal(err)
	}
	return &server{
		New(Config{DB: db, Catalog: catalog, Keyring: ring}), newRequirements(catalog), authz.NewEngine(catalog, "o-test"),
		authztest.Root(management),
	}
}

var errDenied = errors.New("denied")

func call[I, O any](s *server, caller *authn.Principal, need func(*authz.Scope, *I) authz.Requirement,
	run func(context.Context, *pipeline.Call, *I) (*O, error), in *I,
) (*O, error) {
	ctx := context.Background()
	scope := &authz.Scope{Context: ctx, Region: "us-east-1", Account: caller.Account, Caller: caller, Now: at}
	out, err := s.engine.Authorize(ctx, &authz.Request{
		Caller: caller, Service: "organizations", Region: "us-east-1", Access: authz.Write, Requirement: need(scope, in),
		Env: authz.Environment{Now: at},
	})
	if err != nil {
		return nil, err
	}
	if !out.Allowed() {
		return nil, errDenied
	}
	return run(ctx, &pipeline.Call{Grant: out.Grant, Caller: caller, Account: caller.Account, Now: at}, in)
}

func p[T any](v T) *T { return &v }

func (s *server) create(t testing.TB, name, email string) *api.CreateAccountStatus {
	t.Helper()
	out, err := call(s, s.root, s.need.CreateAccount, s.CreateAccount, &api.CreateAccountInput{AccountName: &name, Email: &email})
	if err != nil {
		t.Fatal(err)
	}
	return out.CreateAccountStatus
}

func (s *server) status(t testing.TB, id *string) *api.CreateAccountStatus {
	t.Helper()
	out, err := call(s, s.root, s.need.DescribeCreateAccountStatus, s.DescribeCreateAccountStatus,
		&api.DescribeCreateAccountStatusInput{CreateAccountRequestId: id})
	if err != nil {
		t.Fatal(err)
	}
	return out.CreateAccountStatus
}

func TestCreateAccount(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newServer(t)
	first := s.create(t, "acme", "acme@example.com")
	if first.State != api.CreateAccountStateInProgress || first.AccountId != nil || !strings.HasPrefix(*first.Id, "car-") {
		t.Errorf("accepted %+v", first)
	}
	done := s.status(t, first.Id)
	if done.State != api.CreateAccountStateSucceeded || !arn.IsAccount(*done.AccountId) {
		t.Fatalf("done %+v", done)
	}
	role, err := s.catalog.Role(ctx, "arn:aws:iam::"+*done.AccountId+":role/OrganizationAccountAccessRole")
	if err != nil || role == nil {
		t.Fatal(role, err)
	}
	trusted := func(caller, account string) bool {
		return policy.Evaluate(&policy.Request{
			Action: "sts:AssumeRole", Resource: role.ARN, ResourceAccount: *done.AccountId,
			Principal: policy.Principal{Account: account, ARN: caller}, Context: &policy.Context{},
		}, &policy.Policies{Resource: &role.Trust, ResourceMode: policy.ResourceRequired, Identity: policy.NewSet([]policy.Source{all(t)})}).Allowed
	}
	if !trusted("arn:aws:iam::"+management+":user/admin", management) || trusted("arn:aws:iam::444455556666:user/x", "444455556666") {
		t.Error("the role does not trust exactly the management account")
	}
	ps, err := s.catalog.EntityPolicies(ctx, *done.AccountId, identity.KindRole, "OrganizationAccountAccessRole")
	if err != nil || ps == nil || len(ps.Identity.Sources()) != 1 || ps.Identity.Sources()[0].Name != "arn:aws:iam::aws:policy/AdministratorAccess" {
		t.Errorf("policies of the role: %+v, %v", ps, err)
	}
	again := s.status(t, s.create(t, "other", "ACME@example.com").Id)
	if again.State != api.CreateAccountStateFailed || again.FailureReason != api.CreateAccountFailureReasonEmailAlreadyExists || again.AccountId != nil {
		t.Errorf("a second account with the address: %+v", again)
	}
	if bad := s.status(t, s.create(t, "other", "nothing").Id); bad.FailureReason != api.CreateAccountFailureReasonInvalidEmail {
		t.Errorf("an invalid address: %+v", bad)
	}
	list, err := call(s, s.root, s.need.ListCreateAccountStatus, s.ListCreateAccountStatus,
		&api.ListCreateAccountStatusInput{States: []api.CreateAccountState{api.CreateAccountStateFailed}})
	if err != nil || len(list.CreateAccountStatuses) != 2 {
		t.Errorf("failed requests: %+v, %v", list, err)
	}
}

func all(t testing.TB) policy.Source {
	t.Helper()
	doc, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), policy.Identity)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Source{Name: "all", Policy: doc}
}

func TestResume(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newServer(t)
	grant := authztest.Home(t, "organizations", management, "")
	c, err := newCreation(&pipeline.Call{Grant: grant, Now: at}, &api.CreateAccountInput{AccountName: p("a"), Email: p("a@example.com")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.update(ctx, &pipeline.Call{Grant: grant}, func(r *identity.Registry) error { return begin(r, c) }); err != nil {
		t.Fatal(err)
	}
	if got := s.status(t, &c.ID); got.State != api.CreateAccountStateInProgress {
		t.Fatalf("before: %+v", got)
	}
	for range 2 {
		if err := s.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		if got := s.status(t, &c.ID); got.State != api.CreateAccountStateSucceeded || *got.AccountId != c.Account {
			t.Errorf("after: %+v", got)
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var want []string
	for _, n := range []string{"a", "b", "c", "d"} {
		want = append(want, *s.status(t, s.create(t, n, n+"@example.com").Id).AccountId)
	}
	want = append(want, management)
	slices.Sort(want)
	var got []string
	var token *string
	for {
		out, err := call(s, s.root, s.need.ListAccounts, s.ListAccounts, &api.ListAccountsInput{MaxResults: p(int32(2)), NextToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range out.Accounts {
			got = append(got, *a.Id)
		}
		if out.NextToken == nil {
			break
		}
		token = out.NextToken
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if _, err := call(s, s.root, s.need.ListRoots, s.ListRoots, &api.ListRootsInput{NextToken: token}); !fault.Is(err, "InvalidInputException") {
		t.Errorf("the token of another operation: %v", err)
	}
	_, err := call(s, s.root, s.need.DescribeAccount, s.DescribeAccount, &api.DescribeAccountInput{AccountId: p("000000000000")})
	if !fault.Is(err, "AccountNotFoundException") || fault.From(err).Message != "You specified an account that doesn't exist." {
		t.Errorf("an unknown account: %v", err)
	}
	out, err := call(s, s.root, s.need.DescribeAccount, s.DescribeAccount, &api.DescribeAccountInput{AccountId: p(management)})
	if err != nil || out.Account.JoinedMethod != api.AccountJoinedMethodInvited || *out.Account.Email != "root@example.com" {
		t.Errorf("the management account: %+v, %v", out, err)
	}
}

func TestMembersReachNothingButTheOrganization(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	member := authztest.Root(*s.status(t, s.create(t, "a", "a@example.com").Id).AccountId)
	org, err := call(s, member, s.need.DescribeOrganization, s.DescribeOrganization, &api.DescribeOrganizationInput{})
	if err != nil || *org.Organization.MasterAccountId != management {
		t.Errorf("organization: %+v, %v", org, err)
	}
	if _, err := call(s, member, s.need.ListAccounts, s.ListAccounts, &api.ListAccountsInput{}); !errors.Is(err, errDenied) {
		t.Errorf("ListAccounts: %v", err)
	}
	if _, err := call(s, member, s.need.DescribeAccount, s.DescribeAccount, &api.DescribeAccountInput{AccountId: p(management)}); !errors.Is(err, errDenied) {
		t.Errorf("DescribeAccount: %v", err)
	}
	if _, err := call(s, member, s.need.CreateAccount, s.CreateAccount, &api.CreateAccountInput{AccountName: p("x"), Email: p("x@example.com")}); !errors.Is(err, errDenied) {
		t.Errorf("CreateAccount: %v", err)
	}
	_, err = call(s, s.root, s.need.CreateOrganization, s.CreateOrganization, &api.CreateOrganizationInput{})
	if !fault.Is(err, "AlreadyInOrganizationException") {
		t.Errorf("CreateOrganization: %v", err)
	}
}
