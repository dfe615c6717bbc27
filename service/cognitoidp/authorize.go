package cognitoidp

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// authorization is a request for authorization whose app client and redirect URI are good: what is wrong with the rest
// may be told to the client by a redirect.
type authorization struct {
	*scoped
	app *userpool.Client
	req *login.AuthorizationRequest
	// redirect is where answers go.
	redirect string
	scopes   []string
	implicit bool
}

// authorization opens a request. An error is for the browser's user alone: nothing may be sent to a redirect URI that is
// not one of the app client's, to the letter (RFC 9700 section 4.1.3).
func (o *oauth) authorization(ctx context.Context, call *pipeline.Call, pool *string, req *login.AuthorizationRequest) (*authorization, error) {
	c, app, err := o.app(ctx, call, pool, opt.Value(req.ClientId))
	if err != nil {
		return nil, err
	}
	a := &authorization{scoped: c, app: app, req: req, redirect: opt.Value(req.RedirectUri), implicit: opt.Value(req.ResponseType) == "token"}
	if a.redirect == "" {
		a.redirect = opt.Value(app.DefaultRedirectURI)
	}
	if a.redirect == "" {
		return nil, oauthError(ErrInvalidRequest, "redirect_uri is missing.")
	}
	if !slices.Contains(app.CallbackURLs, a.redirect) {
		return nil, oauthError(ErrInvalidRequest, "redirect_mismatch: the redirect URI is not one of the client's.")
	}
	return a, nil
}

// challengeForm is what an S256 code challenge looks like (RFC 7636 section 4.2).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// check says what is wrong with the request, for the client.
func (a *authorization) check() *fault.Error {
	var flow api.OAuthFlowType
	switch opt.Value(a.req.ResponseType) {
	case "code":
		flow = api.OAuthFlowTypeCode
	case "token":
		flow = api.OAuthFlowTypeImplicit
	case "":
		return oauthError(ErrInvalidRequest, "response_type is missing.")
	default:
		return oauthError(ErrUnsupportedResponse, "response_type has to be code or token.")
	}
	if !slices.Contains(a.app.OAuthFlows, flow) {
		return oauthError(ErrUnauthorizedClient, "The client is not allowed to use this response_type.")
	}
	if f := a.checkChallenge(); f != nil {
		return f
	}
	if age := opt.Value(a.req.MaxAge); age != "" {
		if n, err := strconv.Atoi(age); err != nil || n < 0 {
			return oauthError(ErrInvalidRequest, "max_age has to be a number of seconds.")
		}
	}
	return a.checkScopes()
}

// checkChallenge checks the PKCE parameters. Only S256 is served, as with AWS: a plain challenge shows the verifier to
// whoever sees the request.
func (a *authorization) checkChallenge() *fault.Error {
	challenge, method := opt.Value(a.req.CodeChallenge), opt.Value(a.req.CodeChallengeMethod)
	switch {
	case challenge == "" && method == "":
		return nil
	case method != "S256":
		return oauthError(ErrInvalidRequest, "code_challenge_method has to be S256.")
	case !challengeForm.MatchString(challenge):
		return oauthError(ErrInvalidRequest, "code_challenge is not an S256 challenge.")
	case a.implicit:
		return oauthError(ErrInvalidRequest, "code_challenge is for response_type code.")
	}
	return nil
}

// checkScopes reads the scopes; none are all of the client's.
func (a *authorization) checkScopes() *fault.Error {
	a.scopes = tokens.SplitScopes(opt.Value(a.req.Scope))
	if len(a.scopes) == 0 {
		a.scopes = slices.Clone(a.app.OAuthScopes)
	}
	for _, s := range a.scopes {
		if !slices.Contains(a.app.OAuthScopes, s) {
			return oauthError(ErrInvalidScope, "A scope is not allowed for the client.")
		}
		if slices.Contains(tokens.IdentityScopes, s) && !slices.Contains(a.scopes, tokens.ScopeOpenID) {
			return oauthError(ErrInvalidScope, "The scopes email, phone and profile need openid.")
		}
	}
	return nil
}

// prompts reports whether the request asks for a prompt of the kind (OpenID Connect Core 1.0 section 3.1.2.1).
func (a *authorization) prompts(kind string) bool {
	return slices.Contains(strings.Fields(opt.Value(a.req.Prompt)), kind)
}

// answer is the redirect URI with the response: in the query for codes, in the fragment for tokens (RFC 6749 sections
// 4.1.2 and 4.2.2).
func (a *authorization) answer(values url.Values) string {
	if state := opt.Value(a.req.State); state != "" {
		values.Set("state", state)
	}
	if opt.Value(a.req.Routed) != "" { // the application did not know whose user it would be (RFC 9207)
		values.Set("iss", a.IssuerOf(a.Pool))
		values.Set("client_id", a.app.ID)
	}
	if a.implicit {
		return a.redirect + "#" + values.Encode()
	}
	separator := "?"
	if strings.Contains(a.redirect, "?") {
		separator = "&"
	}
	return a.redirect + separator + values.Encode()
}

