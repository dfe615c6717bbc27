package cognitoidentity

import (
	"context"
	"maps"
	"slices"

	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// Trust is a claim of a provider's tokens on which an identity pool grants something.
type Trust struct {
	// Resource is the ARN of the identity pool, Provider the name of who says the claim.
	Resource, Provider, Claim string
	// For is what the claim decides: "the session tag <key>" or "the role <arn>".
	For string
}

// Trusts returns the claims that a page of the identity pools of an account and region rely on. Who may call it is for the
// caller to have authorized.
func (s *Service) Trusts(ctx context.Context, account, region string, page *paging.Page) ([]Trust, error) {
	var out []Trust
	err := system.View(ctx, s.DB, serviceName, func(tx *store.Tx) error {
		out = nil
		rec, err := tx.Records(account, region)
		if err != nil {
			return err
		}
		pools, err := paging.Records[pool](page, rec, store.K("pool"), nil)
		for _, p := range pools {
			out = append(out, p.trusts()...)
		}
		return err
	})
	return out, err
}

func (p *pool) trusts() []Trust {
	var out []Trust
	for _, provider := range slices.Sorted(maps.Keys(p.TagMaps)) {
		tags := p.TagMaps[provider].Tags
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			out = append(out, Trust{p.arn(), provider, tags[key], "the session tag " + key})
		}
	}
	for _, provider := range slices.Sorted(maps.Keys(p.Mappings)) {
		rules := p.Mappings[provider].RulesConfiguration
		if rules == nil {
			continue
		}
		for i := range rules.Rules {
			out = append(out, Trust{p.arn(), provider, opt.Value(rules.Rules[i].Claim), "the role " + opt.Value(rules.Rules[i].RoleARN)})
		}
	}
	return out
}
