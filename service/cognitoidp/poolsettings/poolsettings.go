package poolsettings

import (
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// verifyFirst reads which attributes change only once they are verified. Such a change sends a code by itself, so the pool
// has to verify them.
func setVerifyFirst(s *userpool.Settings, in *api.UpdateUserPoolInput) error {
	if in.UserAttributeUpdateSettings == nil {
		return nil
	}
	s.VerifyFirst = userpool.Texts(in.UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate)
	for _, name := range in.UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate {
		if !slices.Contains(in.AutoVerifiedAttributes, name) {
			return refusal.Invalid("AttributesRequireVerificationBeforeUpdate must be a subset of AutoVerifiedAttributes: %s", name)
		}
	}
	return nil
}

// checkRecovery checks the ways to recover an account: each once, each with a priority of its own, and administrators alone
// or not at all ("AccountRecoverySettingType", Amazon Cognito user pools API reference).
func checkRecovery(r *api.AccountRecoverySettingType) error {
	if r == nil {
		return nil
	}
	names, priorities := map[api.RecoveryOptionNameType]bool{}, map[int32]bool{}
	for _, m := range r.RecoveryMechanisms {
		if names[m.Name] || priorities[opt.Value(m.Priority)] {
			return refusal.Invalid("Account Recovery Setting has a mechanism or a priority twice.")
		}
		names[m.Name], priorities[opt.Value(m.Priority)] = true, true
	}
	if names[api.RecoveryOptionNameTypeAdminOnly] && len(names) > 1 {
		return refusal.Invalid("Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms.")
	}
	return nil
}
