package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authz"
)

// The operations of resource servers, client secrets, imports and risk need the action of their name on the pool; those of
// users are open to the bearer of an access token.

// CreateResourceServer implements api.Requirements.
func (r *Requirements) CreateResourceServer(s *authz.Scope, in *api.CreateResourceServerInput) authz.Requirement {
	return r.on(s, "CreateResourceServer", in.UserPoolId, nil)
}

// DescribeResourceServer implements api.Requirements.
func (r *Requirements) DescribeResourceServer(s *authz.Scope, in *api.DescribeResourceServerInput) authz.Requirement {
	return r.on(s, "DescribeResourceServer", in.UserPoolId, nil)
}

// UpdateResourceServer implements api.Requirements.
func (r *Requirements) UpdateResourceServer(s *authz.Scope, in *api.UpdateResourceServerInput) authz.Requirement {
	return r.on(s, "UpdateResourceServer", in.UserPoolId, nil)
}

// DeleteResourceServer implements api.Requirements.
func (r *Requirements) DeleteResourceServer(s *authz.Scope, in *api.DeleteResourceServerInput) authz.Requirement {
	return r.on(s, "DeleteResourceServer", in.UserPoolId, nil)
}

// ListResourceServers implements api.Requirements.
func (r *Requirements) ListResourceServers(s *authz.Scope, in *api.ListResourceServersInput) authz.Requirement {
	return r.on(s, "ListResourceServers", in.UserPoolId, nil)
}

// AddUserPoolClientSecret implements api.Requirements.
func (r *Requirements) AddUserPoolClientSecret(s *authz.Scope, in *api.AddUserPoolClientSecretInput) authz.Requirement {
	return r.on(s, "AddUserPoolClientSecret", in.UserPoolId, nil)
}

// ListUserPoolClientSecrets implements api.Requirements.
func (r *Requirements) ListUserPoolClientSecrets(s *authz.Scope, in *api.ListUserPoolClientSecretsInput) authz.Requirement {
	return r.on(s, "ListUserPoolClientSecrets", in.UserPoolId, nil)
}

// DeleteUserPoolClientSecret implements api.Requirements.
func (r *Requirements) DeleteUserPoolClientSecret(s *authz.Scope, in *api.DeleteUserPoolClientSecretInput) authz.Requirement {
	return r.on(s, "DeleteUserPoolClientSecret", in.UserPoolId, nil)
}

// DeleteUser implements api.Requirements.
func (r *Requirements) DeleteUser(s *authz.Scope, in *api.DeleteUserInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// DeleteUserAttributes implements api.Requirements.
func (r *Requirements) DeleteUserAttributes(s *authz.Scope, in *api.DeleteUserAttributesInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// GetUserAttributeVerificationCode implements api.Requirements.
func (r *Requirements) GetUserAttributeVerificationCode(s *authz.Scope, in *api.GetUserAttributeVerificationCodeInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// VerifyUserAttribute implements api.Requirements.
func (r *Requirements) VerifyUserAttribute(s *authz.Scope, in *api.VerifyUserAttributeInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// GetCSVHeader implements api.Requirements.
func (r *Requirements) GetCSVHeader(s *authz.Scope, in *api.GetCSVHeaderInput) authz.Requirement {
	return r.on(s, "GetCSVHeader", in.UserPoolId, nil)
}

// CreateUserImportJob implements api.Requirements.
func (r *Requirements) CreateUserImportJob(s *authz.Scope, in *api.CreateUserImportJobInput) authz.Requirement {
	return r.on(s, "CreateUserImportJob", in.UserPoolId, nil)
}

// StartUserImportJob implements api.Requirements.
func (r *Requirements) StartUserImportJob(s *authz.Scope, in *api.StartUserImportJobInput) authz.Requirement {
	return r.on(s, "StartUserImportJob", in.UserPoolId, nil)
}

// StopUserImportJob implements api.Requirements.
func (r *Requirements) StopUserImportJob(s *authz.Scope, in *api.StopUserImportJobInput) authz.Requirement {
	return r.on(s, "StopUserImportJob", in.UserPoolId, nil)
}

// DescribeUserImportJob implements api.Requirements.
func (r *Requirements) DescribeUserImportJob(s *authz.Scope, in *api.DescribeUserImportJobInput) authz.Requirement {
	return r.on(s, "DescribeUserImportJob", in.UserPoolId, nil)
}

// ListUserImportJobs implements api.Requirements.
func (r *Requirements) ListUserImportJobs(s *authz.Scope, in *api.ListUserImportJobsInput) authz.Requirement {
	return r.on(s, "ListUserImportJobs", in.UserPoolId, nil)
}

// SetRiskConfiguration implements api.Requirements.
func (r *Requirements) SetRiskConfiguration(s *authz.Scope, in *api.SetRiskConfigurationInput) authz.Requirement {
	return r.on(s, "SetRiskConfiguration", in.UserPoolId, nil)
}

// DescribeRiskConfiguration implements api.Requirements.
func (r *Requirements) DescribeRiskConfiguration(s *authz.Scope, in *api.DescribeRiskConfigurationInput) authz.Requirement {
	return r.on(s, "DescribeRiskConfiguration", in.UserPoolId, nil)
}

// SetLogDeliveryConfiguration implements api.Requirements.
func (r *Requirements) SetLogDeliveryConfiguration(s *authz.Scope, in *api.SetLogDeliveryConfigurationInput) authz.Requirement {
	return r.on(s, "SetLogDeliveryConfiguration", in.UserPoolId, nil)
}

// GetLogDeliveryConfiguration implements api.Requirements.
func (r *Requirements) GetLogDeliveryConfiguration(s *authz.Scope, in *api.GetLogDeliveryConfigurationInput) authz.Requirement {
	return r.on(s, "GetLogDeliveryConfiguration", in.UserPoolId, nil)
}

// AdminListUserAuthEvents implements api.Requirements.
func (r *Requirements) AdminListUserAuthEvents(s *authz.Scope, in *api.AdminListUserAuthEventsInput) authz.Requirement {
	return r.on(s, "AdminListUserAuthEvents", in.UserPoolId, nil)
}

// AdminUpdateAuthEventFeedback implements api.Requirements.
func (r *Requirements) AdminUpdateAuthEventFeedback(s *authz.Scope, in *api.AdminUpdateAuthEventFeedbackInput) authz.Requirement {
	return r.on(s, "AdminUpdateAuthEventFeedback", in.UserPoolId, nil)
}
