package dynamodb

import (
	"context"
	"maps"
	"slices"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// Limits of batches (API reference, "BatchGetItem" and "BatchWriteItem").
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
)

// checkBatchGet refuses a batch of reads that is empty or too large.
func checkBatchGet(in *api.BatchGetItemInput) error {
	if len(in.RequestItems) == 0 {
		return invalid("The requestItems parameter is required for BatchGetItem")
	}
	n := 0
	exprs, old := []item.Param{{Name: "ProjectionExpression"}}, []item.Param{{Name: "AttributesToGet"}}
	for _, named := range slices.Sorted(maps.Keys(in.RequestItems)) {
		ks := in.RequestItems[named]
		exprs[0].Given = exprs[0].Given || ks.ProjectionExpression != nil
		old[0].Given = old[0].Given || ks.AttributesToGet != nil
		keys := len(in.RequestItems[named].Keys)
		if keys > maxBatchGet {
			return invalid("1 validation error detected: Value at 'RequestItems.%s.member.Keys' failed to satisfy constraint: "+
				"Member must have length less than or equal to %d", named, maxBatchGet)
		}
		n += keys
	}
	if n > maxBatchGet {
		return invalid("Too many items requested for the BatchGetItem call")
	}
	if exprs[0].Given && old[0].Given { // of different tables too
		return item.CheckParams(exprs, old, false, false)
	}
	return nil
}

// checkBatchWrite refuses a batch of writes that is empty or too large.
func checkBatchWrite(in *api.BatchWriteItemInput) error {
	if len(in.RequestItems) == 0 {
		return invalid("The requestItems parameter is required for BatchWriteItem")
	}
	n := 0
	for _, ws := range in.RequestItems {
		n += len(ws)
	}
	if n > maxBatchWrite {
		return invalid("Too many items requested for the BatchWriteItem call")
	}
	return nil
}

// opened is a table that a request of several tables has opened, by the name that the request gives it.
type opened struct {
	*table
	rows item.Rows
}

// open opens a table of a request of several.
func (s *Service) open(tx *store.Tx, c *pipeline.Call, named string) (opened, error) {
	at, err := locate(c.Account, c.Region, named)
	if err != nil {
		return opened{}, err
	}
	t, err := s.current(tx, at)
	if err != nil {
		return opened{}, err
	}
	if t == nil {
		return opened{}, errNoTable
	}
	rs, err := rows(tx, c, t)
	return opened{t, rs}, err
}

// openAny is open, or the table as it was opened if an outside engine keeps it.
func (s *Service) openAny(tx *store.Tx, c *pipeline.Call, named string, far map[string]*farRows) (opened, error) {
	if f := far[named]; f != nil {
		return opened{f.t, f}, nil
	}
	return s.open(tx, c, named)
}

// batch is the throttling of one batch: what is not admitted is left unprocessed, and if that is all of it the batch fails.
type batch struct {
	meter   *meter
	any     bool
	refused error
}

func (b *batch) admits(t *table, write bool) bool {
	if err := b.meter.admit(t, "", write); err != nil {
		b.refused = err
		return false
	}
	b.any = true
	return true
}

func (b *batch) err() error {
	if b.any {
		return nil
	}
	return b.refused
}

// BatchGetItem reads rows by key, of several tables, from one snapshot.
func (s *Service) BatchGetItem(ctx context.Context, c *pipeline.Call, in *api.BatchGetItemInput) (*api.BatchGetItemOutput, error) {
	var out *api.BatchGetItemOutput
	m := s.meter(c)
	defer m.settle()
	far, err := s.fetchBatch(ctx, c, m, in)
	if err != nil {
		return nil, noTable(err)
	}
	names := slices.Sorted(maps.Keys(in.RequestItems))
	err = s.readTables(ctx, c, names, far, func(open opener) error {
		m.reset()
		out = &api.BatchGetItemOutput{Responses: map[string][]item.Map{}, UnprocessedKeys: map[string]api.KeysAndAttributes{}}
		budget := item.MaxBatchBytes
		var total sum
		b := batch{meter: m}
		for _, named := range names {
			t, err := open(named)
			if err != nil {
				return err
			}
			cost, err := t.getBatch(out, named, in.RequestItems[named], &budget, &b)
			if err != nil {
				return err
			}
			total.add(t.table, named, cost)
		}
		out.ConsumedCapacity = total.consumed(in.ReturnConsumedCapacity)
		return b.err()
	})
	if err != nil {
		return nil, noTable(err)
	}
	return out, nil
}

