package login

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	api "github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// The cookies of sign-ins that are at a provider: one for each, by the state that names it, for minutes.
const (
	cookieAway   = "away-"
	cookieParted = "provider-" // the session at a SAML provider, sealed, for logout
	awaySeconds  = 15 * 60
)

// origin is where the browser sees the pool's endpoints.
func (q *request) origin() string {
	scheme := "http"
	if q.secure() {
		scheme = "https"
	}
	return scheme + "://" + q.r.Host + q.base
}

// awayName is the cookie of a state.
func awayName(state string) string {
	sum := sha256.Sum256([]byte(state))
	return cookieAway + base64.RawURLEncoding.EncodeToString(sum[:9]) + "-"
}

// setAway keeps a flow in the browser. A provider may answer by a form of its own page, with which the browser sends no
// cookie that is Lax; a browser that came without TLS, which is on this machine, takes no other.
func (q *request) setAway(state, sealed string, maxAge int) {
	c := &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
		Name: q.cookieName(awayName(state)), Value: sealed, Path: "/", MaxAge: maxAge, Secure: q.secure(), HttpOnly: true,
		SameSite: http.SameSiteNoneMode,
	}
	if !q.secure() {
		c.SameSite = http.SameSiteDefaultMode
	}
	http.SetCookie(q.w, c)
}

// maxAway is how many sign-ins of one browser may be at providers at once. The pages of others can begin some in it, which
// must not add up to more cookies than a request can hold.
const maxAway = 5

// trimAway has the browser forget the sign-ins that are at providers, if they are too many.
func (q *request) trimAway() {
	prefix := strings.TrimSuffix(q.cookieName(cookieAway), q.pool.ID)
	var away []*http.Cookie
	for _, c := range q.r.Cookies() {
		if strings.HasPrefix(c.Name, prefix) && strings.HasSuffix(c.Name, q.pool.ID) {
			away = append(away, c)
		}
	}
	for i := 0; len(away) >= maxAway && i < len(away); i++ {
		http.SetCookie(q.w, &http.Cookie{Name: away[i].Name, Path: "/", MaxAge: -1, Secure: q.secure(), HttpOnly: true}) //nolint:gosec // as it was set; without TLS only on this machine
	}
}

// takeAway returns the flow that the browser holds for a state, and has it forget it.
func (q *request) takeAway(state *string) *string {
	if state == nil {
		return nil
	}
	sealed := q.cookie(awayName(*state))
	if sealed != nil {
		q.setAway(*state, "", -1)
	}
	return sealed
}

// depart sends the browser to a provider if the request is for one, and reports whether it is answered.
func (q *request) depart(p parameters) bool {
	out, err := run[api.DepartOutput](q, "Depart", &api.DepartInput{PoolId: &q.pool.ID, Request: p.authorization(), Base: new(q.origin())})
	if err != nil {
		q.errorPage(err)
		return true
	}
	if out.Location == nil {
		return false
	}
	q.send(out)
	return true
}

// send sends the browser to a provider: by redirect, or by a form that it has to send.
func (q *request) send(out *api.DepartOutput) {
	if out.State != nil {
		q.trimAway()
		q.setAway(*out.State, opt.Value(out.Sealed), awaySeconds)
	}
	if out.Field == nil {
		q.redirect(*out.Location)
		return
	}
	q.formTargets(*out.Location)
	q.page(http.StatusOK, &view{Name: "send", Title: "Continue", Form: map[string]string{
		"action": *out.Location, "field": *out.Field, "value": opt.Value(out.Value), "relay": opt.Value(out.RelayState),
	}})
}

// arrive takes what the browser brings back from a provider.
func (q *request) arrive(in *api.ArriveInput) {
	in.PoolId, in.Base, in.Sealed, in.Browser = &q.pool.ID, new(q.origin()), q.takeAway(in.State), new(q.browser())
	out, err := run[api.ArriveOutput](q, "Arrive", in)
	if err != nil {
		q.errorPage(err)
		return
	}
	if out.Session != nil {
		q.remember(*out.Session)
	}
	if out.Farewell != nil {
		q.setCookie(cookieParted, *out.Farewell, 24*60*60)
	}
	if out.Challenge != nil {
		q.step(requested(out.Request), "", out.Challenge, out.State, out.Parameters)
		return
	}
	q.redirect(opt.Value(out.Location))
}

// idpResponse is /oauth2/idpresponse, by redirect or, from Apple, by a form.
func (q *request) idpResponse() {
	values := q.r.URL.Query()
	if q.r.Method == http.MethodPost {
		if q.r.ParseForm() != nil {
			q.expiredForm()
			return
		}
		values = q.r.PostForm
	}
	p := unique(values)
	if err := p.check(); err != nil {
		q.errorPage(err)
		return
	}
	q.arrive(&api.ArriveInput{
		State: p.get("state"), Code: p.get("code"), Issuer: p.get("iss"), User: p.get("user"), Error: p.get("error"),
		ErrorDescription: p.get("error_description"),
	})
}

// samlResponse is POST /saml2/idpresponse.
func (q *request) samlResponse() {
	p, ok := q.message()
	if ok {
		q.arrive(&api.ArriveInput{State: p.get("RelayState"), SamlResponse: p.get("SAMLResponse")})
	}
}

// message reads a form that the page of a SAML provider had the browser send.
func (q *request) message() (parameters, bool) {
	if q.r.ParseForm() != nil {
		q.expiredForm()
		return parameters{}, false
	}
	p := unique(q.r.PostForm)
	if err := p.check(); err != nil {
		q.errorPage(err)
		return p, false
	}
	return p, true
}

// samlLogout is /saml2/logout: the provider's answer to a logout, by a form or by redirect.
func (q *request) samlLogout() {
	in := &api.EndDepartureInput{PoolId: &q.pool.ID, Base: new(q.origin())}
	if q.r.Method == http.MethodPost {
		p, ok := q.message()
		if !ok {
			return
		}
		in.State, in.SamlResponse = p.get("RelayState"), p.get("SAMLResponse")
	} else {
		p := q.query()
		if err := p.check(); err != nil {
			q.errorPage(err)
			return
		}
		in.State, in.RawQuery = p.get("RelayState"), new(q.r.URL.RawQuery)
	}
	in.Sealed = q.takeAway(in.State)
	out, err := run[api.EndDepartureOutput](q, "EndDeparture", in)
	switch {
	case err != nil:
		q.errorPage(err)
	case out.Location != nil:
		q.redirect(*out.Location)
	default:
		q.page(http.StatusOK, &view{Name: "done", Title: "You are signed out"})
	}
}

// choice is a provider on the sign-in page.
type choice struct{ Name, Link string }

// choices are the buttons of providers.
func (q *request) choices(p parameters, list []api.ProviderChoice) []choice {
	var out []choice
	for _, c := range list {
		name := opt.Value(c.Name)
		to, err := url.ParseQuery(p.carried())
		if err != nil {
			continue // it was encoded by us
		}
		to.Set("identity_provider", name)
		to.Del("idp_identifier")
		label := name
		switch opt.Value(c.Type) {
		case "LoginWithAmazon":
			label = "Amazon"
		case "SignInWithApple":
			label = "Apple"
		}
		out = append(out, choice{label, q.base + "/oauth2/authorize?" + to.Encode()})
	}
	return out
}
