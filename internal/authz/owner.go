package authz

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// The tags by which a table declares whose rows it holds.
const (
	// OwnerKeyTag holds patterns of the partition keys that a tenant owns, separated by spaces, e.g.
	// "${tenant} ${tenant}#*".
	OwnerKeyTag = "bulkhead:owner-key"
	// IndexOwnerKeyTag holds patterns of the partition keys of secondary indexes that a tenant owns, separated by spaces, each
	// after the name of its index: "by-customer=${tenant}#* by-mail=${tenant}". A tenant's session writes no row that would
	// stand in another's partition of such an index, and queries only partitions of its own or shared ones.
	IndexOwnerKeyTag = "bulkhead:index-owner-key"
	// SharedKeysTag holds patterns of partition keys that every tenant may read, separated by spaces, e.g. "PUBLIC#*".
	SharedKeysTag = "bulkhead:shared-keys"
	// GuardTag says what the guard does about foreign rows: "deny" (default) or "filter".
	GuardTag = "bulkhead:guard"
)

// ErrForeignRow is the cause of the AccessDenied fault that a view answers with when the guard keeps a row from the
// caller's tenant: policies allowed what they should not have.
var ErrForeignRow = errors.New("authz: the guard keeps the row from the caller's tenant")

const tenantVariable = "${tenant}"

// OwnerRule says whose rows a table holds. It is immutable. A nil rule leaves all to policies.
type OwnerRule struct {
	owned  []ownerPattern
	shared []pattern
	filter bool
	// indexes are the patterns of indexes, by name, and byID by id once they are known.
	indexes, byID map[string][]ownerPattern
	// tags are the tags that the rule was read from.
	tags [4]string
}

// ownerPattern is what stands before the tenant id and what follows it.
type ownerPattern struct {
	before string
	after  pattern
}

type pattern struct {
	text string
	open bool
}

func (p pattern) match(s string) bool {
	if p.open {
		return strings.HasPrefix(s, p.text)
	}
	return s == p.text
}

// OperatorsOnly is the rule of what no tenant owns anything of: it keeps all tenants' sessions from changing it.
func OperatorsOnly() *OwnerRule { return &OwnerRule{} }

// ParseOwnerRule reads the rule from a resource's tags; it returns nil without the owner tag. It refuses patterns under
// which one tenant could own another's rows: what follows ${tenant} must begin with a character that no tenant id
// contains.
func ParseOwnerRule(tags []authn.Tag, ids *tenant.Language) (*OwnerRule, error) {
	t := authn.Tags(tags)
	owner, ok := t.Get(OwnerKeyTag)
	if !ok {
		for _, k := range []string{IndexOwnerKeyTag, SharedKeysTag, GuardTag} {
			if _, ok := t.Get(k); ok {
				return nil, fmt.Errorf("tag %s needs the tag %s beside it", k, OwnerKeyTag)
			}
		}
		return nil, nil
	}
	r := &OwnerRule{}
	for i, k := range []string{OwnerKeyTag, IndexOwnerKeyTag, SharedKeysTag, GuardTag} {
		r.tags[i], _ = t.Get(k)
	}
	var err error
	for _, s := range strings.Fields(owner) {
		if r.owned, err = addOwner(OwnerKeyTag, r.owned, s, ids); err != nil {
			return nil, err
		}
	}
	if len(r.owned) == 0 {
		return nil, fmt.Errorf("tag %s is empty", OwnerKeyTag)
	}
	if err := r.parseIndexes(t, ids); err != nil {
		return nil, err
	}
	shared, _ := t.Get(SharedKeysTag)
	for _, s := range strings.Fields(shared) {
		p, err := parsePattern(SharedKeysTag, s)
		if err != nil {
			return nil, err
		}
		if p.text == "" {
			return nil, fmt.Errorf("tag %s: %q would share all rows", SharedKeysTag, s)
		}
		r.shared = append(r.shared, p)
	}
	switch mode, _ := t.Get(GuardTag); mode {
	case "", "deny":
	case "filter":
		r.filter = true
	default:
		return nil, fmt.Errorf("tag %s must be deny or filter, not %q", GuardTag, mode)
	}
	return r, nil
}

