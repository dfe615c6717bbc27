package cognitoidp

import (
	"cmp"
	"context"
	"math"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// membership is the groups of a user, by precedence.
type membership struct{ groups []*group }

// groupNames lists the groups of a user.
func (p *pool) groupNames(rec *store.Records, sub string) ([]string, error) {
	var names []string
	err := rec.Scan(inPool(p.ID, "groups", sub), nil, func(k store.Key, _ []byte) bool {
		parts := k.Parts()
		names = append(names, parts[len(parts)-1])
		return true
	})
	return names, err
}

// membershipOf loads the groups of a user.
func (c *Request) membershipOf(rec *store.Records, u *user) (membership, error) {
	var m membership
	names, err := c.pool.groupNames(rec, u.Sub)
	if err != nil {
		return m, err
	}
	for _, n := range names {
		g, err := store.Load[group](rec, groupKey(c.pool.ID, n))
		if err != nil {
			return m, err
		}
		if g != nil {
			m.groups = append(m.groups, g)
		}
	}
	slices.SortStableFunc(m.groups, func(a, b *group) int { return cmp.Compare(a.precedence(), b.precedence()) })
	return m, nil
}

// precedence is lower for a group that goes first; one without goes last.
func (g *group) precedence() int64 {
	if g.Precedence == nil {
		return math.MaxInt64
	}
	return int64(*g.Precedence)
}

// claim adds the claims of groups, and of their roles for ID tokens. cognito:preferred_role is that of the group that
// goes first; if several go first with different roles there is none ("Assigning precedence values to groups").
func (m membership) claim(claims map[string]any, roles bool) {
	if len(m.groups) == 0 {
		return
	}
	var names, arns []string
	for _, g := range m.groups {
		names = append(names, g.Name)
		if arn := opt.Value(g.RoleARN); arn != "" && !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	claims["cognito:groups"] = names
	if !roles || len(arns) == 0 {
		return
	}
	claims["cognito:roles"] = arns
	if role := m.preferredRole(); role != "" {
		claims["cognito:preferred_role"] = role
	}
}

func (m membership) preferredRole() string {
	role, top := "", m.groups[0].precedence()
	for _, g := range m.groups {
		if g.precedence() != top {
			break
		}
		switch arn := opt.Value(g.RoleARN); {
		case arn == "" || arn == role:
		case role == "":
			role = arn
		default:
			return ""
		}
	}
	return role
}

func (g *group) describe(pool string) *api.GroupType {
	return &api.GroupType{
		GroupName: new(g.Name), Description: g.Description, RoleArn: g.RoleARN, Precedence: g.Precedence, UserPoolId: new(pool),
		CreationDate: new(g.Created), LastModifiedDate: new(g.Modified),
	}
}

func (c *scoped) mustGroup(rec *store.Records, name *string) (*group, error) {
	g, err := store.Load[group](rec, groupKey(c.pool.ID, opt.Value(name)))
	if err == nil && g == nil {
		err = api.NewResourceNotFoundException("Group not found.")
	}
	return g, err
}

// CreateGroup implements api.Service.
func (s *Service) CreateGroup(ctx context.Context, call *pipeline.Call, in *api.CreateGroupInput) (*api.CreateGroupOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	g := &group{
		Name: opt.Value(in.GroupName), Description: in.Description, RoleARN: in.RoleArn, Precedence: in.Precedence,
		Created: call.Now, Modified: call.Now,
	}
	err = c.update(func(rec *store.Records) error {
		k := groupKey(c.pool.ID, g.Name)
		if _, found, err := rec.Get(k); err != nil {
			return err
		} else if found {
			return api.NewGroupExistsException("A group with the name already exists.")
		}
		if c.pool.gone(rec) {
			return refusal.PoolNotFound(c.pool.ID)
		}
		return store.Save(rec, k, g)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateGroupOutput{Group: g.describe(c.pool.ID)}, nil
}

// GetGroup implements api.Service.
func (s *Service) GetGroup(ctx context.Context, call *pipeline.Call, in *api.GetGroupInput) (*api.GetGroupOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var g *group
	err = c.view(func(rec *store.Records) (err error) {
		g, err = c.mustGroup(rec, in.GroupName)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.GetGroupOutput{Group: g.describe(c.pool.ID)}, nil
}

// UpdateGroup implements api.Service. What is not named stays.
func (s *Service) UpdateGroup(ctx context.Context, call *pipeline.Call, in *api.UpdateGroupInput) (*api.UpdateGroupOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var g *group
	err = c.update(func(rec *store.Records) (err error) {
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
		return store.Save(rec, groupKey(c.pool.ID, g.Name), g)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateGroupOutput{Group: g.describe(c.pool.ID)}, nil
}

// DeleteGroup implements api.Service.
func (s *Service) DeleteGroup(ctx context.Context, call *pipeline.Call, in *api.DeleteGroupInput) (*api.DeleteGroupOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.update(func(rec *store.Records) error {
		g, err := c.mustGroup(rec, in.GroupName)
		if err != nil {
			return err
		}
		keys := []store.Key{groupKey(c.pool.ID, g.Name)}
		err = rec.Scan(inPool(c.pool.ID, "member", g.Name), nil, func(k store.Key, _ []byte) bool {
			parts := k.Parts()
			keys = append(keys, slices.Clone(k), inPool(c.pool.ID, "groups", parts[len(parts)-1], g.Name))
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
	p, token, err := listPage[group](c.Request, "ListGroups", "", inPool(c.pool.ID, "group"), in.NextToken, in.Limit, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListGroupsOutput{Groups: []api.GroupType{}, NextToken: token}
	for _, g := range p {
		out.Groups = append(out.Groups, *g.describe(c.pool.ID))
	}
	return out, nil
}

// listPage reads one page of a list within the pool.
func listPage[T any](c *Request, list, about string, prefix store.Key, token *string, limit *int32, keep func(*T) bool) ([]*T, *string, error) {
	p, err := c.page(list, about, token, limit)
	if err != nil {
		return nil, nil, err
	}
	var items []*T
	err = c.view(func(rec *store.Records) (err error) {
		items, err = paging.Records(p, rec, prefix, keep)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	next, err := p.Token()
	return items, next, err
}

// AdminAddUserToGroup implements api.Service.
func (s *Service) AdminAddUserToGroup(ctx context.Context, call *pipeline.Call, in *api.AdminAddUserToGroupInput) (*api.AdminAddUserToGroupOutput, error) {
	err := s.member(ctx, call, in.UserPoolId, in.GroupName, in.Username, func(rec *store.Records, k store.Key, sub string) error {
		return store.Save(rec, k, &ref{sub})
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
	return c.update(func(rec *store.Records) error {
		u, err := c.pool.mustFind(rec, username)
		if err != nil {
			return err
		}
		g, err := c.mustGroup(rec, name)
		if err != nil {
			return err
		}
		if err := change(rec, inPool(c.pool.ID, "member", g.Name, u.Sub), u.Sub); err != nil {
			return err
		}
		return change(rec, inPool(c.pool.ID, "groups", u.Sub, g.Name), u.Sub)
	})
}

// AdminListGroupsForUser implements api.Service.
func (s *Service) AdminListGroupsForUser(ctx context.Context, call *pipeline.Call, in *api.AdminListGroupsForUserInput) (*api.AdminListGroupsForUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var sub string
	err = c.view(func(rec *store.Records) error {
		u, err := c.pool.mustFind(rec, in.Username)
		if err == nil {
			sub = u.Sub
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := c.page("AdminListGroupsForUser", sub, in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &api.AdminListGroupsForUserOutput{Groups: []api.GroupType{}}
	err = c.view(func(rec *store.Records) error {
		out.Groups = out.Groups[:0]
		names, err := pageOfNames(p, rec, inPool(c.pool.ID, "groups", sub))
		if err != nil {
			return err
		}
		for _, n := range names {
			g, err := store.Load[group](rec, groupKey(c.pool.ID, n))
			if err != nil {
				return err
			}
			if g != nil {
				out.Groups = append(out.Groups, *g.describe(c.pool.ID))
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
	p, err := c.page("ListUsersInGroup", opt.Value(in.GroupName), in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &api.ListUsersInGroupOutput{}
	err = c.view(func(rec *store.Records) error {
		out.Users = []api.UserType{}
		if _, err := c.mustGroup(rec, in.GroupName); err != nil {
			return err
		}
		subs, err := pageOfNames(p, rec, inPool(c.pool.ID, "member", opt.Value(in.GroupName)))
		if err != nil {
			return err
		}
		for _, sub := range subs {
			u, err := store.Load[user](rec, userKey(c.pool.ID, sub))
			if err != nil {
				return err
			}
			if u != nil {
				out.Users = append(out.Users, u.describe())
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
