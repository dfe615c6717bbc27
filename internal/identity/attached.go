package identity

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/bulkhead/bulkhead/internal/policy"
)

// Attached is the policy of a resource, such as a KMS key, as a service caches it: compiled, and compiled anew when one
// of its principals came or went. It is safe for concurrent use.
type Attached struct {
	frozen Frozen
	latest atomic.Pointer[compiledPolicy]
}

type compiledPolicy struct {
	names  map[string]string // unique id → ARN
	policy *policy.Policy
}

// NewAttached returns the policy to decide with. Nothing is compiled yet.
func NewAttached(f Frozen) *Attached { return &Attached{frozen: f} }

// Attached returns the compiled policy with the present names of its principals. Those that were deleted since it was
// written match nobody, whoever has their names now.
func (c *Catalog) Attached(ctx context.Context, a *Attached) (*policy.Policy, error) {
	now := a.latest.Load()
	if now != nil && len(a.frozen.Accounts) == 0 {
		return now.policy, nil
	}
	names, err := c.resolve(ctx, &a.frozen)
	if err != nil {
		return nil, err
	}
	if now != nil && maps.Equal(now.names, names) {
		return now.policy, nil
	}
	p, err := c.compile(&a.frozen, names, policy.Resource)
	if err != nil {
		return nil, fmt.Errorf("identity: resource policy: %w", err)
	}
	a.latest.Store(&compiledPolicy{names, p})
	return p, nil
}
