package login

import (
	"html/template"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	bapi "github.com/bulkhead/bulkhead/api/bulkhead"
	api "github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
)

// RoutingPath is where the pages that find a user's tenant are at every name of the server that is no pool's. Where
// Config.TenantDomain is set they are at the root of that host, and below it each subdomain leads to its tenant.
const RoutingPath = "/-/sign-in"

// routing stands for a pool in the names of cookies and tokens of forms: no pool has this id.
const routing = "routing"

// routingPages are the paths of a sign-in that begins without a tenant. The authorization request of an application comes
// to the first, as to a pool's but without client_id; the others carry it on, with the route once it is found.
var routingPages = map[string]endpoint{}

func init() { //nolint:gochecknoinits // the table and its functions refer to each other
	routingPages = map[string]endpoint{
		"/oauth2/authorize":      {get: (*request).findTenant},
		"/find":                  {post: (*request).found},
		"/login":                 {get: (*request).showRouted, post: (*request).routedSignIn},
		"/signup":                {get: (*request).showNoSignUp},
		"/forgotPassword":        {get: (*request).showRoutedForgot, post: (*request).routedForgot},
		"/confirmForgotPassword": {get: (*request).showRoutedReset, post: (*request).routedReset},
	}
}

// finder returns what serves a request for the pages that find a tenant, or nil if it is for something else.
func (h *Handler) finder(r *http.Request) http.Handler {
	subdomain, atHost := h.tenantHost(r.Host)
	path, atPath := strings.CutPrefix(r.URL.Path, RoutingPath)
	base := ""
	switch {
	case atPath && strings.HasPrefix(path, "/"):
		if taken, err := h.atPool(r.Context(), r.Host); err != nil || taken {
			return nil // what browsers keep for the pool's domain is for its pages alone
		}
		base = RoutingPath
	case atHost:
		path = r.URL.Path
	default:
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{Handler: h, w: w, r: r, base: base, path: path, pool: tokens.Site{ID: routing}, call: h.Server.Anonymous(r)}
		q.protect()
		q.pages, q.subdomain = routingPages, subdomain
		q.r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		q.route()
	})
}

// tenantHost reads the Host header: ok for the tenants' domain and the names right below it, whose label is the subdomain.
func (h *Handler) tenantHost(host string) (subdomain string, ok bool) {
	if h.TenantDomain == "" {
		return "", false
	}
	host = hostName(host)
	if host == h.TenantDomain {
		return "", true
	}
	label, below := strings.CutSuffix(host, "."+h.TenantDomain)
	if !below || label == "" || strings.Contains(label, ".") {
		return "", false
	}
	return label, true
}

// hostName is the name in a Host header: lower case, without port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

var errBeginAgain = fault.Of(cognitoidp.ErrInvalidRequest, "Please go back to the application and sign in again.")

// challengeForm is what an S256 code challenge looks like (RFC 7636 section 4.2).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// checkRouted checks what of an authorization request can be, before it is known whose it is. The rest is checked against
// the tenant's app client, which the answer here must not depend on. Codes with PKCE are all that is served: the page is
// not AWS's, so nothing older has to be.
func (p parameters) checkRouted() error {
	if err := p.check(); err != nil {
		return err
	}
	u, err := url.Parse(p.values.Get("redirect_uri"))
	switch {
	case err != nil || u.Scheme == "" || u.Host == "" && u.Path == "" && u.Opaque == "":
		return fault.Of(cognitoidp.ErrInvalidRequest, "redirect_uri is missing, or none.")
	case p.values.Get("response_type") != "code":
		return fault.Of(cognitoidp.ErrInvalidRequest, "response_type has to be code.")
	case p.values.Get("code_challenge_method") != "S256" || !challengeForm.MatchString(p.values.Get("code_challenge")):
		return fault.Of(cognitoidp.ErrInvalidRequest, "code_challenge has to be an S256 challenge.")
	}
	return nil
}

func (p parameters) routed() *api.RoutedRequest {
	return &api.RoutedRequest{
		RedirectUri: p.get("redirect_uri"), ResponseType: p.get("response_type"), Scope: p.get("scope"), State: p.get("state"), Nonce: p.get("nonce"),
		CodeChallenge: p.get("code_challenge"), CodeChallengeMethod: p.get("code_challenge_method"), Prompt: p.get("prompt"),
		LoginHint: p.get("login_hint"), Lang: p.get("lang"), MaxAge: p.get("max_age"), Resource: p.get("resource"),
	}
}

// carriedTo is carried for an app client, or with a route; what the application said of either does not count.
func (p parameters) carriedTo(edit func(url.Values)) string {
	out := url.Values{}
	for _, name := range authorizationParameters {
		if v := p.values.Get(name); v != "" {
			out.Set(name, v)
		}
	}
	for _, name := range []string{"client_id", "identity_provider", "idp_identifier"} {
		out.Del(name)
	}
	edit(out)
	return out.Encode()
}

