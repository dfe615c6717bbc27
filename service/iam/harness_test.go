package iam

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
)

const account = "111122223333"

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// server is the service with the real catalog and the real engine around it.
type server struct {
	*Service
	need    *requirements
	catalog *identity.Catalog
	engine  *authz.Engine
	root    *authn.Principal
}

func newServer(t testing.TB) *server {
	t.Helper()
	ring := keyringtest.New(t, 'k')
	db := storetest.New(t)
	catalog, err := identity.New(identity.Config{DB: db, Keyring: ring, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Init(context.Background(), identity.InitInput{Account: account}); err != nil {
		t.Fatal(err)
	}
	return &server{
		Service: New(Config{DB: db, Catalog: catalog, Keyring: ring}), need: newRequirements(catalog), catalog: catalog,
		engine: authz.NewEngine(catalog, "o-test"), root: authztest.Root(account),
	}
}

var errDenied = errors.New("denied")

// call authorizes and runs one operation as the pipeline does.
func call[I, O any](s *server, caller *authn.Principal, need func(*authz.Scope, *I) authz.Requirement,
	run func(context.Context, *pipeline.Call, *I) (*O, error), in *I,
) (*O, error) {
	ctx := context.Background()
	scope := &authz.Scope{Context: ctx, Partition: "aws", Region: "us-east-1", Account: caller.Account, Caller: caller, Now: at}
	out, err := s.engine.Authorize(ctx, &authz.Request{
		Caller: caller, Service: "iam", Region: "us-east-1", Access: authz.Write, Requirement: need(scope, in),
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

// must fails the test on an error.
func must[O any](t testing.TB) func(*O, error) *O {
	return func(out *O, err error) *O {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// refused checks the code and the message of an error; an empty message is not compared.
func refused(t testing.TB, err error, code, message string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want %s", err, code)
	}
	got := f.Code
	if f.Class != fault.Modeled {
		got = f.Class.String()
	}
	if got != code || message != "" && f.Message != message {
		t.Errorf("got %s: %s\nwant %s: %s", got, f.Message, code, message)
	}
}

func p[T any](v T) *T { return &v }

const (
	allowGetUser = `{"Version":"2012-10-17","Statement":[{"Sid":"S","Effect":"Allow","Action":"iam:GetUser","Resource":"*"}]}`
	trustAll     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}`
)

// as is the principal of a user.
func (s *server) as(t testing.TB, name string) *authn.Principal {
	t.Helper()
	e, err := s.catalog.User(context.Background(), account, name)
	if err != nil || e == nil {
		t.Fatal(name, err)
	}
	return &authn.Principal{Kind: authn.User, Account: account, ARN: e.ARN(), UserID: e.ID, Name: e.Name, Tags: e.PrincipalTags()}
}
