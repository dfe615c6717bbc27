package identity

import "github.com/bulkhead/bulkhead/internal/store"

// As is what a managed policy is used for.
type As string

// The uses of a managed policy.
const (
	AsPolicy   As = "policy"
	AsBoundary As = "boundary"
)

// Use is one use of a managed policy by an entity. Name is in lower case.
type Use struct {
	As   As
	Kind Kind
	Name string
}

type mark struct{}

// AddMember puts a user into a group's list of members. The user's own list is in its record.
func (v *View) AddMember(group, user string) error {
	return put(v, store.K(keyMember, fold(group), fold(user)), &mark{})
}

// RemoveMember takes a user off a group's list of members.
func (v *View) RemoveMember(group, user string) error {
	return v.remove(store.K(keyMember, fold(group), fold(user)))
}

// Members lists the lower-case names of a group's users in order, after a name if it is not "".
func (v *View) Members(group, after string, yield func(user string) bool) error {
	var from store.Key
	if after != "" {
		from = store.K(keyMember, fold(group), fold(after))
	}
	return v.records.Scan(store.K(keyMember, fold(group)), from, func(k store.Key, _ []byte) bool {
		parts := k.Parts()
		return yield(parts[len(parts)-1])
	})
}

// AddUse notes that an entity uses a managed policy.
func (v *View) AddUse(policyARN string, as As, e *Entity) error {
	return put(v, store.K(keyUse, policyARN, string(as), string(e.Kind), fold(e.Name)), &mark{})
}

// RemoveUse takes the note away.
func (v *View) RemoveUse(policyARN string, as As, e *Entity) error {
	return v.remove(store.K(keyUse, policyARN, string(as), string(e.Kind), fold(e.Name)))
}

// Uses lists who uses a managed policy, in order.
func (v *View) Uses(policyARN string, yield func(Use) bool) error {
	return v.records.Scan(store.K(keyUse, policyARN), nil, func(k store.Key, _ []byte) bool {
		p := k.Parts()
		return len(p) != 5 || yield(Use{As(p[2]), Kind(p[3]), p[4]})
	})
}

// CountUses counts the entities a managed policy is attached to, and those it is the boundary of.
func (v *View) CountUses(policyARN string) (attached, boundaries int, err error) {
	err = v.Uses(policyARN, func(u Use) bool {
		if u.As == AsBoundary {
			boundaries++
		} else {
			attached++
		}
		return true
	})
	return attached, boundaries, err
}
