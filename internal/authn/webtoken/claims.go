package webtoken

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// The claims that carry session tags and the source identity ("Pass session tags using AssumeRoleWithWebIdentity",
// IAM User Guide).
const (
	ClaimTags           = "https://aws.amazon.com/tags"
	ClaimSourceIdentity = "https://aws.amazon.com/source_identity"

	flatTag        = ClaimTags + "/principal_tags/"
	flatTransitive = ClaimTags + "/transitive_tag_keys"
)

// Claims are what a verified token says. They are shared by a cache: they must not be changed.
type Claims struct {
	Issuer, Subject string
	Audience        []string
	// AuthorizedParty is azp, or "".
	AuthorizedParty string
	IssuedAt        time.Time
	NotBefore       time.Time // zero if absent
	Expiry          time.Time
	AMR             []string
	// Tags are the session tags of the token, in order of their keys.
	Tags authn.Tags
	// SourceIdentity is the source identity of the token, or "".
	SourceIdentity string
	// Raw has every claim as it was sent.
	Raw map[string]json.RawMessage
}

// Client returns the value of the aud condition key and of the audience check: azp where the token has it, else its
// only audience ("Available keys for AWS OIDC federation"). A token for several audiences must say by azp whom it was
// issued to (OpenID Connect Core 1.0 section 3.1.3.7), else there is none.
func (c *Claims) Client() (string, bool) {
	if c.AuthorizedParty != "" {
		return c.AuthorizedParty, true
	}
	if len(c.Audience) == 1 {
		return c.Audience[0], true
	}
	return "", false
}

func invalidToken(format string, args ...any) *fault.Error {
	return fault.Of("InvalidIdentityTokenException", format, args...)
}

const notJWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"

// maxSubject is STS's limit for SubjectFromWebIdentityToken.
const maxSubject = 255

func parseClaims(payload []byte) (*Claims, *fault.Error) {
	raw, err := StrictObject(payload)
	if err != nil {
		return nil, invalidToken(notJWT).With(err)
	}
	c := &Claims{Raw: raw}
	for _, f := range []struct {
		name string
		dst  *string
	}{{"iss", &c.Issuer}, {"sub", &c.Subject}, {"azp", &c.AuthorizedParty}, {ClaimSourceIdentity, &c.SourceIdentity}} {
		var ok bool
		if *f.dst, ok = stringOf(raw[f.name]); !ok {
			return nil, invalidToken("Invalid claim: %s", f.name)
		}
	}
	var ok bool
	if c.Audience, ok = stringsOf(raw["aud"]); !ok {
		return nil, invalidToken("Invalid claim: aud")
	}
	if c.AMR, ok = stringsOf(raw["amr"]); !ok {
		return nil, invalidToken("Invalid claim: amr")
	}
	for _, f := range []struct {
		name string
		dst  *time.Time
	}{{"exp", &c.Expiry}, {"iat", &c.IssuedAt}, {"nbf", &c.NotBefore}} {
		if *f.dst, ok = timeOf(raw[f.name]); !ok {
			return nil, invalidToken("Invalid claim: %s", f.name)
		}
	}
	if err := c.checkRequired(); err != nil {
		return nil, err
	}
	return c, c.readTags()
}

func (c *Claims) checkRequired() *fault.Error {
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"iss", c.Issuer == ""}, {"sub", c.Subject == ""}, {"aud", len(c.Audience) == 0},
		{"exp", c.Expiry.IsZero()}, {"iat", c.IssuedAt.IsZero()},
	} {
		if f.missing {
			return invalidToken("Missing a required claim: %s", f.name)
		}
	}
	if len(c.Subject) > maxSubject {
		return invalidToken("Invalid claim: sub")
	}
	if s := c.SourceIdentity; c.Raw[ClaimSourceIdentity] != nil && !sourceIdentity(s) {
		return invalidToken("Invalid claim: %s", ClaimSourceIdentity)
	}
	return nil
}

// sourceIdentity reports whether s has the form of STS's SourceIdentity: 2 to 64 characters of [\w+=,.@-], and no
// reserved prefix.
func sourceIdentity(s string) bool {
	if len(s) < 2 || len(s) > 64 || strings.HasPrefix(s, "aws:") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("_+=,.@-", c) < 0 {
			return false
		}
	}
	return true
}

// timeOf reads a NumericDate (RFC 7519 section 2); absent is the zero time.
func timeOf(raw json.RawMessage) (time.Time, bool) {
	if raw == nil {
		return time.Time{}, true
	}
	var f float64
	if raw[0] == 'n' || json.Unmarshal(raw, &f) != nil || f < 1 || f > 253402300799 { // up to the year 9999
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0).UTC(), true
}

// readTags reads the session tags in either form; a token with both is refused, because readers would differ.
func (c *Claims) readTags() *fault.Error {
	nested, flat := c.Raw[ClaimTags] != nil, false
	values := make(map[string][]string)
	var transitive []string
	for name, raw := range c.Raw {
		key, isTag := strings.CutPrefix(name, flatTag)
		var ok bool
		switch {
		case isTag:
			values[key], ok = stringsOf(raw)
		case name == flatTransitive:
			transitive, ok = stringsOf(raw)
		default:
			continue
		}
		if flat = true; !ok {
			return invalidToken("Invalid claim: %.256s", name)
		}
	}
	if nested && flat {
		return invalidToken("Invalid claim: %s is in both of its forms", ClaimTags)
	}
	if nested {
		var err *fault.Error
		if values, transitive, err = nestedTags(c.Raw[ClaimTags]); err != nil {
			return err
		}
	}
	return c.setTags(values, transitive)
}

func nestedTags(raw json.RawMessage) (map[string][]string, []string, *fault.Error) {
	bad := invalidToken("Invalid claim: %s", ClaimTags)
	top, err := StrictObject(raw)
	if err != nil {
		return nil, nil, bad.With(err)
	}
	transitive, ok := stringsOf(top["transitive_tag_keys"])
	if !ok {
		return nil, nil, bad
	}
	values := make(map[string][]string)
	if top["principal_tags"] == nil {
		return values, transitive, nil
	}
	tags, err := StrictObject(top["principal_tags"])
	if err != nil {
		return nil, nil, bad.With(err)
	}
	for k, v := range tags {
		if values[k], ok = stringsOf(v); !ok {
			return nil, nil, bad
		}
	}
	return values, transitive, nil
}

func (c *Claims) setTags(values map[string][]string, transitive []string) *fault.Error {
	for _, k := range slices.Sorted(maps.Keys(values)) {
		if len(values[k]) != 1 {
			return invalidToken("Session tag values must be single-valued: %.128s", k)
		}
		c.Tags = append(c.Tags, authn.Tag{Key: k, Value: values[k][0]})
	}
	for _, k := range transitive {
		i := slices.IndexFunc(c.Tags, func(t authn.Tag) bool { return strings.EqualFold(t.Key, k) })
		if i < 0 {
			return invalidToken("Transitive tag key %.128s is not among the session tags", k)
		}
		c.Tags[i].Transitive = true
	}
	if err := authn.ValidateTags(c.Tags); err != nil {
		return invalidToken("%s", fault.From(err).Message)
	}
	return nil
}
