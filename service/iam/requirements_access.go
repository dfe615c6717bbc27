package iam

import (
	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// PutUserPermissionsBoundary implements api.Requirements.
func (r *requirements) PutUserPermissionsBoundary(s *authz.Scope, in *api.PutUserPermissionsBoundaryInput) authz.Requirement {
	n := r.entity(s, "PutUserPermissionsBoundary", identity.KindUser, opt.Value(in.UserName))
	return require(n.given("iam:PermissionsBoundary", in.PermissionsBoundary))
}

// DeleteUserPermissionsBoundary implements api.Requirements.
func (r *requirements) DeleteUserPermissionsBoundary(s *authz.Scope, in *api.DeleteUserPermissionsBoundaryInput) authz.Requirement {
	n := r.entity(s, "DeleteUserPermissionsBoundary", identity.KindUser, opt.Value(in.UserName))
	return require(r.bounded(n, identity.KindUser, in.UserName))
}

// PutRolePermissionsBoundary implements api.Requirements.
func (r *requirements) PutRolePermissionsBoundary(s *authz.Scope, in *api.PutRolePermissionsBoundaryInput) authz.Requirement {
	n := r.entity(s, "PutRolePermissionsBoundary", identity.KindRole, opt.Value(in.RoleName))
	return require(n.given("iam:PermissionsBoundary", in.PermissionsBoundary))
}

// DeleteRolePermissionsBoundary implements api.Requirements.
func (r *requirements) DeleteRolePermissionsBoundary(s *authz.Scope, in *api.DeleteRolePermissionsBoundaryInput) authz.Requirement {
	n := r.entity(s, "DeleteRolePermissionsBoundary", identity.KindRole, opt.Value(in.RoleName))
	return require(r.bounded(n, identity.KindRole, in.RoleName))
}

// CreateAccessKey implements api.Requirements.
func (r *requirements) CreateAccessKey(s *authz.Scope, in *api.CreateAccessKeyInput) authz.Requirement {
	return require(r.own(s, "CreateAccessKey", in.UserName))
}

// UpdateAccessKey implements api.Requirements.
func (r *requirements) UpdateAccessKey(s *authz.Scope, in *api.UpdateAccessKeyInput) authz.Requirement {
	return require(r.own(s, "UpdateAccessKey", in.UserName))
}

// DeleteAccessKey implements api.Requirements.
func (r *requirements) DeleteAccessKey(s *authz.Scope, in *api.DeleteAccessKeyInput) authz.Requirement {
	return require(r.own(s, "DeleteAccessKey", in.UserName))
}

// ListAccessKeys implements api.Requirements.
func (r *requirements) ListAccessKeys(s *authz.Scope, in *api.ListAccessKeysInput) authz.Requirement {
	return require(r.own(s, "ListAccessKeys", in.UserName))
}

// GetAccessKeyLastUsed implements api.Requirements.
func (r *requirements) GetAccessKeyLastUsed(s *authz.Scope, in *api.GetAccessKeyLastUsedInput) authz.Requirement {
	n := r.need(s, "GetAccessKeyLastUsed").on("user", "/", "*")
	owner, err := r.catalog.KeyOwner(s.Context, s.Account, opt.Value(in.AccessKeyId))
	if err != nil {
		return authz.Failed(err)
	}
	if owner != "" {
		n = r.entity(s, "GetAccessKeyLastUsed", identity.KindUser, owner)
	}
	return require(n)
}

// PutUserPolicy implements api.Requirements.
func (r *requirements) PutUserPolicy(s *authz.Scope, in *api.PutUserPolicyInput) authz.Requirement {
	return require(r.bounded(r.entity(s, "PutUserPolicy", identity.KindUser, opt.Value(in.UserName)), identity.KindUser, in.UserName))
}

// GetUserPolicy implements api.Requirements.
func (r *requirements) GetUserPolicy(s *authz.Scope, in *api.GetUserPolicyInput) authz.Requirement {
	return require(r.entity(s, "GetUserPolicy", identity.KindUser, opt.Value(in.UserName)))
}

// DeleteUserPolicy implements api.Requirements.
func (r *requirements) DeleteUserPolicy(s *authz.Scope, in *api.DeleteUserPolicyInput) authz.Requirement {
	return require(r.bounded(r.entity(s, "DeleteUserPolicy", identity.KindUser, opt.Value(in.UserName)), identity.KindUser, in.UserName))
}

// AttachUserPolicy implements api.Requirements.
func (r *requirements) AttachUserPolicy(s *authz.Scope, in *api.AttachUserPolicyInput) authz.Requirement {
	n := r.entity(s, "AttachUserPolicy", identity.KindUser, opt.Value(in.UserName)).given("iam:PolicyARN", in.PolicyArn)
	return require(r.bounded(n, identity.KindUser, in.UserName))
}

// DetachUserPolicy implements api.Requirements.
func (r *requirements) DetachUserPolicy(s *authz.Scope, in *api.DetachUserPolicyInput) authz.Requirement {
	n := r.entity(s, "DetachUserPolicy", identity.KindUser, opt.Value(in.UserName)).given("iam:PolicyARN", in.PolicyArn)
	return require(r.bounded(n, identity.KindUser, in.UserName))
}

// ListUserPolicies implements api.Requirements.
func (r *requirements) ListUserPolicies(s *authz.Scope, in *api.ListUserPoliciesInput) authz.Requirement {
	return require(r.entity(s, "ListUserPolicies", identity.KindUser, opt.Value(in.UserName)))
}

// ListAttachedUserPolicies implements api.Requirements.
func (r *requirements) ListAttachedUserPolicies(s *authz.Scope, in *api.ListAttachedUserPoliciesInput) authz.Requirement {
	return require(r.entity(s, "ListAttachedUserPolicies", identity.KindUser, opt.Value(in.UserName)))
}

// PutGroupPolicy implements api.Requirements.
func (r *requirements) PutGroupPolicy(s *authz.Scope, in *api.PutGroupPolicyInput) authz.Requirement {
	return require(r.entity(s, "PutGroupPolicy", identity.KindGroup, opt.Value(in.GroupName)))
}

// GetGroupPolicy implements api.Requirements.
func (r *requirements) GetGroupPolicy(s *authz.Scope, in *api.GetGroupPolicyInput) authz.Requirement {
	return require(r.entity(s, "GetGroupPolicy", identity.KindGroup, opt.Value(in.GroupName)))
}

// DeleteGroupPolicy implements api.Requirements.
func (r *requirements) DeleteGroupPolicy(s *authz.Scope, in *api.DeleteGroupPolicyInput) authz.Requirement {
	return require(r.entity(s, "DeleteGroupPolicy", identity.KindGroup, opt.Value(in.GroupName)))
}

// AttachGroupPolicy implements api.Requirements.
func (r *requirements) AttachGroupPolicy(s *authz.Scope, in *api.AttachGroupPolicyInput) authz.Requirement {
	return require(r.entity(s, "AttachGroupPolicy", identity.KindGroup, opt.Value(in.GroupName)).given("iam:PolicyARN", in.PolicyArn))
}

// DetachGroupPolicy implements api.Requirements.
func (r *requirements) DetachGroupPolicy(s *authz.Scope, in *api.DetachGroupPolicyInput) authz.Requirement {
	return require(r.entity(s, "DetachGroupPolicy", identity.KindGroup, opt.Value(in.GroupName)).given("iam:PolicyARN", in.PolicyArn))
}

// ListGroupPolicies implements api.Requirements.
func (r *requirements) ListGroupPolicies(s *authz.Scope, in *api.ListGroupPoliciesInput) authz.Requirement {
	return require(r.entity(s, "ListGroupPolicies", identity.KindGroup, opt.Value(in.GroupName)))
}

// ListAttachedGroupPolicies implements api.Requirements.
func (r *requirements) ListAttachedGroupPolicies(s *authz.Scope, in *api.ListAttachedGroupPoliciesInput) authz.Requirement {
	return require(r.entity(s, "ListAttachedGroupPolicies", identity.KindGroup, opt.Value(in.GroupName)))
}

// PutRolePolicy implements api.Requirements.
func (r *requirements) PutRolePolicy(s *authz.Scope, in *api.PutRolePolicyInput) authz.Requirement {
	return require(r.bounded(r.entity(s, "PutRolePolicy", identity.KindRole, opt.Value(in.RoleName)), identity.KindRole, in.RoleName))
}

// GetRolePolicy implements api.Requirements.
func (r *requirements) GetRolePolicy(s *authz.Scope, in *api.GetRolePolicyInput) authz.Requirement {
	return require(r.entity(s, "GetRolePolicy", identity.KindRole, opt.Value(in.RoleName)))
}

// DeleteRolePolicy implements api.Requirements.
func (r *requirements) DeleteRolePolicy(s *authz.Scope, in *api.DeleteRolePolicyInput) authz.Requirement {
	return require(r.bounded(r.entity(s, "DeleteRolePolicy", identity.KindRole, opt.Value(in.RoleName)), identity.KindRole, in.RoleName))
}

// AttachRolePolicy implements api.Requirements.
func (r *requirements) AttachRolePolicy(s *authz.Scope, in *api.AttachRolePolicyInput) authz.Requirement {
	n := r.entity(s, "AttachRolePolicy", identity.KindRole, opt.Value(in.RoleName)).given("iam:PolicyARN", in.PolicyArn)
	return require(r.bounded(n, identity.KindRole, in.RoleName))
}

// DetachRolePolicy implements api.Requirements.
func (r *requirements) DetachRolePolicy(s *authz.Scope, in *api.DetachRolePolicyInput) authz.Requirement {
	n := r.entity(s, "DetachRolePolicy", identity.KindRole, opt.Value(in.RoleName)).given("iam:PolicyARN", in.PolicyArn)
	return require(r.bounded(n, identity.KindRole, in.RoleName))
}

// ListRolePolicies implements api.Requirements.
func (r *requirements) ListRolePolicies(s *authz.Scope, in *api.ListRolePoliciesInput) authz.Requirement {
	return require(r.entity(s, "ListRolePolicies", identity.KindRole, opt.Value(in.RoleName)))
}

// ListAttachedRolePolicies implements api.Requirements.
func (r *requirements) ListAttachedRolePolicies(s *authz.Scope, in *api.ListAttachedRolePoliciesInput) authz.Requirement {
	return require(r.entity(s, "ListAttachedRolePolicies", identity.KindRole, opt.Value(in.RoleName)))
}
