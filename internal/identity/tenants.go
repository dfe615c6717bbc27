package identity

import (
	"errors"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// DefaultTenantTag is the principal tag that names the tenant unless the operator declares others.
const DefaultTenantTag = "TenantID"

// TenantRule says which tenant a principal acts for.
type TenantRule struct {
	tags []string
	ids  *tenant.Language
}

// NewTenantRule returns the rule for tags (default DefaultTenantTag) with values of a language (default
// tenant.DefaultLanguage).
func NewTenantRule(tags []string, ids *tenant.Language) (*TenantRule, error) {
	if len(tags) == 0 {
		tags = []string{DefaultTenantTag}
	}
	for _, t := range tags {
		if t == "" {
			return nil, errors.New("identity: a tenant tag has no name")
		}
	}
	if ids == nil {
		var err error
		if ids, err = tenant.NewLanguage(tenant.DefaultLanguage); err != nil {
			return nil, err
		}
	}
	return &TenantRule{tags, ids}, nil
}

// Of returns the tenant that the tags name. invalid is true when they name one that is not of the language, or several
// that differ; there is then no tenant.
func (r *TenantRule) Of(tags authn.Tags) (id tenant.ID, invalid bool) {
	for _, name := range r.tags {
		value, ok := tags.Get(name)
		if !ok {
			continue
		}
		this, ok := r.ids.ID(value)
		if !ok || !id.IsZero() && id != this {
			return tenant.ID{}, true
		}
		id = this
	}
	return id, false
}
