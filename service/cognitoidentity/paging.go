package cognitoidentity

import (
	"encoding/base64"
	"slices"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
)

// maxPage is the largest page ("QueryLimit", Amazon Cognito Federated Identities API Reference).
const maxPage = 60

// cursor reads and writes the tokens of one list: sealed for the account, the operation and its subject.
type cursor struct {
	keys  *keyring.Keyring
	scope keyring.Scope
	list  string
}

func (s *Service) cursor(account, list string) cursor {
	return cursor{s.Keyring, keyring.Scope{Account: account, Name: serviceName}, list}
}

func (c cursor) read(token *string) (store.Key, error) {
	if token == nil {
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

// readPage returns up to n records under prefix, and the key of the last one if there are more.
func readPage[T any](rec *store.Records, prefix, after store.Key, n int) (page []*T, more store.Key, err error) {
	if n < 1 || n > maxPage {
		n = maxPage
	}
	var last store.Key
	err = store.Each(rec, prefix, after, func(k store.Key, v *T) bool {
		if len(page) == n {
			more = last
			return false
		}
		page, last = append(page, v), slices.Clone(k)
		return true
	})
	return page, more, err
}
