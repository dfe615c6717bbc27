package store

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	stdhash "hash"
	"math"
	"sync"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// Sealing says how the rows of a table are sealed, each under the data key of its tenant (AES-256-GCM, with the row's place as
// associated data). Partition keys, of the table and of its indexes, are stored as keyed hashes only, but for tables that had rows
// before they were sealed; sort keys, of which the store needs the order, stay readable.
type Sealing struct {
	// Table is the id of the table, Account and Region are where its records are.
	Table, Account, Region string
	// Owner returns the tenant that a row with the leading key belongs to; "" for rows that are no tenant's.
	Owner func(leading string) string
	// Alias returns the name of the key that encrypts the data key of a tenant, and for "" of the rows that are no tenant's: "" is
	// the server's.
	Alias func(tenant string) string
	// Generation changes with the key that encrypts the data key of the rows that are no tenant's.
	Generation int
	// Whole is true if the whole table depends on that data key: while it cannot be used no row is read or written.
	Whole bool
	// Mixed is true while there may be rows that are not sealed yet.
	Mixed bool
	macs  *sync.Pool
}

// NewSealing returns the sealing of a table. hashKey is the key of its partition keys' hashes; nil hashes them without one.
func NewSealing(table, account, region string, hashKey []byte, owner, alias func(string) string) *Sealing {
	s := &Sealing{Table: table, Account: account, Region: region, Owner: owner, Alias: alias}
	if hashKey != nil {
		s.macs = &sync.Pool{New: func() any { return &keyedHash{mac: hmac.New(sha256.New, hashKey)} }}
	}
	return s
}

// keyed reports whether partition keys' hashes have a key.
func (s *Sealing) keyed() bool { return s != nil && s.macs != nil }

// hashPK is the hash that stands for a partition key.
func (s *Sealing) hashPK(pk []byte) (h hash) {
	if !s.keyed() {
		return hashOf(pk)
	}
	m := s.macs.Get().(*keyedHash)
	defer s.macs.Put(m)
	m.mac.Reset()
	m.mac.Write(pk)
	copy(h[:], m.mac.Sum(m.sum[:0]))
	return h
}

// keyedHash is an HMAC with room for its sum, so that none is allocated.
type keyedHash struct {
	mac stdhash.Hash
	sum [sha256.Size]byte
}

// KeyID names a data key.
type KeyID [16]byte

// DataKey is a tenant's data key in use. It is safe for concurrent use.
type DataKey struct {
	// ID names it in what it has sealed.
	ID KeyID
	// Unusable says why the key cannot be used now; nil if it can. Ending is true if it is destroyed or going to be: work in the
	// background does not wait for it.
	Unusable error
	Ending   bool

	aead cipher.AEAD
	mu   sync.Mutex
	// nonce is 8 random bytes, drawn each time that the key is loaded, and 4 that count ("NIST SP 800-38D", section 8.2.1):
	// no two processes and no two messages share one.
	nonce [12]byte
}

// NewDataKey returns a data key that seals with AES-256-GCM.
func NewDataKey(id KeyID, aead cipher.AEAD) *DataKey {
	k := &DataKey{ID: id, aead: aead}
	rand.Read(k.nonce[:8]) // never fails (crypto/rand)
	return k
}

func (k *DataKey) next() [12]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := binary.BigEndian.Uint32(k.nonce[8:])
	if n == math.MaxUint32 {
		rand.Read(k.nonce[:8])
	}
	binary.BigEndian.PutUint32(k.nonce[8:], n+1)
	return k.nonce
}

// KeyWant is a data key that a transaction has asked for and that was not at hand: by its id, or of a tenant of the table, for
// whom it is made if there is none.
type KeyWant struct {
	Sealing *Sealing
	ID      KeyID
	Tenant  string
	Make    bool
}

// DataKeys finds data keys. A transaction that wants one that is not at hand is rolled back, the key is fetched, and it runs
// again.
type DataKeys interface {
	// ByID returns a data key that is at hand and known to be up to date; nil if it has to be fetched.
	ByID(s *Sealing, id KeyID) *DataKey
	// ByTenant returns the data key under which a tenant's rows are sealed now; nil if it has to be fetched or made.
	ByTenant(s *Sealing, tenant string) *DataKey
	// Fetch gets data keys, in the order of the wants. One that cannot be used is returned with its reason. ByID and ByTenant
	// return them from then on, if it is known that they are up to date.
	Fetch(ctx context.Context, wants []KeyWant) ([]*DataKey, error)
}

// UseDataKeys sets where data keys are found, before the first table with sealed rows is opened.
func (db *DB) UseDataKeys(k DataKeys) { db.keys.Store(&k) }

// dataKeys is where data keys are found; nil before the first table with sealed rows can be opened.
func (db *DB) dataKeys() DataKeys {
	if k := db.keys.Load(); k != nil {
		return *k
	}
	return nil
}

// maxWants is how many keys are fetched at once.
const maxWants = 256

// maxFetches is how often a transaction runs again for keys that it finds it needs.
const maxFetches = 64

// errWantKeys rolls a transaction back that wants keys.
var errWantKeys = errors.New("store: data keys are to be fetched")

// asked is what one request has wanted of data keys, and got. What was fetched since it began is up to date for it, whether or not
// it may be kept for others: a node that has lately not been able to look for others' changes keeps nothing.
type asked struct {
	DataKeys
	wants []KeyWant
	got   map[keyFor]*DataKey
}

