package app_test

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/totp"
)

// post is what a pool's messages come to in tests: a hook for mail and SMS.
type post struct {
	t    testing.TB
	url  string
	sent chan map[string]string
}

func newPost(t testing.TB) *post {
	p := &post{t: t, sent: make(chan map[string]string, 64)}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct {
			Data map[string]string `json:"data"`
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		p.sent <- event.Data
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *post) use(c *app.Config) {
	c.Mail, c.SMS = p.url, p.url
	c.MailSecret, c.SMSSecret = "whsec_bm90LWEtc2VjcmV0LWJ1dC1sb25nLWVub3VnaCE=", "whsec_bm90LWEtc2VjcmV0LWJ1dC1sb25nLWVub3VnaCE="
	c.MailFrom = "no-reply@example.com"
}

// next waits for the next message.
func (p *post) next() map[string]string {
	p.t.Helper()
	select {
	case m := <-p.sent:
		return m
	case <-p.t.Context().Done():
	case <-time.After(20 * time.Second):
	}
	p.t.Fatal("no message came")
	return nil
}

var digits = regexp.MustCompile(`\d{6,8}`)

// code is the code in the next message.
func (p *post) code() string { return digits.FindString(p.next()["text"]) }

// shows fails unless the page is of the status and holds all texts.
func (b *browser) shows(a answer, status int, texts ...string) answer {
	b.t.Helper()
	if a.StatusCode != status {
		b.t.Fatalf("HTTP %d: %s", a.StatusCode, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			b.t.Fatalf("the page lacks %q: %s", text, a.body)
		}
	}
	return a
}

// start opens the sign-in page.
func (b *browser) start(request url.Values) answer {
	b.t.Helper()
	return b.follow(b.get(b.base + "/oauth2/authorize?" + request.Encode()))
}

// granted fails unless the browser is sent back with a code.
func (b *browser) granted(a answer) {
	b.t.Helper()
	if to := b.sent(a); !strings.HasPrefix(to.String(), callback) || to.Query().Get("code") == "" {
		b.t.Fatal(to)
	}
}

// mfa sets a pool's second factors.
func (s *site) mfa(mode types.UserPoolMfaType, app, mail bool) {
	s.t.Helper()
	in := &idp.SetUserPoolMfaConfigInput{UserPoolId: &s.pool, MfaConfiguration: mode}
	if app {
		in.SoftwareTokenMfaConfiguration = &types.SoftwareTokenMfaConfigType{Enabled: true}
	}
	if mail {
		_, err := s.idp.UpdateUserPool(s.t.Context(), &idp.UpdateUserPoolInput{UserPoolId: &s.pool, EmailConfiguration: &types.EmailConfigurationType{
			EmailSendingAccount: types.EmailSendingAccountTypeDeveloper, SourceArn: aws.String("arn:aws:ses:us-east-1:111122223333:identity/no-reply@example.com"),
		}})
		s.ok(err)
		in.EmailMfaConfiguration = &types.EmailMfaConfigType{}
	}
	_, err := s.idp.SetUserPoolMfaConfig(s.t.Context(), in)
	s.ok(err)
}

// newBareUser makes a user without addresses.
func (s *site) newBareUser(name string) {
	s.t.Helper()
	ctx := s.t.Context()
	_, err := s.idp.AdminCreateUser(ctx, &idp.AdminCreateUserInput{UserPoolId: &s.pool, Username: &name, MessageAction: types.MessageActionTypeSuppress})
	s.ok(err)
	_, err = s.idp.AdminSetUserPassword(ctx, &idp.AdminSetUserPasswordInput{UserPoolId: &s.pool, Username: &name, Password: aws.String(word), Permanent: true})
	s.ok(err)
}

var secretShown = regexp.MustCompile(`<code class="secret">([A-Z2-7 ]+)</code>`)

// secretIn reads the key for an authenticator app from its page.
func secretIn(t testing.TB, a answer) []byte {
	t.Helper()
	m := secretShown.FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("HTTP %d shows no key: %s", a.StatusCode, a.body)
	}
	secret, err := totp.Decode(strings.ReplaceAll(m[1], " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// TestEnrolApp has a user of a pool that requires a second factor set up an authenticator app on the pages, and sign in by
// it the next time.
func TestEnrolApp(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newBareUser("ada")
	s.mfa(types.UserPoolMfaTypeOn, true, false)
	b := s.browser()
	page := b.submit(b.start(s.request()), "username", "ada", "password", word)
	b.shows(page, http.StatusOK, "Set up your authenticator app", `<svg class="qr" role="img"`, "M4 4h1v1h-1z")
	if strings.Contains(page.body, "otpauth:") || strings.Contains(page.body, "<img") {
		t.Error("the key is in an address")
	}
	secret := secretIn(t, page)
	page = b.submit(page, "app_code", "000000")
	b.shows(page, http.StatusOK, "The code is not right")
	if again := secretIn(t, page); string(again) != string(secret) {
		t.Error("another key is shown after a wrong code")
	}
	b.granted(b.submit(page, "app_code", totp.Code(secret, time.Now())))

	b = s.browser()
	page = b.submit(b.start(s.request()), "username", "ada", "password", word)
	b.shows(page, http.StatusOK, "authenticator app shows", `name="totp_code"`)
	b.shows(b.submit(page, "totp_code", totp.Code(secret, time.Now())), http.StatusOK, "The code is not right") // a code holds once
	b.granted(b.submit(page, "totp_code", totp.Code(secret, time.Now().Add(30*time.Second))))
}

// TestEnrolMail has a user choose to be sent codes by mail, with an address that is shown to be theirs by the first.
func TestEnrolMail(t *testing.T) {
	t.Parallel()
	mail := newPost(t)
	s := newSite(t, mail.use)
	s.newBareUser("ada")
	s.mfa(types.UserPoolMfaTypeOn, true, true)
	b := s.browser()
	page := b.submit(b.start(s.request()), "username", "ada", "password", word)
	b.shows(page, http.StatusOK, "Protect your account", `value="SOFTWARE_TOKEN_MFA"`, `value="EMAIL_OTP"`)
	b.shows(b.submit(page, "select", "SMS_MFA"), http.StatusOK, "Please fill in every field") // not the pool's
	page = b.shows(b.submit(page, "select", "EMAIL_OTP"), http.StatusOK, `name="email" type="email"`)
	page = b.submit(page, "email", "ada@example.com")
	b.shows(page, http.StatusOK, "a***@e***", `name="email_code"`)
	code := mail.code()
	b.shows(b.submit(page, "email_code", "000001"), http.StatusOK, "The code is not right")
	b.granted(b.submit(page, "email_code", code))
	got, err := s.idp.AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: &s.pool, Username: aws.String("ada")})
	s.ok(err)
	if len(got.UserMFASettingList) != 1 || got.UserMFASettingList[0] != "EMAIL_OTP" {
		t.Error(got.UserMFASettingList)
	}
}

// TestChooseSecondFactor has a user with two second factors choose one.
func TestChooseSecondFactor(t *testing.T) {
	t.Parallel()
	mail := newPost(t)
	s := newSite(t, mail.use)
	s.newBareUser("ada")
	s.mfa(types.UserPoolMfaTypeOn, true, true)
	b := s.browser()
	page := b.submit(b.submit(b.start(s.request()), "username", "ada", "password", word), "select", "SOFTWARE_TOKEN_MFA")
	secret := secretIn(t, page)
	b.granted(b.submit(page, "app_code", totp.Code(secret, time.Now())))
	_, err := s.idp.AdminUpdateUserAttributes(t.Context(), &idp.AdminUpdateUserAttributesInput{UserPoolId: &s.pool, Username: aws.String("ada"), UserAttributes: []types.AttributeType{
		{Name: aws.String("email"), Value: aws.String("ada@example.com")}, {Name: aws.String("email_verified"), Value: aws.String("true")},
	}})
	s.ok(err)
	_, err = s.idp.AdminSetUserMFAPreference(t.Context(), &idp.AdminSetUserMFAPreferenceInput{
		UserPoolId: &s.pool, Username: aws.String("ada"), EmailMfaSettings: &types.EmailMfaSettingsType{Enabled: true},
		SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{Enabled: true},
	})
	s.ok(err)
	b = s.browser()
	page = b.submit(b.start(s.request()), "username", "ada", "password", word)
	b.shows(page, http.StatusOK, "How do you want to confirm", `value="SOFTWARE_TOKEN_MFA"`, `value="EMAIL_OTP"`)
	page = b.shows(b.submit(page, "select", "EMAIL_OTP"), http.StatusOK, `name="email_code"`)
	b.granted(b.submit(page, "email_code", mail.code()))
}

// choosing makes a pool whose users choose how to sign in, and a client for it.
func choosing(t testing.TB, factors ...types.AuthFactorType) (*site, *post) {
	mail := newPost(t)
	s := newSite(t, mail.use)
	_, err := s.idp.UpdateUserPool(t.Context(), &idp.UpdateUserPoolInput{UserPoolId: &s.pool, Policies: &types.UserPoolPolicyType{
		SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: append(factors, types.AuthFactorTypePassword)},
	}})
	s.ok(err)
	s.client = s.newClient(func(in *idp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserAuth}
	})
	return s, mail
}

