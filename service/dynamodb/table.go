package dynamodb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// record is a table as it is stored, by its name. Fields are only ever added.
type record struct {
	// ID names the table in the store and in grants; unlike Name it is never used again.
	ID, Name   string
	Created    time.Time
	Attributes []attribute
	Keys       []string // of Attributes: the partition key, then the sort key if there is one
	Indexes    []index

	OnDemand      bool
	OnDemandSince time.Time // zero unless OnDemand
	Throughput    throughput
	Adjusted      adjusted   `json:",omitzero"`
	MaxOnDemand   throughput // -1 or 0: no maximum
	Warm          throughput // 0: none was asked for
	Class         string
	ClassSince    time.Time // zero unless Class was changed
	Protected     bool

	// Stream is the latest stream, nil if there never was one. Logs is true once the table has kept changes.
	Stream *streamOf `json:",omitempty"`
	Logs   bool      `json:",omitempty"`

	// TTL is the time to live of the rows.
	TTL timeToLive
	// Recovery is point-in-time recovery. Backing counts the backups that are being made. Restored says what the table was
	// made of, nil for nothing.
	Recovery recovery
	Backing  int       `json:",omitempty"`
	Restored *restored `json:",omitempty"`
	// Importing is the id of the import that fills the table, "" once it is over.
	Importing string `json:",omitempty"`

	// Sealed says how the rows are sealed, nil if they are not.
	Sealed *sealed `json:",omitempty"`

	// Outside says where an outside engine keeps the rows, nil if they are here.
	Outside *outside `json:",omitempty"`

	Tags []authn.Tag
	attached
}

type attribute struct{ Name, Type string }

type throughput struct{ Read, Write int64 }

type index struct {
	ID, Name string
	Local    bool
	Keys     []string
	// Hashes is how many of Keys are the partition key, of a multi-attribute key; 0 is one.
	Hashes     int `json:",omitempty"`
	Projection string
	NonKey     []string `json:",omitempty"`
	Throughput throughput
	Adjusted   adjusted `json:",omitzero"`
	// MaxOnDemand and Warm are as the table's.
	MaxOnDemand throughput `json:",omitzero"`
	Warm        throughput `json:",omitzero"`
	// Filling is true until all rows are in a new index; it is written meanwhile, and not read.
	Filling bool `json:",omitempty"`
}

// place is where a table is: what its record is found by.
type place struct{ account, region, name string }

func (p place) key() store.Key { return store.K("table", p.name) }

func (p place) arn() string {
	return "arn:aws:dynamodb:" + p.region + ":" + p.account + ":table/" + p.name
}

// table is a record and what is made of it once for all requests. It is immutable.
type table struct {
	record
	raw    []byte // the record's bytes
	at     place
	schema item.Table
	// sealing is how the rows are sealed; nil if they are not.
	sealing *store.Sealing
	// res is the table as a resource, for requirements.
	res authz.Resource
	// share is each tenant's of the capacity.
	share share
}

// errNoTable stands for a table that does not exist; each operation has a message of its own for it.
var errNoTable = errors.New("dynamodb: no such table")

// facts returns what requirements need to know of a table, from the cache. It returns nil if there is no such table.
func (s *Service) facts(ctx context.Context, at place) (*table, error) {
	t, err := s.tables.Get(at.account, at, func() (t *table, err error) {
		err = system.View(ctx, s.db, name, func(tx *store.Tx) error {
			t, err = s.read(tx, at, nil)
			return err
		})
		if err == nil && t == nil {
			err = errNoTable // which is not cached: names are the caller's choice
		}
		return t, err
	})
	if errors.Is(err, errNoTable) {
		return nil, nil
	}
	return t, err
}

// current returns the table as it is in the transaction, or nil. The cached facts serve if the record has not changed.
func (s *Service) current(tx *store.Tx, at place) (*table, error) {
	cached, err := s.tables.Get(at.account, at, func() (*table, error) { return nil, errNoTable })
	if err != nil {
		cached = nil
	}
	return s.read(tx, at, cached)
}

func (s *Service) read(tx *store.Tx, at place, cached *table) (*table, error) {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return nil, err
	}
	raw, ok, err := recs.Get(at.key())
	if err != nil || !ok {
		return nil, err
	}
	if cached != nil && bytes.Equal(raw, cached.raw) {
		return cached, nil
	}
	rec, err := store.Load[record](recs, at.key())
	if err != nil || rec == nil {
		return nil, err
	}
	return s.compile(rec, at, bytes.Clone(raw))
}

