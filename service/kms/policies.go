package kms

import (
	"context"
	"errors"
	"strings"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// policyName is the only name of a key policy; maxPolicy is its size in bytes ("Key policies in AWS KMS", AWS KMS
// Developer Guide).
const (
	policyName = "default"
	maxPolicy  = 32 << 10
)

// defaultPolicy is what a key gets that is made without a policy: it lets the account's identity policies decide
// ("Default key policy", AWS KMS Developer Guide).
func defaultPolicy(account string) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "` + arn.Root(account) + `"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

func malformedPolicy(format string, args ...any) error {
	return api.NewMalformedPolicyDocumentException(format, args...)
}

// acceptPolicy checks a key policy and returns it as it is kept.
func (s *Service) acceptPolicy(ctx context.Context, c *pipeline.Call, r ref, tags []tag, document string, bypass bool) (f identity.Frozen, err error) {
	if len(document) > maxPolicy {
		return f, api.NewLimitExceededException("The key policy exceeds the limit of %d bytes.", maxPolicy)
	}
	p, err := policy.Parse([]byte(document), policy.Resource)
	if err != nil {
		return f, malformedPolicy("%s", err.Error())
	}
	if p.HasCondition(policy.ForAllValues, "kms:EncryptionContext:") {
		return f, malformedPolicy("OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key " +
			"matches requests without the specified encryption context or with an unspecified encryption context. " +
			"To fix, remove ForAllValues.")
	}
	f, err = s.catalog.Freeze(ctx, document)
	if unknown := (*identity.PrincipalError)(nil); errors.As(err, &unknown) {
		return f, malformedPolicy("Policy contains a statement with one or more invalid principals.")
	}
	if err != nil {
		return f, err
	}
	if !bypass && !reachable(c, r, tags, p) {
		return f, malformedPolicy("The new key policy will not allow you to update the key policy in the future.")
	}
	return f, nil
}

// reachable reports whether the key policy lets the caller replace it, itself or through the account's identity policies
// ("PutKeyPolicy", BypassPolicyLockoutSafetyCheck, AWS KMS API Reference).
func reachable(c *pipeline.Call, r ref, tags []tag, p *policy.Policy) bool {
	var keys policy.Context
	fillLockout(&keys, c.Caller, tags)
	issuer := c.Caller.RoleARN
	if issuer == "" {
		issuer = c.Caller.ARN
	}
	d := policy.Evaluate(&policy.Request{
		Action: "kms:PutKeyPolicy", Resource: keyARN(r.account, r.region, r.id), ResourceAccount: r.account, Context: &keys,
		Principal: policy.Principal{
			Account: c.Caller.Account, ARN: c.Caller.ARN, IssuerARN: issuer, Root: c.Caller.Kind == authn.Root,
		},
	}, &policy.Policies{
		Identity: anything, Resource: &policy.Source{Name: "new", Policy: p}, ResourceMode: policy.ResourceRequired,
	})
	return d.Allowed
}

// anything is an identity policy that allows all, so that only the key policy counts.
var anything = func() *policy.Set {
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), policy.Identity)
	if err != nil {
		panic(err)
	}
	return policy.NewSet([]policy.Source{{Name: "any", Policy: p}})
}()

// fillLockout sets the condition keys that will be the same when the caller comes back.
func fillLockout(k *policy.Context, p *authn.Principal, tags []tag) {
	who := p.ARN
	if p.RoleARN != "" {
		who = p.RoleARN
	}
	k.Set("aws:PrincipalArn", who)
	k.Set("aws:PrincipalAccount", p.Account)
	k.Set("aws:userid", p.UserID)
	k.Set("kms:CallerAccount", p.Account)
	if p.Kind == authn.User {
		k.Set("aws:username", p.Name)
	}
	for _, t := range p.Tags {
		k.Set("aws:PrincipalTag/"+t.Key, t.Value)
	}
	for _, t := range tags {
		k.Set("aws:ResourceTag/"+t.Key, t.Value)
	}
	keyKeys(k, nil)
}

// managed returns the key of an operation that takes a key id or ARN only.
func (s *Service) managed(ctx context.Context, c *pipeline.Call, named string) (*facts, error) {
	if _, _, id := c.Grant.Resource(0); id == "" {
		return nil, missing(keyOnly(named, c))
	}
	return s.granted(ctx, c, 0, named)
}

func knownPolicy(given *string) error {
	if given != nil && *given != policyName {
		return api.NewNotFoundException("No such policy exists")
	}
	return nil
}

// GetKeyPolicy returns the key policy. Principals that were deleted since it was written are shown by their unique ids.
func (s *Service) GetKeyPolicy(ctx context.Context, c *pipeline.Call, in *api.GetKeyPolicyInput) (*api.GetKeyPolicyOutput, error) {
	f, err := s.managed(ctx, c, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := knownPolicy(in.PolicyName); err != nil {
		return nil, err
	}
	text, err := s.catalog.Thaw(ctx, &f.record.Policy)
	if err != nil {
		return nil, err
	}
	return &api.GetKeyPolicyOutput{Policy: &text, PolicyName: new(policyName)}, nil
}

// PutKeyPolicy replaces the key policy.
func (s *Service) PutKeyPolicy(ctx context.Context, c *pipeline.Call, in *api.PutKeyPolicyInput) (*api.PutKeyPolicyOutput, error) {
	f, err := s.managed(ctx, c, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := knownPolicy(in.PolicyName); err != nil {
		return nil, err
	}
	frozen, err := s.acceptPolicy(ctx, c, f.ref, f.record.Tags, *in.Policy, opt.Value(in.BypassPolicyLockoutSafetyCheck))
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, c, *in.KeyId, func(_ *view, k *keyRecord) error {
		k.Policy = frozen
		return nil
	})
	return &api.PutKeyPolicyOutput{}, err
}

// ListKeyPolicies lists the one key policy there is.
func (s *Service) ListKeyPolicies(ctx context.Context, c *pipeline.Call, in *api.ListKeyPoliciesInput) (*api.ListKeyPoliciesOutput, error) {
	f, err := s.managed(ctx, c, *in.KeyId)
	if err != nil {
		return nil, err
	}
	p, err := s.list(c, "ListKeyPolicies", f.arn, in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	out := &api.ListKeyPoliciesOutput{}
	if strings.Compare(policyName, p.After()) > 0 && p.Take(policyName) {
		out.PolicyNames = []string{policyName}
	}
	out.Truncated, out.NextMarker, err = p.end()
	return out, err
}
