package iam

import (
	"context"
	"fmt"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// Lists leave out tags and boundaries, single answers have them ("ListUsers", IAM API Reference).

func showUser(u *identity.Entity, whole bool) api.User {
	out := api.User{
		Arn: opt.Present(u.ARN()), CreateDate: &u.Created, Path: &u.Path, UserId: &u.ID, UserName: &u.Name,
	}
	if whole {
		out.Tags, out.PermissionsBoundary = showTags(u.Tags), showBoundary(u.Boundary)
	}
	return out
}

func showGroup(g *identity.Entity) api.Group {
	return api.Group{Arn: opt.Present(g.ARN()), CreateDate: &g.Created, Path: &g.Path, GroupId: &g.ID, GroupName: &g.Name}
}

// showRole shows a role; used is nil for lists.
func (s *Service) showRole(ctx context.Context, r *identity.Role, used *api.RoleLastUsed, whole bool) (api.Role, error) {
	trust, err := s.catalog.Thaw(ctx, &r.Trust)
	if err != nil {
		return api.Role{}, err
	}
	out := api.Role{
		Arn: opt.Present(r.ARN()), CreateDate: &r.Created, Path: &r.Path, RoleId: &r.ID, RoleName: &r.Name,
		AssumeRolePolicyDocument: escaped(trust), Description: opt.Present(r.Description), MaxSessionDuration: &r.MaxSession,
		RoleLastUsed: used,
	}
	if whole {
		out.Tags, out.PermissionsBoundary = showTags(r.Tags), showBoundary(r.Boundary)
	}
	return out, nil
}

func showRoleUsed(v *identity.View, name string) (*api.RoleLastUsed, error) {
	used, err := v.RoleUsed(name)
	if err != nil || used == nil {
		return &api.RoleLastUsed{}, err
	}
	return &api.RoleLastUsed{LastUsedDate: &used.At, Region: opt.Present(used.Region)}, nil
}

// showTags leaves the member out if there are no tags, as IAM does but in answers that list tags.
func showTags(tags []identity.Tag) []api.Tag {
	if len(tags) == 0 {
		return nil
	}
	out := make([]api.Tag, len(tags))
	for i := range tags {
		out[i] = api.Tag{Key: &tags[i].Key, Value: &tags[i].Value}
	}
	return out
}

func showBoundary(policyARN string) *api.AttachedPermissionsBoundary {
	if policyARN == "" {
		return nil
	}
	return &api.AttachedPermissionsBoundary{
		PermissionsBoundaryArn:  &policyARN,
		PermissionsBoundaryType: api.PermissionsBoundaryAttachmentTypePermissionsBoundaryPolicy,
	}
}

func versionID(number int) *string {
	s := fmt.Sprintf("v%d", number)
	return &s
}

func showPolicy(v *identity.View, p *identity.Policy, whole bool) (api.Policy, error) {
	attached, boundaries, err := v.CountUses(p.ARN())
	if err != nil {
		return api.Policy{}, err
	}
	out := api.Policy{
		Arn: opt.Present(p.ARN()), AttachmentCount: count(attached), PermissionsBoundaryUsageCount: count(boundaries),
		CreateDate: &p.Created, UpdateDate: &p.Updated, DefaultVersionId: versionID(p.Default), IsAttachable: new(true),
		Path: &p.Path, PolicyId: &p.ID, PolicyName: &p.Name,
	}
	if whole {
		out.Tags, out.Description = showTags(p.Tags), opt.Present(p.Description)
	}
	return out, nil
}

func showVersion(p *identity.Policy, ver *identity.Version, document bool) api.PolicyVersion {
	out := api.PolicyVersion{
		CreateDate: &ver.Created, IsDefaultVersion: new(ver.Number == p.Default), VersionId: versionID(ver.Number),
	}
	if document {
		out.Document = escaped(ver.Document)
	}
	return out
}

// attachedPolicy shows a managed policy by its ARN.
func attachedPolicy(v *identity.View, policyARN string) (api.AttachedPolicy, string, error) {
	p, err := v.PolicyByARN(policyARN)
	if err != nil {
		return api.AttachedPolicy{}, "", err
	}
	if p == nil {
		return api.AttachedPolicy{}, "", fmt.Errorf("iam: %s is attached and does not exist", policyARN)
	}
	return api.AttachedPolicy{PolicyArn: &policyARN, PolicyName: &p.Name}, p.Path, nil
}

func count(n int) *int32 { return new(int32(min(n, 1<<31-1))) }
