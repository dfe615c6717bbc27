package iam

import (
	"context"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// The sections of GetAccountAuthorizationDetails in the order of its pages; a position is a section's byte and a name.
const (
	usersSection    = "1"
	groupsSection   = "2"
	rolesSection    = "3"
	policiesSection = "4" // and what a position of eachPolicy begins with
)

// details is one page of GetAccountAuthorizationDetails under way.
type details struct {
	v    *identity.View
	l    *listing
	want func(api.EntityType) bool
	out  *api.GetAccountAuthorizationDetailsOutput
	// roles are shown after the transaction, because their trust policies name principals of other accounts.
	roles []*identity.Role
	used  []*api.RoleLastUsed
}

// GetAccountAuthorizationDetails implements api.Service.
func (s *Service) GetAccountAuthorizationDetails(ctx context.Context, call *pipeline.Call, in *api.GetAccountAuthorizationDetailsInput) (*api.GetAccountAuthorizationDetailsOutput, error) {
	about := ""
	for _, f := range slices.Sorted(slices.Values(in.Filter)) {
		about += string(f) + " "
	}
	l, err := s.list(call, "GetAccountAuthorizationDetails", about, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	d := &details{l: l, want: func(t api.EntityType) bool { return len(in.Filter) == 0 || slices.Contains(in.Filter, t) }}
	err = s.view(ctx, call, func(v *identity.View) error {
		l.Restart()
		d.v, d.roles, d.used = v, nil, nil
		d.out = &api.GetAccountAuthorizationDetailsOutput{
			UserDetailList: []api.UserDetail{}, GroupDetailList: []api.GroupDetail{}, RoleDetailList: []api.RoleDetail{},
			Policies: []api.ManagedPolicyDetail{},
		}
		return d.collect()
	})
	if err != nil {
		return nil, err
	}
	for i, r := range d.roles {
		shown, err := s.showRole(ctx, r, d.used[i], true)
		if err != nil {
			return nil, err
		}
		detail := &d.out.RoleDetailList[i]
		detail.AssumeRolePolicyDocument = shown.AssumeRolePolicyDocument
	}
	d.out.IsTruncated, d.out.Marker, err = l.end()
	return d.out, err
}

func (d *details) collect() error {
	for _, section := range []struct {
		id   string
		want bool
		list func(after string) error
	}{
		{usersSection, d.want(api.EntityTypeUser), d.users},
		{groupsSection, d.want(api.EntityTypeGroup), d.groups},
		{rolesSection, d.want(api.EntityTypeRole), d.rolesAfter},
		{policiesSection, d.want(api.EntityTypeLocalManagedPolicy) || d.want(api.EntityTypeAWSManagedPolicy), d.policies},
	} {
		at, after := d.position()
		if !section.want || section.id < at || d.l.More() {
			continue
		}
		if section.id > at {
			after = ""
		}
		if err := section.list(after); err != nil {
			return err
		}
	}
	return nil
}

// position splits where the page begins.
func (d *details) position() (section, after string) {
	if d.l.After() == "" {
		return "", ""
	}
	return d.l.After()[:1], d.l.After()[1:]
}

// taking reads a section's records first and then shows them, because showing reads more.
func taking[T any](d *details, section, after string, each func(string, func(*T) bool) error, name func(*T) string) ([]*T, error) {
	var page []*T
	err := each(after, func(rec *T) bool {
		if !d.l.Take(section + name(rec)) {
			return false
		}
		page = append(page, rec)
		return true
	})
	return page, err
}

func (d *details) users(after string) error {
	page, err := taking(d, usersSection, after, d.v.Users, func(u *identity.User) string { return u.Name })
	if err != nil {
		return err
	}
	for _, u := range page {
		attached, err := d.attached(&u.Entity)
		if err != nil {
			return err
		}
		shown := showUser(&u.Entity, true)
		groups := []string{}
		for _, g := range u.Groups {
			t, err := find(d.v, identity.KindGroup, g)
			if err != nil {
				return err
			}
			groups = append(groups, t.Name)
		}
		d.out.UserDetailList = append(d.out.UserDetailList, api.UserDetail{
			Arn: shown.Arn, CreateDate: shown.CreateDate, Path: shown.Path, UserId: shown.UserId, UserName: shown.UserName,
			Tags: shown.Tags, PermissionsBoundary: shown.PermissionsBoundary, GroupList: groups,
			UserPolicyList: inlineDetails(&u.Entity), AttachedManagedPolicies: attached,
		})
	}
	return nil
}

func (d *details) groups(after string) error {
	page, err := taking(d, groupsSection, after, d.v.Groups, func(g *identity.Group) string { return g.Name })
	if err != nil {
		return err
	}
	for _, g := range page {
		attached, err := d.attached(&g.Entity)
		if err != nil {
			return err
		}
		shown := showGroup(&g.Entity)
		d.out.GroupDetailList = append(d.out.GroupDetailList, api.GroupDetail{
			Arn: shown.Arn, CreateDate: shown.CreateDate, Path: shown.Path, GroupId: shown.GroupId, GroupName: shown.GroupName,
			GroupPolicyList: inlineDetails(&g.Entity), AttachedManagedPolicies: attached,
		})
	}
	return nil
}

func (d *details) rolesAfter(after string) error {
	page, err := taking(d, rolesSection, after, d.v.Roles, func(r *identity.Role) string { return r.Name })
	if err != nil {
		return err
	}
	for _, r := range page {
		attached, err := d.attached(&r.Entity)
		if err != nil {
			return err
		}
		used, err := showRoleUsed(d.v, r.Name)
		if err != nil {
			return err
		}
		d.roles, d.used = append(d.roles, r), append(d.used, used)
		d.out.RoleDetailList = append(d.out.RoleDetailList, api.RoleDetail{
			Arn: opt.Present(r.ARN()), CreateDate: &r.Created, Path: &r.Path, RoleId: &r.ID, RoleName: &r.Name,
			Tags: showTags(r.Tags), PermissionsBoundary: showBoundary(r.Boundary), RoleLastUsed: used,
			RolePolicyList: inlineDetails(&r.Entity), AttachedManagedPolicies: attached, InstanceProfileList: []api.InstanceProfile{},
		})
	}
	return nil
}

// policies lists the account's policies, and those of AWS's that are in use, as AWS does.
func (d *details) policies(after string) error {
	scope := api.PolicyScopeTypeAll
	switch {
	case !d.want(api.EntityTypeAWSManagedPolicy):
		scope = api.PolicyScopeTypeLocal
	case !d.want(api.EntityTypeLocalManagedPolicy):
		scope = api.PolicyScopeTypeAws
	}
	return eachPolicy(d.v, scope, after, func(position string, p *identity.Policy) (bool, error) {
		shown, err := showPolicy(d.v, p, true)
		if err != nil {
			return false, err
		}
		if p.Account != d.v.Account && *shown.AttachmentCount+*shown.PermissionsBoundaryUsageCount == 0 {
			return true, nil
		}
		if !d.l.Take(policiesSection + position) {
			return false, nil
		}
		detail := api.ManagedPolicyDetail{
			Arn: shown.Arn, AttachmentCount: shown.AttachmentCount, CreateDate: shown.CreateDate,
			DefaultVersionId: shown.DefaultVersionId, Description: shown.Description, IsAttachable: shown.IsAttachable,
			Path: shown.Path, PermissionsBoundaryUsageCount: shown.PermissionsBoundaryUsageCount, PolicyId: shown.PolicyId,
			PolicyName: shown.PolicyName, UpdateDate: shown.UpdateDate,
		}
		for i := range p.Versions {
			detail.PolicyVersionList = append(detail.PolicyVersionList, showVersion(p, &p.Versions[len(p.Versions)-1-i], true))
		}
		d.out.Policies = append(d.out.Policies, detail)
		return true, nil
	})
}

func (d *details) attached(e *identity.Entity) ([]api.AttachedPolicy, error) {
	out := []api.AttachedPolicy{}
	for _, a := range e.Attached {
		p, _, err := attachedPolicy(d.v, a)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func inlineDetails(e *identity.Entity) []api.PolicyDetail {
	out := []api.PolicyDetail{}
	for i := range e.Inline {
		out = append(out, api.PolicyDetail{PolicyName: &e.Inline[i].Name, PolicyDocument: escaped(e.Inline[i].Document)})
	}
	return out
}

// ListEntitiesForPolicy implements api.Service.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, call *pipeline.Call, in *api.ListEntitiesForPolicyInput) (*api.ListEntitiesForPolicyOutput, error) {
	a := opt.Value(in.PolicyArn)
	about := strings.Join([]string{a, string(in.EntityFilter), string(in.PolicyUsageFilter), opt.Value(in.PathPrefix)}, " ")
	l, err := s.list(call, "ListEntitiesForPolicy", about, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.ListEntitiesForPolicyOutput{}
	err = s.view(ctx, call, func(v *identity.View) error {
		l.Restart()
		*out = api.ListEntitiesForPolicyOutput{
			PolicyGroups: []api.PolicyGroup{}, PolicyRoles: []api.PolicyRole{}, PolicyUsers: []api.PolicyUser{},
		}
		if _, err := policyOf(v, a); err != nil {
			return err
		}
		var uses []identity.Use
		if err := v.Uses(a, func(u identity.Use) bool { uses = append(uses, u); return true }); err != nil {
			return err
		}
		return listUses(v, l, uses, in, out)
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}

func listUses(v *identity.View, l *listing, uses []identity.Use, in *api.ListEntitiesForPolicyInput, out *api.ListEntitiesForPolicyOutput) error {
	seen := map[string]bool{}
	for _, u := range uses {
		position := strings.Join([]string{string(u.As), string(u.Kind), u.Name}, " ")
		entity := string(u.Kind) + " " + u.Name
		if l.After() != "" && position <= l.After() || seen[entity] || !usageWanted(u, in) {
			continue
		}
		t, err := find(v, u.Kind, u.Name)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(t.Path, opt.Value(in.PathPrefix)) {
			continue
		}
		if !l.Take(position) {
			return nil
		}
		seen[entity] = true
		switch u.Kind {
		case identity.KindUser:
			out.PolicyUsers = append(out.PolicyUsers, api.PolicyUser{UserId: &t.ID, UserName: &t.Name})
		case identity.KindGroup:
			out.PolicyGroups = append(out.PolicyGroups, api.PolicyGroup{GroupId: &t.ID, GroupName: &t.Name})
		case identity.KindRole:
			out.PolicyRoles = append(out.PolicyRoles, api.PolicyRole{RoleId: &t.ID, RoleName: &t.Name})
		}
	}
	return nil
}

func usageWanted(u identity.Use, in *api.ListEntitiesForPolicyInput) bool {
	switch in.PolicyUsageFilter {
	case api.PolicyUsageTypePermissionsPolicy:
		if u.As != identity.AsPolicy {
			return false
		}
	case api.PolicyUsageTypePermissionsBoundary:
		if u.As != identity.AsBoundary {
			return false
		}
	}
	return in.EntityFilter == "" || strings.EqualFold(string(in.EntityFilter), string(u.Kind))
}
