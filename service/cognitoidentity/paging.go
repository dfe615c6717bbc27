package cognitoidentity

import (
	"errors"

	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// maxPage is the largest page ("QueryLimit", Amazon Cognito Federated Identities API Reference).
const maxPage = 60

// page begins a page of a list where the request's grant is; about is what the list is of, beside its operation.
func (s *Service) page(call *pipeline.Call, list, about string, token *string, limit *int32) (*paging.Page, error) {
	account, region := call.Grant.Home()
	size := int(opt.Value(limit))
	if size < 1 || size > maxPage {
		size = maxPage
	}
	of := paging.List{Keys: s.Keyring, Account: account, Region: region, Operation: serviceName + ":" + list, Query: []string{about}}
	p, err := of.Page(token, size)
	if errors.Is(err, paging.ErrToken) {
		err = invalid("Invalid pagination token")
	}
	return p, err
}
