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
	"github.com/bulkhead/bulkhead/internal/policy"
)

// inlineLimit is the quota of an entity's inline policies together.
var inlineLimit = map[identity.Kind]int{
	identity.KindUser: maxUserPolicySize, identity.KindGroup: maxGroupPolicySize, identity.KindRole: maxRolePolicySize,
}

// identityPolicy checks a document that is to be attached to an identity.
func identityPolicy(document string) error {
	_, err := policy.Parse([]byte(document), policy.Identity)
	return malformed(err)
}

func (s *Service) putInline(ctx context.Context, call *pipeline.Call, kind identity.Kind, name, policyName, document *string) error {
	if err := identityPolicy(opt.Value(document)); err != nil {
		return err
	}
	return s.change(ctx, call, kind, opt.Value(name), func(_ *identity.View, t target) error {
		t.PutInline(identity.Inline{Name: opt.Value(policyName), Document: opt.Value(document)})
		total := 0
		for _, p := range t.Inline {
			total += size(p.Document)
		}
		if limit := inlineLimit[kind]; total > limit {
			return api.NewLimitExceededException("Maximum policy size of %d bytes exceeded for %s %s", limit, kind, t.Name)
		}
		return nil
	})
}

func (s *Service) getInline(ctx context.Context, call *pipeline.Call, kind identity.Kind, name, policyName *string) (entity string, p identity.Inline, err error) {
	err = s.read(ctx, call, kind, opt.Value(name), func(_ *identity.View, e *identity.Entity) error {
		i, ok := e.InlineIndex(opt.Value(policyName))
		if !ok {
			return noInline(kind, opt.Value(policyName))
		}
		entity, p = e.Name, e.Inline[i]
		return nil
	})
	return entity, p, err
}

func (s *Service) deleteInline(ctx context.Context, call *pipeline.Call, kind identity.Kind, name, policyName *string) error {
	return s.change(ctx, call, kind, opt.Value(name), func(_ *identity.View, t target) error {
		i, ok := t.InlineIndex(opt.Value(policyName))
		if !ok {
			return noInline(kind, opt.Value(policyName))
		}
		t.Inline = slices.Delete(t.Inline, i, i+1)
		return nil
	})
}

// namePage is a page of names.
type namePage struct {
	names     []string
	truncated *bool
	marker    *string
}

func (s *Service) listInline(ctx context.Context, call *pipeline.Call, kind identity.Kind, name, marker *string, maxItems *int32) (page namePage, err error) {
	l, err := s.list(call, fmt.Sprintf("List%sPolicies", kind), strings.ToLower(opt.Value(name)), marker, maxItems)
	if err != nil {
		return page, err
	}
	err = s.read(ctx, call, kind, opt.Value(name), func(_ *identity.View, e *identity.Entity) error {
		page.names = []string{}
		for _, p := range pick(l, e.Inline, func(p identity.Inline) string { return p.Name }) {
			page.names = append(page.names, p.Name)
		}
		return nil
	})
	if err != nil {
		return page, err
	}
	page.truncated, page.marker, err = l.end()
	return page, err
}

// PutUserPolicy implements api.Service.
func (s *Service) PutUserPolicy(ctx context.Context, call *pipeline.Call, in *api.PutUserPolicyInput) (*api.PutUserPolicyOutput, error) {
	if err := s.putInline(ctx, call, identity.KindUser, in.UserName, in.PolicyName, in.PolicyDocument); err != nil {
		return nil, err
	}
	return &api.PutUserPolicyOutput{}, nil
}

// PutGroupPolicy implements api.Service.
func (s *Service) PutGroupPolicy(ctx context.Context, call *pipeline.Call, in *api.PutGroupPolicyInput) (*api.PutGroupPolicyOutput, error) {
	if err := s.putInline(ctx, call, identity.KindGroup, in.GroupName, in.PolicyName, in.PolicyDocument); err != nil {
		return nil, err
	}
	return &api.PutGroupPolicyOutput{}, nil
}

