package cognitoidp

import (
	"maps"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// TenantMapping is what the operator maps a tenant attribute to: not a claim of the provider, but the tenant whose
// provider it is ("custom:tenant_id": "bulkhead:tenant=acme"). See ADR 0008.
const TenantMapping = "bulkhead:tenant="

// mappedUsername is the key of AttributeMapping for the subject, which is what it always is.
const mappedUsername = "username"

// subjects are the claims that name the user at a provider.
var subjects = map[api.IdentityProviderTypeType]string{
	api.IdentityProviderTypeTypeOidc: "sub", api.IdentityProviderTypeTypeGoogle: "sub", api.IdentityProviderTypeTypeSignInWithApple: "sub",
	api.IdentityProviderTypeTypeFacebook: "id", api.IdentityProviderTypeTypeLoginWithAmazon: "user_id",
}

// claimed is the part of the mapping that takes what the provider says: attribute to claim.
func (p *provider) claimed() map[string]string {
	out := maps.Clone(p.Mapping)
	maps.DeleteFunc(out, func(to, from string) bool { return to == mappedUsername || strings.HasPrefix(from, TenantMapping) })
	return out
}

// tenants is the part of the mapping that the operator said: attribute to value.
func (p *provider) tenants() map[string]string {
	out := map[string]string{}
	for to, from := range p.Mapping {
		if value, ok := strings.CutPrefix(from, TenantMapping); ok {
			out[to] = value
		}
	}
	return out
}

// checkMapping refuses a mapping that could make somebody of another tenant out of a provider's user, at the time it is
// set and again at each sign-in: the pool's tags may have changed since.
func checkMapping(p *userpool.Pool, from *provider) error {
	for _, to := range slices.Sorted(maps.Keys(from.Mapping)) {
		claim := from.Mapping[to]
		if to == mappedUsername && claim != "" && claim == subjects[from.Type] {
			continue
		}
		i := userpool.AttributeIndex(p.Schema, to)
		if i < 0 || to == "sub" {
			return refusal.Invalid("Attribute mapping: %s is not an attribute of the user pool that can be mapped.", to)
		}
		if value, operator := strings.CutPrefix(claim, TenantMapping); operator {
			if err := checkTenantMapping(p, &p.Schema[i], value); err != nil {
				return err
			}
			continue
		}
		switch {
		case claim == "":
			return refusal.Invalid("Attribute mapping: %s is mapped to nothing.", to)
		case p.Guarded(to):
			return refusal.Invalid("Attribute mapping: %s says what tenant a user is of, which a provider cannot say. "+
				"Map it to %s<tenant> to make all users of the provider that tenant's.", to, TenantMapping)
		case vouches(p, to):
			return refusal.Invalid("Attribute mapping: %s is what %s goes by, which a provider cannot say.", to, userpool.SessionTagsTag)
		case p.Schema[i].DeveloperOnly:
			return refusal.Invalid("Attribute mapping: %s is for administrators only.", to)
		}
	}
	return nil
}

// checkTenantMapping checks a value that the operator sets: only on attributes that nobody else sets.
func checkTenantMapping(p *userpool.Pool, a *userpool.Attribute, value string) error {
	if !p.Guarded(a.Name) {
		return refusal.Invalid("Attribute mapping: %s is not named by %s or %s, so users could change it.", a.Name, userpool.TenantAttributeTag, userpool.SessionTagsTag)
	}
	if wrong := a.Check(value); value == "" || wrong != "" {
		return refusal.Invalid("Attribute mapping: %s cannot be %s.", a.Name, value)
	}
	return nil
}

// vouches reports whether an attribute says that an address is verified which becomes a session tag: by it a tenant's
// provider would choose whom its users pass for.
func vouches(p *userpool.Pool, name string) bool {
	return slices.ContainsFunc(p.SessionTags(), func(t userpool.SessionTag) bool { return userpool.VerifiedFlag(t.Attribute) == name && name != "" })
}
