package plan

import (
	"bytes"
	"slices"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/partiql"
)

// Statement is a statement of a request with what goes with it.
type Statement struct {
	*partiql.Statement
	// Consistent is ConsistentRead, and ReturnOnFailure that whose condition fails is shown the row on which it did.
	Consistent, ReturnOnFailure bool
	// Err is why the statement could not be read, in a batch.
	Err error
}

func parse(text *string, parameters []item.Value, onFailed api.ReturnValuesOnConditionCheckFailure) (Statement, error) {
	st, err := partiql.Parse(*text, parameters)
	return Statement{Statement: st, ReturnOnFailure: onFailure(onFailed), Err: err}, err
}

// Execute reads the statement of ExecuteStatement.
func Execute(in *api.ExecuteStatementInput) (Statement, error) {
	p, err := parse(in.Statement, in.Parameters, in.ReturnValuesOnConditionCheckFailure)
	if err == nil && p.Kind == partiql.Exists {
		err = invalid("EXISTS can only be used in ExecuteTransaction write requests.")
	}
	p.Consistent = opt.Value(in.ConsistentRead)
	return p, err
}

// Batch reads the statements of a batch; those that cannot be read keep why. writes tells whether they write.
func Batch(in *api.BatchExecuteStatementInput) (all []Statement, writes bool, err error) {
	all = make([]Statement, len(in.Statements))
	reads := false
	for i := range in.Statements {
		b := &in.Statements[i]
		p, err := parse(b.Statement, b.Parameters, b.ReturnValuesOnConditionCheckFailure)
		p.Consistent = b.ConsistentRead != nil && *b.ConsistentRead
		if err == nil && p.Kind == partiql.Exists {
			p.Err = invalid("EXISTS can only be used in ExecuteTransaction write requests.")
		}
		all[i] = p
		if p.Err == nil {
			reads, writes = reads || !p.Kind.Writes(), writes || p.Kind.Writes()
		}
	}
	if reads && writes {
		return nil, false, invalid("BatchExecuteStatement API does not support both read and write operations in the same request.")
	}
	return all, writes, nil
}

// Transaction reads the statements of a transaction, of which one that cannot be read is the error. writes tells whether they write.
func Transaction(in *api.ExecuteTransactionInput) (all []Statement, writes bool, err error) {
	all = make([]Statement, len(in.TransactStatements))
	reads := false
	for i := range in.TransactStatements {
		b := &in.TransactStatements[i]
		p, err := parse(b.Statement, b.Parameters, b.ReturnValuesOnConditionCheckFailure)
		if err == nil {
			err = p.transacts()
		}
		if err != nil {
			return nil, false, InStatement(i, err)
		}
		all[i] = p
		reads, writes = reads || !p.Kind.Writes(), writes || p.Kind.Writes()
	}
	if reads && writes {
		return nil, false, invalid("ExecuteTransaction API does not support both read and write operations in the same request.")
	}
	return all, writes, nil
}

// transacts refuses what no transaction does.
func (p *Statement) transacts() error {
	switch {
	case p.Kind == partiql.Select && p.Index != "":
		return invalid("Reads on indices are not supported within transactions.")
	case p.Index != "":
		return invalid("Operations on indices are not supported in transactions")
	case p.Returning != "":
		return invalid("RETURNING is not supported in ExecuteTransaction")
	}
	return nil
}

// InStatement says which statement of a transaction an error is about.
func InStatement(i int, err error) error {
	return invalid("Validation failed in TransactStatements[%d]: %s", i, fault.Text(err))
}

// Row plans a SELECT of one row of its table by the key, as batches and transactions have it. in is the operation, for the error.
func (p *Statement) Row(t *item.Table, in string) (key item.Map, filter *item.Condition, err error) {
	st := p.Statement
	key, rest, ok := st.Where.FullKey(&t.Keys)
	if !ok || st.Index != "" {
		return key, nil, invalid("Select statements within %s must specify the primary key in the where clause.", in)
	}
	return key, item.ConditionOf(rest), nil
}

// MaxPartitions is how many partitions one SELECT reads at most ("PartiQL select statements for DynamoDB": "up to 50 hash
// attribute values").
const MaxPartitions = 50

// Selection is a SELECT as queries of partitions, or as one scan.
type Selection struct {
	// Bounded is false for a scan of the whole table or index.
	Bounded    bool
	partitions []item.Value
	sort       item.Expr
	query      item.Query // of each partition, without its keys
	hash       string
}

