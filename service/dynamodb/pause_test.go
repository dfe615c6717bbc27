package dynamodb

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

const pagesTable = `{'TableName':'pages','BillingMode':'PAY_PER_REQUEST',
 'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},{'AttributeName':'sk','AttributeType':'N'},{'AttributeName':'kind','AttributeType':'S'},{'AttributeName':'at','AttributeType':'N'}],
 'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'}],
 'GlobalSecondaryIndexes':[{'IndexName':'by-kind','KeySchema':[{'AttributeName':'kind','KeyType':'HASH'},{'AttributeName':'at','KeyType':'RANGE'}],'Projection':{'ProjectionType':'ALL'}},
  {'IndexName':'by-at','KeySchema':[{'AttributeName':'at','KeyType':'HASH'}],'Projection':{'ProjectionType':'KEYS_ONLY'}}]`

// pagesEnv is a table of rows of two tenants that are mixed as the choices say, with a limit of so many bytes on what a page passes
// over. It returns the names of the rows of acme.
func pagesEnv(t testing.TB, guard string, walk int, choices []byte) (*env, []string) {
	return mixedPages(t, pagesTable+fmt.Sprintf(guardTags, guard)+"}", walk, choices, func(tenant string, c byte) string {
		return fmt.Sprintf(`{'S':'%s#%d'}`, tenant, c/16)
	})
}

// numberPages is pagesEnv, with the mode filter, of a table whose keys are all numbers: acme is 42.
func numberPages(t testing.TB, walk int, choices []byte) (*env, []string) {
	in := strings.Replace(pagesTable, `'pk','AttributeType':'S'`, `'pk','AttributeType':'N'`, 1) +
		`,'Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}'},{'Key':'bulkhead:guard','Value':'filter'}]}`
	return mixedPages(t, in, walk, choices, func(tenant string, c byte) string {
		if tenant == "acme" {
			return `{'N':'42'}`
		}
		return fmt.Sprintf(`{'N':'%d'}`, 100+int(c))
	})
}

func mixedPages(t testing.TB, table string, walk int, choices []byte, pk func(tenant string, c byte) string) (*env, []string) {
	e := newEnv(t)
	e.s.db.LimitWalk(walk)
	e.must(root(), "CreateTable", table)
	var own []string
	for i, c := range choices {
		tenant, name := "globex", fmt.Sprintf("row%d.", i)
		if c%8 == 0 {
			tenant = "acme"
			own = append(own, name)
		}
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pages','Item':{'pk':%s,'sk':{'N':'%d'},'kind':{'S':'all'},'at':{'N':'%d'},'name':{'S':'%s'},'v':{'S':'secret-%s'}}}`,
			pk(tenant, c), i, i%50, name, tenant))
	}
	slices.Sort(own)
	return e, own
}

// walked pages through a request, and returns the names of the rows that it showed and how many pages had no rows or were short.
func walked(t testing.TB, e *env, who caller, op, input string, limit int) (seen []string, pages, paused int) {
	t.Helper()
	start := ""
	for {
		if limit > 0 {
			start += fmt.Sprintf(`,'Limit':%d`, limit)
		}
		out := e.must(who, op, strings.Replace(input, "START", start, 1))
		if strings.Contains(out, "globex") {
			t.Fatalf("%s shows a hidden row: %s", input, out)
		}
		var page struct {
			Items               []struct{ PK, Name struct{ S string } }
			Count, ScannedCount int
			LastEvaluatedKey    json.RawMessage
			NextToken           string
		}
		if err := json.Unmarshal([]byte(out), &page); err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			seen = append(seen, i.Name.S)
		}
		if op != "ExecuteStatement" && (page.ScannedCount != page.Count || !strings.Contains(input, "COUNT") && page.Count != len(page.Items)) {
			t.Fatalf("the counts of %s", out)
		}
		if limit > 0 && page.Count > limit {
			t.Fatalf("%d rows under the limit %d", page.Count, limit)
		}
		if strings.Contains(input, "COUNT") {
			seen = append(seen, make([]string, page.Count)...)
		}
		pages++
		switch {
		case op == "ExecuteStatement" && page.NextToken != "":
			start = `,'NextToken':'` + page.NextToken + `'`
			if page.LastEvaluatedKey == nil {
				paused++
			}
		case op != "ExecuteStatement" && page.LastEvaluatedKey != nil:
			start = `,'ExclusiveStartKey':` + strings.ReplaceAll(string(page.LastEvaluatedKey), `"`, `'`)
			if strings.Contains(start, pauseMark) {
				paused++
			}
		default:
			slices.Sort(seen)
			return seen, pages, paused
		}
	}
}

