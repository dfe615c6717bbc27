package dynamodb

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// A write of a row that is not sealed goes to the engine with its expressions, which performs it as one step. The engine can compute
// nothing on a sealed row: the row is read and opened, conditions and updates are evaluated here, and it is written on condition that
// its version is still the one that was read; if it is not, all begins anew.

// tries is how often a sealed write begins anew before the caller is asked to.
const tries = 10

// pauseUnit is what tries wait between each other, on average, times their number.
const pauseUnit = 4 * time.Millisecond

// errStale is a write that lost against another one of the same row.
var errStale = errors.New("dynamodb: the row has changed since it was read")

// untilCurrent runs try until what it read is still current when it writes.
func untilCurrent(ctx context.Context, try func() error) error {
	for i := range tries {
		err := try()
		if !errors.Is(err, errStale) {
			return err
		}
		select {
		case <-time.After(time.Duration(i+1)*pauseUnit/2 + rand.N(time.Duration(i+1)*pauseUnit)): //nolint:gosec // no secret
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return api.NewTransactionConflictException("Transaction is ongoing for the item")
}

// writeFar performs one write of one row, if the tenant's share of the table admits it. request is the input with the expressions of
// the write.
func (s *Service) writeFar(ctx context.Context, c *pipeline.Call, t *table, named string, w *item.Write, want answer, request any) (*outcome, error) {
	m := s.meter(c)
	defer m.settle()
	f, err := s.far(ctx, c, t)
	if err != nil {
		return nil, err
	}
	if err := m.admit(t, "", true); err != nil {
		return nil, err
	}
	if m.counts(t, true) {
		request = counting(request)
	}
	out, err := s.writeAdmitted(ctx, c, f, named, w, want, request)
	m.spendThere(t, out, err)
	return out, err
}

func (s *Service) writeAdmitted(ctx context.Context, c *pipeline.Call, f *farRows, named string, w *item.Write, want answer, request any) (*outcome, error) {
	t := f.t
	k, err := w.RowKey(&t.schema)
	if err != nil {
		return nil, err
	}
	if err := f.mayWrite(k, w); err != nil {
		return nil, err
	}
	if t.sealing == nil && !f.watches(w) {
		return f.forward(named, w, want, request)
	}
	var out *outcome
	err = untilCurrent(ctx, func() error {
		f, err := s.far(ctx, c, t)
		if err != nil {
			return err
		}
		f.consistent = true
		done, err := t.schema.Write(f, w)
		if err != nil {
			return err
		}
		if t.sealing == nil {
			out, err = f.forwardWatched(named, w, want, request)
			return err
		}
		out = &outcome{
			attributes: member(w.Returned(string(want.returns), done)), capacity: consumed(want.capacity, t, named, done.Cost),
			metrics: collection(want.metrics, t, w), units: done.Cost.Total(),
		}
		return f.commitOne()
	})
	return out, err
}

var operationOf = map[item.WriteKind]string{item.PutRow: "PutItem", item.UpdateRow: "UpdateItem", item.DeleteRow: "DeleteItem"}

// forward sends a write as it is.
func (f *farRows) forward(named string, w *item.Write, want answer, request any) (*outcome, error) {
	var out struct {
		Attributes       item.Map
		ConsumedCapacity *api.ConsumedCapacity
	}
	err := f.s.ask(f.ctx, f.t, operationOf[w.Kind], request, &out)
	var condition *item.ConditionFailedError
	if errors.As(err, &condition) && !f.isOf(w, condition.Item) || err == nil && !f.isOf(w, out.Attributes) {
		return nil, wrapNotOurs(errNotOurs)
	}
	if err != nil {
		return nil, err
	}
	done := &outcome{attributes: member(out.Attributes), metrics: collection(want.metrics, f.t, w), units: unitsOfWrite(w)}
	if u := out.ConsumedCapacity; u != nil {
		done.units = max(done.units, opt.Value(u.CapacityUnits))
		if orNone(want.capacity) != api.ReturnConsumedCapacityNone {
			u.TableName = &named
			done.capacity = u
		}
	}
	return done, nil
}

// isOf reports whether what the engine returned of a write is of the row that the write names, as far as it says so: what an update
// changed comes without the key. Nothing is of any row.
func (f *farRows) isOf(w *item.Write, m item.Map) bool {
	k, err := w.RowKey(&f.t.schema)
	if err != nil {
		return false
	}
	key := f.t.schema.Keys.MapOf(k)
	for _, p := range f.t.schema.Keys.Parts() {
		if m.Has(p.Name) && !sameValue(m.Get(p.Name), key.Get(p.Name)) {
			return false
		}
	}
	return true
}

// commitOne sends the change of one row, if there is one.
func (f *farRows) commitOne() error {
	if len(f.written) == 0 {
		return nil
	}
	action, err := f.actionThere(f.written[0].key)
	if err != nil {
		return err
	}
	operation, request := "PutItem", action.Put
	if request == nil {
		operation, request = "DeleteItem", action.Delete
	}
	var none struct{}
	err = f.s.ask(f.ctx, f.t, operation, request, &none)
	var condition *item.ConditionFailedError
	if errors.As(err, &condition) {
		return errStale
	}
	return f.sealedError(err)
}

// sealedError keeps to the log what the engine says of requests that this server made up, but for the size of rows.
func (f *farRows) sealedError(err error) error {
	if !isValidation(err) {
		return err
	}
	if isTooLarge(err) {
		return invalid("Item size has exceeded the maximum allowed size")
	}
	return errEngine(err)
}

// thereAction is one action of a transaction in the engine's form.
type thereAction struct {
	Put, Delete, Update, ConditionCheck map[string]any
}

// actionThere is what has become of a row that was read, on condition that it is still as it was read.
func (f *farRows) actionThere(k item.RowKey) (thereAction, error) {
	id := rowID(k)
	request := map[string]any{"TableName": f.t.Outside.Name}
	f.unchanged(request, f.read[id])
	for _, w := range f.written {
		if rowID(w.key) != id {
			continue
		}
		if w.item.IsZero() {
			request["Key"] = f.keyThere(k)
			return thereAction{Delete: request}, nil
		}
		m, err := f.rowThere(f.ctx, w.item)
		request["Item"] = m
		return thereAction{Put: request}, err
	}
	request["Key"] = f.keyThere(k)
	return thereAction{ConditionCheck: request}, nil
}

// unchanged adds the condition that a sealed row is as it was read.
func (f *farRows) unchanged(request map[string]any, row farRow) {
	if row.item.IsZero() {
		request["ConditionExpression"] = "attribute_not_exists(#k)"
		request["ExpressionAttributeNames"] = map[string]string{"#k": f.t.schema.Keys.Hash.Name}
		return
	}
	request["ConditionExpression"] = "#v = :v"
	request["ExpressionAttributeNames"] = map[string]string{"#v": versionAttribute}
	request["ExpressionAttributeValues"] = item.MapOf(map[string]item.Value{":v": item.Binary(row.version)})
}

// The inputs of single writes with the table's name there.

func putThere(in *api.PutItemInput, t *table) *api.PutItemInput {
	out := *in
	out.TableName, out.ReturnItemCollectionMetrics = &t.Outside.Name, ""
	return &out
}

func updateThere(in *api.UpdateItemInput, t *table) *api.UpdateItemInput {
	out := *in
	out.TableName, out.ReturnItemCollectionMetrics = &t.Outside.Name, ""
	return &out
}

func deleteThere(in *api.DeleteItemInput, t *table) *api.DeleteItemInput {
	out := *in
	out.TableName, out.ReturnItemCollectionMetrics = &t.Outside.Name, ""
	return &out
}

// getFar reads a row.
func (s *Service) getFar(ctx context.Context, c *pipeline.Call, t *table, in *api.GetItemInput, pr *item.Projection) (*api.GetItemOutput, error) {
	f, err := s.far(ctx, c, t)
	if err != nil {
		return nil, err
	}
	m := s.meter(c)
	defer m.settle()
	if err := m.admit(t, "", false); err != nil {
		return nil, err
	}
	f.consistent = opt.Value(in.ConsistentRead)
	got, err := t.schema.Get(f, *in.Key, pr, f.consistent)
	if err != nil {
		return nil, err
	}
	m.spend(t, "", got.Cost, false)
	return &api.GetItemOutput{Item: member(got.Item), ConsumedCapacity: consumed(in.ReturnConsumedCapacity, t, *in.TableName, got.Cost)}, nil
}

// pageFar is one page of a Query or Scan.
func (s *Service) pageFar(ctx context.Context, c *pipeline.Call, t *table, named string, q *item.Query, capacity api.ReturnConsumedCapacity) (*page, error) {
	f, err := s.far(ctx, c, t)
	if err != nil {
		return nil, err
	}
	if !decided(c, t, q) {
		return nil, invalid("The table does not have the specified index: %s", q.Index)
	}
	m := s.meter(c)
	defer m.settle()
	if err := m.admit(t, q.Index, false); err != nil {
		return nil, err
	}
	f.about(q)
	p, err := t.schema.Query(f, q)
	if err != nil {
		return nil, err
	}
	m.spend(t, q.Index, p.Cost, false)
	return &page{p, consumed(capacity, t, named, p.Cost)}, nil
}
