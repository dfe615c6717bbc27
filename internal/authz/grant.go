package authz

import (
	"slices"
	"sync/atomic"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// Access is what a grant lets its holder do. The zero Access is nothing.
type Access uint8

// The levels of access.
const (
	NoAccess Access = iota
	Read
	Write
)

// Grant is the capability that an allowed request holds: the store opens only views bound to one. Only an Engine makes
// grants; the zero Grant opens nothing.
type Grant struct{ g *grant }

type grant struct {
	service string // "dynamodb": the space of records it opens
	access  Access
	caller  *authn.Principal
	// resources the grant covers, one for each check.
	resources []granted
	// hid is set by a view that left foreign rows out.
	hid atomic.Bool
}

type granted struct {
	account, region, id, arn string
	rows                     RowRule
	hasRows                  bool
	owner                    *OwnerRule
}

// NoteHidden says that a view left foreign rows out, for the audit: policies allowed them.
func (g Grant) NoteHidden() {
	if g.g != nil {
		g.g.hid.Store(true)
	}
}

// Hid reports whether a view left foreign rows out.
func (g Grant) Hid() bool { return g.g != nil && g.g.hid.Load() }

// Valid reports whether the grant was made by an Engine.
func (g Grant) Valid() bool { return g.g != nil && g.g.access != NoAccess }

// Service is the signing name of the service that the grant was made for.
func (g Grant) Service() string {
	if g.g == nil {
		return ""
	}
	return g.g.service
}

// CanWrite reports whether views may be written.
func (g Grant) CanWrite() bool { return g.g != nil && g.g.access == Write }

// Caller is the principal that the grant was made for.
func (g Grant) Caller() *authn.Principal {
	if g.g == nil {
		return nil
	}
	return g.g.caller
}

// Tenant is the tenant that the caller acts for; zero if none.
func (g Grant) Tenant() tenant.ID {
	if g.g == nil || g.g.caller == nil {
		return tenant.ID{}
	}
	return g.g.caller.Tenant
}

// Covers reports whether the grant was made for records of the service in the account and region.
func (g Grant) Covers(account, region string) bool {
	if g.g == nil || account == "" {
		return false
	}
	for i := range g.g.resources {
		r := &g.g.resources[i]
		if r.account == account && r.region == region {
			return true
		}
	}
	return false
}

// Home returns the account and region of the first resource, which is where a handler's records are.
func (g Grant) Home() (account, region string) {
	if g.g == nil || len(g.g.resources) == 0 {
		return "", ""
	}
	return g.g.resources[0].account, g.g.resources[0].region
}

// Resource returns where the resource of the i-th check is and its identity (Resource.ID), so that a handler acts on the
// very resource that was decided about, whatever the request's names for it mean by now. It is zero if there is none.
func (g Grant) Resource(i int) (account, region, id string) {
	if g.g == nil || i < 0 || i >= len(g.g.resources) {
		return "", "", ""
	}
	r := &g.g.resources[i]
	return r.account, r.region, r.id
}

// Names reports whether the resource with the id (Resource.ID) is one that the grant was made for.
func (g Grant) Names(id string) bool {
	if g.g == nil || id == "" {
		return false
	}
	return slices.ContainsFunc(g.g.resources, func(r granted) bool { return r.id == id })
}

// Knows reports whether the request was decided under the owner rule that the resource has now. Ask in the transaction that acts on
// it: between the decision and that, a resource may be guarded, or be made anew under its name. Callers whom its guard does not confine
// may act on it whatever was known.
func (g Grant) Knows(res *Resource) bool {
	if g.g == nil {
		return false
	}
	if !res.Confines(g.g.caller) {
		return true
	}
	known := false
	for i := range g.g.resources {
		r := &g.g.resources[i]
		if r.id != res.ID {
			continue
		}
		if !r.owner.same(res.Owner) {
			return false
		}
		known = true
	}
	return known
}

// EachResource yields the ARN and account of the resource of each check, in their order.
func (g Grant) EachResource(yield func(arn, account string) bool) {
	if g.g == nil {
		return
	}
	for i := range g.g.resources {
		if r := &g.g.resources[i]; !yield(r.arn, r.account) {
			return
		}
	}
}

// RowRule returns the rule for the rows of the resource with the id, or false if the grant does not cover its rows.
func (g Grant) RowRule(id string) (RowRule, bool) {
	if g.g == nil || id == "" {
		return RowRule{}, false
	}
	var rule RowRule
	found := false
	for i := range g.g.resources {
		r := &g.g.resources[i]
		if r.id != id || !r.hasRows {
			continue
		}
		if !found {
			rule, found = r.rows, true
			continue
		}
		rule = rule.or(r.rows)
	}
	return rule, found
}
