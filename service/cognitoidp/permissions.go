package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authz"
)

// The operations of administrators need the action of their name on the pool; those of users are open, for a reason.

// AddCustomAttributes implements api.Requirements.
func (r *Requirements) AddCustomAttributes(s *authz.Scope, in *api.AddCustomAttributesInput) authz.Requirement {
	return r.on(s, "AddCustomAttributes", in.UserPoolId, nil)
}

// AdminAddUserToGroup implements api.Requirements.
func (r *Requirements) AdminAddUserToGroup(s *authz.Scope, in *api.AdminAddUserToGroupInput) authz.Requirement {
	return r.on(s, "AdminAddUserToGroup", in.UserPoolId, nil)
}

// AdminConfirmSignUp implements api.Requirements.
func (r *Requirements) AdminConfirmSignUp(s *authz.Scope, in *api.AdminConfirmSignUpInput) authz.Requirement {
	return r.on(s, "AdminConfirmSignUp", in.UserPoolId, nil)
}

// AdminCreateUser implements api.Requirements.
func (r *Requirements) AdminCreateUser(s *authz.Scope, in *api.AdminCreateUserInput) authz.Requirement {
	return r.on(s, "AdminCreateUser", in.UserPoolId, nil)
}

// AdminDeleteUser implements api.Requirements.
func (r *Requirements) AdminDeleteUser(s *authz.Scope, in *api.AdminDeleteUserInput) authz.Requirement {
	return r.on(s, "AdminDeleteUser", in.UserPoolId, nil)
}

// AdminDeleteUserAttributes implements api.Requirements.
func (r *Requirements) AdminDeleteUserAttributes(s *authz.Scope, in *api.AdminDeleteUserAttributesInput) authz.Requirement {
	return r.on(s, "AdminDeleteUserAttributes", in.UserPoolId, nil)
}

// AdminDisableUser implements api.Requirements.
func (r *Requirements) AdminDisableUser(s *authz.Scope, in *api.AdminDisableUserInput) authz.Requirement {
	return r.on(s, "AdminDisableUser", in.UserPoolId, nil)
}

// AdminEnableUser implements api.Requirements.
func (r *Requirements) AdminEnableUser(s *authz.Scope, in *api.AdminEnableUserInput) authz.Requirement {
	return r.on(s, "AdminEnableUser", in.UserPoolId, nil)
}

// AdminGetUser implements api.Requirements.
func (r *Requirements) AdminGetUser(s *authz.Scope, in *api.AdminGetUserInput) authz.Requirement {
	return r.on(s, "AdminGetUser", in.UserPoolId, nil)
}

// AdminInitiateAuth implements api.Requirements.
func (r *Requirements) AdminInitiateAuth(s *authz.Scope, in *api.AdminInitiateAuthInput) authz.Requirement {
	return r.on(s, "AdminInitiateAuth", in.UserPoolId, nil)
}

// AdminListGroupsForUser implements api.Requirements.
func (r *Requirements) AdminListGroupsForUser(s *authz.Scope, in *api.AdminListGroupsForUserInput) authz.Requirement {
	return r.on(s, "AdminListGroupsForUser", in.UserPoolId, nil)
}

// AdminRemoveUserFromGroup implements api.Requirements.
func (r *Requirements) AdminRemoveUserFromGroup(s *authz.Scope, in *api.AdminRemoveUserFromGroupInput) authz.Requirement {
	return r.on(s, "AdminRemoveUserFromGroup", in.UserPoolId, nil)
}

// AdminResetUserPassword implements api.Requirements.
func (r *Requirements) AdminResetUserPassword(s *authz.Scope, in *api.AdminResetUserPasswordInput) authz.Requirement {
	return r.on(s, "AdminResetUserPassword", in.UserPoolId, nil)
}

// AdminRespondToAuthChallenge implements api.Requirements.
func (r *Requirements) AdminRespondToAuthChallenge(s *authz.Scope, in *api.AdminRespondToAuthChallengeInput) authz.Requirement {
	return r.on(s, "AdminRespondToAuthChallenge", in.UserPoolId, nil)
}

// AdminSetUserPassword implements api.Requirements.
func (r *Requirements) AdminSetUserPassword(s *authz.Scope, in *api.AdminSetUserPasswordInput) authz.Requirement {
	return r.on(s, "AdminSetUserPassword", in.UserPoolId, nil)
}

// AdminUpdateUserAttributes implements api.Requirements.
func (r *Requirements) AdminUpdateUserAttributes(s *authz.Scope, in *api.AdminUpdateUserAttributesInput) authz.Requirement {
	return r.on(s, "AdminUpdateUserAttributes", in.UserPoolId, nil)
}

// AdminUserGlobalSignOut implements api.Requirements.
func (r *Requirements) AdminUserGlobalSignOut(s *authz.Scope, in *api.AdminUserGlobalSignOutInput) authz.Requirement {
	return r.on(s, "AdminUserGlobalSignOut", in.UserPoolId, nil)
}

// CreateGroup implements api.Requirements.
func (r *Requirements) CreateGroup(s *authz.Scope, in *api.CreateGroupInput) authz.Requirement {
	return r.on(s, "CreateGroup", in.UserPoolId, nil)
}

// CreateUserPoolClient implements api.Requirements.
func (r *Requirements) CreateUserPoolClient(s *authz.Scope, in *api.CreateUserPoolClientInput) authz.Requirement {
	return r.on(s, "CreateUserPoolClient", in.UserPoolId, nil)
}

