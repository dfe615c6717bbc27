package dynamodb

import (
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
)

// sealTag declares that the rows of a table are sealed, each tenant's under a data key of its own, which is itself encrypted under
// the KMS key that the alias in the tag stands for, with the tenant's id in place of ${tenant}: "alias/customer-${tenant}". It
// is given when the table is made, beside bulkhead:owner-key, and stays.
const sealTag = "bulkhead:seal-key"

// tenantVariable stands for the tenant's id in the tag.
const tenantVariable = "${tenant}"

var aliasPattern = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]*\$\{tenant\}[a-zA-Z0-9/_-]*$`)

// sealed is what a table knows of its sealing.
type sealed struct {
	// Alias is the tag's value, "" without the tag. HashKey is the sealed key of the hashes of partition keys, empty for a table that
	// had rows before it was sealed.
	Alias   string
	HashKey []byte
	// Key is the ARN of the KMS key of the table itself (encryption.go); "" is the server's. Generation counts its changes.
	Key        string `json:",omitempty"`
	Generation int    `json:",omitempty"`
	// Mixed is true until the rows that the table had are sealed.
	Mixed bool `json:",omitempty"`
}

// hashKeySize is the size of the key of hashes, in bytes.
const hashKeySize = 32

func sealTagOf(tags []authn.Tag) string {
	v, _ := authn.Tags(tags).Get(sealTag)
	return v
}

// seal makes a new table one that seals its rows, if its tags say so.
func (s *Service) seal(r *record, account string) error {
	alias := sealTagOf(r.Tags)
	if alias == "" {
		return nil
	}
	if !aliasPattern.MatchString(alias) {
		return invalid(wrong+"tag %s: %q is not the name of an alias with %s once in it, such as alias/customer-%s", sealTag, alias, tenantVariable, tenantVariable)
	}
	if owner, err := authz.ParseOwnerRule(r.Tags, s.ids); err != nil || owner == nil {
		return invalid(wrong+"tag %s needs the tag %s beside it, which says whose a row is", sealTag, authz.OwnerKeyTag)
	}
	return s.sealNew(r, account, alias)
}

// sealNew makes a table without rows one that seals them.
func (s *Service) sealNew(r *record, account, alias string) error {
	key := make([]byte, hashKeySize)
	rand.Read(key) // never fails (crypto/rand)
	defer clear(key)
	box, err := s.ring.Seal(keyring.DataKey, hashScope(account, r.ID), key, nil)
	if err != nil {
		return fault.Wrap(err, "seal the key of hashes")
	}
	r.Sealed = &sealed{Alias: alias, HashKey: box}
	return nil
}

func hashScope(account, table string) keyring.Scope {
	return keyring.Scope{Account: account, Name: "hash/" + table}
}

// sealing is how the rows of the table with the record are sealed; nil if they are not.
func (s *Service) sealing(r *record, account, region string) (*store.Sealing, error) {
	if r.Sealed == nil {
		return nil, nil
	}
	owner, err := authz.ParseOwnerRule(r.Tags, s.ids)
	if err == nil && owner == nil && r.Sealed.Alias != "" {
		err = errors.New("the owner rule is gone")
	}
	if err != nil {
		return nil, fmt.Errorf("dynamodb: owner tags of sealed table %s: %w", r.Name, err)
	}
	var key []byte
	if r.Sealed.HashKey != nil {
		if key, err = s.ring.Open(keyring.DataKey, hashScope(account, r.ID), r.Sealed.HashKey, nil); err != nil {
			return nil, fmt.Errorf("dynamodb: open the key of hashes of table %s: %w", r.Name, err)
		}
	}
	is := *r.Sealed
	seal := store.NewSealing(r.ID, account, region, key, func(leading string) string {
		if is.Alias == "" {
			return ""
		}
		id, _ := owner.TenantOf(s.ids, leading)
		return id.String()
	}, func(tenant string) string {
		if tenant == "" {
			return is.Key
		}
		return strings.Replace(is.Alias, tenantVariable, tenant, 1)
	})
	seal.Generation, seal.Whole, seal.Mixed = is.Generation, is.Key != "", is.Mixed
	return seal, nil
}

// keepSealed refuses to change how a table is sealed.
func keepSealed(r *record, tags []authn.Tag) error {
	was := ""
	if r.Sealed != nil {
		was = r.Sealed.Alias
	}
	if sealTagOf(tags) != was {
		return invalid(wrong+"tag %s is given when a table is made, and stays", sealTag)
	}
	return nil
}
