package iam

import (
	"errors"
	"unicode"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// Quotas ("IAM and AWS STS quotas", IAM User Guide): the defaults, but for attached policies and the trust policy's size,
// where the limit that AWS raises them to on request applies. Sizes count characters that are not white space.
const (
	maxUserPolicySize    = 2048
	maxGroupPolicySize   = 5120
	maxRolePolicySize    = 10240
	maxManagedPolicySize = 6144
	maxTrustPolicySize   = 4096
	maxAttachedToUser    = 20
	maxAttachedToGroup   = 10
	maxAttachedToRole    = 20
	maxPolicyVersions    = 5
	maxAccessKeys        = 2
	maxGroupsPerUser     = 10
	maxTags              = 50
	maxUsers             = 5000
	maxGroups            = 300
	maxRoles             = 5000
	maxPolicies          = 5000
	maxProviders         = 700
	maxClientIDs         = 100
	maxThumbprints       = 5
)

func noUser(name string) error {
	return api.NewNoSuchEntityException("The user with name %s cannot be found.", name)
}

func noEntity(kind identity.Kind, name string) error {
	return api.NewNoSuchEntityException("The %s with name %s cannot be found.", kind, name)
}

func noInline(kind identity.Kind, name string) error {
	return api.NewNoSuchEntityException("The %s policy with name %s cannot be found.", kind, name)
}

func noPolicy(policyARN string) error {
	return api.NewNoSuchEntityException("Policy %s was not found.", policyARN)
}

func notAttachable(policyARN string) error {
	return api.NewNoSuchEntityException("Policy %s does not exist or is not attachable.", policyARN)
}

func noKey(id string) error {
	return api.NewNoSuchEntityException("The Access Key with id %s cannot be found.", id)
}

func noProvider(providerARN string) error {
	return api.NewNoSuchEntityException("OpenIDConnect Provider not found for arn %s", providerARN)
}

func overQuota(what string, limit int) error {
	return api.NewLimitExceededException("Cannot exceed quota for %s: %d", what, limit)
}

// malformed turns what is wrong with a policy into the service's error; all else passes.
func malformed(err error) error {
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return api.NewMalformedPolicyDocumentException("%s", syntax.Error())
	}
	var principal *identity.PrincipalError
	if errors.As(err, &principal) {
		return api.NewMalformedPolicyDocumentException("%s", principal.Error())
	}
	return err
}

// size counts a document's characters as quotas do.
func size(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// policyARN checks the form of a managed policy's ARN.
func policyARN(s string) error {
	a, ok := arn.Parse(s)
	if kind, _ := a.Type(); !ok || a.Service != identity.Service || a.Region != "" || a.Account == "" || kind != "policy" {
		return api.NewInvalidInputException("ARN %s is not valid.", s)
	}
	return nil
}

func invalidMarker() error { return fault.New(fault.Validation, "Invalid Marker.") }
