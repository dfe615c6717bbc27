package iam

import (
	"context"

	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// target is a user, group or role under change.
type target struct {
	*identity.Entity
	save func() error
}

// find returns an entity to change, or NoSuchEntity.
func find(v *identity.View, kind identity.Kind, name string) (target, error) {
	var t target
	switch kind {
	case identity.KindUser:
		u, err := v.User(name)
		if err != nil {
			return t, err
		}
		if u != nil {
			t = target{&u.Entity, func() error { return v.PutUser(u) }}
		}
	case identity.KindGroup:
		g, err := v.Group(name)
		if err != nil {
			return t, err
		}
		if g != nil {
			t = target{&g.Entity, func() error { return v.PutGroup(g) }}
		}
	case identity.KindRole:
		r, err := v.Role(name)
		if err != nil {
			return t, err
		}
		if r != nil {
			t = target{&r.Entity, func() error { return v.PutRole(r) }}
		}
	}
	if t.Entity == nil {
		return t, noEntity(kind, name)
	}
	return t, nil
}

// change runs fn on an entity and stores it.
func (s *Service) change(ctx context.Context, call *pipeline.Call, kind identity.Kind, name string,
	fn func(v *identity.View, t target) error,
) error {
	return s.update(ctx, call, func(v *identity.View) error {
		t, err := find(v, kind, name)
		if err != nil {
			return err
		}
		if err := fn(v, t); err != nil {
			return err
		}
		return t.save()
	})
}

// read runs fn on an entity.
func (s *Service) read(ctx context.Context, call *pipeline.Call, kind identity.Kind, name string,
	fn func(v *identity.View, e *identity.Entity) error,
) error {
	return s.view(ctx, call, func(v *identity.View) error {
		t, err := find(v, kind, name)
		if err != nil {
			return err
		}
		return fn(v, t.Entity)
	})
}