// keyFor says which key of which sealing was wanted.
type keyFor struct {
	account, table, tenant string
	generation             int
	id                     KeyID
	made                   bool
}

// ByID implements DataKeys.
func (q *asked) ByID(s *Sealing, id KeyID) *DataKey {
	if k := q.got[(&KeyWant{Sealing: s, ID: id}).key()]; k != nil {
		return k
	}
	return q.DataKeys.ByID(s, id)
}

// ByTenant implements DataKeys.
func (q *asked) ByTenant(s *Sealing, tenant string) *DataKey {
	if k := q.got[(&KeyWant{Sealing: s, Tenant: tenant, Make: true}).key()]; k != nil {
		return k
	}
	return q.DataKeys.ByTenant(s, tenant)
}

func (w *KeyWant) key() keyFor {
	return keyFor{w.Sealing.Account, w.Sealing.Table, w.Tenant, w.Sealing.Generation, w.ID, w.Make}
}

// fetching runs a transaction until it has all the keys it wants.
func (db *DB) fetching(ctx context.Context, run func(q *asked) error) error {
	q := &asked{DataKeys: db.dataKeys()}
	for range maxFetches {
		q.wants = nil
		if err := run(q); len(q.wants) == 0 {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		keys, err := db.dataKeys().Fetch(ctx, q.wants)
		if err != nil {
			return err
		}
		if q.got == nil {
			q.got = make(map[keyFor]*DataKey, len(keys))
		}
		for i, k := range keys {
			q.got[q.wants[i].key()] = k
		}
	}
	return errKeysChange()
}

func errKeysChange() error {
	return fault.Wrap(errors.New("store: data keys change too fast"), "fetch data keys")
}

var errNotSealed = errors.New("store: a row of a sealed table is not sealed")

// rowV2 is the first byte of a sealed row, index entry or item of a change: the id of the data key, the nonce, and sealed what a
// rowV1 holds after its first byte.
const rowV2 = 2

const sealedHead = 1 + len(KeyID{}) + 12

// errSkipped is a row that cannot be shown: its key is still to be fetched, or cannot be used.
var errSkipped = errors.New("store: a row that cannot be opened")

// encodeRow returns what is stored of a row. place is the kv key of the row or index entry, to which it is bound.
func (r *rows) encodeRow(place, pk, value []byte) ([]byte, error) {
	if r.seal == nil {
		return sealRow(pk, value), nil
	}
	r.use(pk)
	tenant := r.seal.Owner(r.latest.leading)
	k := r.tx.keys.ByTenant(r.seal, tenant)
	switch {
	case k == nil:
		r.tx.want(KeyWant{Sealing: r.seal, Tenant: tenant, Make: true})
		return nil, errSkipped
	case k.Unusable != nil:
		return nil, k.Unusable
	}
	return k.sealIn(appendRow(k.room(rowSize(pk, value)), pk, value), place), nil
}

// decodeRow reads what is stored at a place. errSkipped is a row to be left out for now; unusable is the reason if its key
// cannot be used.
func (r *rows) decodeRow(place, b []byte) (pk, value []byte, unusable, err error) {
	return r.decodeInto(new([]byte), place, b)
}

// decodeInto is decodeRow; what it opens is in buf, until that is used again.
func (r *rows) decodeInto(buf *[]byte, place, b []byte) (pk, value []byte, unusable, err error) {
	if r.seal == nil {
		pk, value, err = openRow(b)
		return pk, value, nil, err
	}
	if r.seal.Mixed && len(b) > 0 && b[0] == rowV1 {
		pk, value, err = openRow(b)
		return pk, value, nil, err
	}
	if len(b) < sealedHead || b[0] != rowV2 {
		return nil, nil, nil, errNotSealed
	}
	id := KeyID(b[1 : 1+len(KeyID{})])
	k := r.held
	if k == nil || k.ID != id {
		if k = r.tx.keys.ByID(r.seal, id); k == nil {
			r.tx.want(KeyWant{Sealing: r.seal, ID: id})
			if len(*r.tx.wants) >= maxWants {
				return nil, nil, nil, errWantKeys // before the rest of a table is read for nothing
			}
			return nil, nil, nil, errSkipped
		}
		r.held = k
	}
	if k.Unusable != nil {
		if r.whole && !k.Ending {
			return nil, nil, nil, k.Unusable
		}
		return nil, nil, k.Unusable, errSkipped
	}
	plain, err := k.open((*buf)[:0], place, b)
	if err != nil {
		return nil, nil, nil, err
	}
	*buf = plain
	pk, value, err = cutRow(plain)
	return pk, value, nil, err
}

// open refuses the rows of a table whose own key cannot be used, found or not.
func (tx *Tx) open(s *Sealing) error {
	if s == nil || !s.Whole {
		return nil
	}
	k := tx.keys.ByTenant(s, "")
	if k == nil {
		tx.want(KeyWant{Sealing: s, Make: true})
		return nil
	}
	return k.Unusable
}

func (tx *Tx) want(w KeyWant) {
	for _, have := range *tx.wants {
		if have.Sealing == w.Sealing && have.ID == w.ID && have.Tenant == w.Tenant {
			return
		}
	}
	*tx.wants = append(*tx.wants, w)
}
