package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func refreshFlows() map[api.AuthFlowType]flow {
	f := flow{allows: (*attempt).allowsRefresh, begin: (*attempt).refresh}
	return map[api.AuthFlowType]flow{api.AuthFlowTypeRefreshToken: f, api.AuthFlowTypeRefreshTokenAuth: f}
}

func (a *attempt) allowsRefresh() error {
	if a.app.Rotates() || !a.app.Allows("ALLOW_REFRESH_TOKEN_AUTH") {
		return flowNotEnabled()
	}
	return nil
}

// refresh makes new tokens for a refresh token.
func (a *attempt) refresh(*string) (*outcome, error) {
	text, err := a.param(paramRefresh)
	if err != nil {
		return nil, err
	}
	tokens, err := a.tokens().Renew(&tokens.Renewal{
		App: a.app, Token: text, Device: a.params[paramDevice], Meta: a.around.meta,
		Allowed: func(u *userpool.User) error {
			return a.CheckSecretHash(a.app, a.params[paramSecretHash], u.Username, u.Sub)
		},
	})
	return &outcome{tokens: tokens, params: map[string]string{}}, err
}

// GetTokensFromRefreshToken implements api.Service.
func (s *Service) GetTokensFromRefreshToken(ctx context.Context, call *pipeline.Call, in *api.GetTokensFromRefreshTokenInput) (*api.GetTokensFromRefreshTokenOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	if err := c.CheckClientSecret(app, opt.Value(in.ClientSecret)); err != nil {
		return nil, err
	}
	if !app.Rotates() && !app.Allows("ALLOW_REFRESH_TOKEN_AUTH") {
		return nil, flowNotEnabled()
	}
	tokens, err := c.tokens().Renew(&tokens.Renewal{
		App: app, Token: opt.Value(in.RefreshToken), Device: opt.Value(in.DeviceKey), Meta: in.ClientMetadata,
		Allowed: func(*userpool.User) error { return nil },
	})
	if err != nil {
		return nil, err
	}
	return &api.GetTokensFromRefreshTokenOutput{AuthenticationResult: tokens}, nil
}