// Selection plans a SELECT under the keys of its table. Of an index that does not exist it knows nothing: it is a scan, which fails
// when it is tried.
func (p *Statement) Selection(t *item.Table) (*Selection, error) {
	st := p.Statement
	keys := &t.Keys
	if st.Index != "" {
		x := t.IndexNamed(st.Index)
		if x == nil {
			return &Selection{query: item.Query{Index: st.Index}}, nil
		}
		if p.Consistent && !x.Local {
			return nil, invalid("Strongly consistent read is not supported on Global Secondary Indexes")
		}
		keys = &x.Keys
	}
	split := st.Where.Split(keys)
	if len(split.Partitions) > MaxPartitions {
		return nil, invalid("Too many decomposed read operations for a given query.")
	}
	sel := &Selection{
		Bounded: split.Bounded, partitions: split.Partitions, sort: split.Sort, hash: keys.Hash.Name,
		query: item.Query{Index: st.Index, Filter: item.ConditionOf(split.Rest), Projection: st.Columns, Consistent: p.Consistent},
	}
	return sel, sel.order(st, keys)
}

// order applies ORDER BY.
func (s *Selection) order(st *partiql.Statement, keys *item.KeySchema) error {
	switch {
	case len(st.Order) == 0:
		return nil
	case st.Where.IsZero():
		return invalid("Must have WHERE clause in the statement when using ORDER BY clause.")
	case !s.Bounded:
		return invalid("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")
	case len(s.partitions) > 1 && st.Order[0].Attribute != keys.Hash.Name:
		return invalid("Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause.")
	}
	for _, o := range st.Order {
		switch {
		case o.Attribute == keys.Hash.Name:
			slices.SortFunc(s.partitions, func(a, b item.Value) int {
				n := bytes.Compare(item.SortBytes(a), item.SortBytes(b))
				if o.Descending {
					return -n
				}
				return n
			})
		case keys.Has(o.Attribute):
			s.query.Reverse = o.Descending
		default:
			return invalid("Variable reference %s in ORDER BY clause must be part of the primary key", o.Attribute)
		}
	}
	return nil
}

// Index is the index that is read, "" for the table itself.
func (s *Selection) Index() string { return s.query.Index }

// Parts is how many queries the selection is.
func (s *Selection) Parts() int {
	if !s.Bounded {
		return 1
	}
	return len(s.partitions)
}

// Part returns the i-th query, from the beginning of its partition.
func (s *Selection) Part(i int) (*item.Query, error) {
	q := s.query
	if !s.Bounded {
		return &q, nil
	}
	hash, err := item.Compare("=", item.Attr(item.NewPath(s.hash)), item.Const(s.partitions[i]))
	if err == nil {
		q.Keys, err = item.KeyConditionOf(hash, s.sort)
	}
	return &q, err
}

// Leading are the leading keys of what the selection reads; none of a scan.
func (s *Selection) Leading() []string {
	var all []string
	for _, v := range s.partitions {
		if k := v.Kind(); k == item.S || k == item.N || k == item.B {
			all = append(all, item.LeadingKey(v))
		}
	}
	return all
}

const noFullKey = "Where clause does not contain a mandatory equality on all key attributes"

// Write plans a statement that writes a row of its table, or that checks one.
func (p *Statement) Write(t *item.Table) (*item.Write, error) {
	st := p.Statement
	hash := item.Attr(item.NewPath(t.Keys.Hash.Name))
	exists, err := existence("attribute_exists", hash)
	if err != nil {
		return nil, err
	}
	absent, err := existence("attribute_not_exists", hash)
	if err != nil {
		return nil, err
	}
	if st.Kind == partiql.Insert {
		return &item.Write{Kind: item.PutRow, Item: st.Item, Condition: item.ConditionOf(absent)}, nil
	}
	key, rest, ok := st.Where.FullKey(&t.Keys)
	w := &item.Write{Key: key, ReturnOnFailure: p.ReturnOnFailure}
	switch {
	case st.Kind == partiql.Exists && (!ok || rest.IsZero()):
		return nil, invalid("EXISTS() must contain a single item read with additional condition")
	case !ok:
		return nil, invalid(noFullKey)
	case st.Kind == partiql.Exists:
		w.Kind, w.Condition = item.CheckRow, item.ConditionOf(item.And(exists, rest))
	case st.Kind == partiql.Update:
		w.Kind, w.Update, w.Condition = item.UpdateRow, st.Update, item.ConditionOf(item.And(exists, rest))
	case rest.IsZero():
		w.Kind = item.DeleteRow
	default: // to delete what is not there is no failure
		w.Kind, w.Condition = item.DeleteRow, item.ConditionOf(item.Or(absent, rest))
	}
	return w, nil
}

func existence(function string, hash item.Expr) (item.Expr, error) { return item.Call(function, hash) }
