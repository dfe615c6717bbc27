package cognitoidp

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/api/bulkhead"
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	ratelimit "github.com/bulkhead/bulkhead/internal/limit"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// TenantRoute is where a tenant's users sign in, as the registry of tenants says.
type TenantRoute struct {
	// UserPoolID and ClientID are its user pool and app client; "" if no tenant is there.
	UserPoolID, ClientID string
	// Provider is the identity provider that its users are sent to straight away; "" for none.
	Provider string
	// Domain is the host of its sign-in pages; "" for the server's own.
	Domain string
	// Known is true for a tenant that the operator lets everybody know of.
	Known bool
	// Seed stands for the question: the same for the same one.
	Seed string
}

// Routes opens a sealed route of an account and region. An error of ErrRoute is for one that is none, or is over.
type Routes func(ctx context.Context, account, region, sealed string, now time.Time) (TenantRoute, error)

// openByRoute is why anybody may use a route.
const openByRoute = "authorized by the user's password, or by a code; answers the same where there is no tenant"

// How often one client address may sign in by routes: once a second, after so many at once.
const (
	routedEvery = time.Second
	routedBurst = 100
)

// decoyPool is under what failures are counted where there is no tenant. It is no pool's name.
const decoyPool = "no-tenant"

// FindTenant implements login.Requirements.
func (r *oauthRequirements) FindTenant(s *authz.Scope, _ *login.FindTenantInput) authz.Requirement {
	return authz.Anonymous(openByRoute, home(s, ""))
}

// RoutedSignIn implements login.Requirements.
func (r *oauthRequirements) RoutedSignIn(s *authz.Scope, _ *login.RoutedSignInInput) authz.Requirement {
	return authz.Anonymous(openByRoute, home(s, ""))
}

// RoutedForgotPassword implements login.Requirements.
func (r *oauthRequirements) RoutedForgotPassword(s *authz.Scope, _ *login.RoutedForgotPasswordInput) authz.Requirement {
	return authz.Anonymous(openByRoute, home(s, ""))
}

// RoutedResetPassword implements login.Requirements.
func (r *oauthRequirements) RoutedResetPassword(s *authz.Scope, _ *login.RoutedResetPasswordInput) authz.Requirement {
	return authz.Anonymous(openByRoute, home(s, ""))
}

func newRoutedLimit() *ratelimit.Limiter { return ratelimit.New(routedEvery, routedBurst) }

// destined is a request by a route: to an app client of a pool, or to none.
type destined struct {
	*scoped
	app   *userpool.Client
	route TenantRoute
	// nowhere is the pool of nobody in which failures are counted, for every route.
	nowhere *scoped
}

func routeOver() *fault.Error {
	return oauthError(ErrInvalidRequest, "The sign-in took too long. Please begin again.")
}

// destined opens a route. One that leads to no tenant, or to an app client whose users cannot sign in with a password on
// pages, leads to a pool without users, at the same cost.
func (o *oauth) destined(ctx context.Context, call *pipeline.Call, sealed *string) (*destined, error) {
	if o.s.routes == nil {
		return nil, routeOver()
	}
	account, region := call.Grant.Home()
	route, err := o.s.routes(ctx, account, region, opt.Value(sealed), call.Now)
	if err != nil {
		return nil, err
	}
	nobody := &userpool.Pool{ID: region + "_" + decoyPool, Account: account, Region: region, Settings: userpool.Settings{Password: userpool.DefaultPasswordPolicy()}}
	to := &destined{route: route, nowhere: &scoped{o.s, o.s.NewRequest(ctx, call, nobody)}}
	c, app, err := o.app(ctx, call, &route.UserPoolID, route.ClientID)
	switch {
	case route.UserPoolID == "" || fault.Is(err, "ResourceNotFoundException") || fault.Is(err, ErrInvalidClient) || fault.Is(err, ErrUnauthorizedClient):
		to.mislead()
		return to, nil
	case err != nil:
		return nil, err
	}
	hiding := *app
	hiding.HideUsers = true
	to.scoped, to.app = c, &hiding
	return to, nil
}

// leads reports whether the route leads to a tenant.
func (d *destined) leads() bool { return d.route.UserPoolID != "" }

// mislead makes the route one to no tenant.
func (d *destined) mislead() {
	d.route = TenantRoute{Seed: d.route.Seed}
	d.scoped = d.nowhere
	d.app = &userpool.Client{ID: decoyPool, Pool: d.nowhere.Pool.ID, ClientSettings: userpool.ClientSettings{HideUsers: true}}
}

// shadow is a username in the pool of nobody: those of two routes are two.
func (d *destined) shadow(name string) string { return d.route.Seed + "\x00" + name }

