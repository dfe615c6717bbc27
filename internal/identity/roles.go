package identity

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// RoleFacts are what assuming a role needs to know of it.
type RoleFacts struct {
	Account, ARN, Name, Path string
	// ID is the role's unique id (AROA…), which begins the UserID of its sessions.
	ID   string
	Tags authn.Tags
	// MaxSession is the longest session that may be asked for.
	MaxSession time.Duration
	// Trust is the trust policy. Principals that were deleted since it was written match nobody, whoever has their
	// names now.
	Trust policy.Source
}

// roleFacts are the cached facts of a role. The trust policy depends on principals of any account, so it is compiled
// anew when one of them came or went.
type roleFacts struct {
	facts  RoleFacts
	frozen Frozen
	latest atomic.Pointer[resolvedRole]
}

type resolvedRole struct {
	names map[string]string // unique id → ARN
	facts RoleFacts
}

// Role returns the facts of the role with the ARN; nil without an error if there is none.
func (c *Catalog) Role(ctx context.Context, roleARN string) (*RoleFacts, error) {
	a, ok := arn.Parse(roleARN)
	if kind, _ := a.Type(); !ok || a.Service != Service || kind != string(KindRole) || !arn.IsAccount(a.Account) {
		return nil, nil
	}
	r, err := found(c.roles.Get(a.Account, roleARN, func() (*roleFacts, error) {
		return c.loadRole(ctx, a, roleARN)
	}))
	if err != nil || r == nil {
		return nil, err
	}
	names, err := c.resolve(ctx, &r.frozen)
	if err != nil {
		return nil, err
	}
	if now := r.latest.Load(); now != nil && maps.Equal(now.names, names) {
		return &now.facts, nil
	}
	now := &resolvedRole{names: names, facts: r.facts}
	if now.facts.Trust.Policy, err = c.compile(&r.frozen, names, policy.Trust); err != nil {
		return nil, fmt.Errorf("identity: trust policy of %s: %w", roleARN, err)
	}
	r.latest.Store(now)
	return &now.facts, nil
}

func (c *Catalog) loadRole(ctx context.Context, a arn.ARN, roleARN string) (*roleFacts, error) {
	var r *Role
	err := c.view(ctx, a.Account, func(v *View) (err error) {
		r, err = v.Role(a.Name())
		return err
	})
	if err != nil {
		return nil, err
	}
	if r == nil || r.ARN() != roleARN {
		return nil, errNotCached
	}
	return &roleFacts{frozen: r.Trust, facts: RoleFacts{
		Account: r.Account, ARN: roleARN, Name: r.Name, Path: r.Path, ID: r.ID, Tags: r.PrincipalTags(),
		MaxSession: time.Duration(r.MaxSession) * time.Second, Trust: policy.Source{Name: roleARN + "/trust"},
	}}, nil
}

// compile compiles a policy with the present names of its principals.
func (c *Catalog) compile(f *Frozen, names map[string]string, kind policy.Kind) (*policy.Policy, error) {
	text := f.Document
	if len(names) > 0 {
		var err error
		text, err = rewritePrincipals(text, func(_, value string) (string, error) {
			if now, ok := names[value]; ok {
				return now, nil
			}
			return value, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return c.compiled.get(text, kind)
}