// parseIndexes reads the patterns of indexes.
func (r *OwnerRule) parseIndexes(t authn.Tags, ids *tenant.Language) error {
	all, ok := t.Get(IndexOwnerKeyTag)
	if !ok {
		return nil
	}
	r.indexes = map[string][]ownerPattern{}
	for _, s := range strings.Fields(all) {
		index, owner, ok := strings.Cut(s, "=")
		if !ok || index == "" {
			return fmt.Errorf("tag %s must hold an index, = and a pattern, not %q", IndexOwnerKeyTag, s)
		}
		var err error
		if r.indexes[index], err = addOwner(IndexOwnerKeyTag, r.indexes[index], owner, ids); err != nil {
			return err
		}
	}
	if len(r.indexes) == 0 {
		return fmt.Errorf("tag %s is empty", IndexOwnerKeyTag)
	}
	return nil
}

// WithIndexes is the rule with the ids of the indexes that its patterns are about, as views know them. id returns "" for the
// name of an index that does not exist.
func (r *OwnerRule) WithIndexes(id func(name string) string) *OwnerRule {
	if r == nil || r.indexes == nil {
		return r
	}
	out := *r
	out.byID = make(map[string][]ownerPattern, len(r.indexes))
	for name, ps := range r.indexes {
		if x := id(name); x != "" {
			out.byID[x] = ps
		}
	}
	return &out
}

// same reports whether two rules are about the same rows and indexes.
func (r *OwnerRule) same(o *OwnerRule) bool {
	if r == o {
		return true
	}
	if r == nil || o == nil || r.tags != o.tags || len(r.byID) != len(o.byID) {
		return false
	}
	for id := range r.byID {
		if _, ok := o.byID[id]; !ok {
			return false
		}
	}
	return true
}

// addOwner adds a pattern to those that it must not be confused with.
func addOwner(tag string, to []ownerPattern, owner string, ids *tenant.Language) ([]ownerPattern, error) {
	p, err := parseOwner(tag, owner, ids)
	if err != nil {
		return nil, err
	}
	for _, q := range to {
		if ambiguous(p, q, ids) || ambiguous(q, p, ids) {
			return nil, fmt.Errorf("tag %s: a key could match %q and another pattern for two tenants", tag, owner)
		}
	}
	return append(to, p), nil
}

func parseOwner(tag, owner string, ids *tenant.Language) (ownerPattern, error) {
	before, after, ok := strings.Cut(owner, tenantVariable)
	if !ok || strings.Contains(after, tenantVariable) {
		return ownerPattern{}, fmt.Errorf("tag %s must hold %s once in each pattern, not %q", tag, tenantVariable, owner)
	}
	if strings.Contains(before, "*") {
		return ownerPattern{}, fmt.Errorf("tag %s: * may only end a pattern", tag)
	}
	p, err := parsePattern(tag, after)
	if err != nil {
		return ownerPattern{}, err
	}
	if first, _ := utf8.DecodeRuneInString(p.text); p.text == "" && p.open || p.text != "" && ids.Contains(first) {
		return ownerPattern{}, fmt.Errorf("tag %s: in %q the character after %s may be part of a tenant id, so that one "+
			"tenant's rows would match another's pattern; use a separator such as #", tag, owner, tenantVariable)
	}
	return ownerPattern{before, p}, nil
}

// ambiguous reports whether a key that matches long for one tenant may match short for another: when what long has before
// the tenant id, beyond what short has, could be the beginning of a tenant id, or a whole one and what follows it.
func ambiguous(short, long ownerPattern, ids *tenant.Language) bool {
	more, ok := strings.CutPrefix(long.before, short.before)
	if !ok || more == "" {
		return false
	}
	end := strings.IndexFunc(more, func(c rune) bool { return !ids.Contains(c) })
	if end < 0 {
		return true
	}
	_, whole := ids.ID(more[:end])
	rest := more[end:]
	return whole && short.after.text != "" &&
		(strings.HasPrefix(rest, short.after.text) || strings.HasPrefix(short.after.text, rest))
}

func parsePattern(tag, s string) (pattern, error) {
	text, open := strings.CutSuffix(s, "*")
	if strings.ContainsAny(text, "*?$") {
		return pattern{}, fmt.Errorf("tag %s: %q: * may only end the pattern, and ? and $ have no meaning in it", tag, s)
	}
	return pattern{text, open}, nil
}

// Owns reports whether a row with the leading key belongs to the tenant. The zero tenant owns nothing.
func (r *OwnerRule) Owns(id tenant.ID, leading string) bool { return owns(r.owned, id, leading) }