var pagedRequests = []struct{ op, input string }{
	{"Scan", `{'TableName':'pages'START}`},
	{"Scan", `{'TableName':'pages','Select':'COUNT'START}`},
	{"Scan", `{'TableName':'pages','IndexName':'by-kind'START}`},
	{"Scan", `{'TableName':'pages','IndexName':'by-at','Select':'COUNT'START}`},
	{"Query", `{'TableName':'pages','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'all'}}START}`},
	{"Query", `{'TableName':'pages','IndexName':'by-kind','ScanIndexForward':false,'KeyConditionExpression':'kind = :k and #a >= :n','ExpressionAttributeNames':{'#a':'at'},'ExpressionAttributeValues':{':k':{'S':'all'},':n':{'N':'0'}}START}`},
	{"ExecuteStatement", `{'Statement':'SELECT name FROM pages'START}`},
	{"ExecuteStatement", `{'Statement':'SELECT name FROM pages.\"by-kind\" WHERE kind IN [?,?] ORDER BY kind, \"at\" DESC','Parameters':[{'S':'none'},{'S':'all'}]START}`},
}

// checkPages pages through every request with the limit: each own row is shown once, whatever others have.
func checkPages(t testing.TB, e *env, tenant string, own []string, limit int) (paused int) {
	t.Helper()
	who := e.user(account, tenant, nil, strings.ReplaceAll(wide, "'", `"`))
	for _, r := range pagedRequests {
		want := own
		if strings.Contains(r.input, "COUNT") {
			want = make([]string, len(own))
		}
		seen, _, n := walked(t, e, who, r.op, r.input, limit)
		if !slices.Equal(seen, want) {
			t.Errorf("%s %s with limit %d shows %q, not %q", r.op, r.input, limit, seen, want)
		}
		paused += n
	}
	return paused
}

// A page passes over a bounded number of hidden rows, and the pages together show each own row once.
func TestPagesPause(t *testing.T) {
	t.Parallel()
	choices := make([]byte, 400)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range choices {
		choices[i] = byte(rnd.IntN(256))
	}
	e, own := pagesEnv(t, "filter", 4000, choices)
	for _, limit := range []int{0, 1, 3, 1000} {
		if checkPages(t, e, "acme", own, limit) == 0 {
			t.Errorf("no page with limit %d has paused", limit)
		}
	}
	var all []string
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	for _, total := range []int{7, 1_000_000} {
		all = nil
		for i := range min(total, 7) {
			seen, _, _ := walked(t, e, who, "Scan", fmt.Sprintf(`{'TableName':'pages','Segment':%d,'TotalSegments':%d START}`, i*(total/7), total), 0)
			all = append(all, seen...)
		}
		slices.Sort(all)
		if total == 7 && !slices.Equal(all, own) {
			t.Errorf("segments show %q", all)
		}
	}
}

// In the mode deny, queries of a global index leave rows out too.
func TestIndexPagesPauseUnderDeny(t *testing.T) {
	t.Parallel()
	choices := slices.Repeat([]byte{1, 17, 33, 49}, 60)
	choices[120] = 0
	e, own := pagesEnv(t, "deny", 2000, choices)
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	seen, pages, paused := walked(t, e, who, "Query", pagedRequests[4].input, 0)
	if !slices.Equal(seen, own) || paused < 5 || pages != paused+1 {
		t.Errorf("%q in %d pages, of which %d paused", seen, pages, paused)
	}
}

// A page that has paused costs what a full page does: who lets the guard walk does not do so for nothing.
func TestPausedPagesCost(t *testing.T) {
	t.Parallel()
	e, _ := pagesEnv(t, "filter", 2000, slices.Repeat([]byte{1, 17, 33, 49, 65, 81, 97}, 30))
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	out := e.must(who, "Scan", `{'TableName':'pages','ReturnConsumedCapacity':'TOTAL'}`)
	if !strings.Contains(out, pauseMark) || get(t, out, "ConsumedCapacity", "CapacityUnits").(float64) != 128 {
		t.Errorf("got %s", out)
	}
	// Operators see all, and pause for nothing.
	if out := e.must(root(), "Scan", `{'TableName':'pages','Select':'COUNT'}`); get(t, out, "Count").(float64) != 210 || strings.Contains(out, "LastEvaluatedKey") {
		t.Errorf("got %s", out)
	}
}

