package cognitoidp

import (
	"errors"

	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// maxPage is the largest page, and the default ("QueryLimit", Amazon Cognito user pools API reference).
const maxPage = 60

// page begins a page of a list in the account and region; about is what the list is of, beside its operation.
func (s *Store) page(account, region, list string, about []string, token *string, limit *int32) (*paging.Page, error) {
	size := int(opt.Value(limit))
	if size < 1 || size > maxPage {
		size = maxPage
	}
	p, err := paging.List{
		Keys: s.Keyring, Account: account, Region: region, Operation: serviceName + ":" + list, Query: about,
	}.Page(token, size)
	if errors.Is(err, paging.ErrToken) {
		err = refusal.Invalid("Invalid pagination token")
	}
	return p, err
}

// page begins a page of a list within the pool.
func (c *Request) page(list, about string, token *string, limit *int32) (*paging.Page, error) {
	return c.store.page(c.pool.Account, c.pool.Region, list, []string{c.pool.ID, about}, token, limit)
}
