package dynamodb

import (
	"errors"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// What tenants' shares (bulkhead:tenant-capacity) count of tables that the engine keeps: reads by what was evaluated of the caller's
// rows, as of other tables; writes of sealed rows too; other writes by what the engine says that they cost, and at least by what they
// hold, which is all that is known where an engine says nothing.

// counts reports whether somebody counts what a request costs.
func (m *meter) counts(t *table, write bool) bool {
	return len(m.s.limitsOf(t, m.c.Caller, "", write)) > 0
}

// spendThere adds what a single write has cost. One whose condition fails costs one unit.
func (m *meter) spendThere(t *table, out *outcome, err error) {
	var condition *item.ConditionFailedError
	switch {
	case err == nil:
		m.spend(t, "", item.Cost{Table: out.units}, true)
	case errors.As(err, &condition):
		m.spend(t, "", item.Cost{Table: 1}, true)
	}
}

// spendAllThere adds what a transaction of writes has cost. One of which a condition fails costs a unit an element.
func (m *meter) spendAllThere(far map[string]*farRows, actions []plan.Action, out *api.TransactWriteItemsOutput, err error) {
	var why *item.CanceledError
	least := map[string]float64{}
	for _, a := range actions {
		switch {
		case err == nil:
			least[a.Table] += 2 * unitsOfWrite(a.Write)
		case errors.As(err, &why):
			m.spend(far[a.Table].t, "", item.Cost{Table: 1}, true)
		}
	}
	said := unitsOf(out)
	for named, n := range least {
		m.spend(far[named].t, "", item.Cost{Table: max(n, said[named])}, true)
	}
}

// unitsOfWrite is the least that a write costs, by what it holds.
func unitsOfWrite(w *item.Write) float64 {
	return item.WriteUnits(max(w.Item.Size(), w.Key.Size()))
}

// counting is a write as it is sent to be told what it costs.
func counting(request any) any {
	more := func(r *api.ReturnConsumedCapacity) {
		if orNone(*r) == api.ReturnConsumedCapacityNone {
			*r = api.ReturnConsumedCapacityTotal
		}
	}
	switch in := request.(type) {
	case *api.PutItemInput:
		more(&in.ReturnConsumedCapacity)
	case *api.UpdateItemInput:
		more(&in.ReturnConsumedCapacity)
	case *api.DeleteItemInput:
		more(&in.ReturnConsumedCapacity)
	}
	return request
}

// openedFar are tables as they were opened, by the names that a request gives them.
func openedFar(far map[string]*farRows) map[string]opened {
	all := make(map[string]opened, len(far))
	for named, f := range far {
		all[named] = opened{f.t, f}
	}
	return all
}

// admitFetch marks the tables of which a batch may read nothing now.
func (m *meter) admitFetch(far map[string]*farRows) {
	for _, f := range far {
		f.refused = m.admit(f.t, "", false)
	}
}

// reads admits the next read of a table in a batch.
func (t opened) reads(b *batch) bool {
	if f, ok := t.rows.(*farRows); ok && f.refused != nil {
		b.refused = f.refused // it was not fetched
		return false
	}
	return b.admits(t.table, false)
}

// unitsOf are the units that a transaction has consumed, by the names that the request gives tables.
func unitsOf(out *api.TransactWriteItemsOutput) map[string]float64 {
	units := map[string]float64{}
	if out != nil {
		for _, c := range out.ConsumedCapacity {
			units[opt.Value(c.TableName)] = opt.Value(c.CapacityUnits)
		}
	}
	return units
}
