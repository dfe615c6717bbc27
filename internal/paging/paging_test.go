package paging_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
)

const (
	account = "111111111111"
	region  = "eu-central-1"
)

// next returns the token after a page that took only the position.
func next(t *testing.T, l paging.List, position string) string {
	t.Helper()
	p, err := l.Page(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Take(position) || p.Take("another") {
		t.Fatal("a page of one item took none or two")
	}
	token, err := p.Token()
	if err != nil {
		t.Fatal(err)
	}
	return *token
}

func TestTokenOpensForItsListOnly(t *testing.T) {
	t.Parallel()
	keys := keyringtest.New(t, 1)
	own := paging.List{Keys: keys, Account: account, Region: region, Operation: "kms:ListGrants", Query: []string{"ab", "c"}}
	token := next(t, own, "here")
	change := func(f func(*paging.List)) paging.List {
		l := own
		f(&l)
		return l
	}
	for _, tc := range []struct {
		name  string
		list  paging.List
		token string
		ok    bool
	}{
		{"itself", own, token, true},
		{"another account", change(func(l *paging.List) { l.Account = "222222222222" }), token, false},
		{"another region", change(func(l *paging.List) { l.Region = "eu-west-1" }), token, false},
		{"another operation", change(func(l *paging.List) { l.Operation = "kms:ListKeys" }), token, false},
		{"another query", change(func(l *paging.List) { l.Query = []string{"ab", "d"} }), token, false},
		{"a query cut elsewhere", change(func(l *paging.List) { l.Query = []string{"a", "bc"} }), token, false},
		{"no query", change(func(l *paging.List) { l.Query = nil }), token, false},
		{"another root", change(func(l *paging.List) { l.Keys = keyringtest.New(t, 2) }), token, false},
		{"empty", own, "", false},
		{"not base64", own, token[1:] + "!", false},
		{"padded", own, token + "=", false},
		{"cut", own, token[:len(token)-4], false},
		{"changed", own, "B" + token[1:], false},
		{"huge", own, strings.Repeat("A", 1<<20), false},
	} {
		p, err := tc.list.Page(&tc.token, 1)
		switch {
		case tc.ok && (err != nil || p.After() != "here"):
			t.Errorf("%s: %v", tc.name, err)
		case !tc.ok && !errors.Is(err, paging.ErrToken):
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	l := paging.List{Keys: keyringtest.New(t, 1), Account: account, Operation: "iam:ListUsers"}
	longest := strings.Repeat("x", paging.MaxPosition)
	token := next(t, l, longest)
	if p, err := l.Page(&token, 1); err != nil || p.After() != longest {
		t.Errorf("the longest position: %v", err)
	}
	p, err := l.Page(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Take(longest+"x") || p.Take("y") {
		t.Error("a page of no items would never end")
	}
	if _, err := p.Token(); err == nil {
		t.Error("sealed a position that could not be opened")
	}
}

// Without an account a token would be everybody's: an error of ours, not of the caller's token.
func TestAccountIsRequired(t *testing.T) {
	t.Parallel()
	keys := keyringtest.New(t, 1)
	token := next(t, paging.List{Keys: keys, Account: account, Operation: "iam:ListUsers"}, "here")
	l := paging.List{Keys: keys, Operation: "iam:ListUsers"}
	if _, err := l.Page(&token, 1); err == nil || errors.Is(err, paging.ErrToken) {
		t.Errorf("opened without an account: %v", err)
	}
}

type row struct{ N int }

func TestRecords(t *testing.T) {
	t.Parallel()
	const rows = 12
	all := func(*row) bool { return true }
	for _, tc := range []struct {
		name string
		size int
		keep func(*row) bool
		want string
	}{
		{"one page", rows, nil, "[0 1 2 3 4 5 6 7 8 9 10 11]"},
		{"all wanted", 5, all, "[0 1 2 3 4] [5 6 7 8 9] [10 11]"},
		{"an even cut", 6, nil, "[0 1 2 3 4 5] [6 7 8 9 10 11]"},
		{"filtered", 2, func(r *row) bool { return r.N%3 == 0 }, "[0 3] [6 9]"},
		{"none wanted", 2, func(*row) bool { return false }, "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			view := table(t, rows)
			list := paging.List{Keys: keyringtest.New(t, 1), Account: account, Region: region, Operation: "test:List"}
			if got := walk(t, view, list, tc.size, tc.keep); got != tc.want {
				t.Errorf("pages %s", got)
			}
		})
	}
}

// A page that finds nothing wanted for long ends early, and the next goes on where it stopped.
func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	const rows = 5003
	view := table(t, rows)
	list := paging.List{Keys: keyringtest.New(t, 1), Account: account, Region: region, Operation: "test:List"}
	if got := walk(t, view, list, 1, func(r *row) bool { return r.N == rows-1 }); got != "[] [5002]" {
		t.Errorf("pages %s", got)
	}
}

// walk writes down all pages. It reads each twice, as a transaction may.
func walk(t *testing.T, view viewer, list paging.List, size int, keep func(*row) bool) string {
	t.Helper()
	var pages []string
	for token := (*string)(nil); ; {
		p, err := list.Page(token, size)
		if err != nil {
			t.Fatal(err)
		}
		numbers := []int{}
		for range 2 {
			view(func(rec *store.Records) error {
				items, err := paging.Records(p, rec, store.K("row"), keep)
				numbers = numbers[:0]
				for _, r := range items {
					numbers = append(numbers, r.N)
				}
				return err
			})
		}
		pages = append(pages, fmt.Sprint(numbers))
		if token, err = p.Token(); err != nil {
			t.Fatal(err)
		}
		if p.More() != (token != nil) {
			t.Fatal("More and Token disagree")
		}
		if token == nil {
			return strings.Join(pages, " ")
		}
	}
}

type viewer func(func(*store.Records) error)

func table(t *testing.T, rows int) viewer {
	t.Helper()
	db, ctx := storetest.New(t), context.Background()
	grant := authztest.Home(t, "kms", account, region)
	within := func(fn func(*store.Records) error) func(*store.Tx) error {
		return func(tx *store.Tx) error {
			rec, err := tx.Home()
			if err != nil {
				return err
			}
			return fn(rec)
		}
	}
	err := db.Update(ctx, grant, within(func(rec *store.Records) error {
		for n := range rows {
			if err := store.Save(rec, store.K("row", fmt.Sprintf("%05d", n)), &row{n}); err != nil {
				return err
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return func(fn func(*store.Records) error) {
		if err := db.View(ctx, grant, within(fn)); err != nil {
			t.Fatal(err)
		}
	}
}
