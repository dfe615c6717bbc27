package iam

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// setBoundary makes a managed policy the boundary of an entity that the caller stores; "" takes the boundary away.
func setBoundary(v *identity.View, e *identity.Entity, a string) error {
	if a != "" {
		if err := policyARN(a); err != nil {
			return err
		}
		p, err := v.PolicyByARN(a)
		if err != nil {
			return err
		}
		if p == nil {
			return api.NewNoSuchEntityException("Scope ARN: %s does not exist or is not attachable.", a)
		}
	}
	if e.Boundary != "" {
		if err := v.RemoveUse(e.Boundary, identity.AsBoundary, e); err != nil {
			return err
		}
	}
	e.Boundary = a
	if a == "" {
		return nil
	}
	return v.AddUse(a, identity.AsBoundary, e)
}

func (s *Service) putBoundary(ctx context.Context, call *pipeline.Call, kind identity.Kind, name, boundary *string) error {
	return s.change(ctx, call, kind, opt.Value(name), func(v *identity.View, t target) error {
		return setBoundary(v, t.Entity, opt.Value(boundary))
	})
}

// PutUserPermissionsBoundary implements api.Service.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context, call *pipeline.Call, in *api.PutUserPermissionsBoundaryInput) (*api.PutUserPermissionsBoundaryOutput, error) {
	if err := s.putBoundary(ctx, call, identity.KindUser, in.UserName, in.PermissionsBoundary); err != nil {
		return nil, err
	}
	return &api.PutUserPermissionsBoundaryOutput{}, nil
}

// PutRolePermissionsBoundary implements api.Service.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context, call *pipeline.Call, in *api.PutRolePermissionsBoundaryInput) (*api.PutRolePermissionsBoundaryOutput, error) {
	if err := s.putBoundary(ctx, call, identity.KindRole, in.RoleName, in.PermissionsBoundary); err != nil {
		return nil, err
	}
	return &api.PutRolePermissionsBoundaryOutput{}, nil
}

// DeleteUserPermissionsBoundary implements api.Service.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context, call *pipeline.Call, in *api.DeleteUserPermissionsBoundaryInput) (*api.DeleteUserPermissionsBoundaryOutput, error) {
	if err := s.putBoundary(ctx, call, identity.KindUser, in.UserName, nil); err != nil {
		return nil, err
	}
	return &api.DeleteUserPermissionsBoundaryOutput{}, nil
}

// DeleteRolePermissionsBoundary implements api.Service.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context, call *pipeline.Call, in *api.DeleteRolePermissionsBoundaryInput) (*api.DeleteRolePermissionsBoundaryOutput, error) {
	if err := s.putBoundary(ctx, call, identity.KindRole, in.RoleName, nil); err != nil {
		return nil, err
	}
	return &api.DeleteRolePermissionsBoundaryOutput{}, nil
}