// getBatch adds what a batch reads of one table.
func (t opened) getBatch(out *api.BatchGetItemOutput, named string, ks api.KeysAndAttributes, budget *int, b *batch) (item.Cost, error) {
	pr, err := plan.Projection(ks.ProjectionExpression, ks.ExpressionAttributeNames, ks.AttributesToGet)
	if err != nil {
		return item.Cost{}, err
	}
	found, done, cost, err := t.schema.GetBatch(t.rows, ks.Keys, pr, opt.Value(ks.ConsistentRead), budget,
		func() bool { return t.reads(b) }, func(c item.Cost) { b.meter.spend(t.table, "", c, false) })
	if err != nil {
		return item.Cost{}, err
	}
	items := make([]item.Map, len(found))
	for i, m := range found {
		items[i] = m.Clone()
	}
	out.Responses[named] = items
	if done < len(ks.Keys) {
		ks.Keys = ks.Keys[done:]
		out.UnprocessedKeys[named] = ks
	}
	return cost, nil
}

// planRequest compiles one write of a batch.
func planRequest(in *api.WriteRequest) (w item.Write, err error) {
	switch {
	case in.PutRequest != nil && in.DeleteRequest == nil:
		w = item.Write{Kind: item.PutRow, Item: *in.PutRequest.Item}
		return w, w.Check()
	case in.DeleteRequest != nil && in.PutRequest == nil:
		w = item.Write{Kind: item.DeleteRow, Key: *in.DeleteRequest.Key}
		return w, w.Check()
	}
	return w, invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
}

// batchWrites are the writes of a batch by the tables that it names.
type batchWrites map[string][]item.Write

// planBatch compiles the writes of a batch.
func planBatch(in *api.BatchWriteItemInput) (batchWrites, error) {
	all := make(batchWrites, len(in.RequestItems))
	for _, named := range slices.Sorted(maps.Keys(in.RequestItems)) {
		var err error
		if all[named], err = planRequests(in.RequestItems[named]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// planRequests compiles the writes of a batch to one table.
func planRequests(in []api.WriteRequest) ([]item.Write, error) {
	writes := make([]item.Write, len(in))
	for i := range in {
		var err error
		if writes[i], err = planRequest(&in[i]); err != nil {
			return nil, err
		}
	}
	return writes, nil
}

// BatchWriteItem writes and deletes rows of several tables, all or none.
func (s *Service) BatchWriteItem(ctx context.Context, c *pipeline.Call, in *api.BatchWriteItemInput) (*api.BatchWriteItemOutput, error) {
	names := slices.Sorted(maps.Keys(in.RequestItems))
	if far, err := s.farOf(ctx, c, names); far != nil || err != nil {
		if err != nil {
			return nil, noTable(err)
		}
		out, err := s.writeBatchFar(ctx, c, in, far)
		return out, noTable(err)
	}
	writes, err := pipeline.Kept(c, in, planBatch)
	if err != nil {
		return nil, err
	}
	var out *api.BatchWriteItemOutput
	m := s.meter(c)
	defer m.settle()
	err = s.writeTables(ctx, c, names, func(_ *store.Tx, open opener) error {
		m.reset()
		out = &api.BatchWriteItemOutput{UnprocessedItems: map[string][]api.WriteRequest{}}
		var total sum
		b := batch{meter: m}
		for _, named := range names {
			t, err := open(named)
			if err != nil {
				return err
			}
			cost, err := t.writeBatch(out, named, in, writes[named], &b)
			if err != nil {
				return err
			}
			total.add(t.table, named, cost)
		}
		out.ConsumedCapacity = total.consumed(in.ReturnConsumedCapacity)
		return b.err()
	})
	if err != nil {
		return nil, noTable(err)
	}
	return out, nil
}

// writeBatch performs what a batch writes to one table.
func (t opened) writeBatch(out *api.BatchWriteItemOutput, named string, in *api.BatchWriteItemInput, writes []item.Write, b *batch) (item.Cost, error) {
	keys := make([]item.RowKey, len(writes))
	blind := !asked(in.ReturnConsumedCapacity) && b.meter.free(t.table)
	var err error
	for i := range writes {
		writes[i].Blind = blind
		if keys[i], err = writes[i].BatchKey(&t.schema); err != nil {
			return item.Cost{}, err
		}
	}
	if err := item.CheckBatch(keys); err != nil {
		return item.Cost{}, err
	}
	var cost item.Cost
	for i := range writes {
		w := &writes[i]
		if !b.admits(t.table, true) {
			out.UnprocessedItems[named] = in.RequestItems[named][i:]
			break
		}
		done, err := t.schema.WriteAt(t.rows, keys[i], w)
		if err != nil {
			return item.Cost{}, err
		}
		b.meter.spend(t.table, "", done.Cost, true)
		cost.Add(done.Cost)
		if m := collection(in.ReturnItemCollectionMetrics, t.table, w); m != nil {
			if out.ItemCollectionMetrics == nil {
				out.ItemCollectionMetrics = map[string][]api.ItemCollectionMetrics{}
			}
			out.ItemCollectionMetrics[named] = append(out.ItemCollectionMetrics[named], *m)
		}
	}
	return cost, nil
}
