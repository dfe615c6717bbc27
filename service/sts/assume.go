package sts

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	api "github.com/bulkhead/bulkhead/api/sts"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// AssumeRole makes a session of a role.
func (s *Service) AssumeRole(ctx context.Context, c *pipeline.Call, in *api.AssumeRoleInput) (*api.AssumeRoleOutput, error) {
	role, err := s.role(ctx, c, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	tags, err := sessionTags(c.Caller, in)
	if err != nil {
		return nil, err
	}
	p := newSession(role, *in.RoleSessionName, tags)
	s.confine(c.Caller, p)
	if p.SourceIdentity, err = sourceIdentity(c.Caller, in); err != nil {
		return nil, err
	}
	p.Chained = c.Caller.Kind == authn.AssumedRole
	if p.MFAAt, err = mfa(in); err != nil {
		return nil, err
	}
	if err := s.limit(ctx, p, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	ttl, err := roleDuration(role, p.Chained, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	creds, packed, err := s.mint(c, p, ttl)
	if err != nil {
		return nil, err
	}
	out := &api.AssumeRoleOutput{Credentials: creds, AssumedRoleUser: assumed(p), PackedPolicySize: packed}
	if p.SourceIdentity != "" {
		out.SourceIdentity = &p.SourceIdentity
	}
	return out, nil
}

// role returns the role of an authorized request. It was there when its trust policy allowed the request; one that was
// made anew under its name since then has another.
func (s *Service) role(ctx context.Context, c *pipeline.Call, roleARN string) (*identity.RoleFacts, error) {
	role, err := s.catalog.Role(ctx, roleARN)
	if _, _, id := c.Grant.Resource(0); err == nil && (role == nil || role.ID != id) {
		err = fault.New(fault.AccessDenied, "Not authorized to perform sts:AssumeRole")
	}
	return role, err
}

// newSession is the principal of a role's session: the session's tags override the role's ("Pass session tags in AWS
// STS", IAM User Guide).
func newSession(role *identity.RoleFacts, name string, tags authn.Tags) *authn.Principal {
	all := append(authn.Tags(nil), tags...)
	for _, t := range role.Tags {
		if _, overridden := tags.Get(t.Key); !overridden {
			all = append(all, authn.Tag{Key: t.Key, Value: t.Value})
		}
	}
	return &authn.Principal{
		Kind: authn.AssumedRole, Account: role.Account, ARN: arn.AssumedRole(role.Account, role.Name, name),
		RoleARN: role.ARN, UserID: role.ID + ":" + name, Name: name, Tags: all,
	}
}

// confine keeps the guard over a session that a confined one makes. Policies see the tags that it has, as on AWS; but a
// tenant's session must not become another tenant's or an operator's by assuming a role. One that was not yet any
// tenant's, as that of a backend which signs in by a web identity, may become one's by a tag.
func (s *Service) confine(caller, p *authn.Principal) {
	own, invalid := s.catalog.Tenants().Of(p.Tags)
	switch {
	case invalid || !authz.Confined(caller):
		return
	case caller.TenantInvalid, own.IsZero(), !caller.Tenant.IsZero() && own != caller.Tenant:
		p.TenantInvalid = true
	}
}

func assumed(p *authn.Principal) *api.AssumedRoleUser {
	return &api.AssumedRoleUser{Arn: &p.ARN, AssumedRoleId: &p.UserID}
}

// sessionTags are the tags passed and those inherited from the caller's session, which cannot be passed again.
func sessionTags(caller *authn.Principal, in *api.AssumeRoleInput) (authn.Tags, error) {
	tags := passedTags(in.Tags)
	if err := authn.ValidateTags(tags); err != nil {
		return nil, err
	}
	for _, k := range in.TransitiveTagKeys {
		if !markTransitive(tags, k) {
			return nil, fault.New(fault.Validation, "The specified transitive tag key must be included in the requested tags.")
		}
	}
	for _, t := range caller.Tags {
		if !t.Transitive {
			continue
		}
		if _, again := tags.Get(t.Key); again {
			return nil, &fault.Error{Class: fault.Validation, Code: "InvalidParameterValue", Message: "One of the specified transitive " +
				"tag keys can't be set because it conflicts with a transitive tag key from the calling session."}
		}
		tags = append(tags, t)
	}
	return tags, nil
}

func passedTags(in []api.Tag) authn.Tags {
	tags := make(authn.Tags, 0, len(in))
	for _, t := range in {
		tags = append(tags, authn.Tag{Key: *t.Key, Value: *t.Value})
	}
	return tags
}

func markTransitive(tags authn.Tags, key string) bool {
	for i := range tags {
		if strings.EqualFold(tags[i].Key, key) {
			tags[i].Transitive = true
			return true
		}
	}
	return false
}

// sourceIdentity is the one the caller's session has, else the one passed. It never changes along a chain ("Monitor and
// control actions taken with assumed roles", IAM User Guide).
func sourceIdentity(caller *authn.Principal, in *api.AssumeRoleInput) (string, error) {
	passed := opt.Value(in.SourceIdentity)
	if caller.SourceIdentity == "" {
		return passed, nil
	}
	if passed != "" && passed != caller.SourceIdentity {
		return "", fault.New(fault.AccessDenied, "The source identity of the calling session cannot be changed.")
	}
	return caller.SourceIdentity, nil
}

// mfa refuses codes: there are no MFA devices here to check them against.
func mfa(in *api.AssumeRoleInput) (time.Time, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return time.Time{}, errMFA()
	}
	return time.Time{}, nil
}

func errMFA() error {
	return fault.New(fault.AccessDenied, "MultiFactorAuthentication failed with invalid MFA one time pass code.")
}

// maxSessionPolicy is the length of a session policy, in characters ("IAM and AWS STS quotas", IAM User Guide). The model
// does not say it.
const maxSessionPolicy = 2048

// limit gives the session its session policies. Managed ones must exist in the account of the session ("AssumeRole", AWS STS
// API Reference).
func (s *Service) limit(ctx context.Context, p *authn.Principal, document *string, arns []api.PolicyDescriptorType) error {
	if document != nil {
		if utf8.RuneCountInString(*document) > maxSessionPolicy {
			return fault.New(fault.Validation, "1 validation error detected: Value at 'policy' failed to satisfy constraint: "+
				"Member must have length less than or equal to %d", maxSessionPolicy)
		}
		if _, err := policy.Parse([]byte(*document), policy.Identity); err != nil {
			return api.NewMalformedPolicyDocumentException("%s", err.Error()).With(err)
		}
		p.SessionPolicies = []string{*document}
	}
	const most = 10
	if len(arns) > most {
		return fault.New(fault.Validation, "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", most)
	}
	for _, d := range arns {
		found, err := s.catalog.ManagedPolicy(ctx, p.Account, opt.Value(d.Arn))
		if err != nil {
			return err
		}
		if found == nil {
			return fault.New(fault.Validation, "Policy %s does not exist in the account of the session.", opt.Value(d.Arn))
		}
		p.SessionPolicyARNs = append(p.SessionPolicyARNs, opt.Value(d.Arn))
	}
	p.HasSessionPolicy = p.HasSessionPolicy || document != nil || len(arns) > 0
	return nil
}

func roleDuration(role *identity.RoleFacts, chained bool, asked *int32) (time.Duration, error) {
	longest := role.MaxSession
	if chained && asked != nil && time.Duration(*asked)*time.Second > maxChained {
		return 0, fault.New(fault.Validation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if asked != nil && time.Duration(*asked)*time.Second > longest {
		return 0, fault.New(fault.Validation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return seconds(asked, defaultRole, longest)
}