// compile makes the facts of a record.
func (s *Service) compile(rec *record, at place, raw []byte) (*table, error) {
	owner, err := authz.ParseOwnerRule(rec.Tags, s.ids)
	if err != nil {
		return nil, fmt.Errorf("dynamodb: owner tags of table %s: %w", at.arn(), err)
	}
	owner = owner.WithIndexes(rec.indexID)
	part, err := parseShare(rec.Tags)
	if err != nil {
		return nil, fmt.Errorf("dynamodb: tags of table %s: %w", at.arn(), err)
	}
	t := &table{record: *rec, share: part, raw: raw, at: at, schema: rec.schema(at.arn())}
	if t.sealing, err = s.sealing(rec, at.account, at.region); err != nil {
		return nil, err
	}
	t.res = authz.Resource{
		ARN: at.arn(), Account: at.account, Region: at.region, ID: rec.ID, Tags: rec.Tags, Owner: owner,
	}
	t.res.Policy, err = rec.source(at.arn())
	return t, err
}

// save stores a changed record and drops what is cached of it.
func save(tx *store.Tx, at place, rec *record) error {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	recs.Changed()
	return store.Save(recs, at.key(), rec)
}

// erase removes the record of a table, and drops what is cached of it.
func erase(tx *store.Tx, at place) error {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	recs.Changed()
	return recs.Delete(at.key())
}

// remove removes a table, and has its rows removed.
func (r *record) remove(tx *store.Tx, at place) error {
	if err := erase(tx, at); err != nil {
		return err
	}
	return addJob(tx, &job{Kind: dropTable, Table: r.ID})
}

// schema is the record in the terms of package item. Names of tables in different accounts may be the same, so the
// schema's is the ARN.
func (r *record) schema(tableARN string) item.Table {
	t := item.Table{Name: tableARN, Keys: r.keySchema(r.Keys, 1), Logged: r.logged()}
	for i := range r.Indexes {
		x := &r.Indexes[i]
		t.Indexes = append(t.Indexes, item.Index{
			ID: x.ID, Name: x.Name, Local: x.Local, Keys: r.keySchema(x.Keys, x.hashes()), Projection: projections[x.Projection], NonKey: x.NonKey,
		})
	}
	return t
}

// logged reports whether the table keeps its changes.
func (r *record) logged() bool { return r.streams() || r.Recovery.Enabled || r.Backing > 0 }

// streams reports whether the table has a stream that is enabled.
func (r *record) streams() bool { return r.Stream != nil && r.Stream.Enabled }

// busy refuses to change a table that is being restored or imported.
func (r *record) busy() error {
	if r.Restored != nil && r.Restored.InProgress || r.Importing != "" {
		return api.NewResourceInUseException("Attempt to change a resource which is still in use: Table is being created: %s", r.Name)
	}
	return nil
}

// keySchema is the key of which the first names, so many, are the partition key.
func (r *record) keySchema(names []string, hashes int) item.KeySchema {
	s := item.KeySchema{Hash: r.keyPart(names[0])}
	for _, name := range names[1:hashes] {
		s.MoreHash = append(s.MoreHash, r.keyPart(name))
	}
	for i, name := range names[hashes:] {
		if i == 0 {
			s.Sort = r.keyPart(name)
			continue
		}
		s.MoreSort = append(s.MoreSort, r.keyPart(name))
	}
	return s
}

// hashes is how many of the index's keys are its partition key.
func (x *index) hashes() int { return max(x.Hashes, 1) }

func (r *record) keyPart(name string) item.KeyPart {
	p := item.KeyPart{Name: name}
	for _, a := range r.Attributes {
		if a.Name == name {
			p.Kind = scalars[a.Type]
		}
	}
	return p
}

var scalars = map[string]item.Kind{"S": item.S, "N": item.N, "B": item.B}

var projections = map[string]item.ProjectionType{
	string(api.ProjectionTypeAll): item.All, string(api.ProjectionTypeInclude): item.Include,
	string(api.ProjectionTypeKeysOnly): item.KeysOnly,
}

func (r *record) index(name string) *index {
	for i := range r.Indexes {
		if r.Indexes[i].Name == name {
			return &r.Indexes[i]
		}
	}
	return nil
}

// indexID is the id of the index with the name, "" if there is none.
func (r *record) indexID(name string) string {
	if x := r.index(name); x != nil {
		return x.ID
	}
	return ""
}
