package item

import "strings"

// Param is a parameter of a request that holds an expression, or one of those that expressions have replaced.
type Param struct {
	Name  string
	Given bool
}

// CheckParams refuses a request that mixes expressions with the parameters they have replaced (legacy), or that gives
// placeholder names or values without an expression to use them. The parameters come in the order in which messages
// list them.
func CheckParams(expressions, legacy []Param, names, values bool) error {
	exprs, old := given(expressions), given(legacy)
	if len(exprs) > 0 && len(old) > 0 {
		return invalid("Can not use both expression and non-expression parameters in the same request: "+
			"Non-expression parameters: {%s} Expression parameters: {%s}", strings.Join(old, ", "), strings.Join(exprs, ", "))
	}
	if names && len(exprs) == 0 {
		return invalid("ExpressionAttributeNames can only be specified when using expressions")
	}
	var users []string // of values: a projection has none
	used := false
	for _, p := range expressions {
		if p.Name != "ProjectionExpression" {
			users = append(users, p.Name)
			used = used || p.Given
		}
	}
	if values && !used && len(users) > 0 {
		verb := "is"
		if len(users) > 1 {
			verb = "are"
		}
		return invalid("ExpressionAttributeValues can only be specified when using expressions: %s %s null",
			strings.Join(users, " and "), verb)
	}
	return nil
}

func given(ps []Param) []string {
	var names []string
	for _, p := range ps {
		if p.Given {
			names = append(names, p.Name)
		}
	}
	return names
}
