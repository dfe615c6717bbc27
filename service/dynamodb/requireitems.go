package dynamodb

import (
	"maps"
	"slices"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// rowCheck is one check of rows by partition key.
func rowCheck(action string, res authz.Resource, k *conditionKeys, write bool) authz.Check {
	return authz.Check{
		Action: action, Resource: res, Keys: k.set, Rows: &authz.Rows{Leading: k.leading, All: k.scan, Write: write},
	}
}

func (r *requirements) GetItem(s *authz.Scope, in *api.GetItemInput) authz.Requirement {
	res, t, err := r.target(s, *in.TableName)
	if err != nil {
		return authz.Failed(err)
	}
	pr, err := plan.Get(in)
	if err != nil {
		return authz.Failed(err)
	}
	authz.Keep(s, in, pr)
	return authz.RequireChecks(rowCheck("dynamodb:GetItem", res, &conditionKeys{
		leading: t.leadingOf(*in.Key), attributes: selected(t, pr), choice: choice("", pr, ""), capacity: in.ReturnConsumedCapacity,
	}, false))
}

// leadingOf is the leading key in a key or an item; none if the table is unknown.
func (t *table) leadingOf(m item.Map) []string {
	if t == nil {
		return nil
	}
	return leading(t.schema.Keys.Leading(m))
}

// write needs one action for one write of one row.
func (r *requirements) write(s *authz.Scope, action, name string, w *item.Write, k conditionKeys) authz.Requirement {
	res, t, err := r.target(s, name)
	if err != nil {
		return authz.Failed(err)
	}
	k.of(t, w)
	return authz.RequireChecks(rowCheck(action, res, &k, w.Kind != item.CheckRow))
}

// of fills in what a write of one row of a table says.
func (k *conditionKeys) of(t *table, w *item.Write) {
	k.write, k.all, k.attributes = true, w.ReturnOnFailure, written(t, w)
	if t != nil {
		k.leading = leading(w.Leading(&t.schema.Keys))
	}
}

// elementChecks are the checks of the elements of a transaction. What several ask alike is decided once.
type elementChecks struct {
	checks []authz.Check
	keys   []*conditionKeys
	tables []*table
}

func (e *elementChecks) add(action string, res authz.Resource, t *table, k *conditionKeys, write bool) {
	for i := range e.checks {
		c := &e.checks[i]
		if c.Action == action && c.Resource.ARN == res.ARN && e.tables[i] == t && c.Rows.Write == write && e.keys[i].same(k) {
			return
		}
	}
	e.checks = append(e.checks, rowCheck(action, res, k, write))
	e.keys, e.tables = append(e.keys, k), append(e.tables, t)
}

func (r *requirements) PutItem(s *authz.Scope, in *api.PutItemInput) authz.Requirement {
	w, err := plan.Put(in)
	if err != nil {
		return authz.Failed(err)
	}
	authz.Keep(s, in, w)
	return r.write(s, "dynamodb:PutItem", *in.TableName, w, conditionKeys{returns: in.ReturnValues, capacity: in.ReturnConsumedCapacity})
}

func (r *requirements) UpdateItem(s *authz.Scope, in *api.UpdateItemInput) authz.Requirement {
	w, err := plan.Update(in)
	if err != nil {
		return authz.Failed(err)
	}
	authz.Keep(s, in, w)
	return r.write(s, "dynamodb:UpdateItem", *in.TableName, w, conditionKeys{returns: in.ReturnValues, capacity: in.ReturnConsumedCapacity})
}

func (r *requirements) DeleteItem(s *authz.Scope, in *api.DeleteItemInput) authz.Requirement {
	w, err := plan.Delete(in)
	if err != nil {
		return authz.Failed(err)
	}
	authz.Keep(s, in, w)
	return r.write(s, "dynamodb:DeleteItem", *in.TableName, w, conditionKeys{returns: in.ReturnValues, capacity: in.ReturnConsumedCapacity})
}

func (r *requirements) Query(s *authz.Scope, in *api.QueryInput) authz.Requirement {
	q, err := plan.Query(in)
	if err != nil {
		return authz.Failed(err)
	}
	authz.Keep(s, in, q)
	res, t, err := r.target(s, *in.TableName)
	if err != nil {
		return authz.Failed(err)
	}
	k := &conditionKeys{
		attributes: item.AttributeNames(q.Keys, q.Filter, q.Projection), choice: choice(in.Select, q.Projection, q.Index),
		capacity: in.ReturnConsumedCapacity,
	}
	if t != nil {
		k.leading = t.queried(q)
	}
	c := rowCheck("dynamodb:Query", res, k, false)
	if q.Index != "" {
		c.Resource.ARN += "/index/" + q.Index
		t.through(c.Rows, q.Index)
	}
	return authz.RequireChecks(c)
}

// partitioned reports whether an index has the table's own partition key, as local ones do: whose the rows are is then
// known before any is read, so that the answer does not depend on there being some.
func (t *table) partitioned(index string) bool {
	if t == nil {
		return false
	}
	x := t.schema.IndexNamed(index)
	return x != nil && x.Keys.SamePartitions(&t.schema.Keys)
}

// through says that rows are read by the keys of an index, unless it has the table's own partition key.
func (t *table) through(rs *authz.Rows, index string) {
	if rs.Index = !t.partitioned(index); t != nil {
		rs.IndexID = t.indexID(index)
	}
}

// queried is the leading key of a query: of the table or of the index that it names.
func (t *table) queried(q *item.Query) []string {
	keys := &t.schema.Keys
	if q.Index != "" {
		x := t.schema.IndexNamed(q.Index)
		if x == nil {
			return nil
		}
		keys = &x.Keys
	}
	return leading(q.Keys.Leading(keys))
}

func (r *requirements) Scan(s *authz.Scope, in *api.ScanInput) authz.Requirement {
	q, err := plan.Scan(in)
	if err != nil {
		return authz.Failed(err)
	}
	authz.Keep(s, in, q)
	res, _, err := r.target(s, *in.TableName)
	if err != nil {
		return authz.Failed(err)
	}
	c := rowCheck("dynamodb:Scan", res, &conditionKeys{
		attributes: item.AttributeNames(q.Filter, q.Projection), choice: choice(in.Select, q.Projection, q.Index),
		capacity: in.ReturnConsumedCapacity, scan: true,
	}, false)
	if q.Index != "" {
		c.Resource.ARN += "/index/" + q.Index
	}
	return authz.RequireChecks(c)
}

func (r *requirements) BatchGetItem(s *authz.Scope, in *api.BatchGetItemInput) authz.Requirement {
	if err := checkBatchGet(in); err != nil {
		return authz.Failed(err)
	}
	var all []authz.Check
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		ks := in.RequestItems[name]
		res, t, err := r.target(s, name)
		if err != nil {
			return authz.Failed(err)
		}
		pr, err := plan.Projection(ks.ProjectionExpression, ks.ExpressionAttributeNames, ks.AttributesToGet)
		if err != nil {
			return authz.Failed(err)
		}
		k := &conditionKeys{attributes: selected(t, pr), choice: choice("", pr, ""), capacity: in.ReturnConsumedCapacity}
		for _, key := range ks.Keys {
			if err := key.Err(); err != nil {
				return authz.Failed(err)
			}
			if t != nil {
				k.leading = withLeading(k.leading, t.schema.Keys.Leading(key))
			}
		}
		all = append(all, rowCheck("dynamodb:BatchGetItem", res, k, false))
	}
	return authz.RequireChecks(all...)
}

