package kms

import (
	"errors"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// listing is one paged answer under way.
type listing struct{ *paging.Page }

// list begins a paged answer about a subject of an operation: limit items a page, fallback if there is none, at most most.
func (s *Service) list(c *pipeline.Call, operation, about string, marker *string, limit *int32, fallback, most int) (*listing, error) {
	account, region, _ := c.Grant.Resource(0)
	size := fallback
	if limit != nil {
		size = min(int(*limit), most)
	}
	of := paging.List{Keys: s.ring, Account: account, Region: region, Operation: "kms:" + operation, Query: []string{about}}
	p, err := of.Page(marker, size)
	if errors.Is(err, paging.ErrToken) {
		err = api.NewInvalidMarkerException("The marker is not valid.")
	}
	return &listing{p}, err
}

// afterIn is the key of the record that the page follows.
func (l *listing) afterIn(kind string) store.Key {
	if l.After() == "" {
		return nil
	}
	return store.K(kind, l.After())
}

// end returns the members Truncated and NextMarker.
func (l *listing) end() (truncated *bool, marker *string, err error) {
	marker, err = l.Token()
	return new(l.More()), marker, err
}
