package cognitoidp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func invalidToken() *fault.Error {
	return oauthError(ErrInvalidToken, "Access token is expired, disabled, or deleted, or the user has globally signed out.")
}

// UserInfo implements login.Service ("userInfo endpoint", Amazon Cognito Developer Guide; OpenID Connect Core 1.0 section
// 5.3). As with AWS, all values are text.
func (o *oauth) UserInfo(ctx context.Context, call *pipeline.Call, in *login.UserInfoInput) (*login.UserInfoOutput, error) {
	p, claims, err := o.s.VerifyAccess(ctx, opt.Value(in.AccessToken), call.Now)
	if refusedSignIn(err) || err == nil && p.ID != opt.Value(in.PoolId) {
		return nil, invalidToken()
	}
	if err != nil {
		return nil, err
	}
	scopes := tokens.SplitScopes(claims.Scope)
	if !slices.Contains(scopes, tokens.ScopeOpenID) {
		return nil, oauthError(ErrInsufficientScope, "The access token lacks the scope openid.")
	}
	b, err := o.s.HoldWith(ctx, call, p, claims)
	if fault.Is(err, "ResourceNotFoundException") {
		return nil, invalidToken()
	}
	if err != nil {
		return nil, err
	}
	u, err := userpool.Read(b, b.User)
	if refusedSignIn(err) {
		return nil, invalidToken()
	}
	if err != nil {
		return nil, err
	}
	told := map[string]string{"sub": u.Sub, "username": u.Username}
	for name, value := range u.Attributes {
		if userpool.MayRead(b.App, name) && tokens.ScopesShow(scopes, name) {
			told[name] = value
		}
	}
	text, err := json.Marshal(told)
	if err != nil {
		return nil, fault.Wrap(err, "encode claims")
	}
	return &login.UserInfoOutput{Claims: new(string(text))}, nil
}

// RevokeToken implements login.Service ("Revoke endpoint", Amazon Cognito Developer Guide; RFC 7009).
func (o *oauth) RevokeToken(ctx context.Context, call *pipeline.Call, in *login.RevokeTokenInput) (*login.RevokeTokenOutput, error) {
	c, err := o.s.in(ctx, call, in.PoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.Client(opt.Value(in.ClientId))
	if fault.Is(err, "ResourceNotFoundException") {
		return nil, oauthError(ErrInvalidClient, "Client does not exist.")
	}
	if err != nil {
		return nil, err
	}
	call.Note("clientId", app.ID)
	if err := c.authenticateClient(app, opt.Value(in.ClientSecret)); err != nil {
		return nil, err
	}
	err = c.tokens().RevokeRefreshToken(app, opt.Value(in.Token))
	switch {
	case fault.Is(err, "UnsupportedOperationException"):
		err = oauthError(ErrInvalidRequest, "Revocation is not enabled for this client.")
	case fault.Is(err, "UnsupportedTokenTypeException"):
		err = oauthError(ErrUnsupportedTokenType, "Only refresh tokens can be revoked.")
	}
	if err != nil {
		return nil, err
	}
	return &login.RevokeTokenOutput{}, nil
}

// Logout implements login.Service ("Logout endpoint", Amazon Cognito Developer Guide): it ends the browser's session. The
// location is the logout_uri, which has to be one of the client's to the letter.
func (o *oauth) Logout(ctx context.Context, call *pipeline.Call, in *login.LogoutInput) (*login.LogoutOutput, error) {
	c, app, err := o.app(ctx, call, in.PoolId, opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	if to := opt.Value(in.LogoutUri); to != "" && !slices.Contains(app.LogoutURLs, to) {
		return nil, oauthError(ErrInvalidRequest, "The logout URI is not one of the client's.")
	}
	if s, ok := c.openLoginSession(opt.Value(in.Session)); ok {
		err := c.Update(func(rec *store.Records) error {
			_, err := c.Spend(rec, spentLogin, s.ID, s.Expires)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	d, err := c.farewell(app, opt.Value(in.Base), opt.Value(in.Farewell), opt.Value(in.LogoutUri))
	if err != nil {
		return nil, err
	}
	if d != nil {
		return &login.LogoutOutput{
			Location: &d.To.URL, Field: opt.Present(d.To.Field), Value: opt.Present(d.To.Value), RelayState: opt.Present(d.To.RelayState),
			State: &d.State, Sealed: &d.Sealed,
		}, nil
	}
	return &login.LogoutOutput{Location: in.LogoutUri}, nil
}

// GetPage implements login.Service: what the pages show of a pool and an app client to anybody who comes with a good
// request.
func (o *oauth) GetPage(ctx context.Context, call *pipeline.Call, in *login.GetPageInput) (*login.GetPageOutput, error) {
	a, err := o.authorization(ctx, call, in.PoolId, in.Request)
	if err != nil {
		return nil, err
	}
	if f := a.check(); f != nil {
		return nil, f
	}
	call.Note("page", opt.Value(in.Page))
	providers, local, err := a.choices()
	if err != nil {
		return nil, err
	}
	out := &login.GetPageOutput{
		ClientName: new(a.app.Name), PoolName: new(a.Pool.Name), SignUp: new(!a.Pool.Settings.AdminOnly),
		Recovery: new(recovers(a.Pool)), Attributes: a.signUpFields(), UsernameFields: signInNames(a.Pool), Redirect: &a.redirect,
		Providers: providers, LocalUsers: &local, Flow: new(a.pageFlow()),
	}
	if a.pageFlow() == FlowChoice && a.Pool.Settings.Begins(api.AuthFactorTypeWebAuthn) {
		out.Party = opt.Present(a.partyID(a.Pool))
	}
	if opt.Value(in.Page) == "signup" {
		if err := a.linkTerms(out); err != nil {
			return nil, err
		}
	}
	return out, a.dress(out)
}

// recovers reports whether users can set a new password by themselves.
func recovers(p *userpool.Pool) bool {
	r := p.Settings.Recovery
	return r == nil || len(r.RecoveryMechanisms) == 0 || slices.ContainsFunc(r.RecoveryMechanisms, func(m api.RecoveryOptionType) bool {
		return m.Name != api.RecoveryOptionNameTypeAdminOnly
	})
}

// signInNames are the kinds of names that users may sign in with: "username", "email", "phone_number".
func signInNames(p *userpool.Pool) []string {
	if len(p.UsernameAttributes) > 0 {
		return p.UsernameAttributes
	}
	names := []string{"username"}
	for _, a := range p.Aliases {
		if a == "email" || a == "phone_number" {
			names = append(names, a)
		}
	}
	return names
}

// signUpFields are the attributes that the sign-up page asks for: the required ones that users may write, and an address
// that the pool is to verify.
func (a *authorization) signUpFields() []login.Field {
	var out []login.Field
	w := userpool.Writer{Client: a.app, Creating: true}
	for i := range a.Pool.Schema {
		s := &a.Pool.Schema[i]
		verified := slices.Contains(a.Pool.AutoVerified, s.Name)
		if s.Name == "sub" || !s.Required && !verified || !a.Pool.MayWrite(w, s) || slices.Contains(a.Pool.UsernameAttributes, s.Name) {
			continue
		}
		out = append(out, login.Field{Name: new(s.Name), Required: new(s.Required), Type: new(strings.ToLower(string(s.Type)))})
	}
	return out
}