// The key of a page that has paused is good for the list it is of, and what looks like one is an ordinary key.
func TestPauseKeys(t *testing.T) {
	t.Parallel()
	e, _ := pagesEnv(t, "filter", 2000, slices.Repeat([]byte{1, 17, 33, 49, 65, 81, 97}, 30))
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	var page struct {
		LastEvaluatedKey struct{ PK struct{ S string } }
	}
	if err := json.Unmarshal([]byte(e.must(who, "Query", strings.Replace(pagedRequests[4].input, "START", "", 1))), &page); err != nil {
		t.Fatal(err)
	}
	token := page.LastEvaluatedKey.PK.S
	key := func(token, kind string) string {
		return `,'ExclusiveStartKey':{'pk':{'S':'` + token + `'},'sk':{'N':'0'},'kind':{'S':'` + kind + `'},'at':{'N':'0'}}`
	}
	if !strings.HasPrefix(token, pauseMark) {
		t.Fatalf("the key is %q", token)
	}
	if got := e.result(who, "Query", strings.Replace(strings.Replace(pagedRequests[4].input, "'all'", "'none'", 1), "START", key(token, "all"), 1)); !strings.Contains(got, "outside query boundaries") {
		t.Errorf("another partition: %s", got)
	}
	// Of another index, and altered, it is a key of no row: the scan begins behind where such a row would be.
	for _, token := range []string{token, token[:len(token)-2], pauseMark, pauseMark + "AAAA"} {
		e.must(who, "Scan", strings.Replace(pagedRequests[0].input, "START", `,'ExclusiveStartKey':{'pk':{'S':'`+token+`'},'sk':{'N':'0'}}`, 1))
	}
	e.must(root(), "PutItem", `{'TableName':'pages','Item':{'pk':{'S':'`+pauseMark+`'},'sk':{'N':'1'}}}`)
	if out := e.must(root(), "Scan", `{'TableName':'pages','Limit':1,'ExclusiveStartKey':{'pk':{'S':'`+pauseMark+`'},'sk':{'N':'0'}}}`); !strings.Contains(out, pauseMark) {
		t.Errorf("a row whose key looks like a pause: %s", out)
	}
}

// A place is of one table, index and session; elsewhere it is the key of a row.
func TestPausesAreBound(t *testing.T) {
	t.Parallel()
	e, _ := pagesEnv(t, "filter", 2000, nil)
	tab, err := e.s.facts(t.Context(), place{account, region, "pages"})
	if err != nil || tab == nil {
		t.Fatal(tab, err)
	}
	policy := strings.ReplaceAll(wide, "'", `"`)
	calls := func(who caller) *pipeline.Call {
		return &pipeline.Call{Grant: authztest.Grant(t, who.principal, name, authz.Read, authz.Require("dynamodb:Scan", tab.res, nil), who.policies...)}
	}
	acme := calls(e.user(account, "acme", nil, policy))
	scan, index := &item.Query{}, &item.Query{Index: "by-kind"}
	carrier, ok := tab.carrier(scan)
	if !ok {
		t.Fatal("no attribute for a place")
	}
	key, err := e.s.pausedKey(acme, tab, scan, carrier, []byte("here"))
	if err != nil {
		t.Fatal(err)
	}
	anew := *tab
	anew.ID = "made-anew"
	for what, c := range map[string]struct {
		call *pipeline.Call
		tab  *table
		q    *item.Query
		want string
	}{
		"as it was":      {acme, tab, scan, "here"},
		"another table":  {acme, &anew, scan, ""},
		"an index":       {acme, tab, index, ""},
		"another tenant": {calls(e.user(account, "globex", nil, policy)), tab, scan, ""},
		"an operator":    {calls(root()), tab, scan, ""},
	} {
		q := *c.q
		q.Start = key
		if at, err := e.s.pausedAt(c.call, c.tab, &q, carrier); err != nil || string(at) != c.want {
			t.Errorf("%s: %q, %v", what, at, err)
		}
	}
}

