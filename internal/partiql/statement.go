// Package partiql reads statements of PartiQL as DynamoDB has it ("PartiQL - a SQL-compatible query language for Amazon
// DynamoDB", DynamoDB Developer Guide). What a statement means is package item's: conditions, projections and updates are
// built of its expressions, so that there is one semantics for both ways of asking.
//
// A name in a statement is a name of DynamoDB's, letter case and all; keywords and functions are read in any case. Binary
// values have no literals: they are given as parameters.
package partiql

import "github.com/bulkhead/bulkhead/internal/item"

// MaxStatement is how many characters a statement has at most (API reference, "ExecuteStatement").
const MaxStatement = 8192

// Kind says what a statement does.
type Kind uint8

// The kinds. The zero Kind is no statement.
const (
	_ Kind = iota
	Select
	Insert
	Update
	Delete
	// Exists is a condition on one row, in a transaction.
	Exists
)

// Writes reports whether statements of the kind stand in writing batches and transactions.
func (k Kind) Writes() bool { return k != Select }

// Returning is what a statement returns of the row that it wrote, as ReturnValues of the classic operations name it; "" if it
// has no RETURNING clause.
type Returning string

// Order is an element of ORDER BY.
type Order struct {
	Attribute  string
	Descending bool
}

// Statement is a statement with its parameters in their places.
type Statement struct {
	Kind Kind
	// Table is the name or the ARN of the table, Index that of an index or "".
	Table, Index string
	// Columns are the paths that are selected; nil for all.
	Columns *item.Projection
	// Where is the condition, zero if there is none.
	Where item.Expr
	Order []Order
	// Item is what Insert inserts.
	Item item.Map
	// Update is what Update changes.
	Update    *item.Update
	Returning Returning
}

// Attributes are the top-level attributes that the statement names, each once.
func (s *Statement) Attributes() []string {
	var names []string
	if s.Kind == Insert {
		return s.Item.Names()
	}
	if s.Update != nil {
		names = item.AttributeNames(s.Update)
	}
	for _, e := range []item.Expression{s.Columns, s.Where} {
		for _, n := range e.Attributes() {
			names = addName(names, n)
		}
	}
	for _, o := range s.Order {
		names = addName(names, o.Attribute)
	}
	return names
}

func addName(names []string, name string) []string {
	for _, n := range names {
		if n == name {
			return names
		}
	}
	return append(names, name)
}
