package login

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	api "github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
)

// pageFacts is what pages show of a pool and an app client.
type pageFacts struct {
	Client, Pool     string
	SignUp, Recovery bool
	// NameLabel says what users sign in with, NameType and NameComplete how browsers are to treat it.
	NameLabel, NameType, NameComplete string
	Fields                            []field
	Providers                         []choice
	Local                             bool
	// ClientID, Style, Logo and LogoDark make the addresses of the client's looks; empty for what it has not.
	ClientID, Style, Logo, LogoDark string
	// Terms and Privacy are where the documents are that the sign-up page links to.
	Terms, Privacy string
	// Flow is how sign-ins begin, one of cognitoidp's.
	Flow string
	// Target is the host or the scheme that the browser will be sent on to.
	Target string
	// Passkeys is true where the pool's users can sign in by a passkey that says who they are.
	Passkeys bool
}

// AsksPassword reports whether the first page asks for the password beside the name.
func (f *pageFacts) AsksPassword() bool {
	return f.Flow != cognitoidp.FlowChoice && f.Flow != cognitoidp.FlowCustom
}

// Name is what the pages are headed by.
func (f *pageFacts) Name() string { return cmp.Or(f.Client, f.Pool) }

// Initial is its first letter.
func (f *pageFacts) Initial() string {
	r, _ := utf8.DecodeRuneInString(f.Name())
	return string(unicode.ToUpper(r))
}

// field is an input of a form.
type field struct {
	Name, Label, Type, Complete, Value string
	Required                           bool
}

// prepare makes the view of a page for a request that could sign in; nil when the request is answered already.
func (q *request) prepare(name, title string, p parameters) *view {
	in := &api.GetPageInput{PoolId: &q.pool.ID, Request: p.authorization(), Page: &name}
	out, err := run[api.GetPageOutput](q, "GetPage", in)
	if err != nil {
		q.errorPage(err)
		return nil
	}
	q.formTargets(opt.Value(out.Redirect))
	page := facts(out)
	page.Providers = q.choices(p, out.Providers)
	page.Target = target(opt.Value(out.Redirect))
	page.Passkeys = within(q.r.Host, opt.Value(out.Party))
	v := &view{
		Name: name, Title: title, Query: template.URL(p.carried()), //nolint:gosec // made by url.Values.Encode
		Token: q.formToken(q.browser()), Page: page, Form: map[string]string{},
	}
	v.Page.ClientID = p.values.Get("client_id")
	return v
}

func facts(out *api.GetPageOutput) *pageFacts {
	f := &pageFacts{
		Client: opt.Value(out.ClientName), Pool: opt.Value(out.PoolName), SignUp: opt.Value(out.SignUp), Recovery: opt.Value(out.Recovery), Local: opt.Value(out.LocalUsers),
		NameLabel: "Username", NameType: "text", NameComplete: "username",
	}
	f.Style, f.Logo, f.LogoDark = opt.Value(out.Style), opt.Value(out.Logo), opt.Value(out.LogoDark)
	f.Flow = opt.Value(out.Flow)
	f.Terms, f.Privacy = out.Terms["terms-of-use"], out.Terms["privacy-policy"]
	f.name(out.UsernameFields)
	for _, a := range out.Attributes {
		f.Fields = append(f.Fields, inputOf(opt.Value(a.Name), opt.Value(a.Required)))
	}
	return f
}

// nameLabels are the ways to say what users sign in with.
var nameLabels = map[string]string{
	"email": "Email address", "phone_number": "Phone number", "email,phone_number": "Email address or phone number",
	"username,email": "Username or email address", "username,phone_number": "Username or phone number",
	"username,email,phone_number": "Username, email address or phone number",
}

func (f *pageFacts) name(kinds []string) {
	joined := strings.Join(kinds, ",")
	if joined == "phone_number,email" {
		joined = "email,phone_number"
	}
	if label := nameLabels[joined]; label != "" {
		f.NameLabel = label
	}
	switch joined {
	case "email":
		f.NameType = "email"
	case "phone_number":
		f.NameType = "tel"
	}
}

// showLogin is GET /login.
func (q *request) showLogin() {
	p := q.query()
	v := q.prepare("login", "Sign in", p)
	if v == nil {
		return
	}
	v.Username = p.values.Get("login_hint")
	switch p.values.Get("done") {
	case "confirmed":
		v.Notice = "Your account is confirmed. You can sign in now."
	case "reset":
		v.Notice = "Your password is changed. You can sign in now."
	}
	q.page(http.StatusOK, v)
}