// TestChooseFirstFactor signs in by name first: by a code, by the password, and as nobody, who sees what a user does.
func TestChooseFirstFactor(t *testing.T) {
	t.Parallel()
	s, mail := choosing(t, types.AuthFactorTypeEmailOtp)
	s.newUser("ada")
	b := s.browser()
	first := b.start(s.request())
	if strings.Contains(first.body, `name="password"`) {
		t.Error("the first page asks for the password")
	}
	page := b.submit(first, "username", "ada")
	b.shows(page, http.StatusOK, "How do you want to sign in?", `value="PASSWORD"`, `value="EMAIL_OTP"`)
	if strings.Contains(page.body, "PASSWORD_SRP") {
		t.Error("the page offers what only scripts can do")
	}
	coded := b.shows(b.submit(page, "select", "EMAIL_OTP"), http.StatusOK, "a***@e***")
	b.granted(b.submit(coded, "email_code", mail.code()))

	b = s.browser()
	page = b.submit(b.submit(b.start(s.request()), "username", "ada"), "select", "PASSWORD")
	b.shows(page, http.StatusOK, "Enter your password", `name="password"`)
	b.granted(b.submit(page, "password", word))

	b = s.browser()
	page = b.submit(b.submit(b.start(s.request()), "username", "ada"), "select", "PASSWORD")
	wrong := b.shows(b.submit(page, "password", "wrong"), http.StatusOK, "Incorrect username or password.")
	nobody := b.submit(b.start(s.request()), "username", "nobody@example.com")
	b.shows(nobody, http.StatusOK, `value="PASSWORD"`, `value="EMAIL_OTP"`)
	b.shows(b.submit(nobody, "select", "EMAIL_OTP"), http.StatusOK, "n***@e***")
	nobody = b.submit(b.start(s.request()), "username", "nobody@example.com")
	refused := b.submit(b.submit(nobody, "select", "PASSWORD"), "password", "wrong")
	if reply := b.shows(refused, http.StatusOK, "Incorrect username or password."); reply.Header.Get("Content-Security-Policy") != wrong.Header.Get("Content-Security-Policy") {
		t.Error("nobody is told apart")
	}
}

