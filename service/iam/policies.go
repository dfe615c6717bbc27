package iam

import (
	"context"
	"slices"
	"strconv"
	"strings"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// managedDocument checks the document of a managed policy.
func managedDocument(document string) error {
	if err := identityPolicy(document); err != nil {
		return err
	}
	if size(document) > maxManagedPolicySize {
		return overQuota("PolicySize", maxManagedPolicySize)
	}
	return nil
}

// CreatePolicy implements api.Service.
func (s *Service) CreatePolicy(ctx context.Context, call *pipeline.Call, in *api.CreatePolicyInput) (*api.CreatePolicyOutput, error) {
	if err := managedDocument(opt.Value(in.PolicyDocument)); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	at := now(call)
	p := &identity.Policy{
		ID: identity.NewID(identity.PolicyPrefix), Name: opt.Value(in.PolicyName), Path: path(in.Path),
		Description: opt.Value(in.Description), Created: at, Updated: at, Tags: tags, Default: 1, Last: 1,
		Versions: []identity.Version{{Number: 1, Document: opt.Value(in.PolicyDocument), Created: at}},
	}
	out := &api.CreatePolicyOutput{}
	err = s.update(ctx, call, func(v *identity.View) error {
		p.Account = v.Account
		if old, err := v.Policy(p.Name); err != nil || old != nil {
			return taken(err, "A policy called %s already exists. Duplicate names are not allowed.", p.Name)
		}
		if err := within(v, identity.CountPolicies, maxPolicies, "PoliciesPerAccount"); err != nil {
			return err
		}
		shown, err := showPolicy(v, p, true)
		if err != nil {
			return err
		}
		out.Policy = &shown
		return v.PutPolicy(p)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// policyOf returns a managed policy, or NoSuchEntity.
func policyOf(v *identity.View, a string) (*identity.Policy, error) {
	if err := policyARN(a); err != nil {
		return nil, err
	}
	p, err := v.PolicyByARN(a)
	if err == nil && p == nil {
		err = noPolicy(a)
	}
	return p, err
}

// ownPolicy returns a managed policy that the account may change. AWS's policies are not the account's.
func ownPolicy(v *identity.View, a string) (*identity.Policy, error) {
	p, err := policyOf(v, a)
	if err == nil && p.Account != v.Account {
		return nil, api.NewInvalidInputException("Policy %s is an AWS managed policy and can not be changed.", a)
	}
	return p, err
}

func (s *Service) changePolicy(ctx context.Context, call *pipeline.Call, a *string, fn func(*identity.View, *identity.Policy) error) error {
	return s.update(ctx, call, func(v *identity.View) error {
		p, err := ownPolicy(v, opt.Value(a))
		if err != nil {
			return err
		}
		if err := fn(v, p); err != nil {
			return err
		}
		return v.PutPolicy(p)
	})
}

// GetPolicy implements api.Service.
func (s *Service) GetPolicy(ctx context.Context, call *pipeline.Call, in *api.GetPolicyInput) (*api.GetPolicyOutput, error) {
	out := &api.GetPolicyOutput{}
	err := s.view(ctx, call, func(v *identity.View) error {
		p, err := policyOf(v, opt.Value(in.PolicyArn))
		if err != nil {
			return err
		}
		shown, err := showPolicy(v, p, true)
		out.Policy = &shown
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeletePolicy implements api.Service.
func (s *Service) DeletePolicy(ctx context.Context, call *pipeline.Call, in *api.DeletePolicyInput) (*api.DeletePolicyOutput, error) {
	err := s.update(ctx, call, func(v *identity.View) error {
		p, err := ownPolicy(v, opt.Value(in.PolicyArn))
		if err != nil {
			return err
		}
		attached, boundaries, err := v.CountUses(p.ARN())
		switch {
		case err != nil:
			return err
		case attached+boundaries > 0:
			return api.NewDeleteConflictException("Cannot delete a policy attached to entities.")
		case len(p.Versions) > 1:
			return api.NewDeleteConflictException("This policy has more than one version. Before you delete a policy, you must " +
				"delete the policy's versions. The default version is deleted with the policy.")
		}
		if err := less(v, identity.CountPolicies); err != nil {
			return err
		}
		return v.DeletePolicy(p)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeletePolicyOutput{}, nil
}

// listedPolicy reports whether ListPolicies shows a policy.
func listedPolicy(v *identity.View, p *identity.Policy, in *api.ListPoliciesInput) (bool, error) {
	if !strings.HasPrefix(p.Path, opt.Value(in.PathPrefix)) {
		return false, nil
	}
	if in.PolicyUsageFilter == "" && !opt.Value(in.OnlyAttached) {
		return true, nil
	}
	attached, boundaries, err := v.CountUses(p.ARN())
	switch in.PolicyUsageFilter {
	case api.PolicyUsageTypePermissionsPolicy:
		return attached > 0, err
	case api.PolicyUsageTypePermissionsBoundary:
		return boundaries > 0, err
	}
	return attached+boundaries > 0, err
}

// ListPolicies implements api.Service. The account's policies come before AWS's.
func (s *Service) ListPolicies(ctx context.Context, call *pipeline.Call, in *api.ListPoliciesInput) (*api.ListPoliciesOutput, error) {
	about := strings.Join([]string{string(in.Scope), string(in.PolicyUsageFilter), strconv.FormatBool(opt.Value(in.OnlyAttached)),
		opt.Value(in.PathPrefix)}, " ")
	l, err := s.list(call, "ListPolicies", about, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.ListPoliciesOutput{}
	err = s.view(ctx, call, func(v *identity.View) error {
		l.Restart()
		out.Policies = []api.Policy{}
		return eachPolicy(v, in.Scope, l.After(), func(position string, p *identity.Policy) (bool, error) {
			listed, err := listedPolicy(v, p, in)
			if err != nil || !listed {
				return true, err
			}
			if !l.Take(position) {
				return false, nil
			}
			shown, err := showPolicy(v, p, false)
			out.Policies = append(out.Policies, shown)
			return true, err
		})
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}

// The two parts of a list of managed policies, as positions begin.
const (
	ownPart = "1"
	awsPart = "2"
)

// eachPolicy lists the account's managed policies and then AWS's, after a position.
func eachPolicy(v *identity.View, scope api.PolicyScopeType, after string, yield func(position string, p *identity.Policy) (bool, error)) error {
	if scope != api.PolicyScopeTypeAws && !strings.HasPrefix(after, awsPart) {
		// The records are read before they are shown, because showing reads more of them.
		var own []*identity.Policy
		from := strings.TrimPrefix(after, ownPart)
		if err := v.Policies(from, func(p *identity.Policy) bool { own = append(own, p); return true }); err != nil {
			return err
		}
		for _, p := range own {
			if more, err := yield(ownPart+p.Name, p); err != nil || !more {
				return err
			}
		}
	}
	if scope == api.PolicyScopeTypeLocal {
		return nil
	}
	from := ""
	if rest, ok := strings.CutPrefix(after, awsPart); ok {
		from = strings.ToLower(rest)
	}
	for _, p := range identity.AWSManagedAll() {
		if strings.ToLower(p.Name) <= from {
			continue
		}
		if more, err := yield(awsPart+p.Name, p); err != nil || !more {
			return err
		}
	}
	return nil
}

// versionOf reads a version's id: "v" and a number.
func versionOf(p *identity.Policy, id string) (*identity.Version, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
	if ver := p.Version(n); err == nil && ver != nil {
		return ver, nil
	}
	return nil, api.NewNoSuchEntityException("Policy %s version %s does not exist or is not attachable.", p.ARN(), id)
}

// CreatePolicyVersion implements api.Service.
func (s *Service) CreatePolicyVersion(ctx context.Context, call *pipeline.Call, in *api.CreatePolicyVersionInput) (*api.CreatePolicyVersionOutput, error) {
	if err := managedDocument(opt.Value(in.PolicyDocument)); err != nil {
		return nil, err
	}
	out := &api.CreatePolicyVersionOutput{}
	err := s.changePolicy(ctx, call, in.PolicyArn, func(_ *identity.View, p *identity.Policy) error {
		if len(p.Versions) >= maxPolicyVersions {
			return api.NewLimitExceededException("A managed policy can have up to %d versions. Before you create a new version, "+
				"you must delete an existing version.", maxPolicyVersions)
		}
		p.Last++
		ver := identity.Version{Number: p.Last, Document: opt.Value(in.PolicyDocument), Created: now(call)}
		p.Versions = append(p.Versions, ver)
		p.Updated = now(call)
		if opt.Value(in.SetAsDefault) {
			p.Default = ver.Number
		}
		shown := showVersion(p, &ver, false)
		out.PolicyVersion = &shown
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// GetPolicyVersion implements api.Service.
func (s *Service) GetPolicyVersion(ctx context.Context, call *pipeline.Call, in *api.GetPolicyVersionInput) (*api.GetPolicyVersionOutput, error) {
	out := &api.GetPolicyVersionOutput{}
	err := s.view(ctx, call, func(v *identity.View) error {
		p, err := policyOf(v, opt.Value(in.PolicyArn))
		if err != nil {
			return err
		}
		ver, err := versionOf(p, opt.Value(in.VersionId))
		if err != nil {
			return err
		}
		shown := showVersion(p, ver, true)
		out.PolicyVersion = &shown
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeletePolicyVersion implements api.Service.
func (s *Service) DeletePolicyVersion(ctx context.Context, call *pipeline.Call, in *api.DeletePolicyVersionInput) (*api.DeletePolicyVersionOutput, error) {
	err := s.changePolicy(ctx, call, in.PolicyArn, func(_ *identity.View, p *identity.Policy) error {
		ver, err := versionOf(p, opt.Value(in.VersionId))
		if err != nil {
			return err
		}
		number := ver.Number
		if number == p.Default {
			return api.NewDeleteConflictException("Cannot delete the default version of a policy.")
		}
		p.Versions = slices.DeleteFunc(p.Versions, func(v identity.Version) bool { return v.Number == number })
		p.Updated = now(call)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.DeletePolicyVersionOutput{}, nil
}

// SetDefaultPolicyVersion implements api.Service.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, call *pipeline.Call, in *api.SetDefaultPolicyVersionInput) (*api.SetDefaultPolicyVersionOutput, error) {
	err := s.changePolicy(ctx, call, in.PolicyArn, func(_ *identity.View, p *identity.Policy) error {
		ver, err := versionOf(p, opt.Value(in.VersionId))
		if err != nil {
			return err
		}
		p.Default, p.Updated = ver.Number, now(call)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.SetDefaultPolicyVersionOutput{}, nil
}

// ListPolicyVersions implements api.Service: the newest first.
func (s *Service) ListPolicyVersions(ctx context.Context, call *pipeline.Call, in *api.ListPolicyVersionsInput) (*api.ListPolicyVersionsOutput, error) {
	l, err := s.list(call, "ListPolicyVersions", opt.Value(in.PolicyArn), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.ListPolicyVersionsOutput{}
	err = s.view(ctx, call, func(v *identity.View) error {
		p, err := policyOf(v, opt.Value(in.PolicyArn))
		if err != nil {
			return err
		}
		out.Versions = []api.PolicyVersion{}
		newest := slices.Clone(p.Versions)
		slices.Reverse(newest)
		// Positions ascend while numbers descend.
		position := func(ver identity.Version) string { return strconv.Itoa(1<<30 - ver.Number) }
		for _, ver := range pick(l, newest, position) {
			out.Versions = append(out.Versions, showVersion(p, &ver, false))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}

// TagPolicy implements api.Service.
func (s *Service) TagPolicy(ctx context.Context, call *pipeline.Call, in *api.TagPolicyInput) (*api.TagPolicyOutput, error) {
	err := s.changePolicy(ctx, call, in.PolicyArn, func(_ *identity.View, p *identity.Policy) error {
		return addTags(&p.Tags, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &api.TagPolicyOutput{}, nil
}

// UntagPolicy implements api.Service.
func (s *Service) UntagPolicy(ctx context.Context, call *pipeline.Call, in *api.UntagPolicyInput) (*api.UntagPolicyOutput, error) {
	err := s.changePolicy(ctx, call, in.PolicyArn, func(_ *identity.View, p *identity.Policy) error {
		dropTags(&p.Tags, in.TagKeys)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UntagPolicyOutput{}, nil
}

// ListPolicyTags implements api.Service.
func (s *Service) ListPolicyTags(ctx context.Context, call *pipeline.Call, in *api.ListPolicyTagsInput) (*api.ListPolicyTagsOutput, error) {
	a := opt.Value(in.PolicyArn)
	p, err := s.listTags(ctx, call, "ListPolicyTags", a, in.Marker, in.MaxItems, func(v *identity.View) ([]identity.Tag, error) {
		p, err := policyOf(v, a)
		if err != nil {
			return nil, err
		}
		return p.Tags, nil
	})
	if err != nil {
		return nil, err
	}
	return &api.ListPolicyTagsOutput{Tags: p.tags, IsTruncated: p.truncated, Marker: p.marker}, nil
}
