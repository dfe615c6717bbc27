package login

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"

	api "github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
)

// run runs an operation of managed login.
func run[O, I any](q *request, operation string, in *I) (*O, error) {
	return pipeline.Serve[O](q.r.Context(), q.call, cognitoidp.LoginService, operation, in)
}

// parameters are those of a query or form in which none came twice (RFC 6749 section 3.1).
type parameters struct {
	values url.Values
	twice  string
}

func (q *request) query() parameters { return unique(q.r.URL.Query()) }

func unique(v url.Values) parameters {
	p := parameters{values: v}
	for name, all := range v {
		if len(all) > 1 {
			p.twice = name
		}
	}
	return p
}

// get returns a parameter, nil if it is absent or empty (RFC 6749 section 3.1).
func (p parameters) get(name string) *string { return opt.Present(p.values.Get(name)) }

func (p parameters) check() error {
	if p.twice != "" {
		return fault.Of(cognitoidp.ErrInvalidRequest, "A parameter came more than once.")
	}
	return nil
}

// body reads the form of a client's request.
func (q *request) body() (parameters, error) {
	kind, _, err := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return parameters{}, fault.Of(cognitoidp.ErrInvalidRequest, "The content type has to be application/x-www-form-urlencoded.")
	}
	if err := q.r.ParseForm(); err != nil {
		return parameters{}, fault.Of(cognitoidp.ErrInvalidRequest, "The form cannot be read.")
	}
	p := unique(q.r.PostForm)
	return p, p.check()
}

// authorizationParameters are what an authorization request is made of; pages carry them on.
var authorizationParameters = []string{
	"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"identity_provider", "idp_identifier", "prompt", "login_hint", "lang", "max_age", "resource", "routed",
}

func (p parameters) authorization() *api.AuthorizationRequest {
	return &api.AuthorizationRequest{
		ClientId: p.get("client_id"), RedirectUri: p.get("redirect_uri"), ResponseType: p.get("response_type"), Scope: p.get("scope"),
		State: p.get("state"), Nonce: p.get("nonce"), CodeChallenge: p.get("code_challenge"), CodeChallengeMethod: p.get("code_challenge_method"),
		IdentityProvider: p.get("identity_provider"), IdpIdentifier: p.get("idp_identifier"), Prompt: p.get("prompt"),
		LoginHint: p.get("login_hint"), Lang: p.get("lang"), MaxAge: p.get("max_age"), Resource: p.get("resource"),
		Routed: p.get("routed"),
	}
}

// requested is the request as the parameters that it was made of.
func requested(r *api.AuthorizationRequest) parameters {
	p := parameters{values: url.Values{}}
	for name, value := range map[string]*string{
		"client_id": r.ClientId, "redirect_uri": r.RedirectUri, "response_type": r.ResponseType, "scope": r.Scope, "state": r.State,
		"nonce": r.Nonce, "code_challenge": r.CodeChallenge, "code_challenge_method": r.CodeChallengeMethod,
		"identity_provider": r.IdentityProvider, "idp_identifier": r.IdpIdentifier, "prompt": r.Prompt, "login_hint": r.LoginHint,
		"lang": r.Lang, "max_age": r.MaxAge, "resource": r.Resource, "routed": r.Routed,
	} {
		if value != nil {
			p.values.Set(name, *value)
		}
	}
	return p
}

// carried is the query with which pages refer to each other: the authorization request.
func (p parameters) carried() string {
	out := url.Values{}
	for _, name := range authorizationParameters {
		if v := p.values.Get(name); v != "" {
			out.Set(name, v)
		}
	}
	return out.Encode()
}

// authorize is GET /oauth2/authorize.
func (q *request) authorize() {
	p := q.query()
	if err := p.check(); err != nil {
		q.errorPage(err)
		return
	}
	in := &api.AuthorizeInput{PoolId: &q.pool.ID, Request: p.authorization(), Session: q.session(), Base: new(q.origin())}
	if in.Session != nil { // who is nobody here is shown no page that has a form
		in.Browser = new(q.browser())
	}
	in.AddPasskey = new(q.path == pathAddPasskey)
	out, err := run[api.AuthorizeOutput](q, "Authorize", in)
	switch {
	case err != nil:
		q.errorPage(err)
	case out.Location != nil:
		q.redirect(*out.Location)
	case out.Challenge != nil:
		q.step(p, "", out.Challenge, out.State, out.Parameters)
	case !q.depart(p):
		q.redirect(q.base + "/login?" + p.carried())
	}
}

