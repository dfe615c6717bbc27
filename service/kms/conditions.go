package kms

import (
	"slices"
	"strconv"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// What all keys here are.
const (
	keySpec   = string(api.KeySpecSymmetricDefault)
	keyUsage  = string(api.KeyUsageTypeEncryptDecrypt)
	keyOrigin = string(api.OriginTypeAwsKms)
)

// requestKeys are the condition keys of every operation ("Condition keys for AWS KMS", AWS KMS Developer Guide).
func requestKeys(k *policy.Context, s *authz.Scope) {
	if s.Caller != nil && s.Caller.Account != "" {
		k.Set("kms:CallerAccount", s.Caller.Account)
	}
	if n := len(s.Via); n > 0 {
		k.Set("kms:ViaService", viaService(s.Via[n-1], s.Region))
	}
}

// viaService turns an event source, dynamodb.amazonaws.com, into what kms:ViaService holds, dynamodb.<region>.amazonaws.com.
func viaService(source, region string) string {
	for i := range len(source) {
		if source[i] == '.' {
			return source[:i+1] + region + source[i:]
		}
	}
	return source
}

// keyKeys are the condition keys that a key gives whatever is done with it.
func keyKeys(k *policy.Context, aliases []string) {
	specKeys(k, keySpec, keyUsage, keyOrigin, false)
	k.Set("kms:ResourceAliases", aliases...)
}

func specKeys(k *policy.Context, spec, usage, origin string, multiRegion bool) {
	k.Set("kms:KeySpec", spec)
	k.Set("kms:KeyUsage", usage)
	k.Set("kms:KeyOrigin", origin)
	k.Set("kms:MultiRegion", strconv.FormatBool(multiRegion))
}

// cryptoKeys are the condition keys of cryptographic operations.
func cryptoKeys(k *policy.Context, a api.EncryptionAlgorithmSpec, context map[string]string) {
	if a == "" {
		a = api.EncryptionAlgorithmSpecSymmetricDefault
	}
	k.Set("kms:EncryptionAlgorithm", string(a))
	contextKeys(k, context)
}

// contextKeys sets kms:EncryptionContext:<key> and kms:EncryptionContextKeys. Condition keys do not tell case apart and
// encryption contexts do: pairs whose keys differ only in case become one key with all their values, so that an Allow on
// one of them holds only if it holds for each.
func contextKeys(k *policy.Context, context map[string]string) {
	if len(context) == 0 {
		return
	}
	names := make([]string, 0, len(context))
	for n := range context {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		key := "kms:EncryptionContext:" + n
		if others, ok := k.Get(key); ok {
			k.Set(key, append(slices.Clone(others), context[n])...)
			continue
		}
		k.Set(key, context[n])
	}
	k.Set("kms:EncryptionContextKeys", names...)
}

func bypassKey(k *policy.Context, bypass *bool) {
	k.Set("kms:BypassPolicyLockoutSafetyCheck", strconv.FormatBool(opt.Value(bypass)))
}

func tagKeys(k *policy.Context, tags []api.Tag) {
	names := make([]string, 0, len(tags))
	for _, t := range tags {
		k.Set("aws:RequestTag/"+*t.TagKey, *t.TagValue)
		names = append(names, *t.TagKey)
	}
	k.Set("aws:TagKeys", names...)
}
