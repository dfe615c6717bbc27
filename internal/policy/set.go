package policy

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

// Set is a compiled collection of policies whose union grants: a caller's identity policies, or a session's policies.
// It is immutable and safe for concurrent use. A nil Set is empty.
type Set struct {
	sources []Source
	refs    []ref
	// index finds the statements that may match by action; nil where there are so few that all are tried.
	index map[uint64]*bucket
}

// ref is a statement with its place.
type ref struct {
	st     *Statement
	source int
	number int
}

// bucket holds the statements of one action key by what their resources begin with.
type bucket struct {
	// lengths are the distinct lengths of those beginnings, ascending.
	lengths  []int
	prefixes map[uint64]*candidates
}

// candidates are statements in the order of the set.
type candidates struct{ deny, allow []int32 }

const (
	// scanned is up to how many statements trying each is cheaper than the index.
	scanned = 12
	// spread is how many index entries one statement may have. One with more is indexed by its actions only.
	spread = 512
	// anyAction is the key of statements whose actions do not name a service.
	anyAction = 0
)

var seed = maphash.MakeSeed()

// unusable stands in for a policy that is missing or not of the kind its place needs: it denies everything.
var unusable = &Policy{kind: Identity, statements: []Statement{{
	Sid: "UnusablePolicy", Effect: Deny, FailClosed: true,
	Actions:   []Pattern{{Raw: "*", Parts: []Part{{Kind: AnyText}}, shape: prefixed}},
	Resources: []Pattern{{Raw: "*", Parts: []Part{{Kind: AnyText}}, shape: prefixed}},
}}}

// usable returns the policy of an identity, boundary or session source.
func (s *Source) usable() *Policy {
	if s.Policy == nil || s.Policy.kind != Identity {
		return unusable
	}
	return s.Policy
}

// NewSet compiles the sources, which must hold Identity policies: any other policy, or none, denies everything.
func NewSet(sources []Source) *Set {
	s := &Set{sources: slices.Clone(sources)}
	for i := range s.sources {
		p := s.sources[i].usable()
		for n := range p.statements {
			s.refs = append(s.refs, ref{&p.statements[n], i, n})
		}
	}
	if len(s.refs) > scanned {
		s.buildIndex()
	}
	return s
}

// Sources returns the policies of the set. They must not be changed.
func (s *Set) Sources() []Source {
	if s == nil {
		return nil
	}
	return s.sources
}

// Len returns the number of statements.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.refs)
}

func (s *Set) buildIndex() {
	s.index = map[uint64]*bucket{}
	for i := range s.refs {
		st := s.refs[i].st
		actions, prefixes := actionKeys(st), resourcePrefixes(st)
		if len(actions)*len(prefixes) > spread {
			prefixes = []string{""}
		}
		for _, a := range actions {
			b := s.index[a]
			if b == nil {
				b = &bucket{prefixes: map[uint64]*candidates{}}
				s.index[a] = b
			}
			for _, p := range prefixes {
				b.add(p, int32(i), st.Effect)
			}
		}
	}
	for _, b := range s.index {
		slices.Sort(b.lengths)
	}
}

func (b *bucket) add(prefix string, i int32, e Effect) {
	if !slices.Contains(b.lengths, len(prefix)) {
		b.lengths = append(b.lengths, len(prefix))
	}
	h := maphash.String(seed, prefix)
	c := b.prefixes[h]
	if c == nil {
		c = &candidates{}
		b.prefixes[h] = c
	}
	if e == Deny {
		c.deny = append(c.deny, i)
	} else {
		c.allow = append(c.allow, i)
	}
}

// actionKeys are where a statement is found: by whole action, by service, or anyAction.
func actionKeys(st *Statement) []uint64 {
	if st.NotAction {
		return []uint64{anyAction}
	}
	var keys []uint64
	for i := range st.Actions {
		p := &st.Actions[i]
		if p.shape == exact {
			keys = append(keys, p.hash)
		} else if colon := strings.IndexByte(p.prefix, ':'); colon >= 0 {
			keys = append(keys, hashFold(p.prefix[:colon]))
		} else {
			return []uint64{anyAction}
		}
	}
	slices.SortFunc(keys, cmp.Compare[uint64])
	return slices.Compact(keys)
}

func resourcePrefixes(st *Statement) []string {
	if st.NotResource || len(st.Resources) == 0 {
		return []string{""}
	}
	var prefixes []string
	for i := range st.Resources {
		prefixes = append(prefixes, st.Resources[i].prefix)
	}
	slices.Sort(prefixes)
	return slices.Compact(prefixes)
}

// hit is the first statement of each effect that matches, as an index of refs; -1 for none.
type hit struct{ deny, allow int32 }

// scan finds the first denying and the first allowing statement that match.
func (s *Set) scan(e *env) hit {
	h := hit{-1, -1}
	if s == nil {
		return h
	}
	if s.index != nil {
		s.lookup(e, e.actionHash, &h)
		s.lookup(e, e.serviceHash(), &h)
		s.lookup(e, anyAction, &h)
		return h
	}
	for i := range s.refs {
		st := s.refs[i].st
		first := &h.allow
		if st.Effect == Deny {
			first = &h.deny
		}
		if *first < 0 && e.matches(st) {
			*first = int32(i)
		}
	}
	return h
}

func (s *Set) lookup(e *env, key uint64, h *hit) {
	b := s.index[key]
	if b == nil {
		return
	}
	for _, n := range b.lengths {
		if n > len(e.r.Resource) {
			return
		}
		if c := b.prefixes[maphash.String(seed, e.r.Resource[:n])]; c != nil {
			h.deny = s.first(e, c.deny, h.deny)
			h.allow = s.first(e, c.allow, h.allow)
		}
	}
}

// first returns the first of the candidates that matches and comes before best, otherwise best.
func (s *Set) first(e *env, candidates []int32, best int32) int32 {
	for _, i := range candidates {
		if best >= 0 && i >= best {
			break
		}
		if e.matches(s.refs[i].st) {
			return i
		}
	}
	return best
}

// verdict translates a hit.
func (s *Set) verdict(h hit) verdict {
	var v verdict
	if h.deny >= 0 {
		v.deny = s.finding(h.deny)
	}
	if h.allow >= 0 {
		v.allow = s.finding(h.allow)
	}
	return v
}

func (s *Set) finding(i int32) finding {
	r := &s.refs[i]
	return finding{s.sources[r.source].Name, r.st, r.number}
}