func owns(ps []ownerPattern, id tenant.ID, leading string) bool {
	if id.IsZero() {
		return false
	}
	for _, p := range ps {
		rest, ok := strings.CutPrefix(leading, p.before)
		if !ok {
			continue
		}
		if rest, ok = strings.CutPrefix(rest, id.String()); ok && p.after.match(rest) {
			return true
		}
	}
	return false
}

// TenantOf returns the tenant that a row with the leading key belongs to; false if it is no tenant's.
func (r *OwnerRule) TenantOf(ids *tenant.Language, leading string) (tenant.ID, bool) {
	for _, p := range r.owned {
		rest, ok := strings.CutPrefix(leading, p.before)
		if !ok {
			continue
		}
		end := strings.IndexFunc(rest, func(c rune) bool { return !ids.Contains(c) })
		if end < 0 {
			end = len(rest)
		}
		if id, ok := ids.ID(rest[:end]); ok && p.after.match(rest[end:]) {
			return id, true
		}
	}
	return tenant.ID{}, false
}

// Shared reports whether every tenant may read a row with the leading key.
func (r *OwnerRule) Shared(leading string) bool {
	for _, p := range r.shared {
		if p.match(leading) {
			return true
		}
	}
	return false
}

// RowRule is what a grant says about the rows of one table: which leading keys its view may touch. The zero RowRule
// touches none.
type RowRule struct {
	all     bool     // every leading key that the guard allows
	leading []string // else exactly these
	writing []string // of leading, those that may be written; with all, write says it
	write   bool
	guard   *OwnerRule // applies to confined callers; nil leaves rows to policies
	tenant  tenant.ID
	// index is true for what is read through an index. Any tenant may write rows of its own into any partition of one, so
	// that to refuse for a foreign row would tell that there is one, and let one tenant stop another's queries.
	index bool
	scan  bool // the request names no key
}

// Verdict is the answer of a RowRule about one row.
type Verdict uint8

// The verdicts. The zero Verdict refuses.
const (
	// Refused is a row that the request was not authorized for: a bug in a handler.
	Refused Verdict = iota
	// Foreign is a row that the guard keeps from the tenant: a hole in a policy.
	Foreign
	// Hidden is a foreign row of a table whose guard filters.
	Hidden
	// Permitted is a row the view may show or write.
	Permitted
)

// Check says whether the view may touch a row with the leading key.
func (r *RowRule) Check(leading string, write bool) Verdict {
	if !r.granted(leading, write) {
		return Refused
	}
	if r.guard == nil || r.guard.Owns(r.tenant, leading) || !write && r.guard.Shared(leading) {
		return Permitted
	}
	if (r.guard.filter || r.index) && !write {
		return Hidden
	}
	return Foreign
}

// Enters reports whether a row that the view may write may stand in the partition of the index with the id.
func (r *RowRule) Enters(index, partition string) bool {
	if r.guard == nil {
		return true
	}
	ps, ruled := r.guard.byID[index]
	return !ruled || owns(ps, r.tenant, partition)
}

// Ruled reports whether some places in the index with the id are kept from the view: Enters says which.
func (r *RowRule) Ruled(index string) bool {
	if r.guard == nil {
		return false
	}
	_, ruled := r.guard.byID[index]
	return ruled
}

// Reaches reports whether the partition of the index with the id may be queried: it is not another tenant's, as far as there is a
// rule for the index.
func (r *RowRule) Reaches(index, partition string) bool {
	return r.Enters(index, partition) || r.guard.Shared(partition)
}

// Scans reports whether the request was decided on as a scan: as one that names no partition key.
func (r *RowRule) Scans() bool { return r.scan }

// Named reports whether the request was decided on with the leading key: of the table, or of the index that it reads.
func (r *RowRule) Named(leading string) bool { return slices.Contains(r.leading, leading) }

func (r *RowRule) granted(leading string, write bool) bool {
	switch {
	case r.all && write:
		return r.write
	case r.all:
		return true
	case write:
		return slices.Contains(r.writing, leading)
	}
	return slices.Contains(r.leading, leading)
}

// or joins the rules of two checks on the same table: a view may touch what either allows.
func (r RowRule) or(o RowRule) RowRule {
	r.all = r.all || o.all
	r.write = r.write || o.write
	r.index = r.index || o.index
	r.scan = r.scan && o.scan
	r.leading = append(slices.Clip(r.leading), o.leading...)
	r.writing = append(slices.Clip(r.writing), o.writing...)
	return r
}