// allowed limits what a client may ask for by routes.
func (o *oauth) allowed(call *pipeline.Call) error {
	if !o.s.routed.Allow(ratelimit.Client(call.SourceIP), call.Now) {
		return refusal.TooManyRequests()
	}
	return nil
}

// FindTenant implements login.Service: it finds a tenant's route. Only for a tenant that the operator lets everybody know
// of does it say where that leads.
func (o *oauth) FindTenant(ctx context.Context, call *pipeline.Call, in *login.FindTenantInput) (*login.FindTenantOutput, error) {
	ask := &bulkhead.ResolveTenantInput{Subdomain: in.Subdomain, ListedName: in.ListedName}
	if in.Typed != nil {
		if text := strings.TrimSpace(*in.Typed); strings.Contains(text, "@") {
			ask.EmailAddress = &text
		} else {
			ask.Code = &text
		}
	}
	var check constraint.Checker
	ask.Validate(&check)
	if err := check.Err(); err != nil {
		return nil, err
	}
	found, err := pipeline.InvokeAnonymous[bulkhead.ResolveTenantOutput](ctx, call, messages.EventSource, "bulkhead", "ResolveTenant", ask)
	if err != nil {
		return nil, err
	}
	to, err := o.destined(ctx, call, found.Route)
	if err != nil {
		return nil, err
	}
	out := &login.FindTenantOutput{Route: found.Route}
	if to.route.Known {
		out.PoolId, out.ClientId = &to.route.UserPoolID, &to.route.ClientID
		out.Provider, out.Domain = opt.Present(to.route.Provider), opt.Present(to.route.Domain)
	}
	return out, nil
}

// RoutedSignIn implements login.Service: the first step of a sign-in by a route. Until the password was right, every
// answer is the same as where there is no tenant, whatever is wrong: with the user, the app client or the request.
func (o *oauth) RoutedSignIn(ctx context.Context, call *pipeline.Call, in *login.RoutedSignInInput) (*login.RoutedSignInOutput, error) {
	if err := o.allowed(call); err != nil {
		return nil, err
	}
	to, err := o.destined(ctx, call, in.Route)
	if err != nil {
		return nil, err
	}
	a := to.authorization(in.Request)
	if to.leads() && (a.takesLocal() != nil || a.pageFlow() != FlowPassword) {
		to.mislead()
		a = to.authorization(in.Request)
	}
	name := opt.Value(in.Username)
	if !to.leads() {
		name = to.shadow(name)
	}
	step := &loginStep{Username: name}
	out, err := a.step(step, map[string]string{AnswerPassword: opt.Value(in.Password)})
	if fault.Is(err, "UserNotConfirmedException") {
		call.Note("userPoolId", a.Pool.ID)
		return &login.RoutedSignInOutput{PoolId: &a.Pool.ID, ClientId: &a.app.ID, Unconfirmed: new(true)}, nil
	}
	if err != nil {
		return nil, to.refused(err, name, opt.Value(in.Password))
	}
	if !to.leads() {
		return nil, refusal.BadCredentials() // nobody's password is right
	}
	return a.entered(step, out, opt.Value(in.Browser))
}

// authorization is the request for authorization, whose redirect URI and scopes are checked once the password was right.
func (d *destined) authorization(in *login.RoutedRequest) *authorization {
	req := &login.AuthorizationRequest{
		ClientId: &d.app.ID, RedirectUri: in.RedirectUri, ResponseType: in.ResponseType, Scope: in.Scope, State: in.State, Nonce: in.Nonce,
		CodeChallenge: in.CodeChallenge, CodeChallengeMethod: in.CodeChallengeMethod, Prompt: in.Prompt, LoginHint: in.LoginHint, Lang: in.Lang,
		MaxAge: in.MaxAge, Resource: in.Resource, Routed: new("true"),
	}
	return &authorization{scoped: d.scoped, app: d.app, req: req, redirect: opt.Value(in.RedirectUri)}
}

// entered goes on with a user whose password was right: only now may the request's own faults be told.
func (a *authorization) entered(step *loginStep, out *outcome, browser string) (*login.RoutedSignInOutput, error) {
	a.Call.Note("userPoolId", a.Pool.ID)
	if !slices.Contains(a.app.CallbackURLs, a.redirect) {
		return nil, oauthError(ErrInvalidRequest, "redirect_mismatch: the redirect URI is not one of the client's.")
	}
	at := &login.RoutedSignInOutput{PoolId: &a.Pool.ID, ClientId: &a.app.ID}
	if f := a.check(); f != nil {
		at.Location = new(a.refusal(f))
		return at, nil
	}
	if out.arrival != nil {
		done, err := a.arrived(out, poolsettings.LocalProvider, &onward{browser: browser}, true)
		if err == nil {
			at.Location, at.Session = done.Location, done.Session
			at.Challenge, at.Parameters, at.State = done.Challenge, done.Parameters, done.State
		}
		return at, err
	}
	next := &loginStep{Challenge: out.challenge, Session: out.session, Username: step.Username}
	state, err := a.sealText(keyring.LoginSession, next, aboutBrowser(a.app, browser))
	at.Challenge, at.Parameters, at.State = new(string(out.challenge)), out.params, &state
	return at, err
}

