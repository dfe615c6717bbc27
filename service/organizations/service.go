// Package organizations implements AWS Organizations as far as accounts go. A server has one organization from its first
// start on: the default account manages it, and every other account is made by CreateAccount and a member for good.
package organizations

import (
	"context"
	"errors"
	"time"

	api "github.com/bulkhead/bulkhead/api/organizations"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Config is what the service works with; all of it is required.
type Config struct {
	DB      *store.DB
	Catalog *identity.Catalog
	Keyring *keyring.Keyring
}

// Service executes the operations.
type Service struct {
	db      *store.DB
	catalog *identity.Catalog
	keys    *keyring.Keyring
}

var _ api.Service = (*Service)(nil)

// New returns the service. Call Resume before it serves.
func New(cfg Config) *Service { return &Service{cfg.DB, cfg.Catalog, cfg.Keyring} }

// Operations are the service's operations for the pipeline.
func (s *Service) Operations() pipeline.Service {
	return pipeline.Service{API: api.API, Ops: api.Operations(s, newRequirements(s.catalog))}
}

func notInUse() error {
	return api.NewAWSOrganizationsNotInUseException("Your account is not a member of an organization.")
}

func invalid(reason api.InvalidInputExceptionReason, message string) error {
	return (&api.InvalidInputException{Reason: reason}).Fault("%s", message)
}

// organization returns the server's organization.
func (s *Service) organization(ctx context.Context) (*identity.Organization, error) {
	org, err := s.catalog.Organization(ctx)
	if err == nil && org == nil {
		err = notInUse()
	}
	return org, err
}

func inRegistry(tx *store.Tx, call *pipeline.Call, fn func(*identity.Registry) error) error {
	management, _ := call.Grant.Home()
	r, err := identity.RegistryIn(tx, management)
	if err != nil {
		return err
	}
	return fn(r)
}

func (s *Service) view(ctx context.Context, call *pipeline.Call, fn func(*identity.Registry) error) error {
	return s.db.View(ctx, call.Grant, func(tx *store.Tx) error { return inRegistry(tx, call, fn) })
}

func (s *Service) update(ctx context.Context, call *pipeline.Call, fn func(*identity.Registry) error) error {
	return s.db.Update(ctx, call.Grant, func(tx *store.Tx) error { return inRegistry(tx, call, fn) })
}

// defaultPage is the most, and the default, of a page ("ListAccounts", AWS Organizations API Reference).
const defaultPage = 20

// page begins a paged answer. about is what the list is of, beside its operation.
func (s *Service) page(call *pipeline.Call, operation, about string, token *string, maxResults *int32) (*paging.Page, error) {
	management, _ := call.Grant.Home()
	size := defaultPage
	if maxResults != nil {
		size = int(*maxResults)
	}
	list := paging.List{Keys: s.keys, Account: management, Operation: "organizations:" + operation, Query: []string{about}}
	p, err := list.Page(token, size)
	if errors.Is(err, paging.ErrToken) {
		err = invalid(api.InvalidInputExceptionReasonInvalidNextToken, "You specified an invalid next token.")
	}
	return p, err
}

func now(call *pipeline.Call) time.Time { return call.Now.UTC().Truncate(time.Millisecond) }
