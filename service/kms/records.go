package kms

import (
	"time"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Records of an account and region, by the first part of their keys.
const (
	recordKey      = "key"       // id
	recordAlias    = "alias"     // name
	recordKeyAlias = "key-alias" // id, name: the aliases of a key
)

// ref names a key for good: ids are never used twice.
type ref struct{ account, region, id string }

type aliasRef struct{ account, region, name string }

// keyRecord is a key as it is kept.
type keyRecord struct {
	ID          string       `json:"id"`
	Description string       `json:"description,omitempty"`
	State       api.KeyState `json:"state"`
	Created     time.Time    `json:"created"`
	// Since is when the key last became unusable, zero if it never did or that was before this was kept.
	Since time.Time `json:"since,omitzero"`
	// Manager says who manages the key: "" is the customer.
	Manager api.KeyManagerType `json:"manager,omitempty"`
	// DeleteAt is when the waiting period of a key that is pending deletion is over.
	DeleteAt  time.Time       `json:"deleteAt,omitzero"`
	Tags      []tag           `json:"tags,omitempty"`
	Policy    identity.Frozen `json:"policy"`
	Rotation  *rotation       `json:"rotation,omitempty"`
	Materials []material      `json:"materials"`
}

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// rotation is set while automatic rotation is on.
type rotation struct {
	Days int32     `json:"days"`
	Next time.Time `json:"next"`
}

// material is one version of a key's material. The newest encrypts, all decrypt.
type material struct {
	Version uint32 `json:"version"`
	// ID is KeyMaterialId: 64 hexadecimal digits.
	ID     string    `json:"id"`
	Sealed []byte    `json:"sealed"`
	Since  time.Time `json:"since"`
}

type aliasRecord struct {
	Name    string    `json:"name"`
	KeyID   string    `json:"keyId"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// current is the newest material.
func (k *keyRecord) current() *material { return &k.Materials[len(k.Materials)-1] }

// gone reports whether the waiting period is over: the key is then deleted, even before a sweep destroys it.
func (k *keyRecord) gone(now time.Time) bool {
	return k.State == api.KeyStatePendingDeletion && !now.Before(k.DeleteAt)
}

// usable is the error of a cryptographic operation in the key's state ("Key states of AWS KMS keys", AWS KMS Developer
// Guide).
func (k *keyRecord) usable(name string) error {
	switch k.State {
	case api.KeyStateEnabled:
		return nil
	case api.KeyStateDisabled:
		return api.NewDisabledException("%s is disabled.", name)
	case api.KeyStatePendingDeletion:
		return pendingDeletion(name)
	}
	return api.NewKMSInvalidStateException("%s is not in a valid state for this operation.", name)
}

// kept is the error of changing a key that is pending deletion.
func (k *keyRecord) kept(name string) error {
	if k.State == api.KeyStatePendingDeletion {
		return pendingDeletion(name)
	}
	return nil
}

// view is the records of one account and region.
type view struct {
	*store.Records
	account, region string
}

func viewOf(tx *store.Tx, account, region string) (*view, error) {
	r, err := tx.Records(account, region)
	if err != nil {
		return nil, err
	}
	return &view{r, account, region}, nil
}

func (v *view) arn(id string) string { return keyARN(v.account, v.region, id) }

func (v *view) aliasARN(name string) string { return aliasARN(v.account, v.region, name) }

func (v *view) key(id string) (*keyRecord, error) {
	return store.Load[keyRecord](v.Records, store.K(recordKey, id))
}

func (v *view) putKey(k *keyRecord) error {
	v.Changed()
	return store.Save(v.Records, store.K(recordKey, k.ID), k)
}

func (v *view) alias(name string) (*aliasRecord, error) {
	return store.Load[aliasRecord](v.Records, store.K(recordAlias, name))
}

func (v *view) putAlias(a *aliasRecord) error {
	v.Changed()
	if err := v.Set(store.K(recordKeyAlias, a.KeyID, a.Name), []byte{1}); err != nil {
		return err
	}
	return store.Save(v.Records, store.K(recordAlias, a.Name), a)
}

func (v *view) removeAlias(a *aliasRecord) error {
	v.Changed()
	if err := v.Delete(store.K(recordKeyAlias, a.KeyID, a.Name)); err != nil {
		return err
	}
	return v.Delete(store.K(recordAlias, a.Name))
}

// aliasesOf returns the names of a key's aliases in order.
func (v *view) aliasesOf(id string) (names []string, err error) {
	err = v.Scan(store.K(recordKeyAlias, id), nil, func(k store.Key, _ []byte) bool {
		names = append(names, k.Parts()[2])
		return true
	})
	return names, err
}

func keyARN(account, region, id string) string {
	return "arn:" + arn.Partition + ":kms:" + region + ":" + account + ":key/" + id
}

func aliasARN(account, region, name string) string {
	return "arn:" + arn.Partition + ":kms:" + region + ":" + account + ":" + name
}
