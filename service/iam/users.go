package iam

import (
	"context"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// newEntity is a new user, group or role.
func newEntity(call *pipeline.Call, v *identity.View, kind identity.Kind, prefix, name string, at *string) identity.Entity {
	return identity.Entity{
		Kind: kind, Account: v.Account, ID: identity.NewID(prefix), Name: name, Path: path(at), Created: now(call),
	}
}

// CreateUser implements api.Service.
func (s *Service) CreateUser(ctx context.Context, call *pipeline.Call, in *api.CreateUserInput) (*api.CreateUserOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	var u *identity.User
	err = s.update(ctx, call, func(v *identity.View) error {
		u = &identity.User{Entity: newEntity(call, v, identity.KindUser, identity.UserPrefix, opt.Value(in.UserName), in.Path)}
		u.Tags = tags
		if old, err := v.User(u.Name); err != nil || old != nil {
			return taken(err, "User with name %s already exists.", u.Name)
		}
		if err := within(v, identity.CountUsers, maxUsers, "UsersPerAccount"); err != nil {
			return err
		}
		if err := setBoundary(v, &u.Entity, opt.Value(in.PermissionsBoundary)); err != nil {
			return err
		}
		return v.PutUser(u)
	})
	if err != nil {
		return nil, err
	}
	shown := showUser(&u.Entity, true)
	return &api.CreateUserOutput{User: &shown}, nil
}

// taken is EntityAlreadyExists, unless looking failed.
func taken(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return api.NewEntityAlreadyExistsException(format, args...)
}

// within counts one more record of an account, if its quota allows it.
func within(v *identity.View, what identity.Counted, limit int, quota string) error {
	n, err := v.Count(what, 1)
	if err == nil && n > limit {
		err = overQuota(quota, limit)
	}
	return err
}

// less counts one record less.
func less(v *identity.View, what identity.Counted) error {
	_, err := v.Count(what, -1)
	return err
}

// GetUser implements api.Service.
func (s *Service) GetUser(ctx context.Context, call *pipeline.Call, in *api.GetUserInput) (*api.GetUserOutput, error) {
	name, err := userName(call.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	out := &api.GetUserOutput{}
	if name == "" {
		out.User, err = s.rootUser(ctx, call)
		return out, err
	}
	err = s.read(ctx, call, identity.KindUser, name, func(_ *identity.View, e *identity.Entity) error {
		shown := showUser(e, true)
		out.User = &shown
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// rootUser shows the account's root user, which has no name.
func (s *Service) rootUser(ctx context.Context, call *pipeline.Call) (*api.User, error) {
	a, err := s.catalog.Account(ctx, call.Account)
	if err != nil {
		return nil, err
	}
	u := &api.User{UserId: &call.Account, Arn: opt.Present(arn.Root(call.Account)), Path: opt.Present("/")}
	if a != nil {
		u.CreateDate = opt.Present(a.Joined.Truncate(time.Second))
	}
	return u, nil
}

// ListUsers implements api.Service.
func (s *Service) ListUsers(ctx context.Context, call *pipeline.Call, in *api.ListUsersInput) (*api.ListUsersOutput, error) {
	prefix := opt.Value(in.PathPrefix)
	l, err := s.list(call, "ListUsers", prefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.ListUsersOutput{}
	err = s.view(ctx, call, func(v *identity.View) error {
		l.Restart()
		out.Users = []api.User{}
		return v.Users(l.After(), func(u *identity.User) bool {
			if !strings.HasPrefix(u.Path, prefix) {
				return true
			}
			if !l.Take(u.Name) {
				return false
			}
			out.Users = append(out.Users, showUser(&u.Entity, false))
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}

// UpdateUser implements api.Service.
func (s *Service) UpdateUser(ctx context.Context, call *pipeline.Call, in *api.UpdateUserInput) (*api.UpdateUserOutput, error) {
	name := opt.Value(in.UserName)
	err := s.update(ctx, call, func(v *identity.View) error {
		u, err := v.User(name)
		if err != nil {
			return err
		}
		if u == nil {
			return noUser(name)
		}
		if in.NewPath != nil {
			u.Path = *in.NewPath
		}
		if in.NewUserName == nil || *in.NewUserName == u.Name {
			return v.PutUser(u)
		}
		return renameUser(v, u, *in.NewUserName)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateUserOutput{}, nil
}

func renameUser(v *identity.View, u *identity.User, name string) error {
	if !strings.EqualFold(name, u.Name) {
		if other, err := v.User(name); err != nil || other != nil {
			return taken(err, "User with name %s already exists.", name)
		}
	}
	if err := unlink(v, &u.Entity); err != nil {
		return err
	}
	for _, g := range u.Groups {
		if err := v.RemoveMember(g, u.Name); err != nil {
			return err
		}
	}
	if err := v.DeleteUser(u); err != nil {
		return err
	}
	u.Name = name
	for _, id := range u.Keys {
		k, err := v.Key(id)
		if err != nil {
			return err
		}
		if k == nil {
			continue
		}
		k.User = strings.ToLower(name)
		if err := v.PutKey(k); err != nil {
			return err
		}
	}
	for _, g := range u.Groups {
		if err := v.AddMember(g, u.Name); err != nil {
			return err
		}
	}
	if err := link(v, &u.Entity); err != nil {
		return err
	}
	return v.PutUser(u)
}

// link notes the uses of managed policies by an entity, unlink takes the notes away.
func link(v *identity.View, e *identity.Entity) error { return eachUse(e, v.AddUse) }

func unlink(v *identity.View, e *identity.Entity) error { return eachUse(e, v.RemoveUse) }

func eachUse(e *identity.Entity, do func(string, identity.As, *identity.Entity) error) error {
	for _, a := range e.Attached {
		if err := do(a, identity.AsPolicy, e); err != nil {
			return err
		}
	}
	if e.Boundary != "" {
		return do(e.Boundary, identity.AsBoundary, e)
	}
	return nil
}

// DeleteUser implements api.Service.
func (s *Service) DeleteUser(ctx context.Context, call *pipeline.Call, in *api.DeleteUserInput) (*api.DeleteUserOutput, error) {
	name := opt.Value(in.UserName)
	err := s.update(ctx, call, func(v *identity.View) error {
		u, err := v.User(name)
		if err != nil {
			return err
		}
		if u == nil {
			return noUser(name)
		}
		if err := deletable(&u.Entity); err != nil {
			return err
		}
		switch {
		case len(u.Keys) > 0:
			return api.NewDeleteConflictException("Cannot delete entity, must delete access keys first.")
		case len(u.Groups) > 0:
			return api.NewDeleteConflictException("Cannot delete entity, must remove users from group first.")
		}
		if err := unlink(v, &u.Entity); err != nil {
			return err
		}
		if err := less(v, identity.CountUsers); err != nil {
			return err
		}
		return v.DeleteUser(u)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteUserOutput{}, nil
}

// deletable refuses an entity that still has policies.
func deletable(e *identity.Entity) error {
	switch {
	case len(e.Attached) > 0:
		return api.NewDeleteConflictException("Cannot delete entity, must detach all policies first.")
	case len(e.Inline) > 0:
		return api.NewDeleteConflictException("Cannot delete entity, must delete policies first.")
	}
	return nil
}

// newTags checks tags of something new.
func newTags(given []api.Tag) ([]identity.Tag, error) {
	tags, err := mergeTags(nil, given)
	if err == nil && len(tags) > maxTags {
		err = fault.New(fault.Validation, "1 validation error detected: Value at 'tags' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", maxTags)
	}
	return tags, err
}
