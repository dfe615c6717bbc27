package dynamodb

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// page is one page of a Query or Scan. Rows that the guard hides are no part of it: they are not counted, and a page
// never ends at one.
type page struct {
	*item.Page
	capacity *api.ConsumedCapacity
}

func (s *Service) page(ctx context.Context, c *pipeline.Call, name string, q *item.Query, capacity api.ReturnConsumedCapacity) (*page, error) {
	at, err := locate(c.Account, c.Region, name)
	if err != nil {
		return nil, err
	}
	if t, err := s.elsewhere(ctx, c, at); t != nil || err != nil {
		if err != nil {
			return nil, err
		}
		p, err := s.pageFar(ctx, c, t, name, q, capacity)
		return p, noTable(err)
	}
	var out *page
	m := s.meter(c)
	defer m.settle()
	err = s.readRows(ctx, c, at, func(tx *store.Tx, t *table) error {
		m.reset()
		if x := t.index(q.Index); x != nil && x.Filling {
			return invalid("Cannot read from backfilling global secondary index: %s", x.Name)
		}
		rs, err := rows(tx, c, t)
		if err != nil {
			return err
		}
		if !decided(c, t, q) {
			return invalid("The table does not have the specified index: %s", q.Index)
		}
		if err := m.admit(t, q.Index, false); err != nil {
			return err
		}
		p, err := s.query(c, t, rs, q)
		if err != nil {
			return err
		}
		m.spend(t, q.Index, p.Cost, false)
		out = &page{p, consumed(capacity, t, name, p.Cost)}
		return nil
	})
	if err != nil {
		return nil, noTable(err)
	}
	return out, nil
}

// decided reports whether a query of an index was decided on with the partition key that it now turns out to read. It was
// not if the index was made since, or made anew with another key: then the caller has to ask again.
func decided(c *pipeline.Call, t *table, q *item.Query) bool {
	if q.Index == "" || q.Keys == nil {
		return true
	}
	rule, _ := c.Grant.RowRule(t.ID)
	for _, key := range t.queried(q) {
		if !rule.Named(key) {
			return false
		}
	}
	return true
}

// Query reads rows of one partition of a table or an index.
func (s *Service) Query(ctx context.Context, c *pipeline.Call, in *api.QueryInput) (*api.QueryOutput, error) {
	q, err := pipeline.Kept(c, in, plan.Query)
	if err != nil {
		return nil, err
	}
	p, err := s.page(ctx, c, *in.TableName, q, in.ReturnConsumedCapacity)
	if err != nil {
		return nil, err
	}
	return &api.QueryOutput{
		Items: p.Items, Count: count(p.Count), ScannedCount: count(p.Scanned), LastEvaluatedKey: member(p.Last),
		ConsumedCapacity: p.capacity,
	}, nil
}

// Scan reads all rows of a table or an index.
func (s *Service) Scan(ctx context.Context, c *pipeline.Call, in *api.ScanInput) (*api.ScanOutput, error) {
	q, err := pipeline.Kept(c, in, plan.Scan)
	if err != nil {
		return nil, err
	}
	p, err := s.page(ctx, c, *in.TableName, q, in.ReturnConsumedCapacity)
	if err != nil {
		return nil, err
	}
	return &api.ScanOutput{
		Items: p.Items, Count: count(p.Count), ScannedCount: count(p.Scanned), LastEvaluatedKey: member(p.Last),
		ConsumedCapacity: p.capacity,
	}, nil
}

func count(n int) *int32 {
	c := int32(n) // a page holds at most 1 MB
	return &c
}