// open makes the view of a page for a request that is good so far; nil when it is answered already. With a route the page
// is of a tenant's sign-in, and the same whichever it is, if any.
func (q *request) open(name, title string, routed bool) (*view, parameters) {
	p := q.query()
	if err := p.checkRouted(); err != nil {
		q.errorPage(err)
		return nil, p
	}
	route := p.values.Get("route")
	if routed && route == "" {
		q.errorPage(errBeginAgain)
		return nil, p
	}
	q.formTargets(p.values.Get("redirect_uri"))
	query := p.carriedTo(func(v url.Values) {
		if routed {
			v.Set("route", route)
		}
	})
	return &view{
		Name: name, Title: title, Query: template.URL(query), //nolint:gosec // made by url.Values.Encode
		Token: q.formToken(q.browser()), Form: map[string]string{}, Page: &pageFacts{
			Client: hostName(q.r.Host), Recovery: true, Local: true, Flow: cognitoidp.FlowPassword, NameLabel: "Username or email address", NameType: "text", NameComplete: "username",
		},
	}, p
}

// findTenant is GET /oauth2/authorize: a subdomain leads to its tenant, else the page asks for one.
func (q *request) findTenant() {
	v, p := q.open("find", "Find your sign-in", false)
	if v == nil {
		return
	}
	if q.subdomain != "" {
		q.lead(p, &api.FindTenantInput{Subdomain: &q.subdomain})
		return
	}
	v.Username = p.values.Get("login_hint")
	q.showFinder(v, p)
}

// showFinder shows the page with a page of the published list.
func (q *request) showFinder(v *view, p parameters) {
	out, err := pipeline.Serve[bapi.ListTenantNamesOutput](q.r.Context(), q.call, "bulkhead", "ListTenantNames", &bapi.ListTenantNamesInput{NextToken: p.get("names")})
	if err != nil {
		q.errorPage(err)
		return
	}
	for _, name := range out.Names {
		v.Choices = append(v.Choices, field{Name: name})
	}
	if out.NextToken != nil {
		v.Form["more"] = q.base + "/oauth2/authorize?" + p.carriedTo(func(u url.Values) { u.Set("names", *out.NextToken) })
	}
	q.page(http.StatusOK, v)
}

// found is POST /find: what was typed, or chosen from the list.
func (q *request) found() {
	form, ok := q.form()
	if !ok {
		q.expiredForm()
		return
	}
	p := q.query()
	if err := p.checkRouted(); err != nil {
		q.errorPage(err)
		return
	}
	in := &api.FindTenantInput{Typed: form.get("typed"), ListedName: form.get("listed")}
	if in.ListedName != nil {
		in.Typed = nil
	}
	if in.Typed != nil && p.get("login_hint") == nil && strings.Contains(*in.Typed, "@") {
		p.values.Set("login_hint", *in.Typed)
	}
	q.lead(p, in)
}

// lead finds the tenant and sends the browser to its sign-in, or to the page that stands for it: only tenants that the
// operator lets everybody know of have their own.
func (q *request) lead(p parameters, in *api.FindTenantInput) {
	out, err := run[api.FindTenantOutput](q, "FindTenant", in)
	if err != nil {
		q.leadFailed(err)
		return
	}
	if out.PoolId == nil {
		q.redirect(q.base + "/login?" + p.carriedTo(func(v url.Values) { v.Set("route", opt.Value(out.Route)) }))
		return
	}
	base := "/" + *out.PoolId
	if out.Domain != nil {
		base = "http://" + *out.Domain
		if q.secure() {
			base = "https://" + *out.Domain
		}
	}
	q.redirect(base + "/oauth2/authorize?" + p.carriedTo(func(v url.Values) {
		v.Set("client_id", *out.ClientId)
		v.Set("routed", "true")
		if out.Provider != nil {
			v.Set("identity_provider", *out.Provider)
		}
	}))
}

// leadFailed shows the page again for what was typed wrong.
func (q *request) leadFailed(err error) {
	f := fault.From(err)
	if q.subdomain != "" || f.Class != fault.Modeled && f.Class != fault.Validation {
		q.errorPage(err)
		return
	}
	v, p := q.open("find", "Find your sign-in", false)
	if v == nil {
		return
	}
	v.Error = "Enter your email address, or the code of your organization."
	if f.Code == "TooManyRequestsException" {
		v.Error = said(f)
		q.page(http.StatusTooManyRequests, v)
		return
	}
	q.showFinder(v, p)
}

// showRouted is GET /login with a route.
func (q *request) showRouted() {
	v, p := q.open("login", "Sign in", true)
	if v == nil {
		return
	}
	v.Username = p.values.Get("login_hint")
	if p.values.Get("done") == "reset" {
		v.Notice = "Your password is changed. You can sign in now."
	}
	q.page(http.StatusOK, v)
}

// wrongPassword is all that a sign-in by a route tells of why it failed.
const wrongPassword = "The username or the password is not right. After several wrong ones you have to wait for some minutes."