// answers are the fields of challenge pages and the parameters of challenges that they are.
var answers = map[string]string{
	"password": cognitoidp.AnswerPassword, "new_password": "NEW_PASSWORD", "answer": "ANSWER", "sms_code": "SMS_MFA_CODE",
	"totp_code": "SOFTWARE_TOKEN_MFA_CODE", "email_code": "EMAIL_OTP_CODE", "sms_otp_code": "SMS_OTP_CODE", "select": "ANSWER",
	"app_code": cognitoidp.AnswerUserCode, "email": cognitoidp.AnswerEmail, "phone_number": cognitoidp.AnswerPhone,
	"credential": cognitoidp.AnswerCredential, "consent": cognitoidp.AnswerConsent,
}

// signIn is POST /login.
func (q *request) signIn() {
	form, ok := q.form()
	if !ok {
		q.expiredForm()
		return
	}
	p := q.query()
	in := &api.SignInInput{
		PoolId: &q.pool.ID, Request: p.authorization(), Browser: new(q.browser()), Username: new(form.values.Get("username")),
		State: form.get("state"), Answers: map[string]string{}, Base: new(q.origin()),
	}
	for name, parameter := range answers {
		if v := form.get(name); v != nil {
			in.Answers[parameter] = *v
		}
	}
	if form.get("later") != nil {
		q.setCookie(cookieLater, "1", laterSeconds)
	}
	if form.get("later") != nil || q.cookie(cookieLater) != nil {
		in.Answers[cognitoidp.AnswerLater] = "1"
	}
	for name := range form.values {
		if attribute, ok := strings.CutPrefix(name, "attribute."); ok && form.get(name) != nil {
			in.Answers["userAttributes."+attribute] = form.values.Get(name)
		}
	}
	out, err := run[api.SignInOutput](q, "SignIn", in)
	if err != nil {
		q.signInFailed(p, form, err)
		return
	}
	if out.Session != nil {
		q.remember(*out.Session)
	}
	if out.Location != nil {
		q.redirect(*out.Location)
		return
	}
	q.step(p, form.values.Get("username"), out.Challenge, out.State, out.Parameters)
}

// step shows the page of a step that an operation asks for.
func (q *request) step(p parameters, username string, challenge, state *string, params map[string]string) {
	v := q.prepare("", "", p)
	if v == nil {
		return
	}
	v.Username = username
	v.Challenge, v.State, v.Parameters = opt.Value(challenge), opt.Value(state), params
	q.challenge(http.StatusOK, v)
}

// signInFailed shows the page of the step again, or the one that gets the user on.
func (q *request) signInFailed(p, form parameters, err error) {
	f := fault.From(err)
	name := form.values.Get("username")
	switch f.Code {
	case "UserNotConfirmedException":
		q.begin(p, "confirm", "Confirm your account", func(v *view) {
			v.Username, v.Notice = name, "Your account is not confirmed yet. Enter the code that was sent to you, or ask for a new one."
		})
		return
	case "PasswordResetRequiredException":
		q.begin(p, "forgot", "Set a new password", func(v *view) {
			v.Username, v.Notice = name, "Your password has to be reset. We will send you a code."
		})
		return
	}
	v := q.prepare("login", "Sign in", p)
	if v == nil {
		return
	}
	v.Username, v.Error = name, said(f)
	v.Challenge, v.State = form.values.Get("challenge"), form.values.Get("state")
	if v.Challenge == "" || over(f) {
		q.page(http.StatusOK, v)
		return
	}
	v.Parameters = readParameters(form.values.Get("shown"))
	q.challenge(http.StatusOK, v)
}

// begin shows a page from its start.
func (q *request) begin(p parameters, name, title string, edit func(*view)) {
	if v := q.prepare(name, title, p); v != nil {
		edit(v)
		q.page(http.StatusOK, v)
	}
}

// over reports whether the sign-in cannot go on from where it stands.
func over(f *fault.Error) bool {
	return f.Code == "NotAuthorizedException" || f.Class != fault.Modeled && f.Class != fault.Validation
}

// What a challenge page shows goes along with its form, to be shown again when the answer is wrong. It is for the eyes
// only: whatever it is, the sealed state alone says where the sign-in stands.
func writeParameters(m map[string]string) string {
	b, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readParameters(text string) map[string]string {
	var m map[string]string
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &m) != nil {
		return nil
	}
	return m
}

// expiredForm is the answer to a form that the browser did not get from here, or not in this session.
func (q *request) expiredForm() {
	q.page(http.StatusForbidden, &view{Name: "error", Title: "This page has expired", Error: "Please go back to the application and sign in again."})
}
