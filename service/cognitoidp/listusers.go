package cognitoidp

import (
	"context"
	"regexp"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// filter is ListUsers' Filter: an attribute that equals, or begins with, a value.
type filter struct {
	attribute, value string
	prefix           bool
}

// searchable are the attributes a filter may name ("ListUsers", Amazon Cognito user pools API reference).
var searchable = []string{
	"username", "email", "phone_number", "name", "given_name", "family_name", "preferred_username", "cognito:user_status", "status", "sub",
}

var filterForm = regexp.MustCompile(`^\s*"?([\w:]+)"?\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*$`)

func parseFilter(s string) (*filter, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	m := filterForm.FindStringSubmatch(s)
	if m == nil {
		return nil, refusal.Invalid("Error while parsing filter.")
	}
	if !slices.Contains(searchable, m[1]) {
		return nil, refusal.Invalid("Invalid search attribute: %s", m[1])
	}
	return &filter{m[1], strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[3]), m[2] == "^="}, nil
}

func (f *filter) match(p *userpool.Pool, u *userpool.User) bool {
	var have string
	switch f.attribute {
	case "username":
		return f.compare(p.Fold(u.Username), p.Fold(f.value))
	case "sub":
		have = u.Sub
	case "cognito:user_status": // the one attribute that AWS compares in any case
		return f.compare(strings.ToUpper(string(u.Status)), strings.ToUpper(f.value))
	case "status":
		have = "Enabled"
		if u.Disabled {
			have = "Disabled"
		}
	default:
		value, has := u.Attributes[f.attribute]
		if !has {
			return false
		}
		if f.attribute == "email" || f.attribute == "preferred_username" {
			return f.compare(p.Fold(value), p.Fold(f.value))
		}
		have = value
	}
	return f.compare(have, f.value)
}

func (f *filter) compare(have, want string) bool {
	if f.prefix {
		return strings.HasPrefix(have, want)
	}
	return have == want
}

// exact reports whether the index of names answers the filter.
func (f *filter) exact(p *userpool.Pool) bool {
	if f == nil || f.prefix {
		return false
	}
	return f.attribute == "username" || f.attribute == "sub" || slices.Contains(p.UsernameAttributes, f.attribute)
}

// whole reports whether the index knows all users who could match. Profiles of providers' users are in no index of
// addresses: in a pool that has such users, an address is looked for among all.
func (f *filter) whole(rec *store.Records, pool string) (bool, error) {
	if f.attribute == "username" || f.attribute == "sub" {
		return true, nil
	}
	whole := true
	err := rec.Scan(userpool.BondsKey(pool), nil, func(store.Key, []byte) bool {
		whole = false
		return false
	})
	return whole, err
}

// ListUsers implements api.Service.
func (s *Service) ListUsers(ctx context.Context, call *pipeline.Call, in *api.ListUsersInput) (*api.ListUsersOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	f, err := parseFilter(opt.Value(in.Filter))
	if err != nil {
		return nil, err
	}
	for _, name := range in.AttributesToGet {
		if userpool.AttributeIndex(c.Pool.Schema, name) < 0 {
			return nil, refusal.Invalid("One or more requested attributes do not exist.")
		}
	}
	users, token, err := c.search(f, in)
	if err != nil {
		return nil, err
	}
	out := &api.ListUsersOutput{Users: []api.UserType{}, PaginationToken: token}
	for _, u := range users {
		d := u.Describe()
		if in.AttributesToGet != nil {
			d.Attributes = slices.DeleteFunc(d.Attributes, func(a api.AttributeType) bool { return !slices.Contains(in.AttributesToGet, *a.Name) })
		}
		out.Users = append(out.Users, d)
	}
	return out, nil
}

// search is a page of the users whom the filter wants.
func (c *scoped) search(f *filter, in *api.ListUsersInput) (users []*userpool.User, token *string, err error) {
	if f.exact(c.Pool) && in.PaginationToken == nil {
		users, found, err := c.findExact(f)
		if err != nil || found {
			return users, nil, err
		}
	}
	keep := func(u *userpool.User) bool { return f == nil || f.match(c.Pool, u) }
	return userpool.ListPage(c.Request, "ListUsers", opt.Value(in.Filter), userpool.InPool(c.Pool.ID, "user"), in.PaginationToken, in.Limit, keep)
}

// findExact answers a filter by the index; whole is false if others may match as well.
func (c *scoped) findExact(f *filter) (users []*userpool.User, whole bool, err error) {
	err = c.View(func(rec *store.Records) error {
		users = nil
		var err error
		if whole, err = f.whole(rec, c.Pool.ID); err != nil || !whole {
			return err
		}
		u, err := f.find(rec, c.Pool)
		if err == nil && u != nil && f.match(c.Pool, u) {
			users = append(users, u)
		}
		return err
	})
	return users, whole, err
}

// find looks in the one index that the filter is about: a name may be another user's sub, and would hide that user.
func (f *filter) find(rec *store.Records, p *userpool.Pool) (*userpool.User, error) {
	var k store.Key
	switch f.attribute {
	case "sub":
		return store.Load[userpool.User](rec, userpool.UserKey(p.ID, f.value))
	case "username":
		k = p.NameKey(f.value)
	default:
		k = p.AliasKey(userpool.Alias{Attribute: f.attribute, Value: p.Fold(f.value)})
	}
	r, err := store.Load[userpool.Ref](rec, k)
	if err != nil || r == nil {
		return nil, err
	}
	return store.Load[userpool.User](rec, userpool.UserKey(p.ID, r.Sub))
}
