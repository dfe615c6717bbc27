package dynamodb

import (
	"context"
	"maps"
	"slices"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// fetches is how often the keys are asked for again that the engine leaves unprocessed in a batch.
const fetches = 8

// farOf returns those of the named tables that the engine keeps, opened; nil if there are none.
func (s *Service) farOf(ctx context.Context, c *pipeline.Call, names []string) (map[string]*farRows, error) {
	if s.engine == nil {
		return nil, nil
	}
	var all map[string]*farRows
	byID := map[string]*farRows{} // a table may be named in two ways
	for _, named := range names {
		at, err := locate(c.Account, c.Region, named)
		if err != nil {
			return nil, err
		}
		t, err := s.elsewhere(ctx, c, at)
		if err != nil {
			return nil, err
		}
		if t == nil || all[named] != nil {
			continue
		}
		if byID[t.ID] == nil {
			if byID[t.ID], err = s.far(ctx, c, t); err != nil {
				return nil, err
			}
		}
		if all == nil {
			all = map[string]*farRows{}
		}
		all[named] = byID[t.ID]
	}
	return all, nil
}

// fetchBatch reads what a batch names of tables that the engine keeps. It is done before the batch's transaction, in which no
// outside call is made.
func (s *Service) fetchBatch(ctx context.Context, c *pipeline.Call, m *meter, in *api.BatchGetItemInput) (map[string]*farRows, error) {
	far, err := s.farOf(ctx, c, slices.Sorted(maps.Keys(in.RequestItems)))
	if err != nil {
		return nil, err
	}
	m.admitFetch(far)
	for named, f := range far {
		if f.refused != nil {
			continue
		}
		ks := in.RequestItems[named]
		f.consistent = opt.Value(ks.ConsistentRead)
		if err := f.fetch(ks.Keys); err != nil {
			return nil, err
		}
	}
	return far, nil
}

// fetch reads rows by key. Keys that do not fit the table are left for the operation to refuse, and hidden rows are not asked for.
func (f *farRows) fetch(keys []item.Map) error {
	waiting := map[string]item.RowKey{} // by what the engine calls them
	var ask []item.Map
	for _, m := range keys {
		k, err := f.t.schema.Keys.Key(m)
		if err != nil {
			return nil //nolint:nilerr // the operation says it, in its order
		}
		ok, err := f.guard.Check(k.PK, false)
		if err != nil {
			return err
		}
		there := f.keyThere(k)
		if id := f.idThere(there); ok && waiting[id].PK == nil {
			waiting[id] = k
			ask = append(ask, there)
		}
	}
	name := f.t.Outside.Name
	for i := 0; len(ask) > 0 && i < fetches; i++ {
		var out struct {
			Responses       map[string][]item.Map
			UnprocessedKeys map[string]struct{ Keys []item.Map }
		}
		request := map[string]any{"RequestItems": map[string]any{name: map[string]any{"Keys": ask, "ConsistentRead": f.consistent}}}
		if err := f.s.ask(f.ctx, f.t, "BatchGetItem", request, &out); err != nil {
			return err
		}
		if err := f.take(out.Responses[name], waiting); err != nil {
			return err
		}
		left := out.UnprocessedKeys[name].Keys
		ask = make([]item.Map, 0, min(len(left), len(waiting)))
		again := map[string]bool{}
		for _, m := range left {
			id := f.idThere(m)
			if _, ok := waiting[id]; !ok || again[id] {
				return wrapNotOurs(errNotOurs) // what it was not asked for
			}
			again[id] = true
			ask = append(ask, m)
		}
	}
	for _, m := range ask { // still not processed
		id := f.idThere(m)
		if _, _, err := f.Get(waiting[id]); err != nil {
			return err
		}
		delete(waiting, id)
	}
	for _, k := range waiting {
		f.read[rowID(k)] = farRow{}
	}
	return nil
}

// idThere identifies a row by its attributes in the engine.
func (f *farRows) idThere(m item.Map) string {
	k, _ := f.t.schema.Keys.KeyIn(m) // a row without a key is waited for by nobody
	return rowID(k)
}

// take keeps rows that were waited for.
func (f *farRows) take(rows []item.Map, waiting map[string]item.RowKey) error {
	for _, m := range rows {
		id := f.idThere(m)
		k, ok := waiting[id]
		if !ok {
			return wrapNotOurs(errNotOurs)
		}
		delete(waiting, id)
		if _, err := f.keep(k, m); err != nil {
			return err
		}
	}
	return nil
}

// splitBatch separates what a batch writes to tables that the engine keeps from the rest.
func splitBatch(in *api.BatchWriteItemInput, far map[string]*farRows) (here *api.BatchWriteItemInput) {
	here = &api.BatchWriteItemInput{
		RequestItems: map[string][]api.WriteRequest{}, ReturnConsumedCapacity: in.ReturnConsumedCapacity,
		ReturnItemCollectionMetrics: in.ReturnItemCollectionMetrics,
	}
	for named, ws := range in.RequestItems {
		if far[named] == nil {
			here.RequestItems[named] = ws
		}
	}
	return here
}

// batchThere is what a batch writes to the engine: requests by the engine's names of tables, and where each comes from.
type batchThere struct {
	requests map[string][]map[string]any
	names    map[string]string // of tables here, by those there
	from     map[string]origin
	metrics  map[string][]api.ItemCollectionMetrics
	// admission says what tenants' shares let through; left is what they do not.
	admission batch
	left      map[string][]api.WriteRequest
}

type origin struct {
	named   string
	request api.WriteRequest
}

// writeBatchFar performs a batch that names tables of the engine. What it writes here is one transaction, before what it writes
// there; all is checked before anything is written. Writes of a batch have no conditions, so that sealed rows need not be read.
func (s *Service) writeBatchFar(ctx context.Context, c *pipeline.Call, in *api.BatchWriteItemInput, far map[string]*farRows) (*api.BatchWriteItemOutput, error) {
	m := s.meter(c)
	b := &batchThere{
		requests: map[string][]map[string]any{}, names: map[string]string{}, from: map[string]origin{},
		metrics: map[string][]api.ItemCollectionMetrics{}, admission: batch{meter: m}, left: map[string][]api.WriteRequest{},
	}
	for _, named := range slices.Sorted(maps.Keys(far)) {
		if err := b.add(ctx, far[named], named, in.RequestItems[named], in.ReturnItemCollectionMetrics); err != nil {
			return nil, err
		}
	}
	out := &api.BatchWriteItemOutput{UnprocessedItems: map[string][]api.WriteRequest{}}
	if here := splitBatch(in, far); len(here.RequestItems) > 0 {
		var err error
		if out, err = s.BatchWriteItem(ctx, c, here); err != nil {
			return nil, err
		}
	} else if err := b.admission.err(); err != nil {
		return nil, err
	}
	maps.Copy(out.UnprocessedItems, b.left)
	if len(b.requests) == 0 {
		return out, nil
	}
	defer m.settle()
	var done struct {
		UnprocessedItems map[string][]map[string]struct{ Item, Key item.Map }
		ConsumedCapacity []api.ConsumedCapacity
	}
	err := s.askOf(ctx, b.names, "BatchWriteItem", map[string]any{
		"RequestItems": b.requests, "ReturnConsumedCapacity": orNone(in.ReturnConsumedCapacity),
	}, &done)
	if err != nil {
		return nil, err
	}
	for there, left := range done.UnprocessedItems {
		for _, request := range left {
			for _, w := range request {
				o, ok := b.unprocessed(there, far[b.names[there]], w.Item, w.Key)
				if !ok {
					return nil, wrapNotOurs(errNotOurs)
				}
				out.UnprocessedItems[o.named] = append(out.UnprocessedItems[o.named], o.request)
			}
		}
	}
	if len(b.metrics) > 0 {
		if out.ItemCollectionMetrics == nil {
			out.ItemCollectionMetrics = b.metrics
		} else {
			maps.Copy(out.ItemCollectionMetrics, b.metrics)
		}
	}
	out.ConsumedCapacity = append(out.ConsumedCapacity, renamed(done.ConsumedCapacity, b.names)...)
	return out, nil
}

func (b *batchThere) add(ctx context.Context, f *farRows, named string, in []api.WriteRequest, mode api.ReturnItemCollectionMetrics) error {
	there := f.t.Outside.Name
	b.names[there] = named
	keys := make([]item.RowKey, len(in))
	for i := range in {
		w, err := planRequest(&in[i])
		if err != nil {
			return err
		}
		if keys[i], err = w.RowKey(&f.t.schema); err != nil {
			return err
		}
		if err := f.mayWrite(keys[i], &w); err != nil {
			return err
		}
		if len(b.left[named]) > 0 || !b.admission.admits(f.t, true) {
			b.left[named] = append(b.left[named], in[i])
			continue
		}
		b.admission.meter.spend(f.t, "", item.Cost{Table: unitsOfWrite(&w)}, true)
		request := map[string]any{"DeleteRequest": map[string]any{"Key": f.keyThere(keys[i])}}
		if w.Kind == item.PutRow {
			m, err := f.rowThere(ctx, w.Item)
			if err != nil {
				return err
			}
			request = map[string]any{"PutRequest": map[string]any{"Item": m}}
		}
		if m := collection(mode, f.t, &w); m != nil {
			b.metrics[named] = append(b.metrics[named], *m)
		}
		b.requests[there] = append(b.requests[there], request)
		b.from[there+"/"+f.idThere(f.keyThere(keys[i]))] = origin{named, in[i]}
	}
	return item.CheckBatch(keys)
}

// unprocessed finds the request that the engine says it has not processed, each once. It may name what it was not sent.
func (b *batchThere) unprocessed(there string, f *farRows, put, deleted item.Map) (o origin, ok bool) {
	if f == nil {
		return o, false
	}
	if put.IsZero() {
		put = deleted
	}
	id := there + "/" + f.idThere(put)
	o, ok = b.from[id]
	delete(b.from, id)
	return o, ok
}

func orNone(r api.ReturnConsumedCapacity) api.ReturnConsumedCapacity {
	if r == "" {
		return api.ReturnConsumedCapacityNone
	}
	return r
}

// renamed is capacity by table with the names that the request gave them.
func renamed(all []api.ConsumedCapacity, names map[string]string) []api.ConsumedCapacity {
	for i := range all {
		if named, ok := names[opt.Value(all[i].TableName)]; ok {
			all[i].TableName = &named
		}
	}
	return all
}
