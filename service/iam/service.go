// Package iam implements AWS Identity and Access Management: users, groups, roles, access keys, policies, OpenID Connect
// providers and the policy simulator. Its records and what others read of them are in internal/identity.
package iam

import (
	"context"
	"net/url"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Config is what the service works with; all of it is required.
type Config struct {
	DB      *store.DB
	Catalog *identity.Catalog
	Keyring *keyring.Keyring
}

// Service executes IAM's operations.
type Service struct {
	db      *store.DB
	catalog *identity.Catalog
	keys    *keyring.Keyring
}

var _ api.Service = (*Service)(nil)

// New returns the service.
func New(cfg Config) *Service {
	return &Service{cfg.DB, cfg.Catalog, cfg.Keyring}
}

// Operations are the service's operations for the pipeline.
func (s *Service) Operations() pipeline.Service {
	return pipeline.Service{API: api.API, Ops: api.Operations(s, newRequirements(s.catalog))}
}

// view runs fn with the records that the call was authorized for.
func (s *Service) view(ctx context.Context, call *pipeline.Call, fn func(*identity.View) error) error {
	return s.db.View(ctx, call.Grant, func(tx *store.Tx) error { return inHome(tx, call, fn) })
}

// update runs fn, perhaps several times, with the writable records that the call was authorized for.
func (s *Service) update(ctx context.Context, call *pipeline.Call, fn func(*identity.View) error) error {
	return s.db.Update(ctx, call.Grant, func(tx *store.Tx) error { return inHome(tx, call, fn) })
}

func inHome(tx *store.Tx, call *pipeline.Call, fn func(*identity.View) error) error {
	account, _ := call.Grant.Home()
	v, err := identity.In(tx, account)
	if err != nil {
		return err
	}
	return fn(v)
}

// now is the time of the call as records keep it; IAM's dates have whole seconds.
func now(call *pipeline.Call) time.Time { return call.Now.UTC().Truncate(time.Second) }

// path is the path of a new entity; "/" if none was given.
func path(p *string) string {
	if p == nil || *p == "" {
		return "/"
	}
	return *p
}

// escaped is a policy document as IAM answers it: percent-encoded as RFC 3986 says ("GetUserPolicy", IAM API Reference).
func escaped(document string) *string {
	s := strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
	return &s
}

// userName is the user that an operation without UserName means: the calling user. "" is the account's root user, who
// may call some of them for itself.
func userName(caller *authn.Principal, given *string) (string, error) {
	switch {
	case given != nil && *given != "":
		return *given, nil
	case caller.Kind == authn.User:
		return caller.Name, nil
	case caller.Kind == authn.Root:
		return "", nil
	}
	return "", fault.New(fault.Validation, "Must specify userName when calling with non-User credentials")
}
