package userpool

import (
	"errors"

	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// ListPage reads one page of a list within the pool.
func ListPage[T any](c *Request, list, about string, prefix store.Key, token *string, limit *int32, keep func(*T) bool) ([]*T, *string, error) {
	p, err := c.Page(list, about, token, limit)
	if err != nil {
		return nil, nil, err
	}
	var items []*T
	err = c.View(func(rec *store.Records) (err error) {
		items, err = paging.Records(p, rec, prefix, keep)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	next, err := p.Token()
	return items, next, err
}

// maxPage is the largest page, and the default ("QueryLimit", Amazon Cognito user pools API reference).
const maxPage = 60

// Page begins a page of a list in the account and region; about is what the list is of, beside its operation.
func (s *Store) Page(account, region, list string, about []string, token *string, limit *int32) (*paging.Page, error) {
	size := int(opt.Value(limit))
	if size < 1 || size > maxPage {
		size = maxPage
	}
	p, err := paging.List{
		Keys: s.Keyring, Account: account, Region: region, Operation: ServiceName + ":" + list, Query: about,
	}.Page(token, size)
	if errors.Is(err, paging.ErrToken) {
		err = refusal.Invalid("Invalid pagination token")
	}
	return p, err
}

// Page begins a page of a list within the pool.
func (c *Request) Page(list, about string, token *string, limit *int32) (*paging.Page, error) {
	return c.store.Page(c.Pool.Account, c.Pool.Region, list, []string{c.Pool.ID, about}, token, limit)
}
