package userpool

import (
	"cmp"
	"math"
	"slices"

	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Membership is the groups of a user, by precedence.
type Membership struct{ groups []*Group }

// groupNames lists the groups of a user.
func (p *Pool) groupNames(rec *store.Records, sub string) ([]string, error) {
	var names []string
	err := rec.Scan(InPool(p.ID, "groups", sub), nil, func(k store.Key, _ []byte) bool {
		parts := k.Parts()
		names = append(names, parts[len(parts)-1])
		return true
	})
	return names, err
}

// MembershipOf loads the groups of a user.
func (c *Request) MembershipOf(rec *store.Records, u *User) (Membership, error) {
	var m Membership
	names, err := c.Pool.groupNames(rec, u.Sub)
	if err != nil {
		return m, err
	}
	for _, n := range names {
		g, err := store.Load[Group](rec, GroupKey(c.Pool.ID, n))
		if err != nil {
			return m, err
		}
		if g != nil {
			m.groups = append(m.groups, g)
		}
	}
	slices.SortStableFunc(m.groups, func(a, b *Group) int { return cmp.Compare(a.precedence(), b.precedence()) })
	return m, nil
}

// precedence is lower for a group that goes first; one without goes last.
func (g *Group) precedence() int64 {
	if g.Precedence == nil {
		return math.MaxInt64
	}
	return int64(*g.Precedence)
}

// Claim adds the claims of groups, and of their roles for ID tokens. cognito:preferred_role is that of the group that
// goes first; if several go first with different roles there is none ("Assigning precedence values to groups").
func (m Membership) Claim(claims map[string]any, roles bool) {
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

func (m Membership) preferredRole() string {
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