// Keys that are all numbers have an attribute beside them for the place. Without it, and with another's, they lead nowhere.
func TestPausesOfNumbers(t *testing.T) {
	t.Parallel()
	choices := make([]byte, 400)
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range choices {
		choices[i] = byte(rnd.IntN(256))
	}
	e, own := numberPages(t, 4000, choices)
	for _, limit := range []int{0, 1, 3, 1000} {
		if checkPages(t, e, "42", own, limit) == 0 {
			t.Errorf("no page with limit %d has paused", limit)
		}
	}
	policy := strings.ReplaceAll(wide, "'", `"`)
	for _, i := range []int{0, 1, 3, 4, 5} { // in 2 the key of the index holds the place
		r, who := pagedRequests[i], e.user(account, "101", nil, policy) // few rows are its own
		var page struct{ LastEvaluatedKey map[string]map[string]string }
		if err := json.Unmarshal([]byte(e.must(who, r.op, strings.Replace(r.input, "START", "", 1))), &page); err != nil {
			t.Fatal(err)
		}
		token := page.LastEvaluatedKey[pauseAttribute]["S"]
		if !strings.HasPrefix(token, pauseMark) {
			t.Fatalf("%s: the key is %v", r.input, page.LastEvaluatedKey)
		}
		from := func(who caller, token string) string {
			key := maps.Clone(page.LastEvaluatedKey)
			if key[pauseAttribute] = map[string]string{"S": token}; token == "" {
				delete(key, pauseAttribute)
			}
			b, err := json.Marshal(key)
			if err != nil {
				t.Fatal(err)
			}
			return e.result(who, r.op, strings.Replace(r.input, "START", `,'ExclusiveStartKey':`+string(b), 1))
		}
		if got := from(who, token); !strings.HasPrefix(got, "{") {
			t.Errorf("%s: its own place: %s", r.input, got)
		}
		if got := from(who, ""); got != "Validation: The provided starting key is invalid: it lacks the attribute bulkhead:page of the LastEvaluatedKey" {
			t.Errorf("%s: without the place: %s", r.input, got)
		}
		for whose, got := range map[string]string{
			"altered": from(who, token[:len(token)-2]+"AA"), "not sealed": from(who, pauseMark+"AAAA"), "no place": from(who, "x"),
			"another's": from(e.user(account, "42", nil, policy), token), "an operator's": from(root(), token),
		} {
			if !strings.HasPrefix(got, "Validation: The provided starting key is invalid") {
				t.Errorf("%s: %s: %s", r.input, whose, got)
			}
		}
	}
}

// A row whose numbers are those of a pause is a row: its owner, and who sees all, go on behind it.
func TestRowsWithTheNumbersOfAPause(t *testing.T) {
	t.Parallel()
	e, _ := numberPages(t, 4000, nil)
	row := `{'pk':{'N':'PK'},'sk':{'N':'` + leastNumber + `'},'kind':{'S':'all'},'at':{'N':'` + leastNumber + `'}}`
	for _, pk := range []string{"42", leastNumber} {
		e.must(root(), "PutItem", `{'TableName':'pages','Item':`+strings.Replace(row, "PK", pk, 1)+`}`)
	}
	key := `,'ExclusiveStartKey':{'pk':{'N':'PK'},'sk':{'N':'` + leastNumber + `'}}}`
	who := e.user(account, "42", nil, strings.ReplaceAll(wide, "'", `"`))
	if got := e.result(who, "Query", `{'TableName':'pages','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'N':'42'}}`+strings.Replace(key, "PK", "42", 1)); !strings.HasPrefix(got, "{") {
		t.Errorf("the owner: %s", got)
	}
	if got := e.result(root(), "Scan", `{'TableName':'pages'`+strings.Replace(key, "PK", leastNumber, 1)); !strings.HasPrefix(got, "{") {
		t.Errorf("an operator: %s", got)
	}
}

