// Package policy is the IAM policy language whole: it parses a document, compiles it into one intermediate
// representation, decides requests with it and explains the decisions. It does no I/O and knows no service.
//
// Where AWS documents a rule, the rule is AWS's ("Policy evaluation logic" and "IAM JSON policy elements reference",
// IAM User Guide). Where AWS documents none, the stricter reading is taken:
//
//   - A policy variable whose key is absent or has several values resolves to nothing, and nothing equals nothing: the
//     pattern that holds it matches no value. Under a negation (NotResource, StringNotEquals) an Allow does not match
//     and a Deny does.
//   - An operator without ForAllValues or ForAnyValue on a key with several values holds in an Allow if it holds for
//     each of them, in a Deny if it holds for one of them.
//   - A request value that cannot be read as the operator's type (a word under NumericLessThan) matches nothing; under
//     a negation it counts as an unresolved variable does.
//   - A statement with something this package does not know (a global condition key that AWS does not list) fails
//     closed: an Allow never matches, a Deny matches whatever its conditions say.
//   - A grant to everyone ("*") in a resource policy is limited by boundary and session as a grant to a role is.
package policy

// Kind is where a policy is attached, which decides the elements it may have.
type Kind uint8

// The kinds. Session policies and permissions boundaries are Identity.
const (
	// Identity policies have no principal.
	Identity Kind = iota
	// Resource policies name principals and resources.
	Resource
	// Trust policies, of roles, name principals and no resource.
	Trust
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case Identity:
		return "identity"
	case Resource:
		return "resource"
	case Trust:
		return "trust"
	}
	return "unknown"
}

// Source is a policy with the name that explanations give it.
type Source struct {
	// Name is the policy's ARN, or "role/inline/<name>" and the like for what has none.
	Name string
	// Policy is the compiled document. A Source without one allows nothing.
	Policy *Policy
}

// ResourceMode is what a resource policy means for callers of the resource's own account.
type ResourceMode uint8

const (
	// ResourceOrIdentity is the general rule: in one account either side grants, across accounts both must.
	ResourceOrIdentity ResourceMode = iota
	// ResourceRequired is the rule of KMS key policies and role trust policies: the resource policy must allow, and
	// where it does so by naming the caller's account, the caller's identity policies must allow as well.
	ResourceRequired
)

// Principal is the caller in the terms that policies name callers by. The zero Principal is no one: it matches no
// Principal element but "*".
type Principal struct {
	// Account is the 12-digit id of the caller's account; empty for anonymous, service and web identity callers.
	Account string
	// ARN is the user's or the session's: arn:aws:iam::A:user/u, arn:aws:sts::A:assumed-role/R/s.
	ARN string
	// IssuerARN is the ARN of the role behind an assumed-role session, or of the user behind a federated user
	// session. Otherwise it equals ARN or is empty.
	IssuerARN string
	// Root marks the account's root user, whom no identity policy needs to allow anything.
	Root bool
	// Anonymous marks an unsigned request.
	Anonymous bool
	// Service is the caller's service principal ("lambda.amazonaws.com").
	Service string
	// Federated is the identity provider whose token is exchanged: "cognito-identity.amazonaws.com" or the ARN of an
	// OIDC provider. It is set for the evaluation of trust policies only.
	Federated string
	// CanonicalUserID is the account's S3 canonical id, for policies that name it.
	CanonicalUserID string
}

// Request is what is to be decided.
type Request struct {
	// Action is "service:Operation", in any case.
	Action string
	// Resource is the ARN acted upon, or "*" for actions without resource types.
	Resource string
	// ResourceAccount is the account that owns the resource. If empty, the resource is in no account, so the caller
	// is foreign to it and only a resource policy together with an identity policy can allow.
	ResourceAccount string
	Principal       Principal
	// Context holds the condition keys; nil is the empty context.
	Context *Context
}

// Policies are all policies that apply to a request. The zero value denies (but the root user in its own account).
type Policies struct {
	// Identity are the identity-based policies of the caller: inline, managed, and of its groups. Nil is none.
	Identity *Set
	// Boundary is the caller's permissions boundary, nil for none.
	Boundary *Source
	// HasBoundary says that the caller has a boundary: with Boundary nil the boundary was lost and all is denied.
	HasBoundary bool
	// Session are the session policies; their union limits the session.
	Session *Set
	// HasSession says that the session was made with session policies: with Session empty all is denied. A Session
	// that is not nil limits whatever HasSession says.
	HasSession bool
	// Resource is the policy of the resource, or the trust policy of the role; nil for none.
	Resource *Source
	// ResourceMode says what Resource, or its absence, means.
	ResourceMode ResourceMode
}

// Reason is why a request was allowed or denied. The zero Reason is an implicit deny.
type Reason uint8

// The reasons, as in AWS's "Troubleshoot access denied error messages".
const (
	// NoIdentityAllow: no identity-based (or, in one account, resource-based) policy allows the action.
	NoIdentityAllow Reason = iota
	// Allowed: the named statement allows.
	Allowed
	// AllowedRoot: the caller is the root user of the resource's account, and no policy was needed.
	AllowedRoot
	// ExplicitDeny: the named statement denies.
	ExplicitDeny
	// BoundaryImplicitDeny: the permissions boundary does not allow the action.
	BoundaryImplicitDeny
	// SessionImplicitDeny: no session policy allows the action.
	SessionImplicitDeny
	// ResourcePolicyImplicitDeny: the resource policy must allow the action (ResourceRequired), and does not.
	ResourcePolicyImplicitDeny
	// CrossAccountResourceDeny: the caller is of another account and no resource policy allows the action.
	CrossAccountResourceDeny
	// CrossAccountIdentityDeny: the resource policy allows a caller of another account whose own policies do not.
	CrossAccountIdentityDeny
)

var reasonNames = [...]string{
	"NoIdentityAllow", "Allowed", "AllowedRoot", "ExplicitDeny", "BoundaryImplicitDeny", "SessionImplicitDeny",
	"ResourcePolicyImplicitDeny", "CrossAccountResourceDeny", "CrossAccountIdentityDeny",
}

// String returns the reason's name.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "Unknown"
}

// MarshalText writes the reason by name.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Layer is the part of an evaluation that a policy belongs to. The zero Layer is none.
type Layer uint8

// The layers.
const (
	NoLayer Layer = iota
	IdentityLayer
	BoundaryLayer
	SessionLayer
	ResourceLayer
)

var layerNames = [...]string{"", "identity", "boundary", "session", "resource"}

// String returns the layer's name; "" for NoLayer.
func (l Layer) String() string {
	if int(l) < len(layerNames) {
		return layerNames[l]
	}
	return "unknown"
}

// MarshalText writes the layer by name.
func (l Layer) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Decision is the answer to a request. The zero Decision is denied.
type Decision struct {
	Allowed bool   `json:"allowed"`
	Reason  Reason `json:"reason"`
	// Layer, Source, Statement and Sid name the statement that decided: the denying one of an explicit deny, the
	// allowing one of an allow. They are zero for implicit denies and AllowedRoot.
	Layer  Layer  `json:"layer,omitempty"`
	Source string `json:"source,omitempty"`
	// Statement is the statement's index in its policy, from 0.
	Statement int    `json:"statement"`
	Sid       string `json:"sid,omitempty"`
}
