package bulkhead

import (
	"context"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// While one request works on a tenant no other does, until its lease ends.
func TestClaim(t *testing.T) {
	t.Parallel()
	ids, err := tenant.NewLanguage(tenant.DefaultLanguage)
	if err != nil {
		t.Fatal(err)
	}
	const account, region = "111122223333", "us-east-1"
	s := New(Config{DB: storetest.New(t), Keys: keyringtest.New(t, 'k'), Tenants: ids, Account: account})
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	call := func(id string, after time.Duration) *pipeline.Call {
		return &pipeline.Call{
			Grant: authztest.Home(t, "bulkhead", account, region), Caller: authztest.Root(account), Account: account, Region: region,
			RequestID: id, Now: began.Add(after),
		}
	}
	for _, status := range []api.TenantStatus{api.TenantStatusCreating, api.TenantStatusDeleting} {
		first := call("first", 0)
		rec := &record{ID: "acme", Status: status, Worker: "first", Lease: began.Add(lease)}
		if err := s.update(t.Context(), first, func(home *store.Records) error { return store.Save(home, tenantKey("acme"), rec) }); err != nil {
			t.Fatal(err)
		}
		id := "acme"
		for name, do := range map[string]func(context.Context, *pipeline.Call) error{
			"create": func(ctx context.Context, c *pipeline.Call) error {
				_, err := s.CreateTenant(ctx, c, &api.CreateTenantInput{Id: &id})
				return err
			},
			"delete": func(ctx context.Context, c *pipeline.Call) error {
				_, err := s.DeleteTenant(ctx, c, &api.DeleteTenantInput{Id: &id})
				return err
			},
		} {
			if err := do(t.Context(), call("second", lease-1)); !fault.Is(err, "ConcurrentModificationException") {
				t.Errorf("%s of a tenant that is %s: %v", name, status, err)
			}
		}
		took, err := s.claim(t.Context(), call("second", lease), id, func(there *record) (*record, error) { return there, nil })
		if err != nil || took.Worker != "second" || !took.Lease.Equal(began.Add(2*lease)) {
			t.Errorf("after the lease: %+v, %v", took, err)
		}
	}
}
