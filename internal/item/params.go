package item

import (
	"slices"
	"strings"
)

// Param is a parameter of a request that holds an expression, or one of those that expressions have replaced.
type Param struct {
	Name  string
	Given bool
}

// CheckParams refuses a request that mixes expressions with the parameters they have replaced (legacy), or that gives
// placeholder names or values without an expression to use them. The parameters come in the order in which messages
// list them.
func CheckParams(expressions, legacy []Param, names, values bool) error {
	some := slices.ContainsFunc(expressions, isGiven)
	if some && slices.ContainsFunc(legacy, isGiven) {
		return invalid("Can not use both expression and non-expression parameters in the same request: "+
			"Non-expression parameters: {%s} Expression parameters: {%s}", strings.Join(given(legacy), ", "), strings.Join(given(expressions), ", "))
	}
	if names && !some {
		return invalid("ExpressionAttributeNames can only be specified when using expressions")
	}
	if !values {
		return nil
	}
	var users []string // of values: a projection has none
	for _, p := range expressions {
		switch {
		case p.Name == "ProjectionExpression":
		case p.Given:
			return nil
		default:
			users = append(users, p.Name)
		}
	}
	if len(users) > 0 {
		verb := "is"
		if len(users) > 1 {
			verb = "are"
		}
		return invalid("ExpressionAttributeValues can only be specified when using expressions: %s %s null",
			strings.Join(users, " and "), verb)
	}
	return nil
}

func isGiven(p Param) bool { return p.Given }

func given(ps []Param) []string {
	var names []string
	for _, p := range ps {
		if p.Given {
			names = append(names, p.Name)
		}
	}
	return names
}