// token is POST /oauth2/token.
func (q *request) token() {
	p, err := q.body()
	if err != nil {
		q.oauthError(err)
		return
	}
	in := &api.TokenInput{
		PoolId: &q.pool.ID, GrantType: p.get("grant_type"), Code: p.get("code"), RedirectUri: p.get("redirect_uri"),
		CodeVerifier: p.get("code_verifier"), RefreshToken: p.get("refresh_token"), Scope: p.get("scope"), Resource: p.get("resource"),
	}
	if in.GrantType == nil {
		in.GrantType = new("")
	}
	if in.Metadata, err = p.metadata(); err != nil {
		q.oauthError(err)
		return
	}
	if in.ClientId, in.ClientSecret, err = q.clientOf(p); err != nil {
		q.oauthError(err)
		return
	}
	out, err := run[api.TokenOutput](q, "Token", in)
	if err != nil {
		q.oauthError(err)
		return
	}
	q.json(http.StatusOK, &tokenAnswer{
		opt.Value(out.IdToken), opt.Value(out.AccessToken), opt.Value(out.RefreshToken), opt.Value(out.ExpiresIn), opt.Value(out.TokenType),
	})
}

// metadata reads aws_client_metadata: an object of strings as JSON, for the pool's function ("Token endpoint", Amazon
// Cognito Developer Guide). How many and how long they may be is the operation's to check.
func (p parameters) metadata() (map[string]string, error) {
	text := p.get("aws_client_metadata")
	if text == nil {
		return nil, nil
	}
	var read map[string]*string
	if json.Unmarshal([]byte(*text), &read) != nil || read == nil {
		return nil, badMetadata()
	}
	out := make(map[string]string, len(read))
	for name, value := range read {
		if value == nil {
			return nil, badMetadata()
		}
		out[name] = *value
	}
	return out, nil
}

func badMetadata() *fault.Error {
	return fault.Of(cognitoidp.ErrInvalidRequest, "aws_client_metadata is not a JSON object of strings.")
}

