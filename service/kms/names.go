package kms

import (
	"strings"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/arn"
)

// aliasPrefix begins every alias name; reservedPrefix those of AWS managed keys.
const (
	aliasPrefix    = "alias/"
	reservedPrefix = "alias/aws/"
)

// form is what sort of name a KeyId is ("Key identifiers (KeyId)", AWS KMS Developer Guide).
type form uint8

const (
	malformed form = iota
	byKey
	byAlias
	elsewhere // an ARN of another region
)

// name is a parsed KeyId.
type name struct {
	form            form
	account, region string
	// id is the key's id or the alias's name.
	id string
	// given is the name as the request has it.
	given string
}

// parseName reads a key id, key ARN, alias name or alias ARN in a request of the account to the region.
func parseName(s, account, region string) name {
	n := name{account: account, region: region, id: s, given: s}
	switch {
	case strings.HasPrefix(s, "arn:"):
		return parseARN(n)
	case strings.HasPrefix(s, aliasPrefix):
		n.form = byAlias
	case isUUID(s):
		n.form = byKey
	}
	return n
}

func parseARN(n name) name {
	a, ok := arn.Parse(n.given)
	if !ok || a.Partition != arn.Partition || a.Service != service || !arn.IsAccount(a.Account) {
		return n
	}
	id, isKey := strings.CutPrefix(a.Resource, "key/")
	switch {
	case isKey && isUUID(id):
		n.form, n.id = byKey, id
	case strings.HasPrefix(a.Resource, aliasPrefix):
		n.form, n.id = byAlias, a.Resource
	default:
		return n
	}
	n.account = a.Account
	if a.Region != n.region {
		n.form, n.region = elsewhere, a.Region
	}
	return n
}

// arn is the literal name that policies see while it resolves to no key.
func (n *name) arn() string {
	switch {
	case strings.HasPrefix(n.given, "arn:"):
		return n.given
	case n.form == byAlias:
		return aliasARN(n.account, n.region, n.id)
	}
	return keyARN(n.account, n.region, n.id)
}

// missing is the error for a name that resolves to no key.
func missing(n name) error {
	switch n.form {
	case byKey:
		return noKey(n.arn())
	case byAlias:
		return noAlias(n.arn())
	case elsewhere:
		return api.NewNotFoundException("Invalid arn %s", n.region)
	}
	if strings.HasPrefix(n.given, "arn:") {
		return api.NewInvalidArnException("Invalid arn %s", n.given)
	}
	return api.NewNotFoundException("Invalid keyId %s", n.given)
}

// isUUID reports whether s is a UUID in lower case, the form of key ids.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
