package iam

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// aliasKey is where the directory notes whose an alias is: aliases are unique over all accounts.
func aliasKey(alias string) store.Key { return store.K("alias", alias) }

// CreateAccountAlias implements api.Service. An account has one alias, so a new one replaces the old.
func (s *Service) CreateAccountAlias(ctx context.Context, call *pipeline.Call, in *api.CreateAccountAliasInput) (*api.CreateAccountAliasOutput, error) {
	alias := opt.Value(in.AccountAlias)
	err := s.db.Update(ctx, call.Grant, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return inHome(tx, call, func(v *identity.View) error {
			owner, err := store.Load[string](dir, aliasKey(alias))
			if err != nil || owner != nil && *owner != v.Account {
				return taken(err, "The account alias %s already exists.", alias)
			}
			settings, err := v.Settings()
			if err != nil {
				return err
			}
			if settings.Alias != "" {
				if err := dir.Delete(aliasKey(settings.Alias)); err != nil {
					return err
				}
			}
			if err := store.Save(dir, aliasKey(alias), &v.Account); err != nil {
				return err
			}
			settings.Alias = alias
			return v.PutSettings(settings)
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateAccountAliasOutput{}, nil
}

// DeleteAccountAlias implements api.Service.
func (s *Service) DeleteAccountAlias(ctx context.Context, call *pipeline.Call, in *api.DeleteAccountAliasInput) (*api.DeleteAccountAliasOutput, error) {
	alias := opt.Value(in.AccountAlias)
	err := s.db.Update(ctx, call.Grant, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return inHome(tx, call, func(v *identity.View) error {
			settings, err := v.Settings()
			if err != nil {
				return err
			}
			if settings.Alias != alias {
				return api.NewNoSuchEntityException("The account alias %s cannot be found.", alias)
			}
			settings.Alias = ""
			if err := dir.Delete(aliasKey(alias)); err != nil {
				return err
			}
			return v.PutSettings(settings)
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteAccountAliasOutput{}, nil
}

// ListAccountAliases implements api.Service.
func (s *Service) ListAccountAliases(ctx context.Context, call *pipeline.Call, in *api.ListAccountAliasesInput) (*api.ListAccountAliasesOutput, error) {
	l, err := s.list(call, "ListAccountAliases", "", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.ListAccountAliasesOutput{}
	err = s.view(ctx, call, func(v *identity.View) error {
		settings, err := v.Settings()
		if err != nil {
			return err
		}
		out.AccountAliases = []string{}
		if settings.Alias != "" {
			out.AccountAliases = append(out.AccountAliases, pick(l, []string{settings.Alias}, func(a string) string { return a })...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}

// quotas are the entries of GetAccountSummary that never change. Things that this server has none of have no quota.
var quotas = map[api.SummaryKeyType]int32{
	api.SummaryKeyTypeUsersQuota:                   maxUsers,
	api.SummaryKeyTypeGroupsQuota:                  maxGroups,
	api.SummaryKeyTypeRolesQuota:                   maxRoles,
	api.SummaryKeyTypePoliciesQuota:                maxPolicies,
	api.SummaryKeyTypeUserPolicySizeQuota:          maxUserPolicySize,
	api.SummaryKeyTypeGroupPolicySizeQuota:         maxGroupPolicySize,
	api.SummaryKeyTypeRolePolicySizeQuota:          maxRolePolicySize,
	api.SummaryKeyTypePolicySizeQuota:              maxManagedPolicySize,
	api.SummaryKeyTypeAssumeRolePolicySizeQuota:    maxTrustPolicySize,
	api.SummaryKeyTypeVersionsPerPolicyQuota:       maxPolicyVersions,
	api.SummaryKeyTypePolicyVersionsInUseQuota:     maxPolicies * maxPolicyVersions,
	api.SummaryKeyTypeAttachedPoliciesPerUserQuota: maxAttachedToUser, api.SummaryKeyTypeAttachedPoliciesPerGroupQuota: maxAttachedToGroup,
	api.SummaryKeyTypeAttachedPoliciesPerRoleQuota: maxAttachedToRole,
	api.SummaryKeyTypeGroupsPerUserQuota:           maxGroupsPerUser,
	api.SummaryKeyTypeAccessKeysPerUserQuota:       maxAccessKeys,
	api.SummaryKeyTypeGlobalEndpointTokenVersion:   2,
	api.SummaryKeyTypeAccountMFAEnabled:            0, api.SummaryKeyTypeMFADevices: 0, api.SummaryKeyTypeMFADevicesInUse: 0,
	api.SummaryKeyTypeAccountPasswordPresent: 0, api.SummaryKeyTypeAccountSigningCertificatesPresent: 0,
	api.SummaryKeyTypeInstanceProfiles: 0, api.SummaryKeyTypeInstanceProfilesQuota: 0,
	api.SummaryKeyTypeServerCertificates: 0, api.SummaryKeyTypeServerCertificatesQuota: 0,
	api.SummaryKeyTypeSigningCertificatesPerUserQuota: 0,
}

// GetAccountSummary implements api.Service.
func (s *Service) GetAccountSummary(ctx context.Context, call *pipeline.Call, _ *api.GetAccountSummaryInput) (*api.GetAccountSummaryOutput, error) {
	out := &api.GetAccountSummaryOutput{SummaryMap: make(map[string]int32, len(quotas))}
	err := s.view(ctx, call, func(v *identity.View) error {
		for k, n := range quotas {
			out.SummaryMap[string(k)] = n
		}
		counts, err := countAccount(v)
		for k, n := range counts {
			out.SummaryMap[string(k)] = n
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func countAccount(v *identity.View) (map[api.SummaryKeyType]int32, error) {
	n := map[api.SummaryKeyType]int32{
		api.SummaryKeyTypeUsers: 0, api.SummaryKeyTypeGroups: 0, api.SummaryKeyTypeRoles: 0, api.SummaryKeyTypePolicies: 0,
		api.SummaryKeyTypeProviders: 0, api.SummaryKeyTypePolicyVersionsInUse: 0, api.SummaryKeyTypeAccountAccessKeysPresent: 0,
	}
	settings, err := v.Settings()
	if err != nil {
		return nil, err
	}
	if len(settings.RootKeys) > 0 {
		n[api.SummaryKeyTypeAccountAccessKeysPresent] = 1
	}
	for _, count := range []func() error{
		func() error {
			return v.Users("", func(*identity.User) bool { n[api.SummaryKeyTypeUsers]++; return true })
		},
		func() error {
			return v.Groups("", func(*identity.Group) bool { n[api.SummaryKeyTypeGroups]++; return true })
		},
		func() error {
			return v.Roles("", func(*identity.Role) bool { n[api.SummaryKeyTypeRoles]++; return true })
		},
		func() error {
			return v.Policies("", func(p *identity.Policy) bool {
				n[api.SummaryKeyTypePolicies]++
				n[api.SummaryKeyTypePolicyVersionsInUse] += int32(len(p.Versions))
				return true
			})
		},
		func() error {
			return v.OIDCs(func(*identity.OIDCProvider) bool { n[api.SummaryKeyTypeProviders]++; return true })
		},
		func() error {
			return v.SAMLs(func(*identity.SAMLProvider) bool { n[api.SummaryKeyTypeProviders]++; return true })
		},
	} {
		if err := count(); err != nil {
			return nil, err
		}
	}
	return n, nil
}
