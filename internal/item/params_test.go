package item

import "testing"

func TestCheckParams(t *testing.T) {
	t.Parallel()
	exprs := func(update, condition bool) []Param {
		return []Param{{"UpdateExpression", update}, {"ConditionExpression", condition}}
	}
	legacy := func(updates, expected bool) []Param {
		return []Param{{"AttributeUpdates", updates}, {"Expected", expected}}
	}
	for _, c := range []struct {
		exprs, legacy []Param
		names, values bool
		want          string
	}{
		{exprs(true, true), legacy(false, false), true, true, ""},
		{exprs(false, false), legacy(true, true), false, false, ""},
		{exprs(true, true), legacy(true, true), false, false, "Can not use both expression and non-expression parameters in the same request: " +
			"Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: {UpdateExpression, ConditionExpression}"},
		{exprs(false, false), legacy(false, false), true, false, "ExpressionAttributeNames can only be specified when using expressions"},
		{exprs(false, false), legacy(false, false), false, true, "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null"},
		{[]Param{{"ProjectionExpression", true}, {"FilterExpression", false}}, nil, false, true, "ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null"},
	} {
		if got := message(CheckParams(c.exprs, c.legacy, c.names, c.values)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
