package dynamodb

import (
	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/partiql"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// statementActions are the actions that statements need ("IAM security policies with PartiQL for DynamoDB").
var statementActions = map[partiql.Kind]string{
	partiql.Select: "dynamodb:PartiQLSelect", partiql.Exists: "dynamodb:PartiQLSelect", partiql.Insert: "dynamodb:PartiQLInsert",
	partiql.Update: "dynamodb:PartiQLUpdate", partiql.Delete: "dynamodb:PartiQLDelete",
}

// statement is what one statement needs. alone is true if a SELECT may read more than the row of one key.
func (r *requirements) statement(s *authz.Scope, p plan.Statement, k conditionKeys, alone bool) (authz.Check, error) {
	res, t, err := r.target(s, p.Table)
	if err != nil {
		return authz.Check{}, err
	}
	k.attributes = p.Attributes()
	k.returns, k.all = api.ReturnValue(p.Returning), p.ReturnOnFailure
	switch p.Kind {
	case partiql.Insert:
		if t != nil {
			k.leading = t.leadingOf(p.Item)
		}
	case partiql.Update, partiql.Delete:
		k.write = true
		k.leading = t.leadingBy(p.Statement)
	case partiql.Exists:
		k.choice, k.tells = api.SelectAllAttributes, true // a check that fails may return the whole row
		if p.Columns != nil && !p.ReturnOnFailure {
			k.choice = api.SelectSpecificAttributes
		}
		k.leading = t.leadingBy(p.Statement)
	default:
		return r.selects(p, res, t, k, alone)
	}
	return rowCheck(statementActions[p.Kind], res, &k, p.Kind != partiql.Exists), nil
}

// selects is what a SELECT needs.
func (r *requirements) selects(p plan.Statement, res authz.Resource, t *table, k conditionKeys, alone bool) (authz.Check, error) {
	k.choice, k.tells = choice("", p.Columns, p.Index), true
	if !alone {
		k.leading = t.leadingBy(p.Statement)
		return rowCheck("dynamodb:PartiQLSelect", res, &k, false), nil
	}
	k.scan = p.Where.IsZero()
	if t != nil {
		sel, err := p.Selection(&t.schema)
		if err != nil {
			return authz.Check{}, err
		}
		k.leading, k.scan = sel.Leading(), !sel.Bounded
	}
	c := rowCheck("dynamodb:PartiQLSelect", res, &k, false)
	if p.Index != "" {
		c.Resource.ARN += "/index/" + p.Index
		if !k.scan {
			t.through(c.Rows, p.Index)
		}
	}
	return c, nil
}

// leadingBy is the leading key of the one row that a statement is about; none if it does not name one.
func (t *table) leadingBy(st *partiql.Statement) []string {
	if t == nil {
		return nil
	}
	key, _, ok := st.Where.FullKey(&t.schema.Keys)
	if !ok {
		return nil
	}
	return t.leadingOf(key)
}

func (r *requirements) ExecuteStatement(s *authz.Scope, in *api.ExecuteStatementInput) authz.Requirement {
	p, err := plan.Execute(in)
	if err != nil {
		return authz.Failed(err)
	}
	c, err := r.statement(s, p, conditionKeys{capacity: in.ReturnConsumedCapacity}, true)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.RequireChecks(c)
}

// BatchExecuteStatement needs what each of its statements needs that can be read: who may not run one of them runs none.
func (r *requirements) BatchExecuteStatement(s *authz.Scope, in *api.BatchExecuteStatementInput) authz.Requirement {
	all, _, err := plan.Batch(in)
	if err != nil {
		return authz.Failed(err)
	}
	var checks []authz.Check
	for _, p := range all {
		if p.Err != nil {
			continue
		}
		c, err := r.statement(s, p, conditionKeys{capacity: in.ReturnConsumedCapacity}, false)
		switch {
		case fault.IsClass(err, fault.Validation):
			continue // it fails by itself when it is run
		case err != nil:
			return authz.Failed(err)
		}
		checks = append(checks, c)
	}
	if len(checks) == 0 {
		return authz.Authenticated("a batch of which no statement can be read touches nothing", anywhere(s))
	}
	return authz.RequireChecks(checks...)
}

func (r *requirements) ExecuteTransaction(s *authz.Scope, in *api.ExecuteTransactionInput) authz.Requirement {
	all, _, err := plan.Transaction(in)
	if err != nil {
		return authz.Failed(err)
	}
	checks := make([]authz.Check, 0, len(all))
	for i, p := range all {
		c, err := r.statement(s, p, conditionKeys{capacity: in.ReturnConsumedCapacity, enclosing: "ExecuteTransaction"}, false)
		if err != nil {
			return authz.Failed(plan.InStatement(i, err))
		}
		checks = append(checks, c)
	}
	return authz.RequireChecks(checks...)
}
