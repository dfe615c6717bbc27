package plan

import (
	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// search holds the parameters that Query and Scan share.
type search struct {
	keys, filter, projection *string
	names                    map[string]string
	values                   *item.Map
	// The legacy parameters.
	oldKeys, oldFilter map[string]api.Condition
	filterName         string // of oldFilter
	attributes         []string
	operator           api.ConditionalOperator
}

// Query compiles a request of Query.
func Query(in *api.QueryInput) (*item.Query, error) {
	if in.Limit != nil && *in.Limit < 1 {
		return nil, invalid("1 validation error detected: Value at 'Limit' failed to satisfy constraint: " +
			"Member must have value greater than or equal to 1")
	}
	q := &item.Query{
		Index: opt.Value(in.IndexName), Limit: int(opt.Value(in.Limit)), Start: opt.Value(in.ExclusiveStartKey),
		Reverse: in.ScanIndexForward != nil && !*in.ScanIndexForward, Consistent: opt.Value(in.ConsistentRead),
	}
	q.Select, _ = item.ParseSelect(string(in.Select))
	s := search{
		keys: in.KeyConditionExpression, filter: in.FilterExpression, projection: in.ProjectionExpression,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, oldKeys: in.KeyConditions,
		oldFilter: in.QueryFilter, filterName: "QueryFilter", attributes: in.AttributesToGet, operator: in.ConditionalOperator,
	}
	return q, s.compile(q, func() error {
		if s.keys == nil && s.oldKeys == nil {
			return invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
		}
		return nil
	})
}

// Scan compiles a request of Scan.
func Scan(in *api.ScanInput) (*item.Query, error) {
	q := &item.Query{
		Index: opt.Value(in.IndexName), Limit: int(opt.Value(in.Limit)), Start: opt.Value(in.ExclusiveStartKey),
		Consistent: opt.Value(in.ConsistentRead),
		Segment:    item.Segment{Index: int(opt.Value(in.Segment)), Total: int(opt.Value(in.TotalSegments))},
	}
	q.Select, _ = item.ParseSelect(string(in.Select))
	s := search{
		filter: in.FilterExpression, projection: in.ProjectionExpression, names: in.ExpressionAttributeNames,
		values: in.ExpressionAttributeValues, oldFilter: in.ScanFilter, filterName: "ScanFilter",
		attributes: in.AttributesToGet, operator: in.ConditionalOperator,
	}
	return q, s.compile(q, func() error {
		switch {
		case in.Segment != nil && in.TotalSegments == nil:
			return invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
		case in.Segment == nil && in.TotalSegments != nil:
			return invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
		}
		return q.Segment.Check()
	})
}

// compile reads the parameters in AWS's order: which there are, the legacy filter, the starting key, what own says of the
// operation's own, and the expressions.
func (s *search) compile(q *item.Query, own func() error) error {
	if err := s.check(); err != nil {
		return err
	}
	if err := s.legacy(q); err != nil {
		return err
	}
	if err := q.CheckStart(); err != nil {
		return err
	}
	if err := own(); err != nil {
		return err
	}
	if s.oldKeys != nil {
		var err error
		if q.Keys, err = item.LegacyKeys(legacyConditions(s.oldKeys)); err != nil {
			return err
		}
	}
	ph, err := item.NewPlaceholders(s.names, opt.Value(s.values))
	if err != nil {
		return err
	}
	if s.filter != nil {
		if q.Filter, err = item.ParseCondition("FilterExpression", *s.filter, ph); err != nil {
			return err
		}
	}
	if s.projection != nil {
		if q.Projection, err = item.ParseProjection(*s.projection, ph); err != nil {
			return err
		}
	}
	if s.keys != nil {
		if q.Keys, err = item.ParseKeyCondition(*s.keys, ph); err != nil {
			return err
		}
	}
	if q.Keys != nil && q.Index == "" {
		if err := q.Keys.CheckTable(); err != nil {
			return err
		}
	}
	return ph.Unused()
}

func (s *search) check() error {
	exprs := []item.Param{
		{Name: "ProjectionExpression", Given: s.projection != nil}, {Name: "FilterExpression", Given: s.filter != nil},
		{Name: "KeyConditionExpression", Given: s.keys != nil},
	}
	if s.filterName == "ScanFilter" {
		exprs = exprs[:2]
	}
	return item.CheckParams(exprs, []item.Param{
		{Name: "AttributesToGet", Given: s.attributes != nil}, {Name: s.filterName, Given: s.oldFilter != nil},
		{Name: "ConditionalOperator", Given: s.operator != ""},
		// A filter or projection may be an expression where the keys are not.
		{Name: "KeyConditions", Given: s.oldKeys != nil && s.keys != nil},
	}, s.names != nil, s.values != nil)
}

func (s *search) legacy(q *item.Query) (err error) {
	if err := checkOperator(s.operator, len(s.oldFilter)); err != nil {
		return err
	}
	project := func() error {
		if s.attributes == nil {
			return nil
		}
		q.Projection, err = item.LegacyProjection(s.attributes)
		return err
	}
	filter := func() error {
		if s.oldFilter == nil {
			return nil
		}
		q.Filter, err = item.LegacyFilter(legacyConditions(s.oldFilter), s.operator == api.ConditionalOperatorOr)
		return err
	}
	steps := []func() error{filter, project}
	if s.filterName == "ScanFilter" {
		steps = []func() error{project, filter}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func legacyConditions(in map[string]api.Condition) map[string]item.LegacyCondition {
	out := make(map[string]item.LegacyCondition, len(in))
	for attr, c := range in {
		out[attr] = item.LegacyCondition{Operator: string(c.ComparisonOperator), Values: c.AttributeValueList}
	}
	return out
}