// A table with a key attribute of the name that pauses have does not pause where it would have to be that; binary keys hold places.
func TestPausesOfOtherKeys(t *testing.T) {
	t.Parallel()
	for kind, keys := range map[string]func(i int) string{
		"N": func(i int) string { return fmt.Sprintf(`{'N':'%d'}`, i) },
		"B": func(i int) string { return fmt.Sprintf(`{'B':'a%03d'}`, i) },
	} {
		pk := map[string]string{"N": pauseAttribute, "B": "pk"}[kind]
		e := newEnv(t)
		e.s.db.LimitWalk(1000)
		e.must(root(), "CreateTable", `{'TableName':'ttt','BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':'`+pk+`','AttributeType':'`+kind+`'}],
		 'KeySchema':[{'AttributeName':'`+pk+`','KeyType':'HASH'}],'Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}'},{'Key':'bulkhead:guard','Value':'filter'}]}`)
		for i := range 100 {
			e.must(root(), "PutItem", `{'TableName':'ttt','Item':{'`+pk+`':`+keys(i)+`}}`)
		}
		who := e.user(account, map[string]string{"N": "42", "B": "a042"}[kind], nil, strings.ReplaceAll(wide, "'", `"`))
		pages, rows, start := 0, 0, ""
		for {
			var page struct {
				Count            int
				LastEvaluatedKey json.RawMessage
			}
			if err := json.Unmarshal([]byte(e.must(who, "Scan", `{'TableName':'ttt'`+start+`}`)), &page); err != nil {
				t.Fatal(err)
			}
			pages, rows = pages+1, rows+page.Count
			if page.LastEvaluatedKey == nil {
				break
			}
			start = `,'ExclusiveStartKey':` + string(page.LastEvaluatedKey)
		}
		if rows != 1 || (kind == "N") != (pages == 1) {
			t.Errorf("%s: %d rows in %d pages", kind, rows, pages)
		}
	}
}

// What an answer says about a partition that is hidden does not depend on what is in it: not on whether there is anything, nor on
// how much, nor on whether its tenant's key can be used.
func TestHiddenPartitionsTellNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.s.db.LimitWalk(500)
	e.must(root(), "CreateTable", strings.Replace(pagesTable, `'GlobalSecondaryIndexes'`, `'LocalSecondaryIndexes':[{'IndexName':'local','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'kind','KeyType':'RANGE'}],'Projection':{'ProjectionType':'ALL'}}],'GlobalSecondaryIndexes'`, 1)+
		strings.Replace(fmt.Sprintf(guardTags, "filter"), "[", `[{'Key':'bulkhead:seal-key','Value':'alias/customer-${tenant}'},{'Key':'bulkhead:index-owner-key','Value':'by-kind=${tenant}'},`, 1)+"}")
	for i := range 40 {
		for _, tenant := range []string{"globex", "initech", "acme"} {
			e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pages','Item':{'pk':{'S':'%s#1'},'sk':{'N':'%d'},'kind':{'S':'%s'},'at':{'N':'%d'}}}`, tenant, i, tenant, i))
		}
	}
	e.keys.set(t, "alias/customer-initech", "disabled")
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	for name, input := range map[string]string{
		"table": `{'TableName':'pages','KeyConditionExpression':'pk = :k','ExpressionAttributeValues':{':k':{'S':'KEY#1'}}}`,
		"local": `{'TableName':'pages','IndexName':'local','KeyConditionExpression':'pk = :k','ExpressionAttributeValues':{':k':{'S':'KEY#1'}}}`,
		"index": `{'TableName':'pages','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'KEY'}}}`,
	} {
		want := e.result(who, "Query", strings.Replace(input, "KEY", "nobody", 1))
		for _, tenant := range []string{"globex", "initech"} {
			if got := e.result(who, "Query", strings.Replace(input, "KEY", tenant, 1)); got != want {
				t.Errorf("%s of %s: %s, not %s", name, tenant, got, want)
			}
		}
		if got := e.must(who, "Query", strings.Replace(input, "KEY", "acme", 1)); get(t, got, "Count").(float64) != 40 {
			t.Errorf("%s of acme: %s", name, got)
		}
	}
	for _, op := range []string{`'Select':'COUNT'`, `'IndexName':'by-at','Select':'COUNT'`} {
		if _, err := e.op(who, "Scan", `{'TableName':'pages',`+op+`}`); err != nil || errors.Is(err, authz.ErrForeignRow) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// FuzzPages pages through rows of two tenants that are mixed in any way.
func FuzzPages(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 8, 16, 24, 250, 251, 252}, uint16(300), uint8(2))
	f.Add([]byte(strings.Repeat("abc\x00", 30)), uint16(1), uint8(0))
	f.Fuzz(func(t *testing.T, choices []byte, walk uint16, limit uint8) {
		if len(choices) > 64 {
			t.Skip()
		}
		e, own := pagesEnv(t, "filter", int(walk)+1, choices)
		checkPages(t, e, "acme", own, int(limit%16))
		e, own = numberPages(t, int(walk)+1, choices)
		checkPages(t, e, "42", own, int(limit%16))
	})
}
