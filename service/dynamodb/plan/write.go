// Package plan compiles requests and PartiQL statements into the terms of package item: writes, queries, and what a read returns of an
// item. It checks them in AWS's order, and looks at no table but at the keys that a statement is put under; so the requirements of a
// request, which name the attributes that its expressions touch, and its execution have the same plan.
//
// It is pure: of the service it imports nothing, of the module the API's shapes, faults, and packages item and partiql.
package plan

import (
	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
)

func invalid(format string, args ...any) error { return fault.New(fault.Validation, format, args...) }

// changes are the parameters of a write that hold expressions, or what expressions have replaced.
type changes struct {
	update, condition *string
	names             map[string]string
	values            *item.Map
	// The legacy parameters. updatable says that the operation has update expressions at all.
	updatable bool
	updates   map[string]api.AttributeValueUpdate
	expected  map[string]api.ExpectedAttributeValue
	operator  api.ConditionalOperator
}

func (c *changes) none() bool {
	return c.update == nil && c.condition == nil && c.names == nil && c.values == nil && c.updates == nil &&
		c.expected == nil && c.operator == ""
}

// compile puts the expressions into a write.
func (c *changes) compile(w *item.Write) error {
	if c.none() {
		return nil
	}
	if err := c.check(); err != nil {
		return err
	}
	return c.build(w)
}

