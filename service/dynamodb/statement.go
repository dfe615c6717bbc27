package dynamodb

import (
	"bytes"
	"slices"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/partiql"
)

// This file puts PartiQL statements into the terms of package item, under the keys of the table that they are about.

// maxPartitions is how many partitions one SELECT reads at most ("PartiQL select statements for DynamoDB": "up to 50 hash
// attribute values").
const maxPartitions = 50

// selection is a SELECT as queries of partitions, or as one scan.
type selection struct {
	// bounded is false for a scan of the whole table or index.
	bounded    bool
	partitions []item.Value
	sort       item.Expr
	query      item.Query // of each partition, without its keys
	hash       string
}

// selection plans a SELECT. Of an index that does not exist it knows nothing: it is a scan, which fails when it is tried.
func (t *table) selection(st *partiql.Statement, consistent bool) (*selection, error) {
	keys := &t.schema.Keys
	if st.Index != "" {
		x := t.schema.IndexNamed(st.Index)
		if x == nil {
			return &selection{query: item.Query{Index: st.Index}}, nil
		}
		if consistent && !x.Local {
			return nil, invalid("Strongly consistent read is not supported on Global Secondary Indexes")
		}
		keys = &x.Keys
	}
	split := st.Where.Split(keys)
	if len(split.Partitions) > maxPartitions {
		return nil, invalid("Too many decomposed read operations for a given query.")
	}
	sel := &selection{
		bounded: split.Bounded, partitions: split.Partitions, sort: split.Sort, hash: keys.Hash.Name,
		query: item.Query{Index: st.Index, Filter: item.ConditionOf(split.Rest), Projection: st.Columns, Consistent: consistent},
	}
	return sel, sel.order(st, keys)
}

// order applies ORDER BY.
func (s *selection) order(st *partiql.Statement, keys *item.KeySchema) error {
	switch {
	case len(st.Order) == 0:
		return nil
	case st.Where.IsZero():
		return invalid("Must have WHERE clause in the statement when using ORDER BY clause.")
	case !s.bounded:
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

// parts is how many queries the selection is.
func (s *selection) parts() int {
	if !s.bounded {
		return 1
	}
	return len(s.partitions)
}

// part returns the i-th query.
func (s *selection) part(i int) (*item.Query, error) {
	q := s.query
	if !s.bounded {
		return &q, nil
	}
	hash, err := item.Compare("=", item.Attr(item.NewPath(s.hash)), item.Const(s.partitions[i]))
	if err == nil {
		q.Keys, err = item.KeyConditionOf(hash, s.sort)
	}
	return &q, err
}

// leading are the leading keys of what the selection reads; none of a scan.
func (s *selection) leading() []string {
	var all []string
	for _, v := range s.partitions {
		if k := v.Kind(); k == item.S || k == item.N || k == item.B {
			all = append(all, item.LeadingKey(v))
		}
	}
	return all
}

const noFullKey = "Where clause does not contain a mandatory equality on all key attributes"

// change plans a statement that writes a row, or that checks one.
func (t *table) change(st *partiql.Statement, returnOnFailure bool) (*item.Write, error) {
	hash := item.Attr(item.NewPath(t.schema.Keys.Hash.Name))
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
	key, rest, ok := st.Where.FullKey(&t.schema.Keys)
	w := &item.Write{Key: key, ReturnOnFailure: returnOnFailure}
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

// errDuplicate is what an INSERT of a row that is there answers.
func errDuplicate() error {
	return api.NewDuplicateItemException("Duplicate primary key exists in table")
}

// parsed is a statement of a request with what goes with it.
type parsed struct {
	*partiql.Statement
	consistent, returnOnFailure bool
	// err is why the statement could not be read, in a batch.
	err error
}

func parseStatement(text *string, parameters []item.Value, onFailed api.ReturnValuesOnConditionCheckFailure) (parsed, error) {
	st, err := partiql.Parse(*text, parameters)
	return parsed{Statement: st, returnOnFailure: onFailure(onFailed), err: err}, err
}

// parseBatch reads the statements of a batch; those that cannot be read keep why.
func parseBatch(in *api.BatchExecuteStatementInput) (all []parsed, writes bool, err error) {
	all = make([]parsed, len(in.Statements))
	reads := false
	for i := range in.Statements {
		b := &in.Statements[i]
		p, err := parseStatement(b.Statement, b.Parameters, b.ReturnValuesOnConditionCheckFailure)
		p.consistent = b.ConsistentRead != nil && *b.ConsistentRead
		if err == nil && p.Kind == partiql.Exists {
			p.err = invalid("EXISTS can only be used in ExecuteTransaction write requests.")
		}
		all[i] = p
		if p.err == nil {
			reads, writes = reads || !p.Kind.Writes(), writes || p.Kind.Writes()
		}
	}
	if reads && writes {
		return nil, false, invalid("BatchExecuteStatement API does not support both read and write operations in the same request.")
	}
	return all, writes, nil
}

// parseTransaction reads the statements of a transaction.
func parseTransaction(in *api.ExecuteTransactionInput) (all []parsed, writes bool, err error) {
	all = make([]parsed, len(in.TransactStatements))
	reads := false
	for i := range in.TransactStatements {
		b := &in.TransactStatements[i]
		p, err := parseStatement(b.Statement, b.Parameters, b.ReturnValuesOnConditionCheckFailure)
		if err == nil {
			err = p.transacts()
		}
		if err != nil {
			return nil, false, inStatement(i, err)
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
func (p *parsed) transacts() error {
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

// inStatement says which statement of a transaction an error is about.
func inStatement(i int, err error) error {
	return invalid("Validation failed in TransactStatements[%d]: %s", i, messageOf(err))
}

// single is a SELECT of one row by its key, as batches and transactions have it.
func (t *table) single(st *partiql.Statement, in string) (key item.Map, filter *item.Condition, err error) {
	key, rest, ok := st.Where.FullKey(&t.schema.Keys)
	if !ok || st.Index != "" {
		return key, nil, invalid("Select statements within %s must specify the primary key in the where clause.", in)
	}
	return key, item.ConditionOf(rest), nil
}
