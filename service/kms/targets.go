package kms

import (
	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// target is a key that a request is about, as a check needs it.
type target struct {
	res     authz.Resource // without an ID if there is no such key
	aliases []string
	// alias is the alias's name if the request names the key by one.
	alias string
}

// check is one action on the target. keys sets the condition keys of the operation; nil if there are none.
func (t *target) check(s *authz.Scope, action string, keys func(*policy.Context)) authz.Check {
	return authz.Check{Action: action, Resource: t.res, Keys: func(k *policy.Context) {
		requestKeys(k, s)
		if t.res.ID != "" {
			keyKeys(k, t.aliases)
		}
		if t.alias != "" {
			k.Set("kms:RequestAlias", t.alias)
		}
		if keys != nil {
			keys(k)
		}
	}}
}

// target resolves a name. What resolves to no key keeps its literal name without facts.
func (r *requirements) target(s *authz.Scope, n name) (target, error) {
	t := target{res: authz.Resource{
		ARN: n.arn(), Account: n.account, Region: s.Region, Concealed: n.form == byAlias || n.account != s.Account,
	}}
	if n.form == byAlias {
		t.alias = n.id
	}
	f, err := r.named(s.Context, n)
	if err != nil || f == nil || f.gone(s.Now) {
		return t, err
	}
	return t, r.found(s, &t, f)
}

// found gives the target the facts of its key. A key policy must allow whatever is done with a key ("Key policies in AWS
// KMS", AWS KMS Developer Guide).
func (r *requirements) found(s *authz.Scope, t *target, f *facts) (err error) {
	t.res.ARN, t.res.ID, t.res.Tags, t.res.Mode = f.arn, f.ref.id, f.tags, policy.ResourceRequired
	t.aliases = f.aliases
	t.res.Policy, err = r.source(s.Context, f)
	return err
}

// anyKey needs one action on a key that may be named in any way and be another account's.
func (r *requirements) anyKey(s *authz.Scope, action, named string, keys func(*policy.Context)) authz.Requirement {
	t, err := r.target(s, parseName(named, s.Account, s.Region))
	if err != nil {
		return authz.Failed(err)
	}
	return authz.RequireChecks(t.check(s, action, keys))
}

// ownKey needs one action on a key of the caller's account that is named by its id or ARN.
func (r *requirements) ownKey(s *authz.Scope, action, named string, keys func(*policy.Context)) authz.Requirement {
	t, err := r.ownTarget(s, named)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.RequireChecks(t.check(s, action, keys))
}

// ownTarget resolves the name of a key that is managed, which no key policy lets another account do ("AWS KMS
// permissions", cross-account use). An alias is no such name.
func (r *requirements) ownTarget(s *authz.Scope, named string) (target, error) {
	n := parseName(named, s.Account, s.Region)
	if n.form == byAlias || n.account != s.Account {
		return target{res: authz.Resource{
			ARN: n.arn(), Account: n.account, Region: s.Region, Concealed: n.account != s.Account,
		}}, nil
	}
	return r.target(s, n)
}

// aliasTarget is the key that an alias of the caller's account stands for. Its condition keys hold no kms:RequestAlias:
// the request is about the alias.
func (r *requirements) aliasTarget(s *authz.Scope, alias string) (target, error) {
	n := name{form: byAlias, account: s.Account, region: s.Region, id: alias, given: alias}
	t, err := r.target(s, n)
	t.alias = ""
	return t, err
}

// ciphertext is the key that decrypts: the named one, else that of the blob. A blob of a key that is not here is denied
// as one of a key that the caller may not use.
func (r *requirements) ciphertext(s *authz.Scope, named *string, blob []byte, ignore bool) (target, error) {
	if blob == nil && !ignore {
		return target{}, noBlob()
	}
	if named != nil {
		return r.target(s, parseName(*named, s.Account, s.Region))
	}
	if ignore {
		return target{}, invalid("A KeyId is required with the IGNORE_CIPHERTEXT modifier.")
	}
	h, ok := parseBlob(blob)
	if !ok {
		return target{}, badCiphertext()
	}
	t := target{res: authz.Resource{
		ARN: keyARN(h.account, s.Region, h.id), Account: h.account, Region: s.Region, Concealed: true,
		Mode: policy.ResourceRequired,
	}}
	f, err := r.facts(s.Context, ref{h.account, s.Region, h.id})
	if err != nil || f == nil || f.gone(s.Now) {
		return t, err
	}
	return t, r.found(s, &t, f)
}

// ignored reports whether a dry run asks for no ciphertext to be read.
func ignored(dryRun *bool, modifiers []api.DryRunModifierType) bool {
	for _, m := range modifiers {
		if m == api.DryRunModifierTypeIgnoreCiphertext {
			return opt.Value(dryRun)
		}
	}
	return false
}

func noBlob() error {
	return fault.New(fault.Validation, "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy "+
		"constraint: Member must not be null")
}
