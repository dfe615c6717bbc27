// Package bulkhead implements Bulkhead's own API: the registry of tenants, their onboarding and off-boarding, the audit
// log of the whole server, the messages that user pools leave on a server without mail, and the routes by which users find
// their tenant's sign-in.
package bulkhead

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/limit"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/tenant"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
)

// Service implements the operations and their requirements.
type Service struct {
	db   *store.DB
	keys *keyring.Keyring
	ids  *tenant.Language
	log  *audit.Reader
	main string
	mail Mailbox
	// pools has the user pools' files and logs of imports.
	pools UserPools
	// identities has the identity pools.
	identities IdentityPools
	// asked limits what clients without credentials may ask, by their address.
	asked      *limit.Limiter
	checkpoint Checkpoint
}

// Config is what the service works with.
type Config struct {
	// DB holds the records, Keys seals the secrets in them.
	DB   *store.DB
	Keys *keyring.Keyring
	// Tenants is the language of tenant ids.
	Tenants *tenant.Language
	Audit   *audit.Reader
	// Account is the default account: its operators alone may do what is about all accounts.
	Account    string
	Mail       Mailbox
	Pools      UserPools
	Identities IdentityPools
	Checkpoint Checkpoint
}

// New returns the service.
func New(c Config) *Service {
	return &Service{
		db: c.DB, keys: c.Keys, ids: c.Tenants, log: c.Audit, main: c.Account, mail: c.Mail, pools: c.Pools, identities: c.Identities,
		asked: limit.New(askedEvery, askedBurst), checkpoint: c.Checkpoint,
	}
}

// Operations are the service's operations for the pipeline.
func (s *Service) Operations() pipeline.Service {
	ops := api.Operations(s, requirements{s.main, s.pools})
	for i := range ops {
		if ops[i].Name == "UploadUserImport" {
			ops[i].MaxBody = cognitoidp.MaxImportFile
		}
	}
	return pipeline.Service{API: api.API, Ops: ops}
}

// requirements: each operation is an action on arn:aws:bulkhead:REGION:ACCOUNT:tenant/ID.
type requirements struct {
	main  string
	pools UserPools
}

func (requirements) CreateTenant(s *authz.Scope, in *api.CreateTenantInput) authz.Requirement {
	return authz.Require("bulkhead:CreateTenant", resource(s, *in.Id), nil)
}

func (requirements) GetTenant(s *authz.Scope, in *api.GetTenantInput) authz.Requirement {
	return authz.Require("bulkhead:GetTenant", resource(s, *in.Id), nil)
}

func (requirements) DeleteTenant(s *authz.Scope, in *api.DeleteTenantInput) authz.Requirement {
	return authz.Require("bulkhead:DeleteTenant", resource(s, *in.Id), nil)
}

func (requirements) ListTenants(s *authz.Scope, _ *api.ListTenantsInput) authz.Requirement {
	return authz.Require("bulkhead:ListTenants", resource(s, "*"), nil)
}

func resource(s *authz.Scope, id string) authz.Resource {
	return authz.Resource{
		ARN:     "arn:" + s.Partition + ":bulkhead:" + s.Region + ":" + s.Account + ":tenant/" + id,
		Account: s.Account, Region: s.Region,
	}
}

// record is a tenant in the registry.
type record struct {
	ID         string            `json:"id"`
	Name       string            `json:"name,omitempty"`
	Tier       api.Tier          `json:"tier"`
	Status     api.TenantStatus  `json:"status"`
	Tags       map[string]string `json:"tags,omitempty"`
	Created    time.Time         `json:"created"`
	KeyARN     string            `json:"keyArn,omitempty"`
	KeyID      string            `json:"keyId,omitempty"`
	Alias      string            `json:"alias"`
	UserPoolID string            `json:"userPoolId,omitempty"`
	Group      string            `json:"group,omitempty"`
	// Mark tags the key while it is being made, so that one made just before a crash is found again.
	Mark string `json:"mark"`
	// Window is the waiting period of the key's deletion, in days.
	Window int32 `json:"window,omitempty"`
	// Done are the steps finished, in order, of onboarding or, once Status is DELETING, of off-boarding.
	Done []finished `json:"done,omitempty"`
	// Worker is the request that works on the tenant, until Lease.
	Worker string    `json:"worker,omitempty"`
	Lease  time.Time `json:"lease,omitzero"`
}

type finished struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

func tenantKey(id string) store.Key { return store.K("tenant", id) }

// GetTenant returns a tenant of the registry.
func (s *Service) GetTenant(ctx context.Context, c *pipeline.Call, in *api.GetTenantInput) (*api.GetTenantOutput, error) {
	var rec *record
	err := s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		home, err := tx.Home()
		if err != nil {
			return err
		}
		rec, err = store.Load[record](home, tenantKey(*in.Id))
		return err
	})
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, errNotFound(*in.Id)
	}
	return &api.GetTenantOutput{Tenant: rec.show()}, nil
}

func errNotFound(id string) error {
	return api.NewTenantNotFoundException("There is no tenant %s.", id)
}

// pageSize is the number of tenants on a page unless the request says another.
const pageSize = 100

// ListTenants lists the tenants of the account and region in order of their ids.
func (s *Service) ListTenants(ctx context.Context, c *pipeline.Call, in *api.ListTenantsInput) (*api.ListTenantsOutput, error) {
	page, err := s.page(c, "bulkhead:ListTenants", in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &api.ListTenantsOutput{}
	err = s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		home, err := tx.Home()
		if err != nil {
			return err
		}
		tenants, err := paging.Records[record](page, home, store.K("tenant"), nil)
		out.Tenants = nil
		for _, t := range tenants {
			out.Tenants = append(out.Tenants, *t.show())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out.NextToken, err = page.Token()
	return out, err
}

func (r *record) show() *api.Tenant {
	t := &api.Tenant{
		Id: &r.ID, Name: opt.Present(r.Name), Tier: r.Tier, Status: r.Status, KeyArn: opt.Present(r.KeyARN), AliasName: opt.Present(r.Alias),
		UserPoolId: opt.Present(r.UserPoolID), GroupName: opt.Present(r.Group), CreatedAt: &r.Created, Tags: r.Tags,
	}
	for _, name := range r.steps() {
		step := api.Step{Name: &name, Done: new(bool)}
		for _, f := range r.Done {
			if f.Name == name {
				*step.Done, step.FinishedAt = true, &f.At
			}
		}
		t.Steps = append(t.Steps, step)
	}
	return t
}
