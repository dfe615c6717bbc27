package dynamodb

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead/bulkhead/internal/store/storetest"
)

// A sealed table gets a stream and an index while rows are put beside it in all the ways that read nothing: from the stream's beginning on
// each change follows from the one before, and the index holds what the table does.
func TestTableGrowsUnderUnreadRows(t *testing.T) {
	t.Parallel()
	db, raw, _ := storetest.NewPebble(t)
	e := newEnvOn(t, db, raw)
	e.must(root(), "CreateTable", blindTable+blindTags)
	const places, times = 3, 40
	var wg sync.WaitGroup
	for op, in := range putting {
		wg.Go(func() {
			for i := range times {
				row := fmt.Sprintf(`{'pk':{'S':'acme#%d'},'sk':{'S':'a'},'kind':{'S':'k%d'},'v':{'S':'%s-%d'}}`, i%places, i%2, op, i)
				if _, err := e.op(root(), op, strings.ReplaceAll(in, "ITEM", row)); err != nil {
					t.Errorf("%s beside the change: %v", op, err)
				}
			}
		})
	}
	for _, change := range []string{
		`'StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_AND_OLD_IMAGES'}`,
		`'AttributeDefinitions':[{'AttributeName':'kind','AttributeType':'S'}],'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'by-kind',
		 'KeySchema':[{'AttributeName':'kind','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]`,
	} {
		e.must(root(), "UpdateTable", `{'TableName':'rows',`+change+`}`)
		e.work()
	}
	wg.Wait()
	e.work()
	table, index := rowsByKey(t, e, ""), rowsByKey(t, e, `,'IndexName':'by-kind'`)
	if !maps.Equal(table, index) || len(table) != places {
		t.Errorf("the table holds %v, the index %v", table, index)
	}
	arn, _ := get(t, e.must(root(), "DescribeTable", `{'TableName':'rows'}`), "Table", "LatestStreamArn").(string)
	seen := map[string]string{}
	for _, line := range e.records(t, root(), arn, "TRIM_HORIZON") {
		words := strings.Fields(line)
		was, is, _ := strings.Cut(words[2], ">")
		if before, ok := seen[words[1]]; ok && before != was {
			t.Errorf("%s, and before it was %s", line, before)
		}
		seen[words[1]] = is
	}
	for _, pk := range slices.Sorted(maps.Keys(seen)) {
		if !strings.HasSuffix(table[pk], "/"+seen[pk]) {
			t.Errorf("%s is %s in the table, and became %s by the stream", pk, table[pk], seen[pk])
		}
	}
}

// rowsByKey is what a scan shows, "kind/v" by partition key, of rows that are there once.
func rowsByKey(t *testing.T, e *env, more string) map[string]string {
	t.Helper()
	var page struct {
		Items []map[string]map[string]string
	}
	decodeJSON(t, e.must(root(), "Scan", `{'TableName':'rows'`+more+`}`), &page)
	all := map[string]string{}
	for _, m := range page.Items {
		pk := m["pk"]["S"]
		if _, ok := all[pk]; ok {
			t.Errorf("%s is there twice", pk)
		}
		all[pk] = m["kind"]["S"] + "/" + m["v"]["S"]
	}
	return all
}