// refused is what a refusal before the password was right becomes: the same for a wrong password, a locked-out user, one
// who is disabled or has to reset the password, and for whatever a function or the app client has against the sign-in.
// What failed before its password was checked takes that time all the same.
func (d *destined) refused(err error, name, password string) error {
	f := fault.From(err)
	switch {
	case f.Class == fault.Internal || f.Class == fault.Unavailable || f.Code == "TooManyRequestsException":
		return err
	case f.Code == "NotAuthorizedException" && f.Message == refusal.BadCredentials().Message:
		return err
	}
	if _, err := d.nowhere.PasswordMatches(nil, name, password); err != nil {
		return err
	}
	who, err := d.nowhere.Who(nil, d.shadow(name))
	if err != nil {
		return err
	}
	if err := d.nowhere.Update(func(rec *store.Records) error { return d.nowhere.Failed(rec, who) }); err != nil {
		return err
	}
	return refusal.BadCredentials()
}

// RoutedForgotPassword implements login.Service. It answers before anything is done, so that nothing of what is done can
// be told from the answer.
func (o *oauth) RoutedForgotPassword(ctx context.Context, call *pipeline.Call, in *login.RoutedForgotPasswordInput) (*login.RoutedForgotPasswordOutput, error) {
	if err := o.allowed(call); err != nil {
		return nil, err
	}
	to, err := o.destined(ctx, call, in.Route)
	if err != nil {
		return nil, err
	}
	done, ok := o.s.Begin()
	if !ok {
		return nil, refusal.TooManyRequests()
	}
	to.scoped = &scoped{to.Service, to.NewRequest(context.WithoutCancel(ctx), call.Detach(), to.Pool)}
	go func() {
		defer done()
		if err := to.forgotten(opt.Value(in.Username)); err != nil {
			o.s.log.Warn("a forgotten password's code was not sent", "pool", to.Pool.ID, "error", err)
		}
	}()
	return &login.RoutedForgotPasswordOutput{}, nil
}

// forgotten sends a code to set a new password with, if there is whom to send it to.
func (d *destined) forgotten(name string) error {
	if !d.leads() {
		return d.Update(func(rec *store.Records) error {
			return d.messages().PretendCode(rec, d.shadow(name), userpool.CodeForgot)
		})
	}
	a := &authorization{scoped: d.scoped, app: d.app}
	hash, err := a.secretHash(name)
	if err != nil {
		return err
	}
	_, err = public[api.ForgotPasswordOutput](a, "ForgotPassword", &api.ForgotPasswordInput{ClientId: &d.app.ID, SecretHash: hash, Username: &name})
	return err
}

// RoutedResetPassword implements login.Service. It does not say why a password was not changed: whoever has no code must
// not learn from the reason whether the tenant is there.
func (o *oauth) RoutedResetPassword(ctx context.Context, call *pipeline.Call, in *login.RoutedResetPasswordInput) (*login.RoutedResetPasswordOutput, error) {
	if err := o.allowed(call); err != nil {
		return nil, err
	}
	to, err := o.destined(ctx, call, in.Route)
	if err != nil {
		return nil, err
	}
	err = to.reset(opt.Value(in.Username), opt.Value(in.Code), opt.Value(in.Password))
	f := fault.From(err)
	if err != nil && (f.Class == fault.Internal || f.Class == fault.Unavailable) {
		return nil, err
	}
	return &login.RoutedResetPasswordOutput{Done: new(err == nil)}, nil
}

func (d *destined) reset(name, code, password string) error {
	if !d.leads() {
		return d.messages().PretendReset(d.shadow(name), code)
	}
	a := &authorization{scoped: d.scoped, app: d.app}
	hash, err := a.secretHash(name)
	if err != nil {
		return err
	}
	_, err = public[api.ConfirmForgotPasswordOutput](a, "ConfirmForgotPassword", &api.ConfirmForgotPasswordInput{
		ClientId: &d.app.ID, SecretHash: hash, Username: &name, ConfirmationCode: &code, Password: &password,
	})
	if err != nil && !fault.Is(err, "CodeMismatchException") && !fault.Is(err, "ExpiredCodeException") {
		if err := d.nowhere.messages().PretendReset(d.shadow(name), code); fault.From(err).Class != fault.Modeled {
			return err // what was refused before the code was looked at takes its time
		}
	}
	return err
}
