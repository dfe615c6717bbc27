package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/store"
)

func refreshFlows() map[api.AuthFlowType]flow {
	f := flow{allows: (*attempt).allowsRefresh, begin: (*attempt).refresh}
	return map[api.AuthFlowType]flow{api.AuthFlowTypeRefreshToken: f, api.AuthFlowTypeRefreshTokenAuth: f}
}

func (a *attempt) allowsRefresh() error {
	if !a.app.allows("ALLOW_REFRESH_TOKEN_AUTH") {
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
	i, err := a.renew(text)
	if err != nil {
		return nil, err
	}
	if err := a.checkSecretHash(a.app, a.params[paramSecretHash], i.user.Username, i.user.Sub); err != nil {
		return nil, err
	}
	tokens, err := a.issue(i)
	return &outcome{tokens: tokens, params: map[string]string{}}, err
}

// renew says what tokens a refresh token is good for.
func (a *attempt) renew(text string) (*issuance, error) {
	t, err := a.openRefreshToken(a.app, text)
	if err != nil {
		return nil, err
	}
	if !a.call.Now.Before(t.Expires) {
		return nil, api.NewNotAuthorizedException("Refresh Token has expired")
	}
	i := &issuance{app: a.app, signIn: t.signIn(), source: sourceRefresh, meta: a.around.meta}
	err = a.view(func(rec *store.Records) (err error) {
		if i.user, err = a.refreshable(rec, t); err != nil {
			return err
		}
		if err := a.checkDevice(rec, t.Device); err != nil {
			return err
		}
		i.groups, err = a.membershipOf(rec, i.user)
		return err
	})
	if err != nil {
		return nil, err
	}
	return i, nil
}

// refreshable loads the user of a refresh token, or says why the token is not good any more.
func (a *attempt) refreshable(rec *store.Records, t *refreshToken) (*user, error) {
	u, err := store.Load[user](rec, userKey(a.pool.ID, t.Sub))
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return nil, badRefreshToken()
	case u.Disabled:
		return nil, userDisabled()
	case u.Epoch != t.Epoch:
		return nil, refreshTokenRevoked()
	case u.Status == api.UserStatusTypeResetRequired:
		return nil, resetRequired()
	case u.Status != api.UserStatusTypeConfirmed:
		return nil, badRefreshToken()
	}
	revoked, err := a.revoked(rec, t.Origin)
	if err == nil && revoked {
		err = refreshTokenRevoked()
	}
	return u, err
}
