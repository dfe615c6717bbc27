package policy

import (
	"slices"
	"strings"
)

// names returns how the element names the caller, noGrant if it does not apply. A missing element applies in a Deny:
// it is no resource policy's, so something is wrong.
func (ps *Principals) names(p *Principal, effect Effect) grant {
	switch {
	case ps == nil && effect == Deny:
		return toEveryone
	case ps == nil:
		return noGrant
	case ps.Not:
		return ps.spares(p, effect)
	case ps.caller(p):
		return toCaller
	case ps.issuer(p):
		return toIssuer
	case ps.Everyone:
		return toEveryone
	case ps.account(p):
		return toAccount
	}
	return noGrant
}

// spares is names for NotPrincipal. A Deny spares a caller only if everything the caller is — session, role and
// account — is listed, an Allow reaches a caller only if nothing of it is ("NotPrincipal with Deny", IAM User Guide).
func (ps *Principals) spares(p *Principal, effect Effect) grant {
	caller, issuer, account := ps.caller(p), ps.issuer(p), ps.account(p)
	if ps.Everyone {
		return noGrant
	}
	if effect == Allow {
		if caller || issuer || account {
			return noGrant
		}
		return toEveryone
	}
	listed := caller || p.Root && account
	if p.Account != "" {
		listed = listed && account && (issuer || !p.hasIssuer())
	}
	if listed {
		return noGrant
	}
	return toEveryone
}

func (p *Principal) hasIssuer() bool { return p.IssuerARN != "" && p.IssuerARN != p.ARN }

func (ps *Principals) caller(p *Principal) bool {
	return p.ARN != "" && slices.Contains(ps.ARNs, p.ARN) ||
		p.Service != "" && slices.Contains(ps.Services, p.Service) ||
		p.Federated != "" && slices.Contains(ps.Federated, p.Federated)
}

func (ps *Principals) issuer(p *Principal) bool {
	return p.hasIssuer() && slices.Contains(ps.ARNs, p.IssuerARN) || p.Root && ps.account(p)
}

func (ps *Principals) account(p *Principal) bool {
	return p.Account != "" && slices.Contains(ps.Accounts, p.Account) ||
		p.CanonicalUserID != "" && slices.Contains(ps.Canonical, p.CanonicalUserID)
}

// ContextKeys returns the condition keys that the policy reads, in conditions and variables, each once and as it is
// first written, sorted without regard to case (GetContextKeysForCustomPolicy).
func (p *Policy) ContextKeys() []string {
	seen := map[string]string{}
	note := func(key string) {
		folded := strings.Map(foldRune, key)
		if _, ok := seen[folded]; !ok {
			seen[folded] = key
		}
	}
	variables := func(pt *Pattern) {
		for i := range pt.Parts {
			if pt.Parts[i].Kind == Variable {
				note(pt.Parts[i].Text)
			}
		}
	}
	for i := range p.statements {
		st := &p.statements[i]
		for j := range st.Resources {
			variables(&st.Resources[j])
		}
		for j := range st.Conditions {
			note(st.Conditions[j].Key)
			for k := range st.Conditions[j].Values {
				variables(&st.Conditions[j].Values[k].Pattern)
			}
		}
	}
	keys := make([]string, 0, len(seen))
	for _, k := range seen {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return strings.Compare(strings.Map(foldRune, a), strings.Map(foldRune, b))
	})
	return keys
}

// Conditions calls f for each condition of each statement until it returns false. operator is as written
// ("ForAllValues:StringEquals"). It lets a service refuse what its API refuses, as KMS does ForAllValues on
// kms:EncryptionContext.
func (p *Policy) Conditions(f func(statement int, operator, key string) bool) {
	for i := range p.statements {
		for j := range p.statements[i].Conditions {
			c := &p.statements[i].Conditions[j]
			if !f(i, c.Operator, c.Key) {
				return
			}
		}
	}
}

// HasCondition reports whether a condition of the quantifier reads a key that is, or begins with, prefix; case is
// ignored.
func (p *Policy) HasCondition(q Quantifier, prefix string) bool {
	prefix = strings.ToLower(prefix)
	for i := range p.statements {
		for j := range p.statements[i].Conditions {
			if c := &p.statements[i].Conditions[j]; c.Quantifier == q && hasPrefixFold(c.Key, prefix) {
				return true
			}
		}
	}
	return false
}