// refusal tells the client what is wrong.
func (a *authorization) refusal(f *fault.Error) string {
	a.Call.Note("error", f.Code)
	return a.answer(url.Values{"error": {f.Code}, "error_description": {f.Message}})
}

// Authorize implements login.Service ("Redirect and authorization endpoint", Amazon Cognito Developer Guide). An answer
// without a location is for the browser to sign in.
func (o *oauth) Authorize(ctx context.Context, call *pipeline.Call, in *login.AuthorizeInput) (*login.AuthorizeOutput, error) {
	a, err := o.authorization(ctx, call, in.PoolId, in.Request)
	if err != nil {
		return nil, err
	}
	if f := a.check(); f != nil {
		return &login.AuthorizeOutput{Location: new(a.refusal(f))}, nil
	}
	v, err := a.remembered(opt.Value(in.Session))
	if err != nil {
		return nil, err
	}
	if v == nil {
		if a.prompts("none") {
			return &login.AuthorizeOutput{Location: new(a.refusal(oauthError(ErrLoginRequired, "The user is not signed in.")))}, nil
		}
		return &login.AuthorizeOutput{}, nil
	}
	ahead := &onward{a, v, opt.Value(in.Browser), opt.Value(in.Base), []string{StepSavePasskey}}
	if opt.Value(in.AddPasskey) {
		return authorized(ahead.addPasskey())
	}
	if a.prompts("none") {
		if needed, err := ahead.consentNeeded(); err != nil || needed {
			return &login.AuthorizeOutput{Location: new(a.refusal(oauthError(ErrConsentRequired, "The user has not consented.")))}, err
		}
	}
	return authorized(ahead.proceed())
}

// authorized is the answer of a step as one to an authorization request.
func authorized(out *login.SignInOutput, err error) (*login.AuthorizeOutput, error) {
	if err != nil {
		return nil, err
	}
	return &login.AuthorizeOutput{Location: out.Location, Challenge: out.Challenge, Parameters: out.Parameters, State: out.State}, nil
}

// visitor is a user whom the browser's session names.
type visitor struct {
	user    *userpool.User
	groups  userpool.Membership
	session *loginSession
}

// remembered returns the user of the browser's session if that serves the request, else nil.
func (a *authorization) remembered(text string) (*visitor, error) {
	s, ok := a.openLoginSession(text)
	if !ok || a.prompts("login") || a.prompts("select_account") || a.tooOld(s.At) {
		return nil, nil //nolint:nilnil // nobody is remembered
	}
	return a.visitorOf(s)
}

// tooOld reports whether the sign-in is longer ago than the request's max_age.
func (a *authorization) tooOld(at time.Time) bool {
	age := opt.Value(a.req.MaxAge)
	n, err := strconv.ParseInt(age, 10, 32)
	return age != "" && (err != nil || a.Call.Now.Sub(at) > time.Duration(n)*time.Second)
}

// grant gives the client what it asked for on behalf of a user who signed in, and returns where the browser goes.
func (a *authorization) grant(u *userpool.User, m userpool.Membership, at time.Time) (string, error) {
	in := a.tokens().NewSignIn(u)
	in.At, in.Scopes, in.Nonce = at, a.scopes, opt.Value(a.req.Nonce)
	if a.implicit {
		return a.implicitGrant(&tokens.Issuance{App: a.app, User: u, Groups: m, SignIn: in, Source: tokens.SourceHostedAuth})
	}
	code, err := a.sealText(keyring.AuthorizationCode, &authCode{
		ID: uuid.NewString(), Sub: u.Sub, Epoch: u.Epoch, Redirect: opt.Value(a.req.RedirectUri), Challenge: opt.Value(a.req.CodeChallenge),
		Nonce: in.Nonce, Scopes: in.Scopes, Origin: in.Origin, At: in.At, Expires: a.Call.Now.Add(CodeLife),
	}, a.app.ID)
	if err != nil {
		return "", err
	}
	return a.answer(url.Values{"code": {code}}), nil
}

// implicitGrant answers with tokens.
func (a *authorization) implicitGrant(i *tokens.Issuance) (string, error) {
	t, err := a.tokens().Issue(i)
	if err != nil {
		return "", err
	}
	values := url.Values{
		"access_token": {opt.Value(t.AccessToken)}, "token_type": {opt.Value(t.TokenType)},
		"expires_in": {strconv.Itoa(int(opt.Value(t.ExpiresIn)))},
	}
	if t.IdToken != nil {
		values.Set("id_token", *t.IdToken)
	}
	return a.answer(values), nil
}
