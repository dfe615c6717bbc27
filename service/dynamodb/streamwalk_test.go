package dynamodb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/streamid"
)

// A GetRecords passes over a bounded number of bytes of changes that the guard hides, whatever number of changes that is, and those
// that follow show what comes behind them.
func TestRecordsPause(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.s.db.LimitWalk(20_000)
	e.makePool(withStream + fmt.Sprintf(guardTags, "deny"))
	arn := e.latest(t)
	const hidden = 60
	for range hidden {
		e.put("globex#1", strings.Repeat("x", 1000))
		e.put("globex#1", strings.Repeat("y", 1000))
	}
	e.put("acme#1", "own")
	who := e.user(account, "acme", nil, readAll)
	var seen []string
	pages := 0
	for _, sh := range e.shards(t, who, arn) {
		it := get(t, e.must(who, "GetShardIterator", `{'StreamArn':'`+arn+`','ShardId':'`+sh.ShardID+`','ShardIteratorType':'TRIM_HORIZON'}`), "ShardIterator").(string)
		for n := uint64(0); ; pages++ {
			var page struct {
				Records           []seenRecord
				NextShardIterator string
			}
			decodeJSON(t, e.must(who, "GetRecords", `{'ShardIterator':'`+it+`'}`), &page)
			for i := range page.Records {
				seen = append(seen, page.Records[i].line())
			}
			at, err := streamid.ParseIterator(page.NextShardIterator, store.ChangeParts)
			if err != nil {
				t.Fatal(err)
			}
			if passed := at.Next - n; n > 0 && passed > 2*20_000/1000 {
				t.Errorf("a page passes over %d changes of more than 1,000 bytes", passed)
			}
			if at.Next == n {
				break
			}
			n, it = at.Next, page.NextShardIterator
		}
	}
	if len(seen) != 1 || seen[0] != "INSERT acme#1 >own" {
		t.Errorf("the pages show %q", seen)
	}
	if pages < 4+2 {
		t.Errorf("%d pages", pages)
	}
}
