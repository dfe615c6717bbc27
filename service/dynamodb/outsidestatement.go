package dynamodb

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// Statements on tables that the engine keeps are planned here, as all are, and sent as requests of the classic operations: no
// statement reaches the engine, so that it need not know PartiQL, and what guard and seal hold for those operations holds for these.

// elsewhereNamed is elsewhere of a table as a request names it.
func (s *Service) elsewhereNamed(ctx context.Context, c *pipeline.Call, named string) (*table, error) {
	at, err := locate(c.Account, c.Region, named)
	if err != nil {
		return nil, err
	}
	return s.elsewhere(ctx, c, at)
}

// performFar performs a statement that writes a row, and hands over what its RETURNING clause asks for, if there is something.
func (s *Service) performFar(ctx context.Context, c *pipeline.Call, t *table, p plan.Statement, mode api.ReturnConsumedCapacity, returned func(item.Map)) (*api.ConsumedCapacity, error) {
	w, err := p.Write(&t.schema)
	if err != nil {
		return nil, err
	}
	want := answer{returns: api.ReturnValue(p.Returning), capacity: mode}
	out, err := s.writeFar(ctx, c, t, p.Table, w, want, t.classic(&p, w, want))
	if err != nil {
		return nil, duplicate(p, err)
	}
	if out.attributes != nil && out.attributes.Len() > 0 {
		returned(*out.attributes)
	}
	return out.capacity, nil
}

func onFailure(p *plan.Statement) api.ReturnValuesOnConditionCheckFailure {
	if p.ReturnOnFailure {
		return api.ReturnValuesOnConditionCheckFailureAllOld
	}
	return ""
}

// classic is the write of a statement as a request to the engine.
func (t *table) classic(p *plan.Statement, w *item.Write, want answer) any {
	var x item.Text
	condition, update := x.Condition(w.Condition), x.Update(w.Update)
	switch w.Kind {
	case item.PutRow:
		return &api.PutItemInput{
			TableName: &t.Outside.Name, Item: &w.Item, ConditionExpression: condition, ExpressionAttributeNames: x.Names(),
			ExpressionAttributeValues: x.Values(), ReturnConsumedCapacity: want.capacity, ReturnValuesOnConditionCheckFailure: onFailure(p),
		}
	case item.UpdateRow:
		return &api.UpdateItemInput{
			TableName: &t.Outside.Name, Key: &w.Key, UpdateExpression: update, ConditionExpression: condition,
			ExpressionAttributeNames: x.Names(), ExpressionAttributeValues: x.Values(), ReturnValues: want.returns,
			ReturnConsumedCapacity: want.capacity, ReturnValuesOnConditionCheckFailure: onFailure(p),
		}
	}
	return &api.DeleteItemInput{
		TableName: &t.Outside.Name, Key: &w.Key, ConditionExpression: condition, ExpressionAttributeNames: x.Names(),
		ExpressionAttributeValues: x.Values(), ReturnValues: want.returns, ReturnConsumedCapacity: want.capacity,
		ReturnValuesOnConditionCheckFailure: onFailure(p),
	}
}

// classicAction is the write of a statement as an action of a transaction.
func classicAction(p *plan.Statement, w *item.Write) api.TransactWriteItem {
	var x item.Text
	condition, update := x.Condition(w.Condition), x.Update(w.Update)
	names, values, fails := x.Names(), x.Values(), onFailure(p)
	switch w.Kind {
	case item.PutRow:
		return api.TransactWriteItem{Put: &api.Put{
			TableName: &p.Table, Item: &w.Item, ConditionExpression: condition, ExpressionAttributeNames: names,
			ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: fails,
		}}
	case item.UpdateRow:
		return api.TransactWriteItem{Update: &api.Update{
			TableName: &p.Table, Key: &w.Key, UpdateExpression: update, ConditionExpression: condition, ExpressionAttributeNames: names,
			ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: fails,
		}}
	case item.CheckRow:
		return api.TransactWriteItem{ConditionCheck: &api.ConditionCheck{
			TableName: &p.Table, Key: &w.Key, ConditionExpression: condition, ExpressionAttributeNames: names,
			ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: fails,
		}}
	}
	return api.TransactWriteItem{Delete: &api.Delete{
		TableName: &p.Table, Key: &w.Key, ConditionExpression: condition, ExpressionAttributeNames: names,
		ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: fails,
	}}
}

// tableOf is the table that a statement names, "" of one that could not be read.
func tableOf(p *plan.Statement) string {
	if p.Err != nil || p.Statement == nil {
		return ""
	}
	return p.Table
}

