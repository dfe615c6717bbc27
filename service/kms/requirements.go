package kms

import (
	"strconv"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// requirements say what each operation needs ("AWS KMS permissions", AWS KMS Developer Guide).
type requirements struct{ *Service }

// everything is the resource of operations on no key in particular.
func everything(s *authz.Scope) authz.Resource {
	return authz.Resource{ARN: "*", Account: s.Account, Region: s.Region}
}

func onAccount(s *authz.Scope, action string) authz.Requirement {
	return authz.Require(action, everything(s), func(k *policy.Context) { requestKeys(k, s) })
}

func (r *requirements) ListKeys(s *authz.Scope, _ *api.ListKeysInput) authz.Requirement {
	return onAccount(s, "kms:ListKeys")
}

func (r *requirements) ListAliases(s *authz.Scope, _ *api.ListAliasesInput) authz.Requirement {
	return onAccount(s, "kms:ListAliases")
}

func (r *requirements) GenerateRandom(s *authz.Scope, _ *api.GenerateRandomInput) authz.Requirement {
	return onAccount(s, "kms:GenerateRandom")
}

// CreateKey needs kms:TagResource as well if the key gets tags.
func (r *requirements) CreateKey(s *authz.Scope, in *api.CreateKeyInput) authz.Requirement {
	if err := checkTags(in.Tags); err != nil {
		return authz.Failed(err)
	}
	keys := func(k *policy.Context) {
		requestKeys(k, s)
		spec, usage, origin := requestedSpec(in)
		specKeys(k, spec, usage, origin, opt.Value(in.MultiRegion))
		bypassKey(k, in.BypassPolicyLockoutSafetyCheck)
		tagKeys(k, in.Tags)
	}
	all := []authz.Check{{Action: "kms:CreateKey", Resource: everything(s), Keys: keys}}
	if len(in.Tags) > 0 {
		fresh := authz.Resource{ARN: keyARN(s.Account, s.Region, "*"), Account: s.Account, Region: s.Region}
		all = append(all, authz.Check{Action: "kms:TagResource", Resource: fresh, Keys: keys})
	}
	return authz.RequireChecks(all...)
}

func (r *requirements) DescribeKey(s *authz.Scope, in *api.DescribeKeyInput) authz.Requirement {
	return r.anyKey(s, "kms:DescribeKey", *in.KeyId, nil)
}

func (r *requirements) GetKeyPolicy(s *authz.Scope, in *api.GetKeyPolicyInput) authz.Requirement {
	return r.ownKey(s, "kms:GetKeyPolicy", *in.KeyId, nil)
}

func (r *requirements) PutKeyPolicy(s *authz.Scope, in *api.PutKeyPolicyInput) authz.Requirement {
	return r.ownKey(s, "kms:PutKeyPolicy", *in.KeyId, func(k *policy.Context) { bypassKey(k, in.BypassPolicyLockoutSafetyCheck) })
}

func (r *requirements) ListKeyPolicies(s *authz.Scope, in *api.ListKeyPoliciesInput) authz.Requirement {
	return r.ownKey(s, "kms:ListKeyPolicies", *in.KeyId, nil)
}

func (r *requirements) EnableKey(s *authz.Scope, in *api.EnableKeyInput) authz.Requirement {
	return r.ownKey(s, "kms:EnableKey", *in.KeyId, nil)
}

func (r *requirements) DisableKey(s *authz.Scope, in *api.DisableKeyInput) authz.Requirement {
	return r.ownKey(s, "kms:DisableKey", *in.KeyId, nil)
}

func (r *requirements) ScheduleKeyDeletion(s *authz.Scope, in *api.ScheduleKeyDeletionInput) authz.Requirement {
	return r.ownKey(s, "kms:ScheduleKeyDeletion", *in.KeyId, func(k *policy.Context) {
		k.Set("kms:ScheduleKeyDeletionPendingWindowInDays", strconv.Itoa(int(window(in))))
	})
}

func (r *requirements) CancelKeyDeletion(s *authz.Scope, in *api.CancelKeyDeletionInput) authz.Requirement {
	return r.ownKey(s, "kms:CancelKeyDeletion", *in.KeyId, nil)
}

func (r *requirements) UpdateKeyDescription(s *authz.Scope, in *api.UpdateKeyDescriptionInput) authz.Requirement {
	return r.ownKey(s, "kms:UpdateKeyDescription", *in.KeyId, nil)
}

func (r *requirements) EnableKeyRotation(s *authz.Scope, in *api.EnableKeyRotationInput) authz.Requirement {
	return r.ownKey(s, "kms:EnableKeyRotation", *in.KeyId, func(k *policy.Context) {
		k.Set("kms:RotationPeriodInDays", strconv.Itoa(int(period(in))))
	})
}

func (r *requirements) DisableKeyRotation(s *authz.Scope, in *api.DisableKeyRotationInput) authz.Requirement {
	return r.ownKey(s, "kms:DisableKeyRotation", *in.KeyId, nil)
}

// GetKeyRotationStatus may be called across accounts, by key id or ARN.
func (r *requirements) GetKeyRotationStatus(s *authz.Scope, in *api.GetKeyRotationStatusInput) authz.Requirement {
	n := parseName(*in.KeyId, s.Account, s.Region)
	if n.form == byAlias {
		n.form = malformed
	}
	t, err := r.target(s, n)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.RequireChecks(t.check(s, "kms:GetKeyRotationStatus", nil))
}

func (r *requirements) TagResource(s *authz.Scope, in *api.TagResourceInput) authz.Requirement {
	if err := checkTags(in.Tags); err != nil {
		return authz.Failed(err)
	}
	return r.ownKey(s, "kms:TagResource", *in.KeyId, func(k *policy.Context) { tagKeys(k, in.Tags) })
}

func (r *requirements) UntagResource(s *authz.Scope, in *api.UntagResourceInput) authz.Requirement {
	return r.ownKey(s, "kms:UntagResource", *in.KeyId, func(k *policy.Context) { k.Set("aws:TagKeys", in.TagKeys...) })
}

func (r *requirements) ListResourceTags(s *authz.Scope, in *api.ListResourceTagsInput) authz.Requirement {
	return r.ownKey(s, "kms:ListResourceTags", *in.KeyId, nil)
}

// CreateAlias needs permission on the alias and on the key ("Controlling access to aliases", AWS KMS Developer Guide).
func (r *requirements) CreateAlias(s *authz.Scope, in *api.CreateAliasInput) authz.Requirement {
	t, err := r.ownTarget(s, *in.TargetKeyId)
	if err != nil {
		return authz.Failed(err)
	}
	const action = "kms:CreateAlias"
	return authz.RequireChecks(onAlias(s, action, *in.AliasName), t.check(s, action, nil))
}

// DeleteAlias needs permission on the alias and on the key it stands for.
func (r *requirements) DeleteAlias(s *authz.Scope, in *api.DeleteAliasInput) authz.Requirement {
	const action = "kms:DeleteAlias"
	old, err := r.aliasTarget(s, *in.AliasName)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.RequireChecks(onAlias(s, action, *in.AliasName), old.check(s, action, nil))
}

// UpdateAlias needs permission on the alias, on the key it stands for and on the one it is to stand for.
func (r *requirements) UpdateAlias(s *authz.Scope, in *api.UpdateAliasInput) authz.Requirement {
	const action = "kms:UpdateAlias"
	old, err := r.aliasTarget(s, *in.AliasName)
	if err != nil {
		return authz.Failed(err)
	}
	t, err := r.ownTarget(s, *in.TargetKeyId)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.RequireChecks(onAlias(s, action, *in.AliasName), old.check(s, action, nil), t.check(s, action, nil))
}

func onAlias(s *authz.Scope, action, alias string) authz.Check {
	res := authz.Resource{ARN: aliasARN(s.Account, s.Region, alias), Account: s.Account, Region: s.Region}
	return authz.Check{Action: action, Resource: res, Keys: func(k *policy.Context) { requestKeys(k, s) }}
}

func (r *requirements) Encrypt(s *authz.Scope, in *api.EncryptInput) authz.Requirement {
	return r.crypto(s, "kms:Encrypt", *in.KeyId, in.EncryptionAlgorithm, in.EncryptionContext)
}

func (r *requirements) GenerateDataKey(s *authz.Scope, in *api.GenerateDataKeyInput) authz.Requirement {
	return r.crypto(s, "kms:GenerateDataKey", *in.KeyId, "", in.EncryptionContext)
}

func (r *requirements) GenerateDataKeyWithoutPlaintext(s *authz.Scope, in *api.GenerateDataKeyWithoutPlaintextInput) authz.Requirement {
	return r.crypto(s, "kms:GenerateDataKeyWithoutPlaintext", *in.KeyId, "", in.EncryptionContext)
}

func (r *requirements) crypto(
	s *authz.Scope, action, named string, a api.EncryptionAlgorithmSpec, context map[string]string,
) authz.Requirement {
	if err := checkContext(context); err != nil {
		return authz.Failed(err)
	}
	return r.anyKey(s, action, named, func(k *policy.Context) { cryptoKeys(k, a, context) })
}

func (r *requirements) Decrypt(s *authz.Scope, in *api.DecryptInput) authz.Requirement {
	if err := checkContext(in.EncryptionContext); err != nil {
		return authz.Failed(err)
	}
	t, err := r.ciphertext(s, in.KeyId, in.CiphertextBlob, ignored(in.DryRun, in.DryRunModifiers))
	if err != nil {
		return authz.Failed(err)
	}
	return authz.RequireChecks(t.check(s, "kms:Decrypt", func(k *policy.Context) {
		cryptoKeys(k, in.EncryptionAlgorithm, in.EncryptionContext)
	}))
}

// ReEncrypt needs permission on the key that decrypts and on the key that encrypts.
func (r *requirements) ReEncrypt(s *authz.Scope, in *api.ReEncryptInput) authz.Requirement {
	for _, context := range []map[string]string{in.SourceEncryptionContext, in.DestinationEncryptionContext} {
		if err := checkContext(context); err != nil {
			return authz.Failed(err)
		}
	}
	from, err := r.ciphertext(s, in.SourceKeyId, in.CiphertextBlob, ignored(in.DryRun, in.DryRunModifiers))
	if err != nil {
		return authz.Failed(err)
	}
	to, err := r.target(s, parseName(*in.DestinationKeyId, s.Account, s.Region))
	if err != nil {
		return authz.Failed(err)
	}
	same := strconv.FormatBool(from.res.ID != "" && from.res.ARN == to.res.ARN)
	return authz.RequireChecks(
		from.check(s, "kms:ReEncryptFrom", func(k *policy.Context) {
			cryptoKeys(k, in.SourceEncryptionAlgorithm, in.SourceEncryptionContext)
			k.Set("kms:ReEncryptOnSameKey", same)
		}),
		to.check(s, "kms:ReEncryptTo", func(k *policy.Context) {
			cryptoKeys(k, in.DestinationEncryptionAlgorithm, in.DestinationEncryptionContext)
			k.Set("kms:ReEncryptOnSameKey", same)
		}))
}
