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
		return nil, invalid("Error while parsing filter.")
	}
	if !slices.Contains(searchable, m[1]) {
		return nil, invalid("Invalid search attribute: %s", m[1])
	}
	return &filter{m[1], strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[3]), m[2] == "^="}, nil
}

func (f *filter) match(p *pool, u *user) bool {
	var have string
	switch f.attribute {
	case "username":
		return f.compare(p.fold(u.Username), p.fold(f.value))
	case "sub":
		have = u.Sub
	case "cognito:user_status":
		have = string(u.Status)
	case "status":
		have = "Enabled"
		if u.Disabled {
			have = "Disabled"
		}
	case "email", "preferred_username":
		return f.compare(p.fold(u.Attributes[f.attribute]), p.fold(f.value))
	default:
		have = u.Attributes[f.attribute]
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
func (f *filter) exact(p *pool) bool {
	if f == nil || f.prefix {
		return false
	}
	return f.attribute == "username" || f.attribute == "sub" || slices.Contains(p.UsernameAttributes, f.attribute)
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
		if indexOf(c.pool.Schema, name) < 0 {
			return nil, invalid("One or more requested attributes do not exist.")
		}
	}
	var users []*user
	var token *string
	if f.exact(c.pool) {
		users, err = c.findExact(f)
	} else {
		keep := func(u *user) bool { return f == nil || f.match(c.pool, u) }
		users, token, err = listPage(c, "ListUsers", opt.Value(in.Filter), inPool(c.pool.ID, "user"), in.PaginationToken, in.Limit, keep)
	}
	if err != nil {
		return nil, err
	}
	out := &api.ListUsersOutput{Users: []api.UserType{}, PaginationToken: token}
	for _, u := range users {
		d := u.describe()
		if in.AttributesToGet != nil {
			d.Attributes = slices.DeleteFunc(d.Attributes, func(a api.AttributeType) bool { return !slices.Contains(in.AttributesToGet, *a.Name) })
		}
		out.Users = append(out.Users, d)
	}
	return out, nil
}

// findExact answers a filter by the index.
func (c *scoped) findExact(f *filter) (users []*user, err error) {
	err = c.view(func(rec *store.Records) error {
		users = nil
		u, err := c.pool.find(rec, f.value)
		if err == nil && u != nil && f.match(c.pool, u) {
			users = append(users, u)
		}
		return err
	})
	return users, err
}
