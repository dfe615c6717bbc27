package dynamodb

import (
	"context"
	"errors"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/digest"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// openAll opens the tables of a transaction, each once however often it is named.
func (s *Service) openAll(tx *store.Tx, c *pipeline.Call, names []string) (map[string]opened, error) {
	return openEach(names, func(named string) (opened, error) { return s.open(tx, c, named) })
}

func openEach(names []string, open opener) (map[string]opened, error) {
	all := make(map[string]opened, 1)
	for _, named := range names {
		if _, ok := all[named]; ok {
			continue
		}
		t, err := open(named)
		if err != nil {
			return nil, err
		}
		all[named] = t
	}
	return all, nil
}

// TransactGetItems reads rows of several tables from one snapshot.
func (s *Service) TransactGetItems(ctx context.Context, c *pipeline.Call, in *api.TransactGetItemsInput) (*api.TransactGetItemsOutput, error) {
	names := make([]string, len(in.TransactItems))
	plans := make([]*item.Projection, len(in.TransactItems))
	for i := range in.TransactItems {
		g := in.TransactItems[i].Get
		names[i] = *g.TableName
		var err error
		if plans[i], err = plan.Projection(g.ProjectionExpression, g.ExpressionAttributeNames, nil); err != nil {
			return nil, err
		}
	}
	var out *api.TransactGetItemsOutput
	m := s.meter(c)
	defer m.settle()
	far, err := s.transactsFar(ctx, c, names)
	if err == nil && far != nil {
		keys := make([]item.Map, len(names))
		for i := range keys {
			keys[i] = *in.TransactItems[i].Get.Key
		}
		err = s.fetchTransaction(ctx, m, far, names, keys)
	}
	if err != nil {
		return nil, canceled(err)
	}
	err = s.readTables(ctx, c, names, far, func(open opener) error {
		m.reset()
		tables, err := openEach(names, open)
		if err != nil {
			return err
		}
		gets := make([]item.TransactGet, len(names))
		for i, named := range names {
			t := tables[named]
			gets[i] = item.TransactGet{Table: &t.schema, Rows: t.rows, Key: *in.TransactItems[i].Get.Key, Projection: plans[i]}
		}
		if err := m.admitAll(tables, names, false); err != nil {
			return err
		}
		got, err := item.TransactRead(gets)
		if err != nil {
			return err
		}
		out = &api.TransactGetItemsOutput{}
		var total sum
		for i, g := range got {
			out.Responses = append(out.Responses, api.ItemResponse{Item: some(g.Item.Clone())})
			m.spend(tables[names[i]].table, "", g.Cost, false)
			total.add(tables[names[i]].table, names[i], g.Cost)
		}
		out.ConsumedCapacity = total.transacted(in.ReturnConsumedCapacity, false)
		return nil
	})
	if err != nil {
		return nil, canceled(err)
	}
	return out, nil
}

func (s *sum) transacted(mode api.ReturnConsumedCapacity, write bool) []api.ConsumedCapacity {
	all := s.consumed(mode)
	for i := range all {
		transacted(&all[i], write)
	}
	return all
}

// canceled turns the failures of transactions into the API's errors.
func canceled(err error) error {
	var c *item.CanceledError
	if !errors.As(err, &c) {
		return noTable(err)
	}
	shape := &api.TransactionCanceledException{CancellationReasons: make([]api.CancellationReason, len(c.Reasons))}
	for i := range c.Reasons {
		r := &c.Reasons[i]
		out := &shape.CancellationReasons[i]
		out.Code, out.Item = &r.Code, member(r.Item.Clone())
		if r.Message != "" {
			out.Message = &r.Message
		}
	}
	return shape.Fault("%s", c.Error())
}

func planActions(in *api.TransactWriteItemsInput) ([]plan.Action, error) {
	return plan.Actions(in.TransactItems)
}

// TransactWriteItems writes rows of several tables, all or none. With a ClientRequestToken it does so once: the same
// request again within ten minutes answers as the first and changes nothing.
func (s *Service) TransactWriteItems(ctx context.Context, c *pipeline.Call, in *api.TransactWriteItemsInput) (*api.TransactWriteItemsOutput, error) {
	actions, err := pipeline.Kept(c, in, planActions)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = a.Table
	}
	if far, err := s.transactsFar(ctx, c, names); far != nil || err != nil {
		if err != nil {
			return nil, noTable(err)
		}
		out, err := s.transactFar(ctx, c, in, actions, far)
		return out, canceled(err)
	}
	request := ""
	if opt.Value(in.ClientRequestToken) != "" {
		request = digest.Transaction(c.Account, c.Region, in)
	}
	var out *api.TransactWriteItemsOutput
	m := s.meter(c)
	defer m.settle()
	err = s.writeTables(ctx, c, names, func(tx *store.Tx, open opener) error {
		m.reset()
		tables, err := openEach(names, open)
		if err != nil {
			return err
		}
		tok, err := s.token(tx, c, in.ClientRequestToken, request)
		if err != nil {
			return err
		}
		if tok.done != nil {
			out = &api.TransactWriteItemsOutput{ConsumedCapacity: tok.done.consumed(in.ReturnConsumedCapacity)}
			return nil
		}
		writes := make([]item.TransactWrite, len(actions))
		for i, a := range actions {
			t := tables[a.Table]
			a.Write.Blind = !asked(in.ReturnConsumedCapacity) && m.free(t.table)
			writes[i] = item.TransactWrite{Table: &t.schema, Rows: t.rows, Write: a.Write}
		}
		done, err := m.transact(tables, names, writes)
		if err != nil {
			return err
		}
		out = &api.TransactWriteItemsOutput{}
		var total sum
		var reread map[string]float64
		if tok.id != "" {
			reread = map[string]float64{}
		}
		for i, d := range done {
			t := tables[names[i]]
			total.add(t.table, names[i], d.Cost)
			if reread != nil {
				reread[names[i]] += 2 * item.ReadUnits(max(d.Old.Size(), d.New.Size()), true)
			}
			if m := collection(in.ReturnItemCollectionMetrics, t.table, actions[i].Write); m != nil {
				if out.ItemCollectionMetrics == nil {
					out.ItemCollectionMetrics = map[string][]api.ItemCollectionMetrics{}
				}
				out.ItemCollectionMetrics[names[i]] = append(out.ItemCollectionMetrics[names[i]], *m)
			}
		}
		out.ConsumedCapacity = total.transacted(in.ReturnConsumedCapacity, true)
		return tok.keep(tx, c.Now, reread)
	})
	if err != nil {
		return nil, canceled(err)
	}
	return out, nil
}
