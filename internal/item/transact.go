package item

import (
	"errors"
	"strings"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// maxTransaction is the largest total size of the items of a transaction in bytes (API reference,
// "TransactWriteItems").
const maxTransaction = 4 << 20

// TransactWrite is one write of a transaction, in its table.
type TransactWrite struct {
	Table *Table
	Rows  Rows
	*Write
}

// Reason says why one action of a transaction failed; Code is "None" for those that did not.
type Reason struct {
	Code, Message string
	// Item is the row as it is, if the condition failed and the write asked for it.
	Item Map
}

// CanceledError is returned for a transaction of which an action failed: TransactionCanceledException. Reasons has one
// element for each action, in order.
type CanceledError struct{ Reasons []Reason }

// Error returns DynamoDB's message.
func (e *CanceledError) Error() string {
	codes := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		codes[i] = r.Code
	}
	return "Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"
}

// reason turns the failure of one action into its cancellation reason; ok is false if it is a failure of the server.
func reason(err error) (r Reason, ok bool) {
	var failed *ConditionFailedError
	switch {
	case err == nil:
		return Reason{Code: "None"}, true
	case errors.As(err, &failed):
		return Reason{Code: "ConditionalCheckFailed", Message: failed.Error(), Item: failed.Item}, true
	case fault.IsClass(err, fault.Validation):
		return Reason{Code: "ValidationError", Message: fault.Text(err)}, true
	}
	return Reason{}, false
}

// Transact performs all writes or none: no row is written unless every condition holds. The rows must all be of one
// transaction of the store. It fails with a ValidationException, or a *CanceledError.
func Transact(ws []TransactWrite) ([]Written, error) {
	keys, err := checkWrites(ws)
	if err != nil {
		return nil, err
	}
	plans := make([]planned, len(ws))
	reasons := make([]Reason, len(ws))
	canceled, shown := false, 0
	for i, w := range ws {
		p, err := w.Table.plan(w.Rows, keys[i], w.Write)
		r, ok := reason(err)
		if !ok {
			return nil, err
		}
		plans[i], reasons[i] = p, r
		canceled = canceled || err != nil
		shown += r.Item.Size()
	}
	if shown > maxTransaction { // the reasons may hold an item each
		return nil, errTransactionSize()
	}
	if canceled {
		return nil, &CanceledError{Reasons: reasons}
	}
	done := make([]Written, len(ws))
	for i, w := range ws {
		if done[i], err = w.Table.apply(w.Rows, plans[i]); err != nil {
			return nil, err
		}
		done[i].Cost.Table *= 2 // a transaction costs double in the table, but not in its indexes
	}
	return done, nil
}

func errTransactionSize() error {
	return invalid("Transaction payload size cannot exceed %d bytes", maxTransaction)
}

// checkWrites checks the actions before any of them is looked at: the size of what they carry, keys that are empty, rows that
// are named twice, and whether they fit their tables, of which only the first that does not is told. It returns their keys.
func checkWrites(ws []TransactWrite) ([]RowKey, error) {
	size := 0
	for _, w := range ws {
		if err := w.emptyKey(w.Table); err != nil {
			return nil, err
		}
		if size += w.payload(); size > maxTransaction {
			return nil, errTransactionSize()
		}
	}
	keys := make([]RowKey, len(ws))
	var wrong error
	at := 0
	for i, w := range ws {
		k, err := w.RowKey(w.Table)
		if err == nil {
			keys[i] = k
		} else if wrong == nil {
			wrong, at = err, i
		}
	}
	if err := distinct(keys, func(i int) *Table { return ws[i].Table }); err != nil {
		return nil, err
	}
	if wrong == nil {
		return keys, nil
	}
	r, ok := reason(wrong)
	if !ok {
		return nil, wrong
	}
	reasons := make([]Reason, len(ws))
	for j := range reasons {
		reasons[j].Code = "None"
	}
	reasons[at] = r
	return nil, &CanceledError{Reasons: reasons}
}

// distinct refuses a transaction that names a row of one table twice. Keys that do not fit their tables are zero here, and left for
// the cancellation reasons.
func distinct(keys []RowKey, table func(int) *Table) error {
	byTable := make(map[string][]RowKey, 1)
	for i, k := range keys {
		if k.PK != nil {
			named := table(i).Name
			if byTable[named] == nil {
				byTable[named] = make([]RowKey, 0, len(keys))
			}
			byTable[named] = append(byTable[named], k)
		}
	}
	for _, keys := range byTable {
		if !Distinct(keys) {
			return invalid("Transaction request cannot include multiple operations on one item")
		}
	}
	return nil
}

// TransactGet is one read of a transaction.
type TransactGet struct {
	Table *Table
	Rows  RowReader
	Key   Map
	// Filter leaves the row out if it does not hold.
	Filter     *Condition
	Projection *Projection
}

// TransactRead reads all rows from one snapshot: the rows must all be of one transaction of the store. It fails with a
// ValidationException, or a *CanceledError.
func TransactRead(gs []TransactGet) ([]Got, error) {
	keys := make([]RowKey, len(gs))
	for i, g := range gs {
		if k, err := g.Table.Keys.Key(g.Key); err == nil {
			keys[i] = k
		}
	}
	if err := distinct(keys, func(i int) *Table { return gs[i].Table }); err != nil {
		return nil, err
	}
	out := make([]Got, len(gs))
	reasons := make([]Reason, len(gs))
	canceled, size := false, 0
	for i, g := range gs {
		got, err := g.Table.GetWhere(g.Rows, g.Key, g.Filter, g.Projection, true)
		r, ok := reason(err)
		if !ok {
			return nil, err
		}
		canceled = canceled || err != nil
		reasons[i] = r
		got.Cost = got.Cost.Times(2)
		out[i] = got
		size += got.Size
	}
	if canceled {
		return nil, &CanceledError{Reasons: reasons}
	}
	if size > maxTransaction {
		return nil, invalid("Aggregate size of the items in the transaction cannot exceed %d bytes", maxTransaction)
	}
	return out, nil
}
