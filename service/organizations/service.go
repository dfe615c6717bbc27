// Package organizations implements AWS Organizations as far as accounts go. A server has one organization from its first
// start on: the default account manages it, and every other account is made by CreateAccount and a member for good.
package organizations

import (
	"context"
	"encoding/base64"
	"time"

	api "github.com/bulkhead/bulkhead/api/organizations"
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

// page is one paged answer under way. Its tokens are sealed for the operation and the account.
type page struct {
	keys  *keyring.Keyring
	scope keyring.Scope
	about string
	after string
	max   int
	count int
	last  string
	more  bool
}

func (s *Service) page(call *pipeline.Call, operation, about string, token *string, maxResults *int32) (*page, error) {
	management, _ := call.Grant.Home()
	p := &page{
		keys: s.keys, scope: keyring.Scope{Account: management, Name: "organizations:" + operation}, about: about, max: defaultPage,
	}
	if maxResults != nil {
		p.max = int(*maxResults)
	}
	if token == nil {
		return p, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(*token)
	if err == nil {
		var after []byte
		after, err = s.keys.Open(keyring.PagingToken, p.scope, sealed, []byte(about))
		p.after = string(after)
	}
	if err != nil {
		return nil, invalid(api.InvalidInputExceptionReasonInvalidNextToken, "You specified an invalid next token.")
	}
	return p, nil
}

// restart forgets what was taken, as a transaction that runs again must.
func (p *page) restart() { p.count, p.last, p.more = 0, "", false }

// take reports whether the item at the position is part of the page.
func (p *page) take(position string) bool {
	if p.count == p.max {
		p.more = true
		return false
	}
	p.count++
	p.last = position
	return true
}

// token is NextToken; nil on the last page.
func (p *page) token() (*string, error) {
	if !p.more {
		return nil, nil
	}
	sealed, err := p.keys.Seal(keyring.PagingToken, p.scope, []byte(p.last), []byte(p.about))
	if err != nil {
		return nil, err
	}
	t := base64.RawURLEncoding.EncodeToString(sealed)
	return &t, nil
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func now(call *pipeline.Call) time.Time { return call.Now.UTC().Truncate(time.Millisecond) }
