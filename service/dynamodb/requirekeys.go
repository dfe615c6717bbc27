package dynamodb

import (
	"slices"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// conditionKeys are the service's condition keys of one check ("Using IAM policy conditions for fine-grained access
// control", DynamoDB Developer Guide). Parameters that were not sent have the value that the operation then takes.
type conditionKeys struct {
	leading    []string
	attributes []string
	choice     api.Select // dynamodb:Select; "" for writes
	returns    api.ReturnValue
	// all is true for a write that returns the whole item if its condition fails. The item reaches the caller all the
	// same, so that the value ALL_OLD stands beside the one of ReturnValues.
	all       bool
	write     bool
	capacity  api.ReturnConsumedCapacity
	enclosing string // the transaction's operation
	// scan is dynamodb:FullTableScan. tells is true of a statement, which says too that it is none.
	scan, tells bool
}

// same reports whether both set the same keys.
func (k *conditionKeys) same(o *conditionKeys) bool {
	return slices.Equal(k.leading, o.leading) && slices.Equal(k.attributes, o.attributes) && k.choice == o.choice && k.returns == o.returns &&
		k.all == o.all && k.write == o.write && k.capacity == o.capacity && k.enclosing == o.enclosing && k.scan == o.scan && k.tells == o.tells
}

// set implements Check.Keys.
func (k *conditionKeys) set(c *policy.Context) {
	c.Set("dynamodb:LeadingKeys", k.leading...)
	c.Set("dynamodb:Attributes", k.attributes...)
	if k.choice != "" {
		c.Set("dynamodb:Select", string(k.choice))
	}
	if k.write {
		returns := k.returns
		if returns == "" {
			returns = api.ReturnValueNone
		}
		if k.all && returns != api.ReturnValueAllOld {
			c.Set("dynamodb:ReturnValues", string(returns), string(api.ReturnValueAllOld))
		} else {
			c.Set("dynamodb:ReturnValues", string(returns))
		}
	}
	capacity := k.capacity
	if capacity == "" {
		capacity = api.ReturnConsumedCapacityNone
	}
	c.Set("dynamodb:ReturnConsumedCapacity", string(capacity))
	if k.enclosing != "" {
		c.Set("dynamodb:EnclosingOperation", k.enclosing)
	}
	switch {
	case k.scan:
		c.Set("dynamodb:FullTableScan", "true")
	case k.tells:
		c.Set("dynamodb:FullTableScan", "false")
	}
}

// leading returns the values of dynamodb:LeadingKeys for a partition key value: none for a key that does not fit the
// table, of which the handler then says what is wrong without touching a row.
func leading(v item.Value) []string {
	if v.IsZero() {
		return nil
	}
	return []string{item.LeadingKey(v)}
}

// withLeading adds the value of a partition key if it is not there yet.
func withLeading(names []string, v item.Value) []string {
	// Rows of one partition follow each other, mostly.
	if n := len(names); n > 0 && v.Kind() == item.S && string(v.Bytes()) == names[n-1] {
		return names
	}
	return union(names, leading(v))
}

// keyNames are the key attributes of a table.
func keyNames(t *table) []string {
	if t == nil {
		return nil
	}
	return slices.Clip(t.Keys)
}

// union adds the names that are not there yet.
func union(names []string, more []string) []string {
	for _, n := range more {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// written returns the attributes that a write names: those of the item or key, and those in expressions.
func written(t *table, w *item.Write) []string {
	names := keyNames(t)
	if w.Kind == item.PutRow {
		names = w.Item.Names()
	} else if t == nil {
		names = w.Key.Names()
	}
	if w.Update == nil && w.Condition == nil {
		return names
	}
	return union(names, item.AttributeNames(w.Update, w.Condition))
}

// selected returns the attributes that a read of rows by key names.
func selected(t *table, pr *item.Projection) []string {
	return union(keyNames(t), pr.Attributes())
}

// choice is dynamodb:Select of a read, as DynamoDB defaults the parameter.
func choice(given api.Select, pr *item.Projection, index string) api.Select {
	switch {
	case given != "":
		return given
	case pr != nil:
		return api.SelectSpecificAttributes
	case index != "":
		return api.SelectAllProjectedAttributes
	}
	return api.SelectAllAttributes
}

// tagKeys sets the keys of tags that a request sets or removes.
func tagKeys(c *policy.Context, tags []authn.Tag, removed []string) {
	keys := slices.Clone(removed)
	for _, t := range tags {
		c.Set("aws:RequestTag/"+t.Key, t.Value)
		keys = append(keys, t.Key)
	}
	c.Set("aws:TagKeys", keys...)
}
