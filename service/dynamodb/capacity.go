package dynamodb

import (
	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
)

// consumed is what a request has consumed of a table, as much of it as ReturnConsumedCapacity asks for. named is the
// table as the request names it.
func consumed(mode api.ReturnConsumedCapacity, t *table, named string, c item.Cost) *api.ConsumedCapacity {
	if !asked(mode) {
		return nil
	}
	total, as := c.Total(), named // copies, so that nothing is allocated where nothing is asked for
	out := &api.ConsumedCapacity{TableName: &as, CapacityUnits: &total}
	if mode != api.ReturnConsumedCapacityIndexes {
		return out
	}
	out.Table = units(c.Table)
	for name, u := range c.Indexes {
		x := t.index(name)
		if x == nil {
			continue
		}
		to := &out.GlobalSecondaryIndexes
		if x.Local {
			to = &out.LocalSecondaryIndexes
		}
		if *to == nil {
			*to = map[string]api.Capacity{}
		}
		(*to)[name] = *units(u)
	}
	return out
}

// asked reports whether a request asks what it consumes.
func asked(mode api.ReturnConsumedCapacity) bool {
	return mode != "" && mode != api.ReturnConsumedCapacityNone
}

func units(u float64) *api.Capacity { return &api.Capacity{CapacityUnits: &u} }

// transacted says of a transaction's capacity whether it was read or written, as AWS does for transactions only.
func transacted(c *api.ConsumedCapacity, write bool) *api.ConsumedCapacity {
	if c == nil {
		return nil
	}
	mark := func(total *float64, read, written **float64) {
		if write {
			*written = total
		} else {
			*read = total
		}
	}
	mark(c.CapacityUnits, &c.ReadCapacityUnits, &c.WriteCapacityUnits)
	if c.Table != nil {
		mark(c.Table.CapacityUnits, &c.Table.ReadCapacityUnits, &c.Table.WriteCapacityUnits)
	}
	for _, m := range []map[string]api.Capacity{c.GlobalSecondaryIndexes, c.LocalSecondaryIndexes} {
		for name, u := range m {
			mark(u.CapacityUnits, &u.ReadCapacityUnits, &u.WriteCapacityUnits)
			m[name] = u
		}
	}
	return c
}

// collection is the size of the item collection that a write was to, for tables with local indexes. Collections have no
// limit here, so that the estimate is always the lowest that AWS gives.
func collection(mode api.ReturnItemCollectionMetrics, t *table, w *item.Write) *api.ItemCollectionMetrics {
	if mode != api.ReturnItemCollectionMetricsSize || !t.schema.HasLocal() {
		return nil
	}
	var b item.Builder
	b.Set(t.schema.Keys.Hash.Name, w.Leading(&t.schema.Keys))
	key := b.Map()
	return &api.ItemCollectionMetrics{ItemCollectionKey: &key, SizeEstimateRangeGB: []float64{0, 1}}
}

// sum adds up capacity by table, in the order in which tables are first named.
type sum struct {
	tables []*table
	named  []string
	costs  []item.Cost
}

func (s *sum) add(t *table, named string, c item.Cost) {
	for i := range s.tables {
		if s.tables[i].ID == t.ID {
			s.costs[i].Add(c)
			return
		}
	}
	s.tables, s.named, s.costs = append(s.tables, t), append(s.named, named), append(s.costs, item.Cost{})
	s.costs[len(s.costs)-1].Add(c)
}

func (s *sum) consumed(mode api.ReturnConsumedCapacity) []api.ConsumedCapacity {
	var out []api.ConsumedCapacity
	for i, t := range s.tables {
		if c := consumed(mode, t, s.named[i], s.costs[i]); c != nil {
			out = append(out, *c)
		}
	}
	return out
}