// DeleteGroup implements api.Requirements.
func (r *Requirements) DeleteGroup(s *authz.Scope, in *api.DeleteGroupInput) authz.Requirement {
	return r.on(s, "DeleteGroup", in.UserPoolId, nil)
}

// DeleteUserPool implements api.Requirements.
func (r *Requirements) DeleteUserPool(s *authz.Scope, in *api.DeleteUserPoolInput) authz.Requirement {
	return r.on(s, "DeleteUserPool", in.UserPoolId, nil)
}

// DeleteUserPoolClient implements api.Requirements.
func (r *Requirements) DeleteUserPoolClient(s *authz.Scope, in *api.DeleteUserPoolClientInput) authz.Requirement {
	return r.on(s, "DeleteUserPoolClient", in.UserPoolId, nil)
}

// DescribeUserPool implements api.Requirements.
func (r *Requirements) DescribeUserPool(s *authz.Scope, in *api.DescribeUserPoolInput) authz.Requirement {
	return r.on(s, "DescribeUserPool", in.UserPoolId, nil)
}

// DescribeUserPoolClient implements api.Requirements.
func (r *Requirements) DescribeUserPoolClient(s *authz.Scope, in *api.DescribeUserPoolClientInput) authz.Requirement {
	return r.on(s, "DescribeUserPoolClient", in.UserPoolId, nil)
}

// GetGroup implements api.Requirements.
func (r *Requirements) GetGroup(s *authz.Scope, in *api.GetGroupInput) authz.Requirement {
	return r.on(s, "GetGroup", in.UserPoolId, nil)
}

// ListGroups implements api.Requirements.
func (r *Requirements) ListGroups(s *authz.Scope, in *api.ListGroupsInput) authz.Requirement {
	return r.on(s, "ListGroups", in.UserPoolId, nil)
}

// ListUserPoolClients implements api.Requirements.
func (r *Requirements) ListUserPoolClients(s *authz.Scope, in *api.ListUserPoolClientsInput) authz.Requirement {
	return r.on(s, "ListUserPoolClients", in.UserPoolId, nil)
}

// ListUsers implements api.Requirements.
func (r *Requirements) ListUsers(s *authz.Scope, in *api.ListUsersInput) authz.Requirement {
	return r.on(s, "ListUsers", in.UserPoolId, nil)
}

// ListUsersInGroup implements api.Requirements.
func (r *Requirements) ListUsersInGroup(s *authz.Scope, in *api.ListUsersInGroupInput) authz.Requirement {
	return r.on(s, "ListUsersInGroup", in.UserPoolId, nil)
}

// UpdateGroup implements api.Requirements.
func (r *Requirements) UpdateGroup(s *authz.Scope, in *api.UpdateGroupInput) authz.Requirement {
	return r.on(s, "UpdateGroup", in.UserPoolId, nil)
}

// UpdateUserPoolClient implements api.Requirements.
func (r *Requirements) UpdateUserPoolClient(s *authz.Scope, in *api.UpdateUserPoolClientInput) authz.Requirement {
	return r.on(s, "UpdateUserPoolClient", in.UserPoolId, nil)
}

// SignUp implements api.Requirements.
func (r *Requirements) SignUp(s *authz.Scope, in *api.SignUpInput) authz.Requirement {
	return r.forClient(s, openByPassword, in.ClientId)
}

// InitiateAuth implements api.Requirements.
func (r *Requirements) InitiateAuth(s *authz.Scope, in *api.InitiateAuthInput) authz.Requirement {
	return r.forClient(s, openByPassword, in.ClientId)
}

// RespondToAuthChallenge implements api.Requirements.
func (r *Requirements) RespondToAuthChallenge(s *authz.Scope, in *api.RespondToAuthChallengeInput) authz.Requirement {
	return r.forClient(s, openByPassword, in.ClientId)
}

// ConfirmSignUp implements api.Requirements.
func (r *Requirements) ConfirmSignUp(s *authz.Scope, in *api.ConfirmSignUpInput) authz.Requirement {
	return r.forClient(s, openByCode, in.ClientId)
}

// ConfirmForgotPassword implements api.Requirements.
func (r *Requirements) ConfirmForgotPassword(s *authz.Scope, in *api.ConfirmForgotPasswordInput) authz.Requirement {
	return r.forClient(s, openByCode, in.ClientId)
}

// ForgotPassword implements api.Requirements.
func (r *Requirements) ForgotPassword(s *authz.Scope, in *api.ForgotPasswordInput) authz.Requirement {
	return r.forClient(s, openByCode, in.ClientId)
}

// ResendConfirmationCode implements api.Requirements.
func (r *Requirements) ResendConfirmationCode(s *authz.Scope, in *api.ResendConfirmationCodeInput) authz.Requirement {
	return r.forClient(s, openByCode, in.ClientId)
}

// RevokeToken implements api.Requirements.
func (r *Requirements) RevokeToken(s *authz.Scope, in *api.RevokeTokenInput) authz.Requirement {
	return r.forClient(s, openByRefresh, in.ClientId)
}

// GetUser implements api.Requirements.
func (r *Requirements) GetUser(s *authz.Scope, in *api.GetUserInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// UpdateUserAttributes implements api.Requirements.
func (r *Requirements) UpdateUserAttributes(s *authz.Scope, in *api.UpdateUserAttributesInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// ChangePassword implements api.Requirements.
func (r *Requirements) ChangePassword(s *authz.Scope, in *api.ChangePasswordInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// GlobalSignOut implements api.Requirements.
func (r *Requirements) GlobalSignOut(s *authz.Scope, in *api.GlobalSignOutInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}
