package item

// RowKey identifies a row of a table or an entry of an index.
type RowKey struct {
	// PK is the partition key in canonical bytes: a type letter, then the value (KeyBytes). At most 2,049 bytes, so a
	// store hashes it; it is never compared for order.
	PK []byte
	// SK is the sort key in order-preserving bytes, at most 1,024: comparing them bytewise orders rows as DynamoDB does.
	// It may hold any byte, zeros too, and one SK may be a prefix of another. Nil if the key schema has no sort key.
	SK []byte
}

// Range is a half-open interval [Start, End) of sort key bytes. A nil Start is the first row of the partition, a nil
// End is after its last. The zero Range is the whole partition.
type Range struct {
	Start, End []byte
	Reverse    bool
	// Limit is a hint of how many rows the caller will take; 0 is no hint. It never cuts a scan short.
	Limit int
	// Resume is where a Pause said that reading goes on; nil at the beginning.
	Resume []byte
	// Whole asks for no Pause.
	Whole bool
	// Base is true of an index whose partition key is the table's: its partition holds rows of that partition only.
	Base bool
}

// Pause is the error of a Query or Scan that has passed over so much without yielding it that it ends early.
type Pause struct {
	// At is where reading goes on: a Range or Segment takes it as Resume. It means something to the reader that made it only.
	At []byte
	// Shown is how many of the values that were yielded come before At. Those after it are yielded again.
	Shown int
}

func (p *Pause) Error() string { return "item: a scan has paused" }

// Segment is a part of a parallel scan: rows whose partition key hash falls in part Index of Total equal parts of the
// hash space. The zero Segment is the whole table. Resume and Whole are as in Range.
type Segment struct {
	Index, Total int
	Resume       []byte
	Whole        bool
}

// IndexPos is the position of an entry in an index.
type IndexPos struct {
	// Key is the entry's key by the index's key schema, Base that of the row it stands for.
	Key, Base RowKey
}

// RowReader reads one table within one transaction. Its scans, and those of indexes, may end with a Pause. Values are what Rows.Put stored. Slices passed to yield are valid
// only during the call; what Get returns is valid until the transaction ends; neither may be changed.
type RowReader interface {
	// Get returns the row at k, or nil and false.
	Get(k RowKey) ([]byte, bool, error)

	// Query yields the rows of one partition whose sort key is in r, in order of the sort key (descending if
	// r.Reverse), until yield returns false.
	Query(pk []byte, r Range, yield func(value []byte) bool) error

	// Scan yields the rows of the segment in the store's order (hash of the partition key, then sort key) until yield
	// returns false. It begins after the row `after` (which need not exist any more), or at the first if nil. limit is
	// a hint as in Range.
	Scan(s Segment, after *RowKey, limit int, yield func(value []byte) bool) error

	// Index reads the secondary index with the id. An index without entries reads as empty.
	Index(id string) IndexReader
}

// IndexReader reads one secondary index within one transaction. Several rows may share an index key: entries of one
// partition are in order of the index's sort key, then in any fixed order that depends only on the base key.
type IndexReader interface {
	// Query yields the entries of one index partition whose sort key is in r, in order (descending if r.Reverse),
	// until yield returns false. With after, it begins past that position in the direction of reading (the entry need
	// not exist any more).
	Query(pk []byte, r Range, after *IndexPos, yield func(value []byte) bool) error

	// Scan yields the entries of the segment in the store's order until yield returns false.
	Scan(s Segment, after *IndexPos, limit int, yield func(value []byte) bool) error
}

// Overwriter is implemented by Rows that may take a Put of a row that was not read.
type Overwriter interface {
	// Overwrites reports whether Put is as good without a Get before it, which compares the keys.
	Overwrites() bool
}

// Rows reads and writes one table within one transaction; its reads see its own writes. Values are less than
// 900 KB. The store copies what it keeps.
type Rows interface {
	RowReader

	// Put stores value as the row at k, in place of what was there.
	Put(k RowKey, value []byte) error

	// Delete removes the row at k if it is there.
	Delete(k RowKey) error

	// PutIndex stores value as the entry at pos of the secondary index with the id.
	PutIndex(id string, pos IndexPos, value []byte) error

	// DeleteIndex removes the entry at pos if it is there.
	DeleteIndex(id string, pos IndexPos) error
}