// PutRolePolicy implements api.Service.
func (s *Service) PutRolePolicy(ctx context.Context, call *pipeline.Call, in *api.PutRolePolicyInput) (*api.PutRolePolicyOutput, error) {
	if err := s.putInline(ctx, call, identity.KindRole, in.RoleName, in.PolicyName, in.PolicyDocument); err != nil {
		return nil, err
	}
	return &api.PutRolePolicyOutput{}, nil
}

// GetUserPolicy implements api.Service.
func (s *Service) GetUserPolicy(ctx context.Context, call *pipeline.Call, in *api.GetUserPolicyInput) (*api.GetUserPolicyOutput, error) {
	name, p, err := s.getInline(ctx, call, identity.KindUser, in.UserName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &api.GetUserPolicyOutput{UserName: &name, PolicyName: &p.Name, PolicyDocument: escaped(p.Document)}, nil
}

// GetGroupPolicy implements api.Service.
func (s *Service) GetGroupPolicy(ctx context.Context, call *pipeline.Call, in *api.GetGroupPolicyInput) (*api.GetGroupPolicyOutput, error) {
	name, p, err := s.getInline(ctx, call, identity.KindGroup, in.GroupName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &api.GetGroupPolicyOutput{GroupName: &name, PolicyName: &p.Name, PolicyDocument: escaped(p.Document)}, nil
}

// GetRolePolicy implements api.Service.
func (s *Service) GetRolePolicy(ctx context.Context, call *pipeline.Call, in *api.GetRolePolicyInput) (*api.GetRolePolicyOutput, error) {
	name, p, err := s.getInline(ctx, call, identity.KindRole, in.RoleName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &api.GetRolePolicyOutput{RoleName: &name, PolicyName: &p.Name, PolicyDocument: escaped(p.Document)}, nil
}

// DeleteUserPolicy implements api.Service.
func (s *Service) DeleteUserPolicy(ctx context.Context, call *pipeline.Call, in *api.DeleteUserPolicyInput) (*api.DeleteUserPolicyOutput, error) {
	if err := s.deleteInline(ctx, call, identity.KindUser, in.UserName, in.PolicyName); err != nil {
		return nil, err
	}
	return &api.DeleteUserPolicyOutput{}, nil
}

// DeleteGroupPolicy implements api.Service.
func (s *Service) DeleteGroupPolicy(ctx context.Context, call *pipeline.Call, in *api.DeleteGroupPolicyInput) (*api.DeleteGroupPolicyOutput, error) {
	if err := s.deleteInline(ctx, call, identity.KindGroup, in.GroupName, in.PolicyName); err != nil {
		return nil, err
	}
	return &api.DeleteGroupPolicyOutput{}, nil
}

// DeleteRolePolicy implements api.Service.
func (s *Service) DeleteRolePolicy(ctx context.Context, call *pipeline.Call, in *api.DeleteRolePolicyInput) (*api.DeleteRolePolicyOutput, error) {
	if err := s.deleteInline(ctx, call, identity.KindRole, in.RoleName, in.PolicyName); err != nil {
		return nil, err
	}
	return &api.DeleteRolePolicyOutput{}, nil
}

// ListUserPolicies implements api.Service.
func (s *Service) ListUserPolicies(ctx context.Context, call *pipeline.Call, in *api.ListUserPoliciesInput) (*api.ListUserPoliciesOutput, error) {
	p, err := s.listInline(ctx, call, identity.KindUser, in.UserName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListUserPoliciesOutput{PolicyNames: p.names, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// ListGroupPolicies implements api.Service.
func (s *Service) ListGroupPolicies(ctx context.Context, call *pipeline.Call, in *api.ListGroupPoliciesInput) (*api.ListGroupPoliciesOutput, error) {
	p, err := s.listInline(ctx, call, identity.KindGroup, in.GroupName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListGroupPoliciesOutput{PolicyNames: p.names, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// ListRolePolicies implements api.Service.
func (s *Service) ListRolePolicies(ctx context.Context, call *pipeline.Call, in *api.ListRolePoliciesInput) (*api.ListRolePoliciesOutput, error) {
	p, err := s.listInline(ctx, call, identity.KindRole, in.RoleName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListRolePoliciesOutput{PolicyNames: p.names, IsTruncated: p.truncated, Marker: p.marker}, nil
}
