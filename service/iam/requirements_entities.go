package iam

import (
	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// CreateUser implements api.Requirements.
func (r *requirements) CreateUser(s *authz.Scope, in *api.CreateUserInput) authz.Requirement {
	n := r.need(s, "CreateUser").on("user", path(in.Path), opt.Value(in.UserName)).given("iam:PermissionsBoundary", in.PermissionsBoundary)
	return create(n, in.Tags, "TagUser")
}

// GetUser implements api.Requirements.
func (r *requirements) GetUser(s *authz.Scope, in *api.GetUserInput) authz.Requirement {
	return require(r.own(s, "GetUser", in.UserName))
}

// DeleteUser implements api.Requirements.
func (r *requirements) DeleteUser(s *authz.Scope, in *api.DeleteUserInput) authz.Requirement {
	return require(r.entity(s, "DeleteUser", identity.KindUser, opt.Value(in.UserName)))
}

// ListUsers implements api.Requirements.
func (r *requirements) ListUsers(s *authz.Scope, _ *api.ListUsersInput) authz.Requirement {
	return require(r.need(s, "ListUsers").on("user", "/", ""))
}

// UpdateUser implements api.Requirements.
func (r *requirements) UpdateUser(s *authz.Scope, in *api.UpdateUserInput) authz.Requirement {
	needs := []*need{r.entity(s, "UpdateUser", identity.KindUser, opt.Value(in.UserName))}
	if in.NewPath != nil || in.NewUserName != nil {
		// Renaming needs the permission on the new name as well ("Rename an IAM user", IAM User Guide).
		needs = append(needs, r.renamed(needs[0], identity.KindUser, opt.Value(in.UserName), in.NewPath, in.NewUserName))
	}
	return require(needs...)
}

// CreateGroup implements api.Requirements.
func (r *requirements) CreateGroup(s *authz.Scope, in *api.CreateGroupInput) authz.Requirement {
	return require(r.need(s, "CreateGroup").on("group", path(in.Path), opt.Value(in.GroupName)))
}

// GetGroup implements api.Requirements.
func (r *requirements) GetGroup(s *authz.Scope, in *api.GetGroupInput) authz.Requirement {
	return require(r.entity(s, "GetGroup", identity.KindGroup, opt.Value(in.GroupName)))
}

// DeleteGroup implements api.Requirements.
func (r *requirements) DeleteGroup(s *authz.Scope, in *api.DeleteGroupInput) authz.Requirement {
	return require(r.entity(s, "DeleteGroup", identity.KindGroup, opt.Value(in.GroupName)))
}

// ListGroups implements api.Requirements.
func (r *requirements) ListGroups(s *authz.Scope, _ *api.ListGroupsInput) authz.Requirement {
	return require(r.need(s, "ListGroups").on("group", "/", ""))
}

// UpdateGroup implements api.Requirements.
func (r *requirements) UpdateGroup(s *authz.Scope, in *api.UpdateGroupInput) authz.Requirement {
	needs := []*need{r.entity(s, "UpdateGroup", identity.KindGroup, opt.Value(in.GroupName))}
	if in.NewPath != nil || in.NewGroupName != nil {
		// Renaming needs the permission on the new name as well ("Rename an IAM group", IAM User Guide).
		needs = append(needs, r.renamed(needs[0], identity.KindGroup, opt.Value(in.GroupName), in.NewPath, in.NewGroupName))
	}
	return require(needs...)
}

// CreateRole implements api.Requirements.
func (r *requirements) CreateRole(s *authz.Scope, in *api.CreateRoleInput) authz.Requirement {
	n := r.need(s, "CreateRole").on("role", path(in.Path), opt.Value(in.RoleName)).given("iam:PermissionsBoundary", in.PermissionsBoundary)
	return create(n, in.Tags, "TagRole")
}

// GetRole implements api.Requirements.
func (r *requirements) GetRole(s *authz.Scope, in *api.GetRoleInput) authz.Requirement {
	return require(r.entity(s, "GetRole", identity.KindRole, opt.Value(in.RoleName)))
}

// DeleteRole implements api.Requirements.
func (r *requirements) DeleteRole(s *authz.Scope, in *api.DeleteRoleInput) authz.Requirement {
	return require(r.entity(s, "DeleteRole", identity.KindRole, opt.Value(in.RoleName)))
}

// ListRoles implements api.Requirements.
func (r *requirements) ListRoles(s *authz.Scope, _ *api.ListRolesInput) authz.Requirement {
	return require(r.need(s, "ListRoles").on("role", "/", ""))
}

// UpdateRole implements api.Requirements.
func (r *requirements) UpdateRole(s *authz.Scope, in *api.UpdateRoleInput) authz.Requirement {
	return require(r.entity(s, "UpdateRole", identity.KindRole, opt.Value(in.RoleName)))
}

// UpdateRoleDescription implements api.Requirements.
func (r *requirements) UpdateRoleDescription(s *authz.Scope, in *api.UpdateRoleDescriptionInput) authz.Requirement {
	return require(r.entity(s, "UpdateRoleDescription", identity.KindRole, opt.Value(in.RoleName)))
}

// UpdateAssumeRolePolicy implements api.Requirements.
func (r *requirements) UpdateAssumeRolePolicy(s *authz.Scope, in *api.UpdateAssumeRolePolicyInput) authz.Requirement {
	return require(r.entity(s, "UpdateAssumeRolePolicy", identity.KindRole, opt.Value(in.RoleName)))
}

// AddUserToGroup implements api.Requirements.
func (r *requirements) AddUserToGroup(s *authz.Scope, in *api.AddUserToGroupInput) authz.Requirement {
	return require(r.entity(s, "AddUserToGroup", identity.KindGroup, opt.Value(in.GroupName)))
}

// RemoveUserFromGroup implements api.Requirements.
func (r *requirements) RemoveUserFromGroup(s *authz.Scope, in *api.RemoveUserFromGroupInput) authz.Requirement {
	return require(r.entity(s, "RemoveUserFromGroup", identity.KindGroup, opt.Value(in.GroupName)))
}

// ListGroupsForUser implements api.Requirements.
func (r *requirements) ListGroupsForUser(s *authz.Scope, in *api.ListGroupsForUserInput) authz.Requirement {
	return require(r.entity(s, "ListGroupsForUser", identity.KindUser, opt.Value(in.UserName)))
}

// TagUser implements api.Requirements.
func (r *requirements) TagUser(s *authz.Scope, in *api.TagUserInput) authz.Requirement {
	return require(r.entity(s, "TagUser", identity.KindUser, opt.Value(in.UserName)).requestTags(in.Tags))
}

// UntagUser implements api.Requirements.
func (r *requirements) UntagUser(s *authz.Scope, in *api.UntagUserInput) authz.Requirement {
	return require(r.entity(s, "UntagUser", identity.KindUser, opt.Value(in.UserName)).tagKeys(in.TagKeys))
}

// ListUserTags implements api.Requirements.
func (r *requirements) ListUserTags(s *authz.Scope, in *api.ListUserTagsInput) authz.Requirement {
	return require(r.entity(s, "ListUserTags", identity.KindUser, opt.Value(in.UserName)))
}

// TagRole implements api.Requirements.
func (r *requirements) TagRole(s *authz.Scope, in *api.TagRoleInput) authz.Requirement {
	return require(r.entity(s, "TagRole", identity.KindRole, opt.Value(in.RoleName)).requestTags(in.Tags))
}

// UntagRole implements api.Requirements.
func (r *requirements) UntagRole(s *authz.Scope, in *api.UntagRoleInput) authz.Requirement {
	return require(r.entity(s, "UntagRole", identity.KindRole, opt.Value(in.RoleName)).tagKeys(in.TagKeys))
}

// ListRoleTags implements api.Requirements.
func (r *requirements) ListRoleTags(s *authz.Scope, in *api.ListRoleTagsInput) authz.Requirement {
	return require(r.entity(s, "ListRoleTags", identity.KindRole, opt.Value(in.RoleName)))
}

// renamed needs the operation on the name that the entity will have.
func (r *requirements) renamed(old *need, kind identity.Kind, name string, newPath, newName *string) *need {
	n := *old
	at, called := "/", name
	e, err := r.catalog.Entity(n.scope.Context, n.scope.Account, kind, name)
	if err != nil {
		n.err = err
		return &n
	}
	if e != nil {
		at, called = e.Path, e.Name
	}
	if newPath != nil {
		at = *newPath
	}
	if newName != nil {
		called = *newName
	}
	return n.on(string(kind), at, called)
}
