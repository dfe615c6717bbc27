// Package authz decides whether a request may run and hands out the Grant that the store opens views by. Services say
// what a request needs (Requirement) and supply facts about resources; only this package decides.
package authz

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// Scope is what a service may know of a request when it says what the request needs.
type Scope struct {
	Context   context.Context
	Partition string // "aws"
	Region    string // of the credential scope, or the server's default for unsigned requests
	// Account is the caller's account, or the server's default account for anonymous callers.
	Account string
	// Caller is for operations whose default resource is the caller (iam:GetUser). Services never decide by it.
	Caller *authn.Principal
	Now    time.Time
	// Via are the services that call on the caller's behalf, first to last ("dynamodb.amazonaws.com").
	Via []string

	input, made any // what Keep was told
}

// Keep hands on what was made of an operation's input to say what it needs, for the operation itself, which runs with the same input
// (pipeline.Kept).
func Keep[I any](s *Scope, input *I, made any) { s.input, s.made = input, made }

// Kept returns what was last kept if it was made of the very input; nil otherwise.
func Kept[I any](s *Scope, input *I) any {
	if in, ok := s.input.(*I); !ok || in != input {
		return nil
	}
	return s.made
}

// Requirement is what a request needs before it may run. The zero Requirement is refused.
type Requirement struct {
	checks []Check
	open   string // reason why no permission is needed
	anon   bool   // no authentication either
	at     Resource
	err    error
}

// Check is one action on one resource, as policies name them.
type Check struct {
	// Action is "service:Operation" as policies write it.
	Action   string
	Resource Resource
	// Keys sets the service's condition keys of this check; nil if there are none.
	Keys func(*policy.Context)
	// Rows says which rows of a table are touched; nil if none are.
	Rows *Rows
	// As is the federated principal that a verified web identity token in the request stands for; the check is then
	// decided for it instead of the caller (sts:AssumeRoleWithWebIdentity). Nil for all else.
	As *policy.Principal
}

// Resource is a resource and the facts about it that a decision needs.
type Resource struct {
	// ARN as policies name it. "*" for actions without resource types.
	ARN string
	// Account owns the resource (12 digits).
	Account string
	// Region of the resource; "" for global services.
	Region string
	// ID is the identity that views are bound to, so that a resource made anew under the same name is another one.
	// Empty binds to the service's records of the account and region.
	ID string
	// Concealed keeps the ARN, and the reason of a denial, out of what a denied caller is told: for a resource that the
	// request named in another way (an alias, a ciphertext), so that a denial tells nobody whether there is one.
	Concealed bool
	// Tags become aws:ResourceTag/…
	Tags []authn.Tag
	// Policy is the resource-based policy; nil if there is none.
	Policy *policy.Source
	// Mode is how the resource-based policy combines with identity-based ones.
	Mode policy.ResourceMode
	// Owner is the rule that says whose rows the resource holds; nil if none is declared.
	Owner *OwnerRule
}

// Rows are the rows of a table that a request touches.
type Rows struct {
	// Leading are the partition key values, as dynamodb:LeadingKeys shows them.
	Leading []string
	// All is true for a request that names no partition key (Scan).
	All bool
	// Index is true when Leading are values of the partition key of a secondary index, whose id is IndexID.
	Index   bool
	IndexID string
	// Write is true when rows are written.
	Write bool
}

// Require needs one action on one resource.
func Require(action string, res Resource, keys func(*policy.Context)) Requirement {
	return Requirement{checks: []Check{{Action: action, Resource: res, Keys: keys}}}
}

// RequireChecks needs each of the checks. No checks is the zero Requirement.
func RequireChecks(checks ...Check) Requirement { return Requirement{checks: checks} }

// All needs every one of the requirements; one that is zero or failed makes the whole so.
func All(rs ...Requirement) Requirement {
	var all Requirement
	for _, r := range rs {
		if r.err != nil || len(r.checks) == 0 {
			if r.err == nil {
				r.err = errors.New("authz: a zero requirement among several")
			}
			return Requirement{err: r.err}
		}
		all.checks = append(all.checks, r.checks...)
	}
	return all
}

// Anonymous lets anybody call, for the reason given (operations that are authorized by what their body holds: a
// password, a token). The view is bound to at. Uses are listed in a golden file.
func Anonymous(reason string, at Resource) Requirement {
	return Requirement{open: reason, anon: true, at: at}
}

// Authenticated lets any authenticated caller call, whatever policies say (sts:GetCallerIdentity). Listed like
// Anonymous.
func Authenticated(reason string, at Resource) Requirement {
	return Requirement{open: reason, at: at}
}

// Failed refuses the request because the facts could not be had; err is returned to the caller as any fault.
func Failed(err error) Requirement {
	if err == nil {
		err = errors.New("authz: failed without an error")
	}
	return Requirement{err: err}
}

// Err returns why the requirement failed, or nil.
func (r Requirement) Err() error { return r.err }

// Checks returns the checks of the requirement. They must not be changed.
func (r Requirement) Checks() []Check { return r.checks }

// AllowsAnonymous reports whether callers without credentials may call.
func (r Requirement) AllowsAnonymous() bool { return r.anon && r.open != "" && r.err == nil }

// Directory supplies what policies apply to a principal: IAM's part in every decision.
type Directory interface {
	// Policies returns the policies of the principal. A principal that is gone has none, which denies all.
	Policies(ctx context.Context, p *authn.Principal) (*PrincipalPolicies, error)
}

// PrincipalPolicies are the compiled policies that apply to a principal whatever it asks for. They are immutable and
// shared between requests.
type PrincipalPolicies struct {
	// Identity are the policies of the user and its groups, or of the role.
	Identity *policy.Set
	// Boundary is the permissions boundary. HasBoundary without one denies all.
	Boundary    *policy.Source
	HasBoundary bool
	// Session are the policies passed when the session was made. HasSession without any denies all.
	Session    *policy.Set
	HasSession bool
}
