package cognitoidp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Token implements login.Service ("Token endpoint", Amazon Cognito Developer Guide; RFC 6749 sections 4.1.3, 4.4.2 and 6).
func (o *oauth) Token(ctx context.Context, call *pipeline.Call, in *login.TokenInput) (*login.TokenOutput, error) {
	grant := opt.Value(in.GrantType)
	if !slices.Contains([]string{tokens.GrantCode, tokens.GrantRefresh, tokens.GrantClient}, grant) {
		return nil, oauthError(ErrUnsupportedGrant, "grant_type has to be authorization_code, refresh_token or client_credentials.")
	}
	call.Note("grantType", grant)
	c, app, err := o.app(ctx, call, in.PoolId, opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	if err := c.authenticateClient(app, opt.Value(in.ClientSecret)); err != nil {
		return nil, err
	}
	switch grant {
	case tokens.GrantClient:
		return c.clientCredentials(app, opt.Value(in.Scope), in.Metadata)
	case tokens.GrantRefresh:
		return c.refreshGrant(app, opt.Value(in.RefreshToken))
	default:
		return c.codeGrant(app, in)
	}
}

// authenticateClient checks the secret of an app client (RFC 6749 section 2.3). Wrong ones are counted for where they
// come from, so that nobody elsewhere can lock a client out.
func (c *scoped) authenticateClient(app *userpool.Client, secret string) error {
	if !app.Confidential() {
		if secret != "" {
			return oauthError(ErrInvalidClient, "The client has no secret.")
		}
		return nil
	}
	sum := sha256.Sum256([]byte(c.Call.SourceIP.String()))
	who := "client-" + app.ID + "-" + hex.EncodeToString(sum[:16])
	if err := c.View(func(rec *store.Records) error { return c.Guard(rec, who) }); err != nil {
		if fault.Is(err, "NotAuthorizedException") {
			return oauthError(ErrInvalidClient, "Too many wrong client secrets.")
		}
		return err
	}
	err := c.CheckClientSecret(app, secret)
	if !fault.Is(err, "UnauthorizedException") {
		return err
	}
	if err := c.Update(func(rec *store.Records) error { return c.Failed(rec, who) }); err != nil {
		return err
	}
	return oauthError(ErrInvalidClient, "Invalid client secret.")
}

// codeGrant exchanges an authorization code.
func (c *scoped) codeGrant(app *userpool.Client, in *login.TokenInput) (*login.TokenOutput, error) {
	if !slices.Contains(app.OAuthFlows, api.OAuthFlowTypeCode) {
		return nil, oauthError(ErrUnauthorizedClient, "The client is not allowed to use authorization codes.")
	}
	if opt.Value(in.Code) == "" {
		return nil, oauthError(ErrInvalidRequest, "code is missing.")
	}
	i, err := c.redeem(app, opt.Value(in.Code), opt.Value(in.RedirectUri), opt.Value(in.CodeVerifier))
	if err != nil {
		return nil, err
	}
	return c.oauthTokens(i)
}

func (c *scoped) oauthTokens(i *tokens.Issuance) (*login.TokenOutput, error) {
	t, err := c.tokens().Issue(i)
	if err != nil {
		return nil, err
	}
	return &login.TokenOutput{
		AccessToken: t.AccessToken, IdToken: t.IdToken, RefreshToken: t.RefreshToken, TokenType: t.TokenType, ExpiresIn: t.ExpiresIn,
	}, nil
}

// refreshGrant makes new tokens for a refresh token.
func (c *scoped) refreshGrant(app *userpool.Client, text string) (*login.TokenOutput, error) {
	if text == "" {
		return nil, oauthError(ErrInvalidRequest, "refresh_token is missing.")
	}
	i, err := c.tokens().TurnedIn(&tokens.Renewal{App: app, Token: text, Allowed: func(*userpool.User) error { return nil }})
	if refusedSignIn(err) || fault.Is(err, "RefreshTokenReuseException") {
		return nil, oauthError(ErrInvalidGrant, "Invalid refresh token.")
	}
	if err != nil {
		return nil, err
	}
	return c.oauthTokens(i)
}

// refusedSignIn reports whether the sign-in of a user was refused for what the user is or has shown, as opposed to a
// failure of the server.
func refusedSignIn(err error) bool {
	return fault.Is(err, "NotAuthorizedException") || fault.Is(err, "PasswordResetRequiredException") || fault.Is(err, "UserNotFoundException")
}

// clientCredentials makes an access token for the app client itself ("Scopes, M2M, and resource servers"). meta is for the
// pre token generation trigger.
func (c *scoped) clientCredentials(app *userpool.Client, requested string, meta map[string]string) (*login.TokenOutput, error) {
	if !app.Confidential() || !slices.Contains(app.OAuthFlows, api.OAuthFlowTypeClientCredentials) {
		return nil, oauthError(ErrUnauthorizedClient, "The client is not allowed to use client credentials.")
	}
	scopes := tokens.SplitScopes(requested)
	if len(scopes) == 0 {
		scopes = slices.DeleteFunc(slices.Clone(app.OAuthScopes), tokens.OwnScope)
	}
	for _, s := range scopes {
		if tokens.OwnScope(s) || !slices.Contains(app.OAuthScopes, s) {
			return nil, oauthError(ErrInvalidScope, "A scope is not allowed for the client.")
		}
	}
	now, life := c.Call.Now, app.Lifetime(userpool.UseAccess)
	claims := map[string]any{
		"sub": app.ID, "client_id": app.ID, "token_use": userpool.UseAccess, "scope": strings.Join(scopes, " "), "version": tokens.OAuthVersion,
		"iss": c.IssuerOf(c.Pool), "jti": uuid.NewString(), "auth_time": now.Unix(), "iat": now.Unix(), "exp": now.Add(life).Unix(),
	}
	if err := c.tokens().Customize(&tokens.Issuance{App: app, Source: tokens.SourceClientCredentials, Meta: meta}, nil, claims); err != nil {
		return nil, err
	}
	leave, err := c.Work.Enter(c.Ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	access, err := c.tokens().Sign(tokens.KeyOfAccess, claims)
	if err != nil {
		return nil, err
	}
	return &login.TokenOutput{AccessToken: &access, TokenType: new("Bearer"), ExpiresIn: new(int32(life / time.Second))}, nil
}
