package cognitoidp

import (
	"encoding/base64"
	"slices"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Sizes of pages ("QueryLimit", Amazon Cognito user pools API reference). maxLooked bounds how many records one page of a
// filtered list may look at: a page can be shorter than asked for, and still not be the last.
const (
	defaultPage = 60
	maxLooked   = 5000
)

func pageSize(limit *int32) int {
	if n := int(deref(limit)); n > 0 && n <= defaultPage {
		return n
	}
	return defaultPage
}

// cursor reads and writes the tokens of one list: sealed for the list's operation and subject.
type cursor struct {
	keys  *keyring.Keyring
	scope keyring.Scope
	list  string
}

func (c cursor) read(token *string) (store.Key, error) {
	if token == nil || *token == "" {
		return nil, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(*token)
	if err != nil {
		return nil, invalid("Invalid pagination token")
	}
	k, err := c.keys.Open(keyring.PagingToken, c.scope, sealed, []byte(c.list))
	if err != nil {
		return nil, invalid("Invalid pagination token")
	}
	return k, nil
}

func (c cursor) write(last store.Key) (*string, error) {
	if last == nil {
		return nil, nil
	}
	sealed, err := c.keys.Seal(keyring.PagingToken, c.scope, last, []byte(c.list))
	if err != nil {
		return nil, fault.Wrap(err, "seal a paging token")
	}
	return ptr(base64.RawURLEncoding.EncodeToString(sealed)), nil
}

// page is one page of records: what was taken, and the last key looked at if there is more.
type page[T any] struct {
	items []*T
	last  store.Key
}

// readPage collects up to n records under prefix that keep takes.
func readPage[T any](rec *store.Records, prefix, after store.Key, n int, keep func(*T) bool) (page[T], error) {
	var p page[T]
	var at store.Key
	looked := 0
	err := store.Each(rec, prefix, after, func(k store.Key, v *T) bool {
		if len(p.items) == n || looked == maxLooked {
			p.last = at
			return false
		}
		looked++
		at = slices.Clone(k)
		if keep == nil || keep(v) {
			p.items = append(p.items, v)
		}
		return true
	})
	return p, err
}
