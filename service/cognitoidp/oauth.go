package cognitoidp

import (
	"context"
	"time"

	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// LoginService is the name by which pipeline.Serve finds the operations of LoginOperations.
const LoginService = "login"

// The error codes of OAuth 2 and OpenID Connect (RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, OpenID Connect
// Core 1.0 section 3.1.2.6). They are the codes of the faults that the operations of LoginOperations return.
const (
	ErrInvalidRequest       = "invalid_request"
	ErrInvalidClient        = "invalid_client"
	ErrInvalidGrant         = "invalid_grant"
	ErrInvalidScope         = "invalid_scope"
	ErrInvalidToken         = "invalid_token"
	ErrInsufficientScope    = "insufficient_scope"
	ErrUnauthorizedClient   = "unauthorized_client"
	ErrUnsupportedGrant     = "unsupported_grant_type"
	ErrUnsupportedResponse  = "unsupported_response_type"
	ErrUnsupportedTokenType = "unsupported_token_type"
	ErrLoginRequired        = "login_required"
	ErrConsentRequired      = "consent_required"
	ErrAccessDenied         = "access_denied"
)

// How long codes hold and a signed-in browser is remembered ("User pool managed login", Amazon Cognito Developer Guide).
const (
	// CodeLife is how long an authorization code holds.
	CodeLife = 5 * time.Minute
	// SessionLife is how long a browser that signed in needs not do so again.
	SessionLife = time.Hour
)

// oauth implements the OAuth 2 and OpenID Connect endpoints and the steps of managed login.
type oauth struct{ s *Service }

var (
	_ login.Service      = (*oauth)(nil)
	_ login.Requirements = (*oauthRequirements)(nil)
)

// LoginOperations are the operations of managed login and the OAuth 2 endpoints, which only pipeline.Serve runs.
func (s *Service) LoginOperations() pipeline.Service {
	return pipeline.Service{API: login.API, Ops: login.Operations(&oauth{s}, &oauthRequirements{s}), Internal: LoginService}
}

// app opens a pool and one of its app clients. A client that is not the pool's, or that may not use OAuth 2, is none.
func (o *oauth) app(ctx context.Context, call *pipeline.Call, pool *string, id string) (*scoped, *userpool.Client, error) {
	c, err := o.s.in(ctx, call, pool)
	if err != nil {
		return nil, nil, err
	}
	app, err := c.Client(id)
	if fault.Is(err, "ResourceNotFoundException") {
		return nil, nil, oauthError(ErrInvalidClient, "Client does not exist.")
	}
	if err != nil {
		return nil, nil, err
	}
	call.Note("clientId", app.ID)
	if !app.OAuth {
		return nil, nil, oauthError(ErrUnauthorizedClient, "The client is not enabled for OAuth 2.0 flows.")
	}
	return c, app, nil
}

func oauthError(code, description string) *fault.Error { return fault.Of(code, "%s", description) }
