package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
)

// library returns a log with events 0 to n-1, every third of them a data event and every fifth in another account.
func library(t *testing.T, n int) (*memkv.DB, *Log) {
	t.Helper()
	db := memkv.New()
	l := openLog(t, db, options(t))
	for i := range n {
		e := event(t, i)
		e.Management = i%3 != 0
		e.ReadOnly = i%2 == 0
		e.Identity = Identity{Type: "IAMUser", UserName: fmt.Sprintf("user%d", i%4), AccessKeyID: fmt.Sprintf("AKIA%d", i%4)}
		e.Resources = []Resource{{ARN: fmt.Sprintf("arn:aws:dynamodb:us-east-1:%s:table/t%d", account, i%3), Type: "AWS::DynamoDB::Table"}}
		if i%5 == 0 {
			e.Account = "444455556666"
		}
		if i%7 == 0 {
			e.Region = "eu-west-1"
		}
		if err := l.Queue(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Append(t.Context(), &Event{Name: "Last", Time: day}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.crash)
	return db, l
}

func list(found []Found) string {
	var s []string
	for _, f := range found {
		s = append(s, strings.TrimPrefix(f.Name, "Op"))
	}
	return strings.Join(s, " ")
}

func TestLookup(t *testing.T) {
	t.Parallel()
	_, l := library(t, 30)
	all, _, err := l.Lookup(t.Context(), Query{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	at := func(i int) time.Time { return day.Add(time.Duration(i) * time.Second) }
	for name, tc := range map[string]struct {
		q    Query
		want string
	}{
		"account":           {Query{Account: account}, "29 28 26 23 22 19 17 16 14 13 11 8 7 4 2 1"},
		"another account":   {Query{Account: "444455556666"}, "25 20 10 5"},
		"no such account":   {Query{Account: "11112222333"}, ""},
		"tenant":            {Query{Tenant: "acme"}, "28 26 24 22 20 18 16 14 12 10 8 6 4 2 0"},
		"tenant of account": {Query{Tenant: "acme", Account: "444455556666"}, "20 10 0"},
		"tenant's prefix":   {Query{Tenant: "acm"}, ""},
		"region":            {Query{Account: account, Region: "eu-west-1"}, "28 14 7"},
		"start":             {Query{Account: account, Start: at(23)}, "29 28 26 23"},
		"end":               {Query{Account: account, End: at(4)}, "4 2 1"},
		"span":              {Query{Account: account, Start: at(4), End: at(8)}, "8 7 4"},
		"empty span":        {Query{Account: account, Start: at(8), End: at(4)}, ""},
		"event id":          {Query{Account: account, Filter: Filter{EventID: all[3].ID}}, "23"},
		"foreign event id":  {Query{Account: "444455556666", Filter: Filter{EventID: all[3].ID}}, ""},
		"no event id":       {Query{Account: account, Filter: Filter{EventID: "x"}}, ""},
		"unknown event id":  {Query{Account: account, Filter: Filter{EventID: NewID().String()}}, ""},
		"tenant event id":   {Query{Tenant: "globex", Filter: Filter{EventID: all[3].ID}}, "23"},
		"name":              {Query{Account: account, Filter: Filter{EventName: "Op7"}}, "7"},
		"source":            {Query{Account: account, Filter: Filter{EventSource: "iam.amazonaws.com"}}, ""},
		"user":              {Query{Account: account, Filter: Filter{Username: "user3"}}, "23 19 11 7"},
		"key":               {Query{Account: account, Filter: Filter{AccessKeyID: "AKIA3"}}, "23 19 11 7"},
		"read only":         {Query{Account: account, Filter: Filter{ReadOnly: "true"}}, "28 26 22 16 14 8 4 2"},
		"writes":            {Query{Account: account, Filter: Filter{ReadOnly: "false"}}, "29 23 19 17 13 11 7 1"},
		"resource type":     {Query{Account: account, Filter: Filter{ResourceType: "AWS::KMS::Key"}}, ""},
		"resource name":     {Query{Account: account, Filter: Filter{ResourceName: "t2", ResourceType: "AWS::DynamoDB::Table"}}, "29 26 23 17 14 11 8 2"},
		"resource ARN":      {Query{Account: account, End: at(9), Filter: Filter{ResourceName: "arn:aws:dynamodb:us-east-1:" + account + ":table/t1"}}, "7 4 1"},
		"at most":           {Query{Account: account, Max: 3}, "29 28 26"},
	} {
		found, _, err := l.Lookup(t.Context(), tc.q)
		if err != nil || list(found) != tc.want {
			t.Errorf("%s: %s, %v; want %s", name, list(found), err, tc.want)
		}
	}
	f := all[3]
	if f.Account != account || f.Tenant != "globex" || f.Username != "user3" || !f.Management || f.ReadOnly || !f.Time.Equal(at(23)) ||
		f.Seq != 25 || len(f.Resources) != 1 || !strings.Contains(string(f.JSON), `"eventID":"`+f.ID+`"`) {
		t.Errorf("found: %+v", f)
	}
}

func TestLookupRefuses(t *testing.T) {
	t.Parallel()
	_, l := library(t, 1)
	for _, q := range []Query{{}, {Region: "us-east-1"}, {Account: account, Max: 51}, {Account: account, Max: -1}} {
		if _, _, err := l.Lookup(t.Context(), q); err == nil {
			t.Errorf("%+v: no error", q)
		}
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]Query{
		"account": {Account: account}, "tenant": {Tenant: "acme"}, "filter": {Account: account, Filter: Filter{ReadOnly: "true"}},
		"span": {Account: account, Start: day.Add(3e9), End: day.Add(20e9)},
	} {
		_, l := library(t, 30)
		whole, token, err := l.Lookup(t.Context(), base)
		if err != nil || token != "" {
			t.Fatalf("%s: %v %q", name, err, token)
		}
		for size := 1; size < 6; size++ {
			var got []Found
			q := base
			q.Max = size
			for pages := 0; ; pages++ {
				found, next, err := l.Lookup(t.Context(), q)
				if err != nil || len(found) > size || pages > 200 {
					t.Fatalf("%s: %d found, %v", name, len(found), err)
				}
				got = append(got, found...)
				// A new event must not disturb the pages.
				e := event(t, 1000+pages)
				if err := l.Append(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				if q.Token = next; next == "" {
					break
				}
			}
			var old []Found
			for _, f := range got {
				if f.Time.Before(day.Add(999 * time.Second)) {
					old = append(old, f)
				}
			}
			if list(old) != list(whole) {
				t.Errorf("%s by %d: %s, want %s", name, size, list(old), list(whole))
			}
		}
	}
}

func TestTokensAreBoundToTheirQuery(t *testing.T) {
	t.Parallel()
	_, l := library(t, 30)
	q := Query{Account: account, Max: 2}
	_, token, err := l.Lookup(t.Context(), q)
	if err != nil || token == "" {
		t.Fatal(token, err)
	}
	for name, q := range map[string]Query{
		"another account": {Account: "444455556666", Token: token},
		"a filter":        {Account: account, Token: token, Filter: Filter{EventName: "x"}},
		"a tenant":        {Account: account, Tenant: "acme", Token: token},
		"only a tenant":   {Tenant: "acme", Token: token},
		"a region":        {Account: account, Region: "us-east-1", Token: token},
		"a time":          {Account: account, Start: day, Token: token},
		"changed":         {Account: account, Token: token[:len(token)-2] + "AA"},
		"cut":             {Account: account, Token: token[:20]},
		"not base64":      {Account: account, Token: "!"},
		"long":            {Account: account, Token: strings.Repeat("A", 2000)},
	} {
		if found, _, err := l.Lookup(t.Context(), q); !errors.Is(err, ErrBadToken) || found != nil {
			t.Errorf("%s: %d found, %v", name, len(found), err)
		}
	}
}

func TestLookupWorkIsBounded(t *testing.T) {
	t.Parallel()
	_, l := library(t, 3*maxLooked)
	q := Query{Tenant: "acme", Filter: Filter{EventName: "Op0"}}
	pages, found := 0, 0
	for {
		got, next, err := l.Lookup(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		found += len(got)
		if q.Token = next; next == "" {
			break
		}
	}
	if pages != 2 || found != 1 {
		t.Errorf("%d pages, %d found", pages, found)
	}
}

func TestLookupShowsTampering(t *testing.T) {
	t.Parallel()
	k := keys{"audit/"}
	db, l := library(t, 30)
	edit(t, db, func(tx kv.Tx) error {
		v := value(t, tx, k.record(nil, 1, 25))
		v[len(v)-1] ^= 1
		// An index entry that shows an account's event to another.
		p := place{day.Add(29 * time.Second), 1, 31}
		return errors.Join(tx.Set(k.record(nil, 1, 25), v), tx.Set(p.append(k.account(nil, []byte("444455556666"))), nil))
	})
	if _, _, err := l.Lookup(t.Context(), Query{Account: account}); !errors.Is(err, ErrTampered) {
		t.Errorf("a changed event: %v", err)
	}
	if found, _, err := l.Lookup(t.Context(), Query{Account: "444455556666"}); err != nil || list(found) != "25 20 10 5" {
		t.Errorf("a forged index entry: %s, %v", list(found), err)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	_, l := library(t, 12)
	for name, tc := range map[string]struct {
		q    TailQuery
		want string
	}{
		"all":         {TailQuery{From: day, Once: true}, "0 1 2 3 4 5 6 7 8 9 10 11"},
		"from":        {TailQuery{From: day.Add(9e9), Once: true}, "9 10 11"},
		"tenant":      {TailQuery{From: day.Add(3e9), Tenant: "acme", Once: true}, "4 6 8 10"},
		"account":     {TailQuery{From: day, Account: "444455556666", Once: true}, "0 5 10"},
		"both":        {TailQuery{From: day, Account: "444455556666", Tenant: "globex", Once: true}, "5"},
		"filter":      {TailQuery{From: day, Filter: Filter{EventName: "Op3"}, Once: true}, "3"},
		"from now":    {TailQuery{Once: true}, ""},
		"tenant, now": {TailQuery{Tenant: "acme", Once: true}, ""},
	} {
		var got []Found
		for f, err := range l.Tail(t.Context(), tc.q) {
			if err != nil {
				t.Fatal(err)
			}
			if f.Name != "Last" && f.Source != SelfSource {
				got = append(got, f)
			}
		}
		if list(got) != tc.want {
			t.Errorf("%s: %s, want %s", name, list(got), tc.want)
		}
	}
}

func TestTailFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := shared{memkv.New()}
		a, b := options(t), options(t)
		b.NodeID = "node-b"
		la, lb := openLog(t, db, a), openLog(t, db, b)
		if err := la.Append(t.Context(), event(t, 2)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		got, ended := make(chan string, 100), make(chan bool)
		go func() {
			defer close(ended)
			for f, err := range la.Tail(ctx, TailQuery{Tenant: "acme", From: day}) {
				if err != nil {
					t.Error(err)
				}
				got <- f.Name
			}
		}()
		synctest.Wait()
		for i := 3; i < 10; i++ {
			if err := []*Log{la, lb}[i/2%2].Append(t.Context(), event(t, i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		closeLog(t, lb)
		lb = openLog(t, db, b) // a chain that is new to the tail
		if err := lb.Append(t.Context(), event(t, 10)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, want := range []string{"Op2", "Op4", "Op6", "Op8", "Op10"} {
			if f := <-got; f != want {
				t.Errorf("got %s, want %s", f, want)
			}
		}
		cancel()
		<-ended
		closeLog(t, la)
		closeLog(t, lb)
	})
}

// TestTailOfManyPages holds that nothing is left out or doubled where pages meet.
func TestTailOfManyPages(t *testing.T) {
	t.Parallel()
	_, l := library(t, 2*tailPage+10)
	for _, tenant := range []string{"", "acme"} {
		n := map[string]int{}
		for f, err := range l.Tail(t.Context(), TailQuery{From: day, Tenant: tenant, Once: true}) {
			if err != nil {
				t.Fatal(err)
			}
			n[f.Name]++
		}
		for i := range 2*tailPage + 10 {
			if want := min(1, 1-i%2*len(tenant)/4); n[fmt.Sprintf("Op%d", i)] != want {
				t.Fatalf("tenant %q: event %d came %d times", tenant, i, n[fmt.Sprintf("Op%d", i)])
			}
		}
	}
}
