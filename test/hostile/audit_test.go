package hostile

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// events are all audit events of the default account, as their JSON.
func events(t *testing.T) []string {
	t.Helper()
	var all []string
	start := "0"
	for {
		req, err := http.NewRequest(http.MethodGet, server.URL+"/-/api/v1/audit/events?maxResults=1000&start="+start, nil)
		if err != nil {
			t.Fatal(err)
		}
		sign(t, req, "bulkhead", nil)
		status, body := send(t, req)
		var page struct {
			Events []struct {
				Time  float64
				Event string
			}
		}
		if err := json.Unmarshal([]byte(must(t, status, body)), &page); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			all = append(all, e.Event)
		}
		if len(page.Events) < 1000 {
			return all
		}
		start = time.Unix(int64(page.Events[len(page.Events)-1].Time), 0).UTC().Format(time.RFC3339)
	}
}

// await returns the events as soon as one holds all the texts: those of data events are written a little later.
func await(t *testing.T, texts ...string) []string {
	t.Helper()
	for range 200 {
		all := events(t)
		for _, e := range all {
			if holds(e, texts) {
				return all
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no event holds %q", texts)
	return nil
}

func holds(event string, texts []string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(event, text) })
}

// What a request writes is told to the caller when it is wrong, and to nobody else.
func TestEventsHoldNoValues(t *testing.T) {
	w := newTenants(t, "values")
	const secret = "sensitivevalue"
	for _, tc := range []struct{ operation, body string }{
		{"PutItem", `{"TableName":"` + w.table + `","Item":{"pk":{"S":"a"},"n":{"N":"` + secret + `"}}}`},
		{"PutItem", `{"TableName":"` + w.table + `","Item":{"pk":{"S":"a"},"n":{"SS":["` + secret + `","` + secret + `"]}}}`},
		{"UpdateItem", `{"TableName":"` + w.table + `","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET x = ` + secret + ` y"}`},
		{"Scan", `{"TableName":"` + w.table + `","FilterExpression":"x BETWEEN :a AND :b","ExpressionAttributeValues":{":a":{"S":"z` + secret + `"},":b":{"S":"a"}}}`},
	} {
		status, body := dynamo(t, w.operator, tc.operation, tc.body)
		if status != http.StatusBadRequest || !strings.Contains(body, secret) {
			t.Errorf("%s: %d %s", tc.operation, status, body)
		}
	}
	status, body := dynamo(t, w.operator, "DeleteItem", `{"TableName":"`+w.table+`","Key":{"pk":{"S":"last"}}}`)
	must(t, status, body)
	for _, e := range await(t, `"DeleteItem"`, w.table) {
		if strings.Contains(e, secret) {
			t.Error(e)
		}
	}
}

// An event of a request on several resources names them all.
func TestEventsNameEveryResource(t *testing.T) {
	a, b := newTenants(t, "first"), newTenants(t, "second")
	status, body := dynamo(t, a.operator, "TransactWriteItems", `{"TransactItems":[`+
		`{"Put":{"TableName":"`+a.table+`","Item":{"pk":{"S":"x"}}}},{"Put":{"TableName":"`+b.table+`","Item":{"pk":{"S":"x"}}}},`+
		`{"Put":{"TableName":"`+b.table+`","Item":{"pk":{"S":"y"}}}}]}`)
	must(t, status, body)
	ours := []string{`"TransactWriteItems"`, a.table}
	for _, e := range await(t, ours...) {
		if !holds(e, ours) {
			continue
		}
		if strings.Count(e, "table/"+a.table+`"`) != 1 || strings.Count(e, "table/"+b.table+`"`) != 1 {
			t.Error(e)
		}
	}
}
