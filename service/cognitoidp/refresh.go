package cognitoidp

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
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
	tokens, err := a.renew(&renewal{
		app: a.app, token: text, device: a.params[paramDevice], meta: a.around.meta,
		allowed: func(u *userpool.User) error {
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
	tokens, err := c.renew(&renewal{
		app: app, token: opt.Value(in.RefreshToken), device: opt.Value(in.DeviceKey), meta: in.ClientMetadata,
		allowed: func(*userpool.User) error { return nil },
	})
	if err != nil {
		return nil, err
	}
	return &api.GetTokensFromRefreshTokenOutput{AuthenticationResult: tokens}, nil
}

// renewal is a request for new tokens by a refresh token.
type renewal struct {
	// app is the app client for which the caller was found to act.
	app    *userpool.Client
	token  string
	device string // the key of the device that asks, or ""
	meta   map[string]string
	// allowed has the last word on the token's user, before anything is changed.
	allowed func(*userpool.User) error
}

// renew makes new tokens for a refresh token, with another refresh token where the app client rotates them.
func (c *scoped) renew(r *renewal) (*api.AuthenticationResultType, error) {
	i, err := c.turnedIn(r)
	if err != nil {
		return nil, err
	}
	return c.issue(i)
}

// turnedIn says what tokens a refresh token is good for, and turns it in for the next if the app client rotates them.
func (c *scoped) turnedIn(r *renewal) (*issuance, error) {
	t, err := c.openRefreshToken(r.app, r.token)
	if err != nil {
		return nil, err
	}
	if !c.Call.Now.Before(t.Expires) {
		return nil, api.NewNotAuthorizedException("Refresh Token has expired")
	}
	i := &issuance{
		app: r.app, source: sourceRefresh, meta: r.meta, refresh: r.app.Rotates(), until: t.Expires, signIn: t.signIn(),
	}
	var refused error
	run := c.View
	if r.app.Rotates() {
		run = c.Update
	}
	err = run(func(rec *store.Records) (err error) {
		refused = nil
		if i.user, err = c.refreshable(rec, t); err != nil {
			return err
		}
		if err := c.checkDevice(rec, t.Device, r.device); err != nil {
			return err
		}
		if err := r.allowed(i.user); err != nil {
			return err
		}
		if i.groups, err = c.MembershipOf(rec, i.user); err != nil {
			return err
		}
		refused, err = c.turnIn(rec, r.app, t, i)
		return err
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

// family is where the rotation of a sign-in's refresh tokens has come to. There is one for a sign-in, however often its
// tokens are renewed, and it goes when the last of them has expired.
type family struct {
	// Generation is that of the tokens in use. The one before holds on until Grace.
	Generation int
	Grace      time.Time
	Expires    time.Time
}

// turnIn takes a refresh token in exchange for the next. One that was turned in before, and whose time of grace is over, is
// in two hands: nobody can tell which is the thief's, so the sign-in ends for both (RFC 9700 section 4.14.2). That has to
// be kept although the request fails: the caller commits and returns `refused`.
func (c *scoped) turnIn(rec *store.Records, app *userpool.Client, t *refreshToken, i *issuance) (refused, err error) {
	k := c.Pool.SpentKey(userpool.SpentFamily, t.Origin)
	f, err := store.Load[family](rec, k)
	if err != nil {
		return nil, err
	}
	now := c.Call.Now
	if f == nil {
		f = &family{}
	}
	switch {
	case t.Generation == f.Generation && !app.Rotates():
		return nil, nil
	case t.Generation == f.Generation:
		f.Generation, f.Grace, f.Expires = f.Generation+1, now.Add(app.Grace()), t.Expires
		i.generation = f.Generation
		if err := store.Save(rec, k, f); err != nil {
			return nil, err
		}
		return nil, c.Expire(rec, userpool.SpentFamily, t.Origin, t.Expires)
	case t.Generation == f.Generation-1 && now.Before(f.Grace):
		i.generation = f.Generation
		return nil, nil
	case !app.Rotates(): // turned in when they still were
		return reusedToken(), nil
	}
	_, err = c.Spend(rec, userpool.SpentOrigin, t.Origin, t.Expires.Add(app.Lifetime(userpool.UseAccess)))
	return reusedToken(), err
}

func reusedToken() *fault.Error {
	return api.NewRefreshTokenReuseException("Refresh token has been used before.")
}

// refreshable loads the user of a refresh token, or says why the token is not good any more.
func (c *scoped) refreshable(rec *store.Records, t *refreshToken) (*userpool.User, error) {
	u, err := store.Load[userpool.User](rec, userpool.UserKey(c.Pool.ID, t.Sub))
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return nil, refusal.BadRefreshToken()
	case u.Disabled:
		return nil, refusal.UserDisabled()
	case u.Epoch != t.Epoch:
		return nil, refusal.RefreshTokenRevoked()
	case u.Status == api.UserStatusTypeResetRequired:
		return nil, userpool.ResetRequired()
	case u.Status != api.UserStatusTypeConfirmed && u.Status != api.UserStatusTypeExternalProvider:
		return nil, refusal.BadRefreshToken()
	}
	revoked, err := c.Revoked(rec, t.Origin)
	if err == nil && revoked {
		err = refusal.RefreshTokenRevoked()
	}
	return u, err
}

// maxGrace is RetryGracePeriodSeconds' upper bound; it is also the model's.
const maxGrace = 60

// setRotation reads whether refresh tokens are replaced at each use.
func setRotation(s *userpool.ClientSettings, r *api.RefreshTokenRotationType) error {
	if r == nil {
		return nil
	}
	s.Rotation = r
	switch grace := opt.Value(r.RetryGracePeriodSeconds); {
	case grace < 0 || grace > maxGrace:
		return refusal.Invalid("RetryGracePeriodSeconds must be between 0 and %d.", maxGrace)
	case !s.Rotates():
		return nil
	case s.NoRevocation:
		return refusal.Invalid("Refresh token rotation requires token revocation.")
	}
	for _, f := range s.Flows {
		if f == "ALLOW_REFRESH_TOKEN_AUTH" || f == "ADMIN_NO_SRP_AUTH" || f == "CUSTOM_AUTH_FLOW_ONLY" || f == "USER_PASSWORD_AUTH" {
			return refusal.Invalid("Refresh token rotation cannot be enabled together with ALLOW_REFRESH_TOKEN_AUTH.")
		}
	}
	return nil
}
