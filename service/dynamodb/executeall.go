package dynamodb

import (
	"context"
	"errors"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/partiql"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/digest"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// BatchExecuteStatement performs statements, each for itself: one that fails says so in its place of the answer. Those that
// write do so in one transaction, but for those on tables that an outside engine keeps: they come after it, one by one.
func (s *Service) BatchExecuteStatement(ctx context.Context, c *pipeline.Call, in *api.BatchExecuteStatementInput) (*api.BatchExecuteStatementOutput, error) {
	all, writes, err := plan.Batch(in)
	if err != nil {
		return nil, err
	}
	out := &api.BatchExecuteStatementOutput{}
	run := s.db.View
	if writes {
		run = s.db.Update
	}
	m := s.meter(c)
	defer m.settle()
	far, err := s.fetchStatements(ctx, c, m, all, writes)
	if err != nil {
		return nil, err
	}
	err = run(ctx, c.Grant, func(tx *store.Tx) error {
		m.reset()
		*out = api.BatchExecuteStatementOutput{Responses: make([]api.BatchStatementResponse, len(all))}
		open := func(named string) (opened, error) { return s.openAny(tx, c, named, far) }
		for i, p := range all {
			if writes && far[tableOf(&p)] != nil {
				continue
			}
			if err := inBatch(open, m, p, in.ReturnConsumedCapacity, &out.Responses[i], out); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && writes {
		err = s.writeStatementsFar(ctx, c, all, far, in.ReturnConsumedCapacity, out)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// inBatch performs one statement of a batch. Its error is one of the whole batch.
func inBatch(open opener, m *meter, p plan.Statement, mode api.ReturnConsumedCapacity, r *api.BatchStatementResponse, out *api.BatchExecuteStatementOutput) error {
	err := p.Err
	var t opened
	if err == nil {
		t, err = open(p.Table)
	}
	var row item.Map
	var cost item.Cost
	switch {
	case err != nil:
	case p.Kind == partiql.Select:
		row, cost, err = t.get(p, m)
	default:
		row, cost, err = t.perform(p, m)
	}
	if err != nil {
		r.Error, err = batchError(err)
		return err
	}
	r.TableName, r.Item = &p.Table, member(row.Clone())
	if u := consumed(mode, t.table, p.Table, cost); u != nil {
		out.ConsumedCapacity = append(out.ConsumedCapacity, *u)
	}
	return nil
}

// get reads the row of a SELECT in a batch.
func (t opened) get(p plan.Statement, m *meter) (item.Map, item.Cost, error) {
	key, filter, err := p.Row(&t.schema, "BatchExecuteStatement")
	if err != nil {
		return item.Map{}, item.Cost{}, err
	}
	b := batch{meter: m}
	if !t.reads(&b) {
		return item.Map{}, item.Cost{}, b.refused
	}
	got, err := t.schema.GetWhere(t.rows, key, filter, p.Columns, p.Consistent)
	m.spend(t.table, "", got.Cost, false)
	return got.Item, got.Cost, err
}

// batchError turns the failure of a statement into its answer; what is no fault of the statement is returned.
func batchError(err error) (*api.BatchStatementError, error) {
	message := fault.Text(err)
	out := &api.BatchStatementError{Message: &message}
	var condition *item.ConditionFailedError
	switch {
	case throttled(err) != "":
		out.Code = api.BatchStatementErrorCodeEnum(throttled(err))
	case errors.As(err, &condition):
		out.Code, out.Item = api.BatchStatementErrorCodeEnumConditionalCheckFailed, member(condition.Item.Clone())
	case errors.Is(err, errNoTable):
		message = fault.Text(noTable(err))
		out.Code = api.BatchStatementErrorCodeEnumResourceNotFound
	case fault.IsClass(err, fault.Validation):
		out.Code = api.BatchStatementErrorCodeEnumValidationError
	case codeOf(err) == duplicateCode:
		out.Code = api.BatchStatementErrorCodeEnumDuplicateItem
	default:
		return nil, err
	}
	return out, nil
}

const duplicateCode = "DuplicateItemException"

// ExecuteTransaction performs statements, all or none. With a ClientRequestToken writes are done once, as TransactWriteItems
// does.
func (s *Service) ExecuteTransaction(ctx context.Context, c *pipeline.Call, in *api.ExecuteTransactionInput) (*api.ExecuteTransactionOutput, error) {
	all, writes, err := plan.Transaction(in)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Table
	}
	out := &api.ExecuteTransactionOutput{}
	m := s.meter(c)
	defer m.settle()
	far, err := s.transactsFar(ctx, c, names)
	switch {
	case err != nil:
	case far != nil && writes:
		out, err = s.transactStatementsFar(ctx, c, all, in, far)
	case writes:
		err = s.db.Update(ctx, c.Grant, func(tx *store.Tx) error { return s.transactWrites(tx, c, m, all, names, in, out) })
	default:
		if err = s.fetchTransactionOf(ctx, m, all, names, far); err == nil {
			err = s.readTables(ctx, c, names, far, func(open opener) error { return transactReads(open, m, all, names, in, out) })
		}
	}
	if err != nil {
		return nil, canceledStatements(err, all)
	}
	return out, nil
}

// canceledStatements turns the failures of a transaction of statements into the API's errors: an INSERT fails by a duplicate.
func canceledStatements(err error, all []plan.Statement) error {
	var why *item.CanceledError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &why):
		for i := range why.Reasons {
			if r := &why.Reasons[i]; all[i].Kind == partiql.Insert && r.Code == "ConditionalCheckFailed" {
				r.Code, r.Message = "DuplicateItem", fault.Text(errDuplicate())
			}
		}
	}
	return canceled(err)
}

func transactReads(open opener, m *meter, all []plan.Statement, names []string, in *api.ExecuteTransactionInput, out *api.ExecuteTransactionOutput) error {
	*out = api.ExecuteTransactionOutput{}
	m.reset()
	tables, err := openEach(names, open)
	if err != nil {
		return err
	}
	gets := make([]item.TransactGet, len(all))
	for i, p := range all {
		t := tables[p.Table]
		key, filter, err := p.Row(&t.schema, "ExecuteTransaction")
		if err != nil {
			return plan.InStatement(i, err)
		}
		gets[i] = item.TransactGet{Table: &t.schema, Rows: t.rows, Key: key, Filter: filter, Projection: p.Columns}
	}
	if err := m.admitAll(tables, names, false); err != nil {
		return err
	}
	got, err := item.TransactRead(gets)
	if err != nil {
		return err
	}
	for i, g := range got {
		m.spend(tables[names[i]].table, "", g.Cost, false)
		out.Responses = append(out.Responses, api.ItemResponse{Item: member(g.Item.Clone())})
		if u := consumed(in.ReturnConsumedCapacity, tables[names[i]].table, names[i], g.Cost); u != nil {
			out.ConsumedCapacity = append(out.ConsumedCapacity, *transacted(u, false))
		}
	}
	return nil
}

func (s *Service) transactWrites(tx *store.Tx, c *pipeline.Call, m *meter, all []plan.Statement, names []string, in *api.ExecuteTransactionInput, out *api.ExecuteTransactionOutput) error {
	*out = api.ExecuteTransactionOutput{Responses: make([]api.ItemResponse, len(all))}
	m.reset()
	tables, err := s.openAll(tx, c, names)
	if err != nil {
		return err
	}
	tok, err := s.token(tx, c, in.ClientRequestToken, digest.Statements(c.Account, c.Region, in))
	if err != nil {
		return err
	}
	if tok.done != nil {
		out.ConsumedCapacity = tok.done.consumed(in.ReturnConsumedCapacity)
		return nil
	}
	writes := make([]item.TransactWrite, len(all))
	for i, p := range all {
		t := tables[p.Table]
		w, err := p.Write(&t.schema)
		if err != nil {
			return plan.InStatement(i, err)
		}
		writes[i] = item.TransactWrite{Table: &t.schema, Rows: t.rows, Write: w}
	}
	done, err := m.transact(tables, names, writes)
	if err != nil {
		return err
	}
	reread := map[string]float64{}
	for i, d := range done {
		if u := consumed(in.ReturnConsumedCapacity, tables[names[i]].table, names[i], d.Cost); u != nil {
			out.ConsumedCapacity = append(out.ConsumedCapacity, *transacted(u, true))
		}
		reread[names[i]] += 2 * item.ReadUnits(max(d.Old.Size(), d.New.Size()), true)
	}
	return tok.keep(tx, c.Now, reread)
}
