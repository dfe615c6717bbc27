package dynamodb

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// countLife is how old the counts of a described table may be: "DynamoDB updates this value approximately every six
// hours" (API reference, "TableDescription"). Tables that nobody describes are not counted.
const countLife = 6 * time.Hour

// counts are how many rows a table had when it was last counted, on record in the directory by its id.
type counts struct {
	At      time.Time
	Table   size
	Indexes map[string]size // by id
}

type size struct{ Items, Bytes int64 }

func countsKey(table string) store.Key { return store.K("counts", table) }

// countsOf returns the counts of a table, zeros if it was never counted. Counts that are old are asked for.
func (s *Service) countsOf(tx *store.Tx, t *table, now time.Time) (*counts, error) {
	dir, err := tx.Directory()
	if err != nil {
		return nil, err
	}
	c, err := store.Load[counts](dir, countsKey(t.ID))
	if err != nil {
		return nil, err
	}
	if c == nil || now.Sub(c.At) >= countLife {
		s.uncounted.add(t)
		s.kick()
	}
	if c == nil {
		c = &counts{}
	}
	return c, nil
}

func (c *counts) describe(t *table, d *api.TableDescription) {
	d.ItemCount, d.TableSizeBytes = &c.Table.Items, &c.Table.Bytes
	for i := range d.GlobalSecondaryIndexes {
		x := &d.GlobalSecondaryIndexes[i]
		n := c.Indexes[t.index(*x.IndexName).ID]
		x.ItemCount, x.IndexSizeBytes = &n.Items, &n.Bytes
	}
	for i := range d.LocalSecondaryIndexes {
		x := &d.LocalSecondaryIndexes[i]
		n := c.Indexes[t.index(*x.IndexName).ID]
		x.ItemCount, x.IndexSizeBytes = &n.Items, &n.Bytes
	}
}

// uncounted are the tables that wait to be counted, at most cachedTables of them.
type uncounted struct {
	mu     sync.Mutex
	tables map[string]*table
}

func (u *uncounted) add(t *table) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tables == nil {
		u.tables = map[string]*table{}
	}
	if len(u.tables) < cachedTables {
		u.tables[t.ID] = t
	}
}

func (u *uncounted) take() []*table {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := slices.Collect(maps.Values(u.tables))
	clear(u.tables)
	return all
}

// count counts the tables that wait for it.
func (s *Service) count(ctx context.Context, now time.Time) error {
	var errs []error
	for _, t := range s.uncounted.take() {
		errs = append(errs, s.countTable(ctx, t, now))
	}
	return errors.Join(errs...)
}

func (s *Service) countTable(ctx context.Context, t *table, now time.Time) error {
	c := &counts{At: now.UTC(), Indexes: map[string]size{}}
	var err error
	if c.Table, err = s.sizeOf(ctx, t.ID, ""); err != nil {
		return err
	}
	for _, x := range t.Indexes {
		if c.Indexes[x.ID], err = s.sizeOf(ctx, t.ID, x.ID); err != nil {
			return err
		}
	}
	return system.Update(ctx, s.db, name, func(tx *store.Tx) error {
		there, err := s.read(tx, t.at, nil)
		if err != nil || there == nil || there.ID != t.ID {
			return err
		}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return store.Save(dir, countsKey(t.ID), c)
	})
}

// sizeOf counts chunk by chunk, not in one snapshot: the answer is approximate.
func (s *Service) sizeOf(ctx context.Context, table, index string) (total size, err error) {
	var next []byte
	for {
		var n, bytes int64
		from := next
		err := system.View(ctx, s.db, name, func(tx *store.Tx) error {
			var err error
			n, bytes, next, err = system.Count(tx, table, index, from, chunk)
			return err
		})
		if err != nil {
			return size{}, err
		}
		total.Items, total.Bytes = total.Items+n, total.Bytes+bytes
		if next == nil {
			return total, nil
		}
	}
}