// newFunctions is a Lambda Invoke API whose functions are one Go function of the event.
func newFunctions(t testing.TB, do func(event map[string]any) (response map[string]any, failure string)) func(*app.Config) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var event map[string]any
		if err == nil {
			err = json.Unmarshal(body, &event)
		}
		if err != nil {
			t.Error(err)
		}
		response, failure := do(event)
		if failure != "" {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_ = json.NewEncoder(w).Encode(map[string]string{"errorMessage": failure})
			return
		}
		event["response"] = response
		_ = json.NewEncoder(w).Encode(event)
	}))
	t.Cleanup(server.Close)
	return func(c *app.Config) {
		c.FunctionsEndpoint, c.FunctionsRegion = server.URL, "us-east-1"
		c.FunctionsAccessKeyID, c.FunctionsSecretAccessKey = "AKIAFUNCTIONSTESTKEY", "not-a-secret"
	}
}

const function = "arn:aws:lambda:us-east-1:111122223333:function:f"

// TestCustomPages signs in by challenges of the pool's functions. What they tell is shown as text, whatever it is.
func TestCustomPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, newFunctions(t, func(event map[string]any) (map[string]any, string) {
		request := event["request"].(map[string]any)
		switch event["triggerSource"] {
		case "DefineAuthChallenge_Authentication":
			steps := request["session"].([]any)
			if n := len(steps); n > 0 && steps[n-1].(map[string]any)["challengeResult"] == true {
				return map[string]any{"issueTokens": true, "failAuthentication": false}, ""
			}
			return map[string]any{"challengeName": "CUSTOM_CHALLENGE", "issueTokens": false, "failAuthentication": false}, ""
		case "CreateAuthChallenge_Authentication":
			return map[string]any{
				"publicChallengeParameters":  map[string]string{"riddle": `<script>alert(1)</script> What has keys?`},
				"privateChallengeParameters": map[string]string{"answer": "piano"},
			}, ""
		}
		right := request["challengeAnswer"] == request["privateChallengeParameters"].(map[string]any)["answer"]
		return map[string]any{"answerCorrect": right}, ""
	}))
	_, err := s.idp.UpdateUserPool(t.Context(), &idp.UpdateUserPoolInput{UserPoolId: &s.pool, LambdaConfig: &types.LambdaConfigType{
		DefineAuthChallenge: aws.String(function), CreateAuthChallenge: aws.String(function), VerifyAuthChallengeResponse: aws.String(function),
	}})
	s.ok(err)
	s.client = s.newClient(func(in *idp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowCustomAuth}
	})
	s.newUser("ada")
	b := s.browser()
	page := b.submit(b.start(s.request()), "username", "ada")
	b.shows(page, http.StatusOK, "Riddle", html.EscapeString("<script>")+"alert(1)", "What has keys?", `name="answer"`)
	if strings.Contains(page.body, "<script") || strings.Contains(page.body, "piano") {
		t.Fatal(page.body)
	}
	page = b.shows(b.submit(page, "answer", "door"), http.StatusOK, "Riddle")
	b.granted(b.submit(page, "answer", "piano"))
}
