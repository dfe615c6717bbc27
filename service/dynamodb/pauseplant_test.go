package dynamodb

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A tenant that names a row of its own like the place of a page that it was given moves nobody else's pages: an operator's scan, whose
// pages may end at that row, goes on behind it.
func TestPlantedPauses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.s.db.LimitWalk(1000)
	e.must(root(), "CreateTable", `{'TableName':'ttt','BillingMode':'PAY_PER_REQUEST',
	 'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'N'},{'AttributeName':'sk','AttributeType':'S'}],
	 'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'}],
	 'Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}'},{'Key':'bulkhead:guard','Value':'filter'}]}`)
	const rows = 60
	for i := range rows {
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'ttt','Item':{'pk':{'N':'%d'},'sk':{'S':'s'}}}`, i))
	}
	who := e.user(account, "42", nil, strings.ReplaceAll(wide, "'", `"`))
	planted := 0
	start := ""
	for {
		var page struct {
			LastEvaluatedKey struct{ SK struct{ S string } }
		}
		if err := json.Unmarshal([]byte(e.must(who, "Scan", `{'TableName':'ttt'`+start+`}`)), &page); err != nil {
			t.Fatal(err)
		}
		place := page.LastEvaluatedKey.SK.S
		if !strings.HasPrefix(place, pauseMark) {
			break
		}
		e.must(who, "PutItem", fmt.Sprintf(`{'TableName':'ttt','Item':{'pk':{'N':'42'},'sk':{'S':'%s'}}}`, place))
		planted++
		start = fmt.Sprintf(`,'ExclusiveStartKey':{'pk':{'N':'0'},'sk':{'S':'%s'}}`, place)
	}
	if planted < 3 {
		t.Fatalf("%d pages have paused", planted)
	}
	seen := map[string]bool{}
	start = ""
	for range 2 * (rows + planted) {
		var page struct {
			Items            []struct{ PK, SK struct{ N, S string } }
			LastEvaluatedKey json.RawMessage
		}
		if err := json.Unmarshal([]byte(e.must(root(), "Scan", `{'TableName':'ttt','Limit':1`+start+`}`)), &page); err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			if id := i.PK.N + "/" + i.SK.S; seen[id] {
				t.Fatalf("the scan comes to the row %s again", id)
			} else {
				seen[id] = true
			}
		}
		if start = ""; page.LastEvaluatedKey == nil {
			break
		}
		start = `,'ExclusiveStartKey':` + string(page.LastEvaluatedKey)
	}
	if start != "" || len(seen) != rows+planted {
		t.Errorf("the scan shows %d of %d rows, and ends: %t", len(seen), rows+planted, start == "")
	}
}