// tokenAnswer is a success of the token endpoint (RFC 6749 section 5.1).
type tokenAnswer struct {
	IDToken      string `json:"id_token,omitempty"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int32  `json:"expires_in"`
	TokenType    string `json:"token_type"`
}

// clientOf reads which app client calls, and its secret: by HTTP Basic or in the form, never both (RFC 6749 section 2.3).
func (q *request) clientOf(p parameters) (id, secret *string, err error) {
	id, secret = p.get("client_id"), p.get("client_secret")
	head := q.r.Header.Get("Authorization")
	if head == "" {
		return id, secret, nil
	}
	user, word, ok := basic(head)
	switch {
	case !ok:
		return nil, nil, fault.Of(cognitoidp.ErrInvalidClient, "The Authorization header is not client_id and client_secret by HTTP Basic.")
	case secret != nil:
		return nil, nil, fault.Of(cognitoidp.ErrInvalidRequest, "The client secret came twice.")
	case id != nil && *id != user:
		return nil, nil, fault.Of(cognitoidp.ErrInvalidClient, "The client ids differ.")
	}
	return &user, &word, nil
}

// basic reads a client's credentials from the Authorization header, in which each is form-encoded (RFC 6749 section 2.3.1).
// A plus sign stands for itself: secrets have no spaces, and clients that follow AWS's example do not encode.
func basic(head string) (id, secret string, ok bool) {
	kind, text, ok := strings.Cut(head, " ")
	if !ok || !strings.EqualFold(kind, "Basic") {
		return "", "", false
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "", false
	}
	id, secret, ok = strings.Cut(string(plain), ":")
	if !ok {
		return "", "", false
	}
	id, err1 := url.PathUnescape(id)
	secret, err2 := url.PathUnescape(secret)
	return id, secret, err1 == nil && err2 == nil
}

// userInfo is /oauth2/userInfo.
func (q *request) userInfo() {
	kind, token, _ := strings.Cut(q.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") || token == "" {
		q.w.Header().Set("WWW-Authenticate", `Bearer error="invalid_request"`)
		q.oauthStatus(http.StatusBadRequest, cognitoidp.ErrInvalidRequest, "The request has no access token in its Authorization header.")
		return
	}
	out, err := run[api.UserInfoOutput](q, "UserInfo", &api.UserInfoInput{PoolId: &q.pool.ID, AccessToken: &token})
	if err != nil {
		q.bearerError(err)
		return
	}
	q.w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = q.w.Write([]byte(opt.Value(out.Claims)))
}

// bearerError refuses an access token (RFC 6750 section 3).
func (q *request) bearerError(err error) {
	f := fault.From(err)
	status := http.StatusUnauthorized
	switch f.Code {
	case cognitoidp.ErrInvalidToken:
	case cognitoidp.ErrInsufficientScope:
		status = http.StatusForbidden
	default:
		q.oauthError(err)
		return
	}
	q.w.Header().Set("WWW-Authenticate", `Bearer error="`+f.Code+`"`)
	q.oauthStatus(status, f.Code, f.Message)
}

// revoke is POST /oauth2/revoke.
func (q *request) revoke() {
	p, err := q.body()
	if err != nil {
		q.oauthError(err)
		return
	}
	in := &api.RevokeTokenInput{PoolId: &q.pool.ID, Token: p.get("token")}
	if in.ClientId, in.ClientSecret, err = q.clientOf(p); err != nil {
		q.oauthError(err)
		return
	}
	if in.Token == nil {
		q.oauthStatus(http.StatusBadRequest, cognitoidp.ErrInvalidRequest, "token is missing.")
		return
	}
	if _, err := run[api.RevokeTokenOutput](q, "RevokeToken", in); err != nil {
		q.oauthError(err)
		return
	}
	q.w.WriteHeader(http.StatusOK)
}

// logout is GET /logout. With a redirect_uri in place of a logout_uri, the browser goes on to sign in again.
func (q *request) logout() {
	p := q.query()
	if err := p.check(); err != nil {
		q.errorPage(err)
		return
	}
	out, err := run[api.LogoutOutput](q, "Logout", &api.LogoutInput{
		PoolId: &q.pool.ID, ClientId: p.get("client_id"), LogoutUri: p.get("logout_uri"), Session: q.session(),
		Farewell: q.cookie(cookieParted), Base: new(q.origin()),
	})
	if err != nil {
		q.errorPage(err)
		return
	}
	q.forget()
	q.setCookie(cookieParted, "", -1)
	switch {
	case out.State != nil:
		q.send(&api.DepartOutput{Location: out.Location, Field: out.Field, Value: out.Value, RelayState: out.RelayState, State: out.State, Sealed: out.Sealed})
	case out.Location != nil:
		q.redirect(*out.Location)
	case p.get("redirect_uri") != nil:
		q.redirect(q.base + "/login?" + p.carried())
	default:
		q.page(http.StatusOK, &view{Name: "done", Title: "You are signed out"})
	}
}

// oauthErrors are the codes that clients are told, with AWS's status for each.
var oauthErrors = map[string]int{
	cognitoidp.ErrInvalidRequest: 400, cognitoidp.ErrInvalidClient: 400, cognitoidp.ErrInvalidGrant: 400,
	cognitoidp.ErrInvalidScope: 400, cognitoidp.ErrUnauthorizedClient: 400, cognitoidp.ErrUnsupportedGrant: 400,
	cognitoidp.ErrUnsupportedResponse: 400, cognitoidp.ErrUnsupportedTokenType: 400,
}

// oauthError answers a client with what went wrong (RFC 6749 section 5.2).
func (q *request) oauthError(err error) {
	f := fault.From(err)
	switch {
	case oauthErrors[f.Code] != 0:
		q.oauthStatus(oauthErrors[f.Code], f.Code, f.Message)
	case f.Class == fault.Validation || f.Class == fault.Serialization:
		q.oauthStatus(http.StatusBadRequest, cognitoidp.ErrInvalidRequest, "A parameter is not valid.")
	case f.Code == "UnexpectedLambdaException" || f.Code == "InvalidLambdaResponseException":
		// not invalid_grant, for which clients throw a refresh token away: it is the pool's function that is not well
		q.oauthStatus(http.StatusBadRequest, cognitoidp.ErrInvalidRequest, f.Message)
	case f.Code == "TooManyRequestsException":
		q.oauthStatus(http.StatusTooManyRequests, "temporarily_unavailable", "Too many requests.")
	case f.Code != "" && f.Class != fault.Internal && f.Class != fault.Unavailable:
		q.oauthStatus(http.StatusBadRequest, cognitoidp.ErrInvalidGrant, f.Message)
	default:
		q.oauthStatus(http.StatusInternalServerError, "server_error", "Internal server error.")
	}
}

func (q *request) oauthStatus(status int, code, description string) {
	q.json(status, map[string]string{"error": code, "error_description": description})
}

func (q *request) json(status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		q.plainError(http.StatusInternalServerError)
		return
	}
	q.w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	q.w.Header().Set("Pragma", "no-cache")
	q.w.WriteHeader(status)
	_, _ = q.w.Write(b)
}
