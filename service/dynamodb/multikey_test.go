package dynamodb

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
)

const multiTable = `{'TableName':'pool','BillingMode':'PAY_PER_REQUEST','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],
 'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},{'AttributeName':'org','AttributeType':'S'},{'AttributeName':'year','AttributeType':'N'},
  {'AttributeName':'city','AttributeType':'S'},{'AttributeName':'n','AttributeType':'N'}],
 'GlobalSecondaryIndexes':[{'IndexName':'by-org','Projection':{'ProjectionType':'ALL'},'KeySchema':[{'AttributeName':'org','KeyType':'HASH'},
  {'AttributeName':'year','KeyType':'HASH'},{'AttributeName':'city','KeyType':'RANGE'},{'AttributeName':'n','KeyType':'RANGE'}]}],
 'Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}#*'},{'Key':'bulkhead:index-owner-key','Value':'by-org=${tenant}'},{'Key':'bulkhead:guard','Value':'MODE'}]}`

func multiRow(pk, org string) string {
	return `{'TableName':'pool','Item':{'pk':{'S':'` + pk + `'},'org':{'S':'` + org + `'},'year':{'N':'2026'},'city':{'S':'Oslo'},'n':{'N':'1'}}}`
}

func multiQuery(org string) string {
	return `{'TableName':'pool','IndexName':'by-org','KeyConditionExpression':'org = :o AND #y = :y AND city = :c AND n >= :n','ExpressionAttributeNames':{'#y':'year'},
	 'ExpressionAttributeValues':{':o':{'S':'` + org + `'},':y':{'N':'2026'},':c':{'S':'Oslo'},':n':{'N':'0'}}}`
}

// The first hash attribute of a multi-attribute key is what owner rules and dynamodb:LeadingKeys are about: a tenant whose id stands
// in another of them owns nothing by that.
func TestMultiAttributeOwners(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"deny", "filter"} {
		for _, far := range []bool{false, true} {
			e := newEnv(t)
			if far {
				e, _ = newFarEnv(t)
			}
			e.must(root(), "CreateTable", strings.Replace(multiTable, "MODE", mode, 1))
			who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
			e.must(who, "PutItem", multiRow("acme#1", "acme"))
			e.must(root(), "PutItem", multiRow("globex#1", "globex"))
			if _, err := e.op(who, "PutItem", multiRow("acme#2", "globex")); !errors.Is(err, authz.ErrForeignRow) {
				t.Errorf("%s: a row among another's: %v", mode, err)
			}
			if got := e.must(who, "Query", multiQuery("acme")); get(t, got, "Count").(float64) != 1 {
				t.Errorf("%s: the own partition: %s", mode, got)
			}
			out, err := e.op(who, "Query", multiQuery("globex"))
			switch {
			case mode == "deny" && err == nil, mode == "filter" && err != nil:
				t.Errorf("%s: another's partition: %s, %v", mode, out, err)
			case err == nil && get(t, out, "Count").(float64) != 0:
				t.Errorf("%s: another's rows: %s", mode, out)
			}
			narrow := e.user(account, "", nil, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",
			 "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["2026"]}}}}`)
			if _, err := e.op(narrow, "Query", multiQuery("globex")); !errors.Is(err, errDenied) {
				t.Errorf("leading keys are those of the first attribute: %v", err)
			}
		}
	}
}

func TestMultiAttributeSchemas(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	keys := func(names ...string) string {
		var all []string
		for _, n := range names {
			kind, name, _ := strings.Cut(n, " ")
			all = append(all, `{'AttributeName':'`+name+`','KeyType':'`+kind+`'}`)
		}
		return strings.Join(all, ",")
	}
	for _, c := range []struct{ global, want string }{
		{keys("HASH a", "HASH b", "HASH c", "HASH d", "HASH e"), "The KeySchema exceeds the maximum allowed number of HASH key attributes"},
		{keys("HASH a", "RANGE b", "RANGE c", "RANGE d", "RANGE e", "RANGE f"), "The KeySchema exceeds the maximum allowed number of RANGE key attributes"},
		{keys("HASH a", "RANGE b", "HASH c"), "All HASH key attributes must precede RANGE key attributes in the KeySchema"},
		{keys("HASH a", "HASH b", "RANGE a"), "The KeySchema contains multiple key attributes with the same name"},
		{keys("RANGE a", "HASH b"), "The first KeySchemaElement is not a HASH key type"},
		{keys("HASH a", "HASH x"), "Some index key attributes are not defined in AttributeDefinitions. Keys: [a, x]"},
	} {
		in := `{'TableName':'many','BillingMode':'PAY_PER_REQUEST','KeySchema':[` + keys("HASH pk") + `],'AttributeDefinitions':[`
		for _, name := range strings.Split("pk a b c d e f", " ") {
			in += `{'AttributeName':'` + name + `','AttributeType':'S'},`
		}
		in = strings.TrimSuffix(in, ",") + `],'GlobalSecondaryIndexes':[{'IndexName':'global','Projection':{'ProjectionType':'ALL'},'KeySchema':[` + c.global + `]}]}`
		if got := e.result(root(), "CreateTable", in); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.global, got)
		}
	}
	e.must(root(), "CreateTable", strings.Replace(multiTable, "MODE", "deny", 1))
	got := e.must(root(), "DescribeTable", `{'TableName':'pool'}`)
	want := strings.ReplaceAll(`"KeySchema":[`+keys("HASH org", "HASH year", "RANGE city", "RANGE n")+`]`, "'", `"`)
	if !strings.Contains(got, want) {
		t.Errorf("described as %s", got)
	}
}

// An index that is made later holds the rows that were there, and PartiQL reads one of several hash attributes as a scan.
func TestMultiAttributeIndexOfRowsThatWereThere(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.must(root(), "CreateTable", `{'TableName':'many','BillingMode':'PAY_PER_REQUEST','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}]}`)
	for _, row := range []string{`'pk':{'S':'1'},'a':{'S':'x'},'b':{'N':'2'}`, `'pk':{'S':'2'},'a':{'S':'x'}`, `'pk':{'S':'3'},'a':{'S':'x'},'b':{'S':'wrong type'}`, `'pk':{'S':'4'},'a':{'S':'y'},'b':{'N':'2'}`} {
		e.must(root(), "PutItem", `{'TableName':'many','Item':{`+row+`}}`)
	}
	e.must(root(), "UpdateTable", `{'TableName':'many','AttributeDefinitions':[{'AttributeName':'a','AttributeType':'S'},{'AttributeName':'b','AttributeType':'N'}],
	 'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'later','KeySchema':[{'AttributeName':'a','KeyType':'HASH'},{'AttributeName':'b','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}`)
	for e.step(t) {
	}
	q := `{'TableName':'many','IndexName':'later','KeyConditionExpression':'a = :a AND b = :b','ExpressionAttributeValues':{':a':{'S':'x'},':b':{'N':'2'}}}`
	if got := e.must(root(), "Query", q); get(t, got, "Count").(float64) != 1 {
		t.Errorf("queried: %s", got)
	}
	got := e.must(root(), "ExecuteStatement", `{'Statement':'SELECT pk FROM many.later WHERE a = ? AND b = ?','Parameters':[{'S':'x'},{'N':'2'}]}`)
	if !strings.Contains(got, `[{"pk":{"S":"1"}}]`) {
		t.Errorf("selected: %s", got)
	}
}
