package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

var attachLimit = map[identity.Kind]struct {
	name  string
	limit int
}{
	identity.KindUser:  {"PoliciesPerUser", maxAttachedToUser},
	identity.KindGroup: {"PoliciesPerGroup", maxAttachedToGroup},
	identity.KindRole:  {"PoliciesPerRole", maxAttachedToRole},
}

func (s *Service) attach(ctx context.Context, call *pipeline.Call, kind identity.Kind, name, managed *string) error {
	a := opt.Value(managed)
	if err := policyARN(a); err != nil {
		return err
	}
	return s.change(ctx, call, kind, opt.Value(name), func(v *identity.View, t target) error {
		return attachTo(v, t.Entity, a)
	})
}

// attachTo attaches a managed policy to an entity that the caller stores.
func attachTo(v *identity.View, e *identity.Entity, a string) error {
	p, err := v.PolicyByARN(a)
	if err != nil {
		return err
	}
	if p == nil {
		return notAttachable(a)
	}
	if slices.Contains(e.Attached, a) {
		return nil
	}
	if q := attachLimit[e.Kind]; len(e.Attached) >= q.limit {
		return overQuota(q.name, q.limit)
	}
	e.Attached = append(e.Attached, a)
	return v.AddUse(a, identity.AsPolicy, e)
}

func (s *Service) detach(ctx context.Context, call *pipeline.Call, kind identity.Kind, name, managed *string) error {
	a := opt.Value(managed)
	if err := policyARN(a); err != nil {
		return err
	}
	return s.change(ctx, call, kind, opt.Value(name), func(v *identity.View, t target) error {
		i := slices.Index(t.Attached, a)
		if i < 0 {
			return noPolicy(a)
		}
		t.Attached = slices.Delete(t.Attached, i, i+1)
		return v.RemoveUse(a, identity.AsPolicy, t.Entity)
	})
}

// attachedPage is a page of attached policies.
type attachedPage struct {
	policies  []api.AttachedPolicy
	truncated *bool
	marker    *string
}

func (s *Service) listAttached(ctx context.Context, call *pipeline.Call, kind identity.Kind, name, prefix, marker *string, maxItems *int32) (page attachedPage, err error) {
	about := strings.ToLower(opt.Value(name)) + " " + opt.Value(prefix)
	l, err := s.list(call, fmt.Sprintf("ListAttached%sPolicies", kind), about, marker, maxItems)
	if err != nil {
		return page, err
	}
	err = s.read(ctx, call, kind, opt.Value(name), func(v *identity.View, e *identity.Entity) error {
		var all []api.AttachedPolicy
		for _, a := range slices.Sorted(slices.Values(e.Attached)) {
			p, at, err := attachedPolicy(v, a)
			if err != nil {
				return err
			}
			if strings.HasPrefix(at, opt.Value(prefix)) {
				all = append(all, p)
			}
		}
		page.policies = append([]api.AttachedPolicy{}, pick(l, all, func(p api.AttachedPolicy) string { return *p.PolicyArn })...)
		return nil
	})
	if err != nil {
		return page, err
	}
	page.truncated, page.marker, err = l.end()
	return page, err
}

// AttachUserPolicy implements api.Service.
func (s *Service) AttachUserPolicy(ctx context.Context, call *pipeline.Call, in *api.AttachUserPolicyInput) (*api.AttachUserPolicyOutput, error) {
	if err := s.attach(ctx, call, identity.KindUser, in.UserName, in.PolicyArn); err != nil {
		return nil, err
	}
	return &api.AttachUserPolicyOutput{}, nil
}

// AttachGroupPolicy implements api.Service.
func (s *Service) AttachGroupPolicy(ctx context.Context, call *pipeline.Call, in *api.AttachGroupPolicyInput) (*api.AttachGroupPolicyOutput, error) {
	if err := s.attach(ctx, call, identity.KindGroup, in.GroupName, in.PolicyArn); err != nil {
		return nil, err
	}
	return &api.AttachGroupPolicyOutput{}, nil
}

// AttachRolePolicy implements api.Service.
func (s *Service) AttachRolePolicy(ctx context.Context, call *pipeline.Call, in *api.AttachRolePolicyInput) (*api.AttachRolePolicyOutput, error) {
	if err := s.attach(ctx, call, identity.KindRole, in.RoleName, in.PolicyArn); err != nil {
		return nil, err
	}
	return &api.AttachRolePolicyOutput{}, nil
}

// DetachUserPolicy implements api.Service.
func (s *Service) DetachUserPolicy(ctx context.Context, call *pipeline.Call, in *api.DetachUserPolicyInput) (*api.DetachUserPolicyOutput, error) {
	if err := s.detach(ctx, call, identity.KindUser, in.UserName, in.PolicyArn); err != nil {
		return nil, err
	}
	return &api.DetachUserPolicyOutput{}, nil
}

// DetachGroupPolicy implements api.Service.
func (s *Service) DetachGroupPolicy(ctx context.Context, call *pipeline.Call, in *api.DetachGroupPolicyInput) (*api.DetachGroupPolicyOutput, error) {
	if err := s.detach(ctx, call, identity.KindGroup, in.GroupName, in.PolicyArn); err != nil {
		return nil, err
	}
	return &api.DetachGroupPolicyOutput{}, nil
}

// DetachRolePolicy implements api.Service.
func (s *Service) DetachRolePolicy(ctx context.Context, call *pipeline.Call, in *api.DetachRolePolicyInput) (*api.DetachRolePolicyOutput, error) {
	if err := s.detach(ctx, call, identity.KindRole, in.RoleName, in.PolicyArn); err != nil {
		return nil, err
	}
	return &api.DetachRolePolicyOutput{}, nil
}

// ListAttachedUserPolicies implements api.Service.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, call *pipeline.Call, in *api.ListAttachedUserPoliciesInput) (*api.ListAttachedUserPoliciesOutput, error) {
	p, err := s.listAttached(ctx, call, identity.KindUser, in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListAttachedUserPoliciesOutput{AttachedPolicies: p.policies, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// ListAttachedGroupPolicies implements api.Service.
func (s *Service) ListAttachedGroupPolicies(ctx context.Context, call *pipeline.Call, in *api.ListAttachedGroupPoliciesInput) (*api.ListAttachedGroupPoliciesOutput, error) {
	p, err := s.listAttached(ctx, call, identity.KindGroup, in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListAttachedGroupPoliciesOutput{AttachedPolicies: p.policies, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// ListAttachedRolePolicies implements api.Service.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, call *pipeline.Call, in *api.ListAttachedRolePoliciesInput) (*api.ListAttachedRolePoliciesOutput, error) {
	p, err := s.listAttached(ctx, call, identity.KindRole, in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListAttachedRolePoliciesOutput{AttachedPolicies: p.policies, IsTruncated: p.truncated, Marker: p.marker}, nil
}
