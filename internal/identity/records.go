package identity

import (
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
)

// Kind is the type of an IAM entity, spelt as in its ARN.
type Kind string

// The kinds of entities.
const (
	KindUser  Kind = "user"
	KindGroup Kind = "group"
	KindRole  Kind = "role"
)

// Tag is a tag of an IAM resource. Keys compare case-insensitively and keep their case.
type Tag struct {
	Key   string `json:"k"`
	Value string `json:"v"`
}

// Principal returns tags as those of a principal.
func principalTags(tags []Tag) authn.Tags {
	out := make(authn.Tags, len(tags))
	for i, t := range tags {
		out[i] = authn.Tag{Key: t.Key, Value: t.Value}
	}
	return out
}

// Inline is an inline policy of an entity: its document as it was given.
type Inline struct {
	Name     string `json:"name"`
	Document string `json:"document"`
}

// Entity is what users, groups and roles have in common. Inline policies are sorted by name, names are unique.
type Entity struct {
	Kind    Kind      `json:"kind"`
	Account string    `json:"account"`
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	Created time.Time `json:"created"`
	Tags    []Tag     `json:"tags,omitempty"`
	// Boundary is the ARN of the managed policy that is the permissions boundary; "" for none, and for groups.
	Boundary string   `json:"boundary,omitempty"`
	Inline   []Inline `json:"inline,omitempty"`
	// Attached are the ARNs of managed policies in the order of attachment.
	Attached []string `json:"attached,omitempty"`
}

// ARN is the entity's name, path included.
func (e *Entity) ARN() string { return arn.IAM(e.Account, string(e.Kind), e.Path, e.Name) }

// PrincipalTags are the tags as aws:PrincipalTag shows them.
func (e *Entity) PrincipalTags() authn.Tags { return principalTags(e.Tags) }

// InlineIndex finds an inline policy by name, which is case-sensitive.
func (e *Entity) InlineIndex(name string) (int, bool) {
	return slices.BinarySearchFunc(e.Inline, name, func(p Inline, n string) int { return strings.Compare(p.Name, n) })
}

// PutInline adds or replaces an inline policy.
func (e *Entity) PutInline(p Inline) {
	i, ok := e.InlineIndex(p.Name)
	if ok {
		e.Inline[i] = p
		return
	}
	e.Inline = slices.Insert(e.Inline, i, p)
}

// User is an IAM user.
type User struct {
	Entity
	// Groups are the lower-case names of the user's groups.
	Groups []string `json:"groups,omitempty"`
	// Keys are the ids of its access keys.
	Keys []string `json:"keys,omitempty"`
}

// Group is an IAM group. Its members are in an index of their own.
type Group struct{ Entity }

// Role is an IAM role.
type Role struct {
	Entity
	Description string `json:"description,omitempty"`
	// MaxSession is the longest session in seconds.
	MaxSession int32 `json:"maxSession"`
	// Trust is the trust policy.
	Trust Frozen `json:"trust"`
}

// Key is a long-term access key.
type Key struct {
	ID string `json:"id"`
	// User is the lower-case name of the user; "" is the account's root user.
	User    string    `json:"user,omitempty"`
	Account string    `json:"account"`
	Active  bool      `json:"active"`
	Created time.Time `json:"created"`
	// Sealed is the secret, sealed under keyring.AccessKeySecret with the id as scope.
	Sealed []byte `json:"sealed"`
	// Bootstrap marks the root key that the operator's configuration declares.
	Bootstrap bool `json:"bootstrap,omitempty"`
}

// Used is when an access key or a role was last used.
type Used struct {
	At      time.Time `json:"at"`
	Region  string    `json:"region"`
	Service string    `json:"service"`
}

// Version is one version of a managed policy.
type Version struct {
	// Number counts from 1; the version's id is "v" and the number.
	Number   int       `json:"number"`
	Document string    `json:"document"`
	Created  time.Time `json:"created"`
}

// Policy is a customer managed policy, or one of AWS's.
type Policy struct {
	Account     string    `json:"account"`
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	Tags        []Tag     `json:"tags,omitempty"`
	// Versions are sorted by number.
	Versions []Version `json:"versions"`
	// Default is the number of the version in force, Last that of the newest ever made.
	Default int `json:"default"`
	Last    int `json:"last"`
}

// ARN is the policy's name.
func (p *Policy) ARN() string { return arn.IAM(p.Account, "policy", p.Path, p.Name) }

// Version returns the version with the number, or nil.
func (p *Policy) Version(number int) *Version {
	for i := range p.Versions {
		if p.Versions[i].Number == number {
			return &p.Versions[i]
		}
	}
	return nil
}

// Document is the document in force; "" if the record is damaged.
func (p *Policy) Document() string {
	if v := p.Version(p.Default); v != nil {
		return v.Document
	}
	return ""
}

// OIDCProvider is an IAM OpenID Connect provider.
type OIDCProvider struct {
	Account string `json:"account"`
	// URL is the issuer without its scheme: host and path.
	URL string `json:"url"`
	// Insecure says that the issuer's scheme is http, which is for loopback addresses only; else it is https.
	Insecure    bool      `json:"insecure,omitempty"`
	ClientIDs   []string  `json:"clientIds,omitempty"`
	Thumbprints []string  `json:"thumbprints,omitempty"`
	Created     time.Time `json:"created"`
	Tags        []Tag     `json:"tags,omitempty"`
}

// Issuer is the iss claim of the provider's tokens.
func (p *OIDCProvider) Issuer() string {
	if p.Insecure {
		return "http://" + p.URL
	}
	return "https://" + p.URL
}

// ARN is the provider's name.
func (p *OIDCProvider) ARN() string { return arn.IAM(p.Account, "oidc-provider", "/", p.URL) }

// Settings are the facts about an account that have no other place.
type Settings struct {
	Alias string `json:"alias,omitempty"`
	// RootKeys are the ids of the root user's access keys.
	RootKeys []string `json:"rootKeys,omitempty"`
	// Initialized is true once the root user of the default account had a key.
	Initialized bool `json:"initialized,omitempty"`
}