// plan compiles a write that is a request of its own, in AWS's order of checks: which parameters there are, the values of
// the row, what is to be returned, and the expressions.
func (c *changes) plan(w *item.Write, returns api.ReturnValue) (*item.Write, error) {
	if !c.none() {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	if err := w.Check(); err != nil {
		return nil, err
	}
	if w.Kind != item.UpdateRow && returns != "" && returns != api.ReturnValueNone && returns != api.ReturnValueAllOld {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	if c.none() {
		return w, nil
	}
	return w, c.build(w)
}

func (c *changes) build(w *item.Write) error {
	if c.updates != nil || c.expected != nil || c.operator != "" {
		return c.legacy(w)
	}
	ph, err := item.NewPlaceholders(c.names, opt.Value(c.values))
	if err != nil {
		return err
	}
	if c.update != nil {
		if w.Update, err = item.ParseUpdate(*c.update, ph); err != nil {
			return err
		}
	}
	if c.condition != nil {
		if w.Condition, err = item.ParseCondition("ConditionExpression", *c.condition, ph); err != nil {
			return err
		}
	}
	return ph.Unused()
}

func (c *changes) check() error {
	exprs := []item.Param{{Name: "ConditionExpression", Given: c.condition != nil}}
	old := []item.Param{{Name: "Expected", Given: c.expected != nil}, {Name: "ConditionalOperator", Given: c.operator != ""}}
	if c.updatable {
		exprs = []item.Param{{Name: "UpdateExpression", Given: c.update != nil}, exprs[0]}
		old = append([]item.Param{{Name: "AttributeUpdates", Given: c.updates != nil}}, old...)
	}
	return item.CheckParams(exprs, old, c.names != nil, c.values != nil)
}

func (c *changes) legacy(w *item.Write) error {
	if err := checkOperator(c.operator, len(c.expected)); err != nil {
		return err
	}
	if c.updates != nil {
		ups := make(map[string]item.LegacyUpdate, len(c.updates))
		for attr, u := range c.updates {
			ups[attr] = item.LegacyUpdate{Action: string(u.Action), Value: opt.Value(u.Value)}
		}
		var err error
		if w.Update, err = item.LegacyUpdates(ups); err != nil {
			return err
		}
	}
	conds := make(map[string]item.LegacyCondition, len(c.expected))
	for attr, e := range c.expected {
		conds[attr] = item.LegacyCondition{
			Operator: string(e.ComparisonOperator), Values: e.AttributeValueList, Value: opt.Value(e.Value), Exists: e.Exists,
		}
	}
	var err error
	w.Condition, err = item.LegacyExpected(conds, c.operator == api.ConditionalOperatorOr)
	return err
}

func checkOperator(op api.ConditionalOperator, conditions int) error {
	switch {
	case op == "":
		return nil
	case conditions == 0:
		return invalid("One or more parameter values were invalid: ConditionalOperator cannot be used without Filter or Expected")
	case conditions == 1:
		return invalid("One or more parameter values were invalid: ConditionalOperator can only be used when Filter or Expected has two or more elements")
	}
	return nil
}

// onFailure reports whether the row is to be shown to whose condition fails on it.
func onFailure(r api.ReturnValuesOnConditionCheckFailure) bool {
	return r == api.ReturnValuesOnConditionCheckFailureAllOld
}

// Put compiles a request of PutItem.
func Put(in *api.PutItemInput) (*item.Write, error) {
	w := &item.Write{Kind: item.PutRow, Item: *in.Item, ReturnOnFailure: onFailure(in.ReturnValuesOnConditionCheckFailure)}
	c := changes{
		condition: in.ConditionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		expected: in.Expected, operator: in.ConditionalOperator,
	}
	return c.plan(w, in.ReturnValues)
}

// Delete compiles a request of DeleteItem.
func Delete(in *api.DeleteItemInput) (*item.Write, error) {
	w := &item.Write{Kind: item.DeleteRow, Key: *in.Key, ReturnOnFailure: onFailure(in.ReturnValuesOnConditionCheckFailure)}
	c := changes{
		condition: in.ConditionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		expected: in.Expected, operator: in.ConditionalOperator,
	}
	return c.plan(w, in.ReturnValues)
}

// Update compiles a request of UpdateItem.
func Update(in *api.UpdateItemInput) (*item.Write, error) {
	w := &item.Write{
		Kind: item.UpdateRow, Key: *in.Key, Alone: true, ReturnOnFailure: onFailure(in.ReturnValuesOnConditionCheckFailure),
	}
	c := changes{
		updatable: true, update: in.UpdateExpression, condition: in.ConditionExpression,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		updates: in.AttributeUpdates, expected: in.Expected, operator: in.ConditionalOperator,
	}
	return c.plan(w, in.ReturnValues)
}

// Action is one element of a transaction that writes.
type Action struct {
	Name  string // as policies name it
	Table string // as the request names it
	Write *item.Write
}

// Actions compiles the elements of TransactWriteItems. The first that cannot be is the transaction's error.
func Actions(items []api.TransactWriteItem) ([]Action, error) {
	all := make([]Action, len(items))
	for i := range items {
		a, err := newAction(&items[i])
		if err != nil {
			return nil, err
		}
		all[i] = a
	}
	return all, nil
}

func newAction(in *api.TransactWriteItem) (Action, error) {
	n := 0
	for _, given := range []bool{in.Put != nil, in.Update != nil, in.Delete != nil, in.ConditionCheck != nil} {
		if given {
			n++
		}
	}
	if n != 1 {
		return Action{}, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	a := Action{Write: &item.Write{}}
	var c changes
	switch w := a.Write; {
	case in.Put != nil:
		p := in.Put
		a.Name, a.Table = "dynamodb:PutItem", *p.TableName
		w.Kind, w.Item, w.ReturnOnFailure = item.PutRow, *p.Item, onFailure(p.ReturnValuesOnConditionCheckFailure)
		c = changes{condition: p.ConditionExpression, names: p.ExpressionAttributeNames, values: p.ExpressionAttributeValues}
	case in.Update != nil:
		p := in.Update
		a.Name, a.Table = "dynamodb:UpdateItem", *p.TableName
		w.Kind, w.Key, w.ReturnOnFailure = item.UpdateRow, *p.Key, onFailure(p.ReturnValuesOnConditionCheckFailure)
		c = changes{
			updatable: true, update: p.UpdateExpression, condition: p.ConditionExpression, names: p.ExpressionAttributeNames,
			values: p.ExpressionAttributeValues,
		}
	case in.Delete != nil:
		p := in.Delete
		a.Name, a.Table = "dynamodb:DeleteItem", *p.TableName
		w.Kind, w.Key, w.ReturnOnFailure = item.DeleteRow, *p.Key, onFailure(p.ReturnValuesOnConditionCheckFailure)
		c = changes{condition: p.ConditionExpression, names: p.ExpressionAttributeNames, values: p.ExpressionAttributeValues}
	default:
		p := in.ConditionCheck
		a.Name, a.Table = "dynamodb:ConditionCheckItem", *p.TableName
		w.Kind, w.Key, w.ReturnOnFailure = item.CheckRow, *p.Key, onFailure(p.ReturnValuesOnConditionCheckFailure)
		c = changes{condition: p.ConditionExpression, names: p.ExpressionAttributeNames, values: p.ExpressionAttributeValues}
	}
	if err := c.compile(a.Write); err != nil {
		return a, err
	}
	return a, a.Write.Check()
}

// Get compiles what a request of GetItem returns of the item; nil is all of it. The values of the key are checked between the parameters and the
// expression, as on AWS.
func Get(in *api.GetItemInput) (*item.Projection, error) {
	p := projected{in.ProjectionExpression, in.ExpressionAttributeNames, in.AttributesToGet}
	if err := p.check(); err != nil {
		return nil, err
	}
	if err := in.Key.Err(); err != nil {
		return nil, err
	}
	return p.build()
}

// Projection compiles what a read returns of an item, by an expression with names or by the legacy AttributesToGet; nil is all of it.
func Projection(expr *string, names map[string]string, legacy []string) (*item.Projection, error) {
	p := projected{expr, names, legacy}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p.build()
}

// projected are the parameters that say what a read returns of an item.
type projected struct {
	expr   *string
	names  map[string]string
	legacy []string
}

func (p *projected) none() bool { return p.expr == nil && p.names == nil && p.legacy == nil }

func (p *projected) check() error {
	if p.none() {
		return nil
	}
	return item.CheckParams(
		[]item.Param{{Name: "ProjectionExpression", Given: p.expr != nil}},
		[]item.Param{{Name: "AttributesToGet", Given: p.legacy != nil}}, p.names != nil, false)
}

// build is for parameters that have been checked.
func (p *projected) build() (*item.Projection, error) {
	if p.none() {
		return nil, nil
	}
	if p.legacy != nil {
		return item.LegacyProjection(p.legacy)
	}
	ph, err := item.NewPlaceholders(p.names, item.Map{})
	if err != nil {
		return nil, err
	}
	pr, err := item.ParseProjection(*p.expr, ph)
	if err != nil {
		return nil, err
	}
	return pr, ph.Unused()
}
