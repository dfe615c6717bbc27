// Package apptest starts whole servers in memory for tests, and makes callers for them.
package apptest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/bulkhead/bulkhead/internal/app"
)

// Account is the default account of a Server.
const Account = "111122223333"

// Server is a running server.
type Server struct {
	// Root is the configuration of clients with the default account's root credentials.
	Root aws.Config

	t testing.TB
}

// Start starts a server that ends with the test. The edit of its configuration may be nil.
func Start(t testing.TB, edit func(*app.Config)) *Server {
	t.Helper()
	c := app.DefaultConfig()
	c.Data, c.Store, c.Account, c.Logger = t.TempDir(), "memory", Account, slog.New(slog.DiscardHandler)
	c.RootAccessKeyID, c.RootSecretAccessKey = "AKIAAPPTESTROOTKEY22", "not-a-secret-but-long-enough-for-a-test!"
	if edit != nil {
		edit(&c)
	}
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := a.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	s := &Server{t: t}
	s.Root = aws.Config{Region: c.Region, BaseEndpoint: &server.URL, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	s.Root = s.As(c.RootAccessKeyID, c.RootSecretAccessKey, "")
	return s
}

// As is the configuration of clients with credentials.
func (s *Server) As(id, secret, token string) aws.Config {
	c := s.Root.Copy()
	c.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
	return c
}

func (s *Server) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// User makes a user with one inline policy in the account that by may administer.
func (s *Server) User(by aws.Config, name, policy string) aws.Config {
	s.t.Helper()
	ctx, c := s.t.Context(), iam.NewFromConfig(by)
	_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
	s.ok(err)
	s.Permit(by, name, policy)
	key, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	s.ok(err)
	return s.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
}

// Permit replaces the policy of a user that User made.
func (s *Server) Permit(by aws.Config, name, policy string) {
	s.t.Helper()
	_, err := iam.NewFromConfig(by).PutUserPolicy(s.t.Context(), &iam.PutUserPolicyInput{
		UserName: &name, PolicyName: aws.String("policy"), PolicyDocument: &policy,
	})
	s.ok(err)
}

// OtherAccount makes another account and returns its id and the configuration of its administrator.
func (s *Server) OtherAccount(name string) (string, aws.Config) {
	s.t.Helper()
	ctx := s.t.Context()
	made, err := organizations.NewFromConfig(s.Root).CreateAccount(ctx, &organizations.CreateAccountInput{
		AccountName: &name, Email: aws.String(name + "@example.com"),
	})
	s.ok(err)
	admin := s.User(s.Root, "administrator-of-"+name, Allow("sts:AssumeRole"))
	account := s.created(made.CreateAccountStatus)
	out, err := sts.NewFromConfig(admin).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"), RoleSessionName: &name,
	})
	s.ok(err)
	return account, s.As(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

// created waits until an account is made and returns its id.
func (s *Server) created(status *types.CreateAccountStatus) string {
	s.t.Helper()
	for status.State == types.CreateAccountStateInProgress {
		out, err := organizations.NewFromConfig(s.Root).DescribeCreateAccountStatus(s.t.Context(),
			&organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: status.Id})
		s.ok(err)
		status = out.CreateAccountStatus
	}
	if status.State != types.CreateAccountStateSucceeded {
		s.t.Fatal("the account is not made:", status.FailureReason)
	}
	return *status.AccountId
}

// Allow is a policy that allows an action ("*" for all) on everything.
func Allow(action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%q,"Resource":"*"}]}`, action)
}

// AllBut is a policy that allows everything but an action.
func AllBut(action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":%q,"Resource":"*"}]}`, action)
}