// routedSignIn is POST /login with a route. With the right password, the sign-in goes on at the tenant's own pool.
func (q *request) routedSignIn() {
	v, p, form := q.opened("login", "Sign in")
	if v == nil {
		return
	}
	browser := q.browser()
	out, err := run[api.RoutedSignInOutput](q, "RoutedSignIn", &api.RoutedSignInInput{
		Route: p.get("route"), Request: p.routed(), Browser: &browser, Username: new(form.values.Get("username")), Password: new(form.values.Get("password")),
	})
	if err != nil {
		q.routedFailed(v, err, wrongPassword)
		return
	}
	q.pool, q.base = tokens.Site{ID: *out.PoolId}, "/"+*out.PoolId
	q.held = browser
	q.setCookie(cookieBrowser, browser, 0)
	if out.Session != nil {
		q.remember(*out.Session)
	}
	known := p.carriedTo(func(u url.Values) { u.Set("client_id", *out.ClientId); u.Set("routed", "true") })
	switch {
	case out.Location != nil:
		q.redirect(*out.Location)
	case opt.Value(out.Unconfirmed):
		q.redirect(q.base + "/confirmUser?" + known)
	default:
		q.goOn(known, v.Username, out)
	}
}

// goOn shows the page of the challenge that follows the password, which is the tenant's own.
func (q *request) goOn(query, username string, out *api.RoutedSignInOutput) {
	values, err := url.ParseQuery(query)
	if err != nil {
		q.errorPage(err) // it was encoded by us
		return
	}
	next := q.prepare("", "", unique(values))
	if next == nil {
		return
	}
	next.Username, next.Challenge, next.State, next.Parameters = username, opt.Value(out.Challenge), opt.Value(out.State), out.Parameters
	q.challenge(http.StatusOK, next)
}

// opened is open for a form that came with a route.
func (q *request) opened(name, title string) (*view, parameters, parameters) {
	form, ok := q.form()
	if !ok {
		q.expiredForm()
		return nil, form, form
	}
	v, p := q.open(name, title, true)
	if v != nil {
		v.Username = form.values.Get("username")
	}
	return v, p, form
}

// routedFailed shows the page again. A route that is over, a request that cannot be and trouble of the server's own have
// nothing to do with the tenant, and are told.
func (q *request) routedFailed(v *view, err error, text string) {
	f := fault.From(err)
	switch {
	case f.Code == "TooManyRequestsException":
		v.Error = said(f)
		q.page(http.StatusTooManyRequests, v)
	case f.Code == "NotAuthorizedException" || f.Class == fault.Validation:
		v.Error = text
		q.page(http.StatusOK, v)
	default:
		q.errorPage(err)
	}
}

// showNoSignUp is GET /signup: tenants that take sign-ups are listed, or link to their own page.
func (q *request) showNoSignUp() {
	q.page(http.StatusForbidden, &view{
		Name: "error", Title: "Ask for an invitation", Error: "Accounts here are made by your organization. Ask its administrator for an invitation.",
	})
}

func (q *request) showRoutedForgot() {
	if v, p := q.open("forgot", "Forgot your password?", true); v != nil {
		v.Username = p.values.Get("login_hint")
		q.page(http.StatusOK, v)
	}
}

// routedForgot is POST /forgotPassword with a route. The answer is there before the code is.
func (q *request) routedForgot() {
	v, p, _ := q.opened("forgot", "Forgot your password?")
	if v == nil {
		return
	}
	_, err := run[api.RoutedForgotPasswordOutput](q, "RoutedForgotPassword", &api.RoutedForgotPasswordInput{Route: p.get("route"), Username: &v.Username})
	if err != nil {
		q.routedFailed(v, err, said(fault.From(err)))
		return
	}
	v.Name, v.Title = "reset", "Set a new password"
	v.Notice = "If there is such an account, a code is on its way to the address that it has."
	q.page(http.StatusOK, v)
}

func (q *request) showRoutedReset() {
	if v, p := q.open("reset", "Set a new password", true); v != nil {
		v.Username = p.values.Get("login_hint")
		q.page(http.StatusOK, v)
	}
}

// notReset is all that is told of why a password was not changed.
const notReset = "The password is not changed. The code is wrong or has expired, or the password does not meet your organization's rules."

// routedReset is POST /confirmForgotPassword with a route.
func (q *request) routedReset() {
	v, p, form := q.opened("reset", "Set a new password")
	if v == nil {
		return
	}
	out, err := run[api.RoutedResetPasswordOutput](q, "RoutedResetPassword", &api.RoutedResetPasswordInput{
		Route: p.get("route"), Username: &v.Username, Code: new(form.values.Get("code")), Password: new(form.values.Get("password")),
	})
	switch {
	case err != nil:
		q.routedFailed(v, err, notReset)
	case !opt.Value(out.Done):
		v.Error = notReset
		q.page(http.StatusOK, v)
	default:
		q.redirect(q.base + "/login?" + string(v.Query) + "&done=reset")
	}
}
