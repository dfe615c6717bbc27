package iam

import (
	"errors"

	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// defaultPage is how many items a page has unless MaxItems says otherwise ("ListUsers", IAM API Reference).
const defaultPage = 100

// listing is one paged answer under way.
type listing struct{ *paging.Page }

// list begins a paged answer. about is what the list is of, beside its operation.
func (s *Service) list(call *pipeline.Call, operation, about string, marker *string, maxItems *int32) (*listing, error) {
	account, _ := call.Grant.Home()
	size := defaultPage
	if maxItems != nil {
		size = int(*maxItems)
	}
	p, err := paging.List{Keys: s.keys, Account: account, Operation: "iam:" + operation, Query: []string{about}}.Page(marker, size)
	if errors.Is(err, paging.ErrToken) {
		err = invalidMarker()
	}
	return &listing{p}, err
}

// end returns the members IsTruncated and Marker.
func (l *listing) end() (truncated *bool, marker *string, err error) {
	more := l.More()
	marker, err = l.Token()
	return &more, marker, err
}

// pick takes a page from a sorted list that is at hand, by the name of each item.
func pick[T any](l *listing, items []T, name func(T) string) []T {
	l.Restart()
	var page []T
	for _, item := range items {
		if n := name(item); l.After() != "" && n <= l.After() {
			continue
		} else if !l.Take(n) {
			break
		}
		page = append(page, item)
	}
	return page
}
