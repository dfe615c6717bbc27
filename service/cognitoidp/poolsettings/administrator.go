// Package poolsettings answers the operations that set up user pools: the pools themselves with their schema, policies and MFA,
// app clients and their secrets, domains, resource servers, threat protection, and how the sign-in pages look.
package poolsettings

import (
	"context"

	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Administrator answers the operations that set up pools.
type Administrator struct {
	*userpool.Store

	courier *messages.Courier
	// issuerURL is where the server is, whose own name is no pool's domain; loginDomains are pairs ACCOUNT=DOMAIN.
	issuerURL    string
	loginDomains []string
}

// NewAdministrator returns what sets up the pools in a store. Of loginDomains, pairs ACCOUNT=DOMAIN, pools of the account may
// have DOMAIN and what is below it as custom domains.
func NewAdministrator(s *userpool.Store, c *messages.Courier, issuerURL string, loginDomains []string) *Administrator {
	return &Administrator{Store: s, courier: c, issuerURL: issuerURL, loginDomains: loginDomains}
}

// Request is a request within one pool that has to do with how it is set up.
type Request struct {
	*Administrator
	*userpool.Request
}

// About is a request with the administrator at hand.
func (s *Administrator) About(c *userpool.Request) *Request { return &Request{s, c} }

// in opens a pool for a request whose grant was made for it.
func (s *Administrator) in(ctx context.Context, call *pipeline.Call, id *string) (*Request, error) {
	c, err := s.Open(ctx, call, id)
	if err != nil {
		return nil, err
	}
	return s.About(c), nil
}
