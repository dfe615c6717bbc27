package iam

import (
	"context"
	"strings"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// defaultSession is a role's MaxSessionDuration unless another is given, in seconds ("CreateRole", IAM API Reference).
const defaultSession = 3600

// trustPolicy checks a trust policy and freezes its principals.
func (s *Service) trustPolicy(ctx context.Context, document string) (identity.Frozen, error) {
	if _, err := policy.Parse([]byte(document), policy.Trust); err != nil {
		return identity.Frozen{}, malformed(err)
	}
	if size(document) > maxTrustPolicySize {
		return identity.Frozen{}, overQuota("ACLSizePerRole", maxTrustPolicySize)
	}
	f, err := s.catalog.Freeze(ctx, document)
	return f, malformed(err)
}

// CreateRole implements api.Service.
func (s *Service) CreateRole(ctx context.Context, call *pipeline.Call, in *api.CreateRoleInput) (*api.CreateRoleOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	trust, err := s.trustPolicy(ctx, opt.Value(in.AssumeRolePolicyDocument))
	if err != nil {
		return nil, err
	}
	var r *identity.Role
	err = s.update(ctx, call, func(v *identity.View) error {
		r = &identity.Role{
			Entity:      newEntity(call, v, identity.KindRole, identity.RolePrefix, opt.Value(in.RoleName), in.Path),
			Description: opt.Value(in.Description), MaxSession: defaultSession, Trust: trust,
		}
		r.Tags = tags
		if in.MaxSessionDuration != nil {
			r.MaxSession = *in.MaxSessionDuration
		}
		if old, err := v.Role(r.Name); err != nil || old != nil {
			return taken(err, "Role with name %s already exists.", r.Name)
		}
		if err := within(v, identity.CountRoles, maxRoles, "RolesPerAccount"); err != nil {
			return err
		}
		if err := setBoundary(v, &r.Entity, opt.Value(in.PermissionsBoundary)); err != nil {
			return err
		}
		return v.PutRole(r)
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.showRole(ctx, r, nil, true)
	if err != nil {
		return nil, err
	}
	return &api.CreateRoleOutput{Role: &shown}, nil
}

// role reads a role and when it was used.
func (s *Service) role(ctx context.Context, call *pipeline.Call, name string) (r *identity.Role, used *api.RoleLastUsed, err error) {
	err = s.view(ctx, call, func(v *identity.View) error {
		if r, err = v.Role(name); err != nil {
			return err
		}
		if r == nil {
			return noEntity(identity.KindRole, name)
		}
		used, err = showRoleUsed(v, name)
		return err
	})
	return r, used, err
}

// GetRole implements api.Service.
func (s *Service) GetRole(ctx context.Context, call *pipeline.Call, in *api.GetRoleInput) (*api.GetRoleOutput, error) {
	r, used, err := s.role(ctx, call, opt.Value(in.RoleName))
	if err != nil {
		return nil, err
	}
	shown, err := s.showRole(ctx, r, used, true)
	if err != nil {
		return nil, err
	}
	return &api.GetRoleOutput{Role: &shown}, nil
}

// ListRoles implements api.Service.
func (s *Service) ListRoles(ctx context.Context, call *pipeline.Call, in *api.ListRolesInput) (*api.ListRolesOutput, error) {
	prefix := opt.Value(in.PathPrefix)
	l, err := s.list(call, "ListRoles", prefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	var roles []*identity.Role
	err = s.view(ctx, call, func(v *identity.View) error {
		l.Restart()
		roles = nil
		return v.Roles(l.After(), func(r *identity.Role) bool {
			if !strings.HasPrefix(r.Path, prefix) {
				return true
			}
			if !l.Take(r.Name) {
				return false
			}
			roles = append(roles, r)
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	out := &api.ListRolesOutput{Roles: make([]api.Role, len(roles))}
	for i, r := range roles {
		if out.Roles[i], err = s.showRole(ctx, r, nil, false); err != nil {
			return nil, err
		}
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}

// changeRole runs fn on a role and stores it.
func (s *Service) changeRole(ctx context.Context, call *pipeline.Call, name *string, fn func(*identity.Role) error) (r *identity.Role, err error) {
	err = s.update(ctx, call, func(v *identity.View) error {
		if r, err = v.Role(opt.Value(name)); err != nil {
			return err
		}
		if r == nil {
			return noEntity(identity.KindRole, opt.Value(name))
		}
		if err := fn(r); err != nil {
			return err
		}
		return v.PutRole(r)
	})
	return r, err
}

// UpdateRole implements api.Service.
func (s *Service) UpdateRole(ctx context.Context, call *pipeline.Call, in *api.UpdateRoleInput) (*api.UpdateRoleOutput, error) {
	_, err := s.changeRole(ctx, call, in.RoleName, func(r *identity.Role) error {
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			r.MaxSession = *in.MaxSessionDuration
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateRoleOutput{}, nil
}

// UpdateRoleDescription implements api.Service.
func (s *Service) UpdateRoleDescription(ctx context.Context, call *pipeline.Call, in *api.UpdateRoleDescriptionInput) (*api.UpdateRoleDescriptionOutput, error) {
	r, err := s.changeRole(ctx, call, in.RoleName, func(r *identity.Role) error {
		r.Description = opt.Value(in.Description)
		return nil
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.showRole(ctx, r, nil, true)
	if err != nil {
		return nil, err
	}
	return &api.UpdateRoleDescriptionOutput{Role: &shown}, nil
}

// UpdateAssumeRolePolicy implements api.Service.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, call *pipeline.Call, in *api.UpdateAssumeRolePolicyInput) (*api.UpdateAssumeRolePolicyOutput, error) {
	if _, _, err := s.role(ctx, call, opt.Value(in.RoleName)); err != nil {
		return nil, err
	}
	trust, err := s.trustPolicy(ctx, opt.Value(in.PolicyDocument))
	if err != nil {
		return nil, err
	}
	_, err = s.changeRole(ctx, call, in.RoleName, func(r *identity.Role) error {
		r.Trust = trust
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateAssumeRolePolicyOutput{}, nil
}

// DeleteRole implements api.Service.
func (s *Service) DeleteRole(ctx context.Context, call *pipeline.Call, in *api.DeleteRoleInput) (*api.DeleteRoleOutput, error) {
	name := opt.Value(in.RoleName)
	err := s.update(ctx, call, func(v *identity.View) error {
		r, err := v.Role(name)
		if err != nil {
			return err
		}
		if r == nil {
			return noEntity(identity.KindRole, name)
		}
		if err := deletable(&r.Entity); err != nil {
			return err
		}
		if err := unlink(v, &r.Entity); err != nil {
			return err
		}
		if err := less(v, identity.CountRoles); err != nil {
			return err
		}
		return v.DeleteRole(r)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteRoleOutput{}, nil
}
