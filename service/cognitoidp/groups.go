package cognitoidp

import (
	"context"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func describeGroup(g *userpool.Group, pool string) *api.GroupType {
	return &api.GroupType{
		GroupName: new(g.Name), Description: g.Description, RoleArn: g.RoleARN, Precedence: g.Precedence, UserPoolId: new(pool),
		CreationDate: new(g.Created), LastModifiedDate: new(g.Modified),
	}
}

func (c *scoped) mustGroup(rec *store.Records, name *string) (*userpool.Group, error) {
	missing := api.NewResourceNotFoundException("Group not found.")
	return userpool.Must[userpool.Group](rec, userpool.GroupKey(c.Pool.ID, opt.Value(name)), missing)
}

// CreateGroup implements api.Service.
func (s *Service) CreateGroup(ctx context.Context, call *pipeline.Call, in *api.CreateGroupInput) (*api.CreateGroupOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	g := &userpool.Group{
		Name: opt.Value(in.GroupName), Description: in.Description, RoleARN: in.RoleArn, Precedence: in.Precedence,
		Created: call.Now, Modified: call.Now,
	}
	err = c.Update(func(rec *store.Records) error {
		k := userpool.GroupKey(c.Pool.ID, g.Name)
		if _, found, err := rec.Get(k); err != nil {
			return err
		} else if found {
			return api.NewGroupExistsException("A group with the name already exists.")
		}
		if c.Pool.Gone(rec) {
			return refusal.PoolNotFound(c.Pool.ID)
		}
		return store.Save(rec, k, g)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateGroupOutput{Group: describeGroup(g, c.Pool.ID)}, nil
}

// GetGroup implements api.Service.
func (s *Service) GetGroup(ctx context.Context, call *pipeline.Call, in *api.GetGroupInput) (*api.GetGroupOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	g, err := userpool.Read(c, func(rec *store.Records) (*userpool.Group, error) {
		return c.mustGroup(rec, in.GroupName)
	})
	if err != nil {
		return nil, err
	}
	return &api.GetGroupOutput{Group: describeGroup(g, c.Pool.ID)}, nil
}

// UpdateGroup implements api.Service. What is not named stays.
func (s *Service) UpdateGroup(ctx context.Context, call *pipeline.Call, in *api.UpdateGroupInput) (*api.UpdateGroupOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var g *userpool.Group
	err = c.Update(func(rec *store.Records) (err error) {
		if g, err = c.mustGroup(rec, in.GroupName); err != nil {
			return err
		}
		if in.Description != nil {
			g.Description = in.Description
		}
		if in.RoleArn != nil {
			g.RoleARN = in.RoleArn
		}
		if in.Precedence != nil {
			g.Precedence = in.Precedence
		}
		g.Modified = call.Now
		return store.Save(rec, userpool.GroupKey(c.Pool.ID, g.Name), g)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateGroupOutput{Group: describeGroup(g, c.Pool.ID)}, nil
}

// DeleteGroup implements api.Service.
func (s *Service) DeleteGroup(ctx context.Context, call *pipeline.Call, in *api.DeleteGroupInput) (*api.DeleteGroupOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		g, err := c.mustGroup(rec, in.GroupName)
		if err != nil {
			return err
		}
		keys := []store.Key{userpool.GroupKey(c.Pool.ID, g.Name)}
		err = rec.Scan(userpool.InPool(c.Pool.ID, "member", g.Name), nil, func(k store.Key, _ []byte) bool {
			parts := k.Parts()
			keys = append(keys, slices.Clone(k), userpool.InPool(c.Pool.ID, "groups", parts[len(parts)-1], g.Name))
			return true
		})
		for i := 0; i < len(keys) && err == nil; i++ {
			err = rec.Delete(keys[i])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteGroupOutput{}, nil
}

// ListGroups implements api.Service.
func (s *Service) ListGroups(ctx context.Context, call *pipeline.Call, in *api.ListGroupsInput) (*api.ListGroupsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	p, token, err := userpool.ListPage[userpool.Group](c.Request, "ListGroups", "", userpool.InPool(c.Pool.ID, "group"), in.NextToken, in.Limit, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListGroupsOutput{Groups: []api.GroupType{}, NextToken: token}
	for _, g := range p {
		out.Groups = append(out.Groups, *describeGroup(g, c.Pool.ID))
	}
	return out, nil
}

// AdminAddUserToGroup implements api.Service.
func (s *Service) AdminAddUserToGroup(ctx context.Context, call *pipeline.Call, in *api.AdminAddUserToGroupInput) (*api.AdminAddUserToGroupOutput, error) {
	err := s.member(ctx, call, in.UserPoolId, in.GroupName, in.Username, func(rec *store.Records, k store.Key, sub string) error {
		return store.Save(rec, k, &userpool.Ref{Sub: sub})
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminAddUserToGroupOutput{}, nil
}

// AdminRemoveUserFromGroup implements api.Service.
func (s *Service) AdminRemoveUserFromGroup(ctx context.Context, call *pipeline.Call, in *api.AdminRemoveUserFromGroupInput) (*api.AdminRemoveUserFromGroupOutput, error) {
	err := s.member(ctx, call, in.UserPoolId, in.GroupName, in.Username, func(rec *store.Records, k store.Key, _ string) error {
		return rec.Delete(k)
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminRemoveUserFromGroupOutput{}, nil
}

// member changes both records of a membership.
func (s *Service) member(ctx context.Context, call *pipeline.Call, pool, name, username *string, change func(*store.Records, store.Key, string) error) error {
	c, err := s.in(ctx, call, pool)
	if err != nil {
		return err
	}
	return c.Update(func(rec *store.Records) error {
		u, err := c.Pool.MustFind(rec, username)
		if err != nil {
			return err
		}
		g, err := c.mustGroup(rec, name)
		if err != nil {
			return err
		}
		if err := change(rec, userpool.InPool(c.Pool.ID, "member", g.Name, u.Sub), u.Sub); err != nil {
			return err
		}
		return change(rec, userpool.InPool(c.Pool.ID, "groups", u.Sub, g.Name), u.Sub)
	})
}

// AdminListGroupsForUser implements api.Service.
func (s *Service) AdminListGroupsForUser(ctx context.Context, call *pipeline.Call, in *api.AdminListGroupsForUserInput) (*api.AdminListGroupsForUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var sub string
	err = c.View(func(rec *store.Records) error {
		u, err := c.Pool.MustFind(rec, in.Username)
		if err == nil {
			sub = u.Sub
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := c.Page("AdminListGroupsForUser", sub, in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &api.AdminListGroupsForUserOutput{Groups: []api.GroupType{}}
	err = c.View(func(rec *store.Records) error {
		out.Groups = out.Groups[:0]
		names, err := pageOfNames(p, rec, userpool.InPool(c.Pool.ID, "groups", sub))
		if err != nil {
			return err
		}
		for _, n := range names {
			g, err := store.Load[userpool.Group](rec, userpool.GroupKey(c.Pool.ID, n))
			if err != nil {
				return err
			}
			if g != nil {
				out.Groups = append(out.Groups, *describeGroup(g, c.Pool.ID))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.NextToken, err = p.Token()
	return out, err
}

// pageOfNames reads the last parts of one page of keys.
func pageOfNames(p *paging.Page, rec *store.Records, prefix store.Key) ([]string, error) {
	p.Restart()
	var names []string
	err := rec.Scan(prefix, p.Key(), func(k store.Key, _ []byte) bool {
		if !p.Take(string(k)) {
			return false
		}
		parts := k.Parts()
		names = append(names, parts[len(parts)-1])
		return true
	})
	return names, err
}

// ListUsersInGroup implements api.Service.
func (s *Service) ListUsersInGroup(ctx context.Context, call *pipeline.Call, in *api.ListUsersInGroupInput) (*api.ListUsersInGroupOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	p, err := c.Page("ListUsersInGroup", opt.Value(in.GroupName), in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &api.ListUsersInGroupOutput{}
	err = c.View(func(rec *store.Records) error {
		out.Users = []api.UserType{}
		if _, err := c.mustGroup(rec, in.GroupName); err != nil {
			return err
		}
		subs, err := pageOfNames(p, rec, userpool.InPool(c.Pool.ID, "member", opt.Value(in.GroupName)))
		if err != nil {
			return err
		}
		for _, sub := range subs {
			u, err := store.Load[userpool.User](rec, userpool.UserKey(c.Pool.ID, sub))
			if err != nil {
				return err
			}
			if u != nil {
				out.Users = append(out.Users, u.Describe())
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.NextToken, err = p.Token()
	return out, err
}
