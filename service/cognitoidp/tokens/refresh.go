package tokens

import (
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// checkDevice says whether a refresh token that was made for a device is still good: it is used by its device, which was
// not forgotten.
func (c *Request) checkDevice(rec *store.Records, bound, given string) error {
	if bound == "" {
		return nil
	}
	if given != bound {
		return refusal.BadRefreshToken()
	}
	_, found, err := rec.Get(c.Pool.SpentKey(userpool.SpentDevice, bound))
	if err == nil && found {
		err = refusal.BadRefreshToken()
	}
	return err
}

// Renewal is a request for new tokens by a refresh token.
type Renewal struct {
	// App is the app client for which the caller was found to act.
	App    *userpool.Client
	Token  string
	Device string // the key of the device that asks, or ""
	Meta   map[string]string
	// Allowed has the last word on the token's user, before anything is changed.
	Allowed func(*userpool.User) error
}

// Renew makes new tokens for a refresh token, with another refresh token where the app client rotates them.
func (c *Request) Renew(r *Renewal) (*api.AuthenticationResultType, error) {
	i, err := c.TurnedIn(r)
	if err != nil {
		return nil, err
	}
	return c.Issue(i)
}

// TurnedIn says what tokens a refresh token is good for, and turns it in for the next if the app client rotates them.
func (c *Request) TurnedIn(r *Renewal) (*Issuance, error) {
	t, err := c.openRefreshToken(r.App, r.Token)
	if err != nil {
		return nil, err
	}
	if !c.Call.Now.Before(t.Expires) {
		return nil, api.NewNotAuthorizedException("Refresh Token has expired")
	}
	i := &Issuance{
		App: r.App, Source: SourceRefresh, Meta: r.Meta, Refresh: r.App.Rotates(), until: t.Expires, SignIn: t.signIn(),
	}
	var refused error
	run := c.View
	if r.App.Rotates() {
		run = c.Update
	}
	err = run(func(rec *store.Records) (err error) {
		refused = nil
		if i.User, err = c.refreshable(rec, t); err != nil {
			return err
		}
		if err := c.checkDevice(rec, t.Device, r.Device); err != nil {
			return err
		}
		if err := r.Allowed(i.User); err != nil {
			return err
		}
		if i.Groups, err = c.MembershipOf(rec, i.User); err != nil {
			return err
		}
		refused, err = c.turnIn(rec, r.App, t, i)
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
func (c *Request) turnIn(rec *store.Records, app *userpool.Client, t *refreshToken, i *Issuance) (refused, err error) {
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
func (c *Request) refreshable(rec *store.Records, t *refreshToken) (*userpool.User, error) {
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

// RevokeRefreshToken ends the sign-in that a refresh token came of.
func (c *Request) RevokeRefreshToken(app *userpool.Client, text string) error {
	if app.NoRevocation {
		return api.NewUnsupportedOperationException("Revocation is not enabled for this client")
	}
	token, err := c.openRefreshToken(app, text)
	switch {
	case err == nil:
		return c.Update(func(rec *store.Records) error {
			_, err := c.Spend(rec, userpool.SpentOrigin, token.Origin, token.Expires.Add(app.Lifetime(userpool.UseAccess)))
			return err
		})
	case strings.Contains(text, "."):
		return api.NewUnsupportedTokenTypeException("Unsupported token type")
	case fault.Is(err, "NotAuthorizedException"):
		return nil
	}
	return err
}
