package dynamodb

import (
	"context"
	"errors"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// rows opens the rows of a table for a call. A table that was made anew under its name since the call was authorized is
// another table: the grant does not cover it, and the caller's table is gone. Nor is there one yet while it is restored.
func rows(tx *store.Tx, c *pipeline.Call, t *table) (item.Rows, error) {
	if err := known(c, &t.res); err != nil {
		return nil, err
	}
	if _, ok := c.Grant.RowRule(t.ID); !ok || t.busy() != nil {
		return nil, errNoTable
	}
	if t.Outside != nil {
		return nil, errOutside
	}
	return tx.Rows(t.ID, t.sealing, c.Now)
}

// GetItem reads a row by its key.
func (s *Service) GetItem(ctx context.Context, c *pipeline.Call, in *api.GetItemInput) (*api.GetItemOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	pr, err := pipeline.Kept(c, in, plan.Get)
	if err != nil {
		return nil, err
	}
	if t, err := s.elsewhere(ctx, c, at); t != nil || err != nil {
		if err != nil {
			return nil, err
		}
		out, err := s.getFar(ctx, c, t, in, pr)
		return out, noTable(err)
	}
	out := &api.GetItemOutput{}
	m := s.meter(c)
	defer m.settle()
	err = s.readRows(ctx, c, at, func(tx *store.Tx, t *table) error {
		m.reset()
		rs, err := rows(tx, c, t)
		if err != nil {
			return err
		}
		if err := m.admit(t, "", false); err != nil {
			return err
		}
		got, err := t.schema.Get(rs, *in.Key, pr, opt.Value(in.ConsistentRead))
		if err != nil {
			return err
		}
		m.spend(t, "", got.Cost, false)
		out.Item = member(got.Item.Clone())
		out.ConsumedCapacity = consumed(in.ReturnConsumedCapacity, t, *in.TableName, got.Cost)
		return nil
	})
	if err != nil {
		return nil, noTable(err)
	}
	return out, nil
}

// member makes an output of a map, left out if it is absent.
func member(m item.Map) *item.Map {
	if m.IsZero() {
		return nil
	}
	return &m
}

// some is member for an answer that leaves out an item of which nothing was selected.
func some(m item.Map) *item.Map {
	if m.Len() == 0 {
		return nil
	}
	return &m
}

// outcome is what a single write answers. units is what it cost at an outside engine.
type outcome struct {
	units      float64
	attributes *item.Map
	capacity   *api.ConsumedCapacity
	metrics    *api.ItemCollectionMetrics
}

// answer is what the caller wants to hear of a write.
type answer struct {
	returns  api.ReturnValue
	capacity api.ReturnConsumedCapacity
	metrics  api.ReturnItemCollectionMetrics
}

// blind reports whether nothing is asked of the row that the write replaces.
func (a *answer) blind() bool {
	return !asked(a.capacity) && (a.returns == "" || a.returns == api.ReturnValueNone)
}

// writeRow performs one write in a transaction of its own. there is the request as it is sent to an outside engine that keeps the
// table's rows.
func (s *Service) writeRow(ctx context.Context, c *pipeline.Call, name string, w *item.Write, want answer, there func(*table) any) (*outcome, error) {
	at, err := locate(c.Account, c.Region, name)
	if err != nil {
		return nil, err
	}
	if t, err := s.elsewhere(ctx, c, at); t != nil || err != nil {
		if err != nil {
			return nil, err
		}
		out, err := s.writeFar(ctx, c, t, name, w, want, there(t))
		return out, failed(err)
	}
	out := &outcome{}
	m := s.meter(c)
	defer m.settle()
	err = s.writeRows(ctx, c, at, func(tx *store.Tx, t *table) error {
		m.reset()
		rs, err := rows(tx, c, t)
		if err != nil {
			return err
		}
		w.Blind = want.blind() && m.free(t)
		done, err := m.write(t, rs, w)
		if err != nil {
			return err
		}
		*out = outcome{
			attributes: member(w.Returned(string(want.returns), done).Clone()),
			capacity:   consumed(want.capacity, t, name, done.Cost),
			metrics:    collection(want.metrics, t, w),
		}
		return nil
	})
	if err != nil {
		return nil, failed(err)
	}
	return out, nil
}

// failed turns the failures of writes into the API's errors.
func failed(err error) error {
	var condition *item.ConditionFailedError
	if errors.As(err, &condition) {
		shape := &api.ConditionalCheckFailedException{Item: member(condition.Item.Clone())}
		return shape.Fault("%s", condition.Error())
	}
	return noTable(err)
}

// PutItem writes a row.
func (s *Service) PutItem(ctx context.Context, c *pipeline.Call, in *api.PutItemInput) (*api.PutItemOutput, error) {
	w, err := pipeline.Kept(c, in, plan.Put)
	if err != nil {
		return nil, err
	}
	out, err := s.writeRow(ctx, c, *in.TableName, w, answer{in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics},
		func(t *table) any { return putThere(in, t) })
	if err != nil {
		return nil, err
	}
	return &api.PutItemOutput{Attributes: out.attributes, ConsumedCapacity: out.capacity, ItemCollectionMetrics: out.metrics}, nil
}

// UpdateItem changes a row, or makes it.
func (s *Service) UpdateItem(ctx context.Context, c *pipeline.Call, in *api.UpdateItemInput) (*api.UpdateItemOutput, error) {
	w, err := pipeline.Kept(c, in, plan.Update)
	if err != nil {
		return nil, err
	}
	out, err := s.writeRow(ctx, c, *in.TableName, w, answer{in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics},
		func(t *table) any { return updateThere(in, t) })
	if err != nil {
		return nil, err
	}
	return &api.UpdateItemOutput{Attributes: out.attributes, ConsumedCapacity: out.capacity, ItemCollectionMetrics: out.metrics}, nil
}

// DeleteItem removes a row.
func (s *Service) DeleteItem(ctx context.Context, c *pipeline.Call, in *api.DeleteItemInput) (*api.DeleteItemOutput, error) {
	w, err := pipeline.Kept(c, in, plan.Delete)
	if err != nil {
		return nil, err
	}
	out, err := s.writeRow(ctx, c, *in.TableName, w, answer{in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics},
		func(t *table) any { return deleteThere(in, t) })
	if err != nil {
		return nil, err
	}
	return &api.DeleteItemOutput{Attributes: out.attributes, ConsumedCapacity: out.capacity, ItemCollectionMetrics: out.metrics}, nil
}
