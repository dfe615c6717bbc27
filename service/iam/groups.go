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

// CreateGroup implements api.Service.
func (s *Service) CreateGroup(ctx context.Context, call *pipeline.Call, in *api.CreateGroupInput) (*api.CreateGroupOutput, error) {
	var g *identity.Group
	err := s.update(ctx, call, func(v *identity.View) error {
		g = &identity.Group{Entity: newEntity(call, v, identity.KindGroup, identity.GroupPrefix, opt.Value(in.GroupName), in.Path)}
		if old, err := v.Group(g.Name); err != nil || old != nil {
			return taken(err, "Group with name %s already exists.", g.Name)
		}
		if err := within(v, identity.CountGroups, maxGroups, "GroupsPerAccount"); err != nil {
			return err
		}
		return v.PutGroup(g)
	})
	if err != nil {
		return nil, err
	}
	shown := showGroup(&g.Entity)
	return &api.CreateGroupOutput{Group: &shown}, nil
}

// GetGroup implements api.Service.
func (s *Service) GetGroup(ctx context.Context, call *pipeline.Call, in *api.GetGroupInput) (*api.GetGroupOutput, error) {
	name := opt.Value(in.GroupName)
	l, err := s.list(call, "GetGroup", strings.ToLower(name), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.GetGroupOutput{}
	err = s.read(ctx, call, identity.KindGroup, name, func(v *identity.View, e *identity.Entity) error {
		l.Restart()
		shown := showGroup(e)
		out.Group = &shown
		members, err := pageOf(l, func(yield func(string) bool) error { return v.Members(name, l.After(), yield) })
		if err != nil {
			return err
		}
		out.Users = make([]api.User, 0, len(members))
		for _, m := range members {
			u, err := find(v, identity.KindUser, m)
			if err != nil {
				return err
			}
			out.Users = append(out.Users, showUser(u.Entity, false))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}

// pageOf takes a page of names.
func pageOf(l *listing, each func(yield func(string) bool) error) ([]string, error) {
	var names []string
	err := each(func(name string) bool {
		if !l.Take(name) {
			return false
		}
		names = append(names, name)
		return true
	})
	return names, err
}

// ListGroups implements api.Service.
func (s *Service) ListGroups(ctx context.Context, call *pipeline.Call, in *api.ListGroupsInput) (*api.ListGroupsOutput, error) {
	prefix := opt.Value(in.PathPrefix)
	l, err := s.list(call, "ListGroups", prefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.ListGroupsOutput{}
	err = s.view(ctx, call, func(v *identity.View) error {
		l.Restart()
		out.Groups = []api.Group{}
		return v.Groups(l.After(), func(g *identity.Group) bool {
			if !strings.HasPrefix(g.Path, prefix) {
				return true
			}
			if !l.Take(g.Name) {
				return false
			}
			out.Groups = append(out.Groups, showGroup(&g.Entity))
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}

// UpdateGroup implements api.Service.
func (s *Service) UpdateGroup(ctx context.Context, call *pipeline.Call, in *api.UpdateGroupInput) (*api.UpdateGroupOutput, error) {
	name := opt.Value(in.GroupName)
	err := s.update(ctx, call, func(v *identity.View) error {
		g, err := v.Group(name)
		if err != nil {
			return err
		}
		if g == nil {
			return noEntity(identity.KindGroup, name)
		}
		if in.NewPath != nil {
			g.Path = *in.NewPath
		}
		if in.NewGroupName == nil || *in.NewGroupName == g.Name {
			return v.PutGroup(g)
		}
		return renameGroup(v, g, *in.NewGroupName)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateGroupOutput{}, nil
}

func renameGroup(v *identity.View, g *identity.Group, name string) error {
	if !strings.EqualFold(name, g.Name) {
		if other, err := v.Group(name); err != nil || other != nil {
			return taken(err, "Group with name %s already exists.", name)
		}
	}
	old := g.Name
	var members []string
	if err := v.Members(old, "", func(m string) bool { members = append(members, m); return true }); err != nil {
		return err
	}
	for _, m := range members {
		if err := moveMember(v, m, old, name); err != nil {
			return err
		}
	}
	if err := unlink(v, &g.Entity); err != nil {
		return err
	}
	if err := v.DeleteGroup(g); err != nil {
		return err
	}
	g.Name = name
	if err := link(v, &g.Entity); err != nil {
		return err
	}
	return v.PutGroup(g)
}

func moveMember(v *identity.View, user, from, to string) error {
	u, err := v.User(user)
	if err != nil {
		return err
	}
	if err := v.RemoveMember(from, user); err != nil || u == nil {
		return err
	}
	if i := slices.Index(u.Groups, strings.ToLower(from)); i >= 0 {
		u.Groups[i] = strings.ToLower(to)
	}
	if err := v.AddMember(to, user); err != nil {
		return err
	}
	return v.PutUser(u)
}

// DeleteGroup implements api.Service.
func (s *Service) DeleteGroup(ctx context.Context, call *pipeline.Call, in *api.DeleteGroupInput) (*api.DeleteGroupOutput, error) {
	name := opt.Value(in.GroupName)
	err := s.update(ctx, call, func(v *identity.View) error {
		g, err := v.Group(name)
		if err != nil {
			return err
		}
		if g == nil {
			return noEntity(identity.KindGroup, name)
		}
		if err := deletable(&g.Entity); err != nil {
			return err
		}
		inUse := false
		if err := v.Members(name, "", func(string) bool { inUse = true; return false }); err != nil {
			return err
		}
		if inUse {
			return api.NewDeleteConflictException("Cannot delete entity, must remove users from group first.")
		}
		if err := less(v, identity.CountGroups); err != nil {
			return err
		}
		return v.DeleteGroup(g)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteGroupOutput{}, nil
}

// member finds the group and the user of a membership.
func member(v *identity.View, group, user string) (*identity.Group, *identity.User, error) {
	g, err := v.Group(group)
	if err != nil {
		return nil, nil, err
	}
	if g == nil {
		return nil, nil, noEntity(identity.KindGroup, group)
	}
	u, err := v.User(user)
	if err != nil {
		return nil, nil, err
	}
	if u == nil {
		return nil, nil, noUser(user)
	}
	return g, u, nil
}

// AddUserToGroup implements api.Service.
func (s *Service) AddUserToGroup(ctx context.Context, call *pipeline.Call, in *api.AddUserToGroupInput) (*api.AddUserToGroupOutput, error) {
	err := s.update(ctx, call, func(v *identity.View) error {
		g, u, err := member(v, opt.Value(in.GroupName), opt.Value(in.UserName))
		if err != nil {
			return err
		}
		name := strings.ToLower(g.Name)
		if slices.Contains(u.Groups, name) {
			return nil
		}
		if len(u.Groups) >= maxGroupsPerUser {
			return overQuota("GroupsPerUser", maxGroupsPerUser)
		}
		u.Groups = append(u.Groups, name)
		if err := v.AddMember(g.Name, u.Name); err != nil {
			return err
		}
		return v.PutUser(u)
	})
	if err != nil {
		return nil, err
	}
	return &api.AddUserToGroupOutput{}, nil
}

// RemoveUserFromGroup implements api.Service. Removing a user that is no member changes nothing.
func (s *Service) RemoveUserFromGroup(ctx context.Context, call *pipeline.Call, in *api.RemoveUserFromGroupInput) (*api.RemoveUserFromGroupOutput, error) {
	err := s.update(ctx, call, func(v *identity.View) error {
		g, u, err := member(v, opt.Value(in.GroupName), opt.Value(in.UserName))
		if err != nil {
			return err
		}
		name := strings.ToLower(g.Name)
		u.Groups = slices.DeleteFunc(u.Groups, func(have string) bool { return have == name })
		if err := v.RemoveMember(g.Name, u.Name); err != nil {
			return err
		}
		return v.PutUser(u)
	})
	if err != nil {
		return nil, err
	}
	return &api.RemoveUserFromGroupOutput{}, nil
}

// ListGroupsForUser implements api.Service.
func (s *Service) ListGroupsForUser(ctx context.Context, call *pipeline.Call, in *api.ListGroupsForUserInput) (*api.ListGroupsForUserOutput, error) {
	name := opt.Value(in.UserName)
	l, err := s.list(call, "ListGroupsForUser", strings.ToLower(name), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.ListGroupsForUserOutput{}
	err = s.view(ctx, call, func(v *identity.View) error {
		u, err := v.User(name)
		if err != nil {
			return err
		}
		if u == nil {
			return noUser(name)
		}
		out.Groups = []api.Group{}
		for _, g := range pick(l, slices.Sorted(slices.Values(u.Groups)), func(g string) string { return g }) {
			t, err := find(v, identity.KindGroup, g)
			if err != nil {
				return err
			}
			out.Groups = append(out.Groups, showGroup(t.Entity))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}
