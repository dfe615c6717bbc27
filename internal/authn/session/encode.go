package session

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
)

// The claims of a token, sealed inside of it: fields in a fixed order, strings with their length in front, numbers as
// varints. A change of this form is a new version.

const (
	flagHasPolicy = 1 << iota
	flagChained
	flagMFA
	flagTenantInvalid

	knownFlags = flagHasPolicy | flagChained | flagMFA | flagTenantInvalid
)

var errClaims = errors.New("session token: malformed claims")

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

// encode appends the claims of p. Tenant is left out: it follows from the tags. TenantInvalid may follow from where the
// session comes from instead, so it is kept.
func encode(b []byte, p *authn.Principal) []byte {
	var flags byte
	if p.HasSessionPolicy {
		flags |= flagHasPolicy
	}
	if p.Chained {
		flags |= flagChained
	}
	if !p.MFAAt.IsZero() {
		flags |= flagMFA
	}
	if p.TenantInvalid {
		flags |= flagTenantInvalid
	}
	b = append(b, byte(p.Kind), flags)
	b = binary.AppendVarint(b, p.IssuedAt.Unix())
	b = binary.AppendVarint(b, p.ExpiresAt.Unix())
	if flags&flagMFA != 0 {
		b = binary.AppendVarint(b, p.MFAAt.Unix())
	}
	for _, s := range [...]string{p.Account, p.ARN, p.RoleARN, p.UserID, p.Name, p.SourceIdentity, p.FederatedProvider} {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Tags)))
	for _, t := range p.Tags {
		transitive := byte(0)
		if t.Transitive {
			transitive = 1
		}
		b = append(appendString(appendString(b, t.Key), t.Value), transitive)
	}
	b = appendStrings(b, p.SessionPolicies)
	b = appendStrings(b, p.SessionPolicyARNs)
	b = binary.AppendUvarint(b, uint64(len(p.FederatedContext)))
	for _, k := range slices.Sorted(maps.Keys(p.FederatedContext)) {
		b = appendStrings(appendString(b, k), p.FederatedContext[k])
	}
	return b
}

// reader takes claims apart. After the first mistake it only yields zero values.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) time() time.Time {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return time.Time{}
	}
	r.b = r.b[size:]
	return time.Unix(n, 0).UTC()
}

// count reads a number of elements; each takes at least one byte, so it is bounded by what is left.
func (r *reader) count() int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > uint64(len(r.b)-size) {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return int(n)
}

func (r *reader) string() string {
	n := r.count()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) strings() []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]string, 0, min(n, 64))
	for range n {
		list = append(list, r.string())
	}
	return list
}

func decode(b []byte) (*authn.Principal, error) {
	r := &reader{b: b}
	p := &authn.Principal{Kind: authn.Kind(r.byte())}
	flags := r.byte()
	if p.Kind == authn.Anonymous || p.Kind > authn.FederatedUser || flags&^knownFlags != 0 {
		return nil, errClaims
	}
	p.HasSessionPolicy, p.Chained = flags&flagHasPolicy != 0, flags&flagChained != 0
	p.TenantInvalid = flags&flagTenantInvalid != 0
	p.IssuedAt, p.ExpiresAt = r.time(), r.time()
	if flags&flagMFA != 0 {
		p.MFAAt = r.time()
	}
	for _, s := range [...]*string{&p.Account, &p.ARN, &p.RoleARN, &p.UserID, &p.Name, &p.SourceIdentity, &p.FederatedProvider} {
		*s = r.string()
	}
	for range r.count() {
		t := authn.Tag{Key: r.string(), Value: r.string()}
		c := r.byte()
		if c > 1 {
			r.fail()
		}
		t.Transitive = c == 1
		if r.bad {
			break
		}
		p.Tags = append(p.Tags, t)
	}
	p.SessionPolicies, p.SessionPolicyARNs = r.strings(), r.strings()
	for range r.count() {
		k := r.string()
		v := r.strings()
		if _, twice := p.FederatedContext[k]; twice || r.bad {
			r.fail()
			break
		}
		if p.FederatedContext == nil {
			p.FederatedContext = make(map[string][]string)
		}
		p.FederatedContext[k] = v
	}
	if r.bad || len(r.b) > 0 {
		return nil, errClaims
	}
	return p, nil
}
