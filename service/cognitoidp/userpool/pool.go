package userpool

import (
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/arn"
)

// Begins reports whether a sign-in may begin with the factor.
func (s *Settings) Begins(f api.AuthFactorType) bool {
	return f == api.AuthFactorTypePassword || slices.Contains(s.FirstFactors, string(f))
}

// Passwordless reports whether a code alone signs in.
func (s *Settings) Passwordless() bool {
	return s.Begins(api.AuthFactorTypeEmailOtp) || s.Begins(api.AuthFactorTypeSmsOtp)
}

// MustShowTwo reports whether the user has to show a second factor.
func (p *Pool) MustShowTwo(u *User) bool {
	return p.MFA.Effective() == api.UserPoolMfaTypeOn || len(p.SecondFactors(u)) > 0
}

// ConfirmsByLink reports whether mail to users who sign up holds a link rather than a code.
func (p *Pool) ConfirmsByLink() bool {
	t := p.Settings.Template
	return t != nil && t.DefaultEmailOption == api.DefaultEmailOptionTypeConfirmWithLink
}

// TracksDevices reports whether the pool gives out device keys.
func (p *Pool) TracksDevices() bool { return p.Settings.Devices != nil }

// PoolARN names a pool.
func PoolARN(account, region, id string) string {
	return arn.ARN{Partition: arn.Partition, Service: ServiceName, Region: region, Account: account, Resource: "userpool/" + id}.String()
}

// ARN names the pool.
func (p *Pool) ARN() string { return PoolARN(p.Account, p.Region, p.ID) }

// PoolOfARN is the id in the ARN of a pool; false for another's.
func PoolOfARN(name string) (string, bool) {
	a, ok := arn.Parse(name)
	if !ok || a.Service != ServiceName {
		return "", false
	}
	kind, id := a.Type()
	return id, kind == "userpool" && !strings.Contains(id, "/")
}

// Protects reports whether the pool records sign-ins, and whether it acts on what it sees.
func (s *Settings) Protects() (records, acts bool) {
	return s.Protection == api.AdvancedSecurityModeTypeAudit || s.Protection == api.AdvancedSecurityModeTypeEnforced,
		s.Protection == api.AdvancedSecurityModeTypeEnforced
}

// ServiceName is the signing name, and the prefix of actions.
const ServiceName = "cognito-idp"