func (r *requirements) BatchWriteItem(s *authz.Scope, in *api.BatchWriteItemInput) authz.Requirement {
	if err := checkBatchWrite(in); err != nil {
		return authz.Failed(err)
	}
	var all []authz.Check
	planned := make(batchWrites, len(in.RequestItems))
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		res, t, err := r.target(s, name)
		if err != nil {
			return authz.Failed(err)
		}
		k := &conditionKeys{write: true, capacity: in.ReturnConsumedCapacity}
		writes, err := planRequests(in.RequestItems[name])
		if err != nil {
			return authz.Failed(err)
		}
		planned[name] = writes
		for i := range writes {
			w := &writes[i]
			if w.Kind == item.PutRow {
				k.attributes = w.Item.AddNames(k.attributes)
			} else {
				k.attributes = union(k.attributes, written(t, w))
			}
			if t != nil {
				k.leading = withLeading(k.leading, w.Leading(&t.schema.Keys))
			}
		}
		all = append(all, rowCheck("dynamodb:BatchWriteItem", res, k, true))
	}
	authz.Keep(s, in, planned)
	return authz.RequireChecks(all...)
}

func (r *requirements) TransactGetItems(s *authz.Scope, in *api.TransactGetItemsInput) authz.Requirement {
	var all elementChecks
	for i := range in.TransactItems {
		g := in.TransactItems[i].Get
		res, t, err := r.target(s, *g.TableName)
		if err != nil {
			return authz.Failed(err)
		}
		pr, err := plan.Projection(g.ProjectionExpression, g.ExpressionAttributeNames, nil)
		if err != nil {
			return authz.Failed(err)
		}
		all.add("dynamodb:GetItem", res, t, &conditionKeys{
			leading: t.leadingOf(*g.Key), attributes: selected(t, pr), choice: choice("", pr, ""),
			capacity: in.ReturnConsumedCapacity, enclosing: "TransactGetItems",
		}, false)
	}
	return authz.RequireChecks(all.checks...)
}

func (r *requirements) TransactWriteItems(s *authz.Scope, in *api.TransactWriteItemsInput) authz.Requirement {
	actions, err := plan.Actions(in.TransactItems)
	if err != nil {
		return authz.Failed(err)
	}
	authz.Keep(s, in, actions)
	var all elementChecks
	for _, a := range actions {
		res, t, err := r.target(s, a.Table)
		if err != nil {
			return authz.Failed(err)
		}
		k := &conditionKeys{capacity: in.ReturnConsumedCapacity, enclosing: "TransactWriteItems"}
		k.of(t, a.Write)
		all.add(a.Name, res, t, k, a.Write.Kind != item.CheckRow)
	}
	return authz.RequireChecks(all.checks...)
}