// fetchStatements opens the tables of a batch that the engine keeps and reads the rows of its SELECTs. What is wrong with a
// statement is left for it to say.
func (s *Service) fetchStatements(ctx context.Context, c *pipeline.Call, m *meter, all []plan.Statement, writes bool) (map[string]*farRows, error) {
	var names []string
	for i := range all {
		name := tableOf(&all[i])
		at, err := locate(c.Account, c.Region, name)
		if err != nil {
			continue
		}
		if t, err := s.elsewhere(ctx, c, at); err != nil {
			return nil, err
		} else if t == nil {
			continue
		} else if _, ok := c.Grant.RowRule(t.ID); ok {
			names = append(names, name)
		}
	}
	far, err := s.farOf(ctx, c, names)
	if err != nil || writes {
		return far, err
	}
	m.admitFetch(far)
	keys := map[*farRows][]item.Map{}
	for i := range all {
		f := far[tableOf(&all[i])]
		if f == nil || f.refused != nil {
			continue
		}
		key, _, err := all[i].Row(&f.t.schema, "BatchExecuteStatement")
		if err == nil {
			_, err = f.t.schema.Keys.Key(key)
		}
		if err != nil {
			continue
		}
		f.consistent = f.consistent || all[i].Consistent
		keys[f] = append(keys[f], key)
	}
	for f, ks := range keys {
		if err := f.fetch(ks); err != nil {
			return nil, err
		}
	}
	return far, nil
}

// writeStatementsFar performs the statements of a batch that write rows of the engine's, each for itself.
func (s *Service) writeStatementsFar(ctx context.Context, c *pipeline.Call, all []plan.Statement, far map[string]*farRows, mode api.ReturnConsumedCapacity, out *api.BatchExecuteStatementOutput) error {
	for i, p := range all {
		f := far[tableOf(&p)]
		if f == nil {
			continue
		}
		r := &out.Responses[i]
		units, err := s.performFar(ctx, c, f.t, p, mode, func(m item.Map) { r.Item = &m })
		if err != nil {
			if r.Error, err = farError(err); err != nil {
				return err
			}
			continue
		}
		r.TableName = &p.Table
		if units != nil {
			out.ConsumedCapacity = append(out.ConsumedCapacity, *units)
		}
	}
	return nil
}

// farError is batchError for what an engine answers: statements before this one may have been performed, so that it alone fails if
// the engine does.
func farError(err error) (*api.BatchStatementError, error) {
	var code api.BatchStatementErrorCodeEnum
	switch {
	case codeOf(err) == "TransactionConflictException":
		code = api.BatchStatementErrorCodeEnumTransactionConflict
	case codeOf(err) == "RequestLimitExceeded":
		code = api.BatchStatementErrorCodeEnumRequestLimitExceeded
	case codeOf(err) == "ItemCollectionSizeLimitExceededException":
		code = api.BatchStatementErrorCodeEnumItemCollectionSizeLimitExceeded
	case fault.IsClass(err, fault.Unavailable):
		code = api.BatchStatementErrorCodeEnumInternalServerError
	default:
		return batchError(err)
	}
	message := fault.Text(err)
	return &api.BatchStatementError{Code: code, Message: &message}, nil
}

// fetchTransactionOf reads the rows of a transaction of SELECTs of tables that the engine keeps; of none it does nothing.
func (s *Service) fetchTransactionOf(ctx context.Context, m *meter, all []plan.Statement, names []string, far map[string]*farRows) error {
	if far == nil {
		return nil
	}
	keys := make([]item.Map, len(all))
	for i, p := range all {
		key, _, err := p.Row(&far[names[i]].t.schema, "ExecuteTransaction")
		if err != nil {
			return plan.InStatement(i, err)
		}
		keys[i] = key
	}
	return s.fetchTransaction(ctx, m, far, names, keys)
}

// transactStatementsFar performs a transaction of statements that write rows of the engine's.
func (s *Service) transactStatementsFar(ctx context.Context, c *pipeline.Call, all []plan.Statement, in *api.ExecuteTransactionInput, far map[string]*farRows) (*api.ExecuteTransactionOutput, error) {
	request := &api.TransactWriteItemsInput{
		TransactItems: make([]api.TransactWriteItem, len(all)), ClientRequestToken: in.ClientRequestToken, ReturnConsumedCapacity: in.ReturnConsumedCapacity,
	}
	actions := make([]plan.Action, len(all))
	for i := range all {
		p := &all[i]
		w, err := p.Write(&far[p.Table].t.schema)
		if err != nil {
			return nil, plan.InStatement(i, err)
		}
		actions[i] = plan.Action{Name: statementActions[p.Kind], Table: p.Table, Write: w}
		request.TransactItems[i] = classicAction(p, w)
	}
	out, err := s.transactFar(ctx, c, request, actions, far)
	if err != nil {
		return nil, err
	}
	return &api.ExecuteTransactionOutput{Responses: make([]api.ItemResponse, len(all)), ConsumedCapacity: out.ConsumedCapacity}, nil
}
