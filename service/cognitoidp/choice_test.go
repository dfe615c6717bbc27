package cognitoidp

import (
	"maps"
	"slices"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// choosing makes a world whose pool lets sign-ins begin with codes, and a client that hides users.
func choosing(t testing.TB) *world {
	t.Helper()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.Policies = &api.UserPoolPolicyType{SignInPolicy: &api.SignInPolicyType{AllowedFirstAuthFactors: []api.AuthFactorType{"PASSWORD", "EMAIL_OTP", "SMS_OTP"}}}
	})
	flows := func(in *api.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []api.ExplicitAuthFlowsType{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	}
	w.app = w.newClient(flows)
	w.quiet = w.newClient(func(in *api.CreateUserPoolClientInput) {
		flows(in)
		in.PreventUserExistenceErrors = "ENABLED"
	})
	return w
}

func (w *world) choose(app string, pairs ...string) (*api.InitiateAuthOutput, error) {
	params := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		params[pairs[i]] = pairs[i+1]
	}
	return w.initiate(app, "USER_AUTH", params)
}

func TestChoice(t *testing.T) {
	t.Parallel()
	w := choosing(t)
	w.member("ana", "email", "ana@example.com", "email_verified", "true", "phone_number", "+15550100")
	c := must(w.choose(w.app, "USERNAME", "ana"))(t)
	if c.ChallengeName != "SELECT_CHALLENGE" || !slices.Equal(c.AvailableChallenges, []api.ChallengeNameType{"EMAIL_OTP", "PASSWORD", "PASSWORD_SRP"}) {
		t.Fatalf("%+v", c)
	}
	for _, bad := range []string{"SMS_OTP", "WEB_AUTHN", "NOPE"} {
		_, err := w.answer("SELECT_CHALLENGE", c.Session, "USERNAME", "ana", "ANSWER", bad)
		want(t, bad, err, "InvalidParameterException", "")
	}
	_, err := w.answer("SELECT_CHALLENGE", c.Session, "USERNAME", "ana", "ANSWER", "PASSWORD", "PASSWORD", otherWord)
	want(t, "a wrong password", err, "NotAuthorizedException", "Incorrect username or password.")
	_, err = w.answer("SELECT_CHALLENGE", c.Session, "USERNAME", "ana", "ANSWER", "PASSWORD", "PASSWORD", password)
	want(t, "another guess by the same session", err, "NotAuthorizedException", noSession)

	c = must(w.choose(w.app, "USERNAME", "ana"))(t)
	must(w.answer("SELECT_CHALLENGE", c.Session, "USERNAME", "ana", "ANSWER", "PASSWORD", "PASSWORD", password))(t)
	must(w.choose(w.app, "USERNAME", "ana", "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password))(t)
	c = must(w.choose(w.app, "USERNAME", "ana", "PREFERRED_CHALLENGE", "PASSWORD"))(t)
	out := must(w.answer("PASSWORD", c.Session, "USERNAME", "ana", "PASSWORD", password))(t)
	f := must(do(w, w.r.GetUserAuthFactors, w.s.GetUserAuthFactors, &api.GetUserAuthFactorsInput{AccessToken: out.AuthenticationResult.AccessToken}))(t)
	if !slices.Equal(f.ConfiguredUserAuthFactors, []api.AuthFactorType{"EMAIL_OTP", "PASSWORD"}) || *f.Username != "ana" {
		t.Errorf("%+v", f)
	}
	c = must(w.choose(w.app, "USERNAME", "ana", "PREFERRED_CHALLENGE", "SMS_OTP"))(t)
	if c.ChallengeName != "SELECT_CHALLENGE" {
		t.Errorf("a number that is not verified: %+v", c)
	}
}

func TestChoiceOfSRP(t *testing.T) {
	t.Parallel()
	w := choosing(t)
	w.member("ana")
	s := newSRP(w, w.app)
	s.out = must(w.choose(w.app, "USERNAME", "ana", "PREFERRED_CHALLENGE", "PASSWORD_SRP", "SRP_A", s.pub.Text(16)))(t)
	must(s.answer(password))(t)
	c := must(w.choose(w.app, "USERNAME", "ana"))(t)
	next := must(w.answer("SELECT_CHALLENGE", c.Session, "USERNAME", "ana", "ANSWER", "PASSWORD_SRP", "SRP_A", s.pub.Text(16)))(t)
	s.out = &api.InitiateAuthOutput{ChallengeParameters: next.ChallengeParameters}
	must(s.answer(password))(t)
	_, err := w.signIn(w.app, "ana", password)
	want(t, "the flow itself", err, "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client")
}

func TestChoiceOfCodes(t *testing.T) {
	t.Parallel()
	w := choosing(t)
	w.member("ana", "email", "ana@example.com", "email_verified", "true", "phone_number", "+15550100", "phone_number_verified", "true")
	for challenge, to := range map[string]string{"EMAIL_OTP": "ana@example.com", "SMS_OTP": "+15550100"} {
		c := must(w.choose(w.app, "USERNAME", "ana", "PREFERRED_CHALLENGE", challenge))(t)
		mail := must(w.box.List(t.Context(), testAccount, testRegion, to))(t)
		code := eightDigits.FindString(mail[len(mail)-1].Body)
		if string(c.ChallengeName) != challenge || code == "" {
			t.Fatalf("%+v, %q", c, mail[len(mail)-1].Body)
		}
		parameter := challenge + "_CODE"
		_, err := w.answerAs(w.quiet, c.ChallengeName, c.Session, "USERNAME", "ana", parameter, code)
		want(t, "another client", err, "NotAuthorizedException", noSession)
		_, err = w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", parameter, "00000000")
		want(t, "wrong", err, "CodeMismatchException", noCode)
		must(w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", parameter, code))(t)
		_, err = w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", parameter, code)
		want(t, "again", err, "NotAuthorizedException", noSession)
	}
}

// TestChoiceOfNobody holds that a name which is nobody's takes the same course.
func TestChoiceOfNobody(t *testing.T) {
	t.Parallel()
	w := choosing(t)
	w.member("ana", "email", "a@example.com", "email_verified", "true")
	_, err := w.choose(w.app, "USERNAME", "nobody")
	want(t, "a client that tells", err, "UserNotFoundException", "")
	shape := func(name string) []string {
		t.Helper()
		c := must(w.choose(w.quiet, "USERNAME", name))(t)
		got := []string{string(c.ChallengeName)}
		for _, a := range c.AvailableChallenges {
			got = append(got, string(a))
		}
		next := must(w.answerAs(w.quiet, "SELECT_CHALLENGE", c.Session, "USERNAME", name, "ANSWER", "EMAIL_OTP"))(t)
		got = append(got, string(next.ChallengeName), next.ChallengeParameters["CODE_DELIVERY_DELIVERY_MEDIUM"])
		got = append(got, slices.Sorted(maps.Keys(next.ChallengeParameters))...)
		for range userpool.FreeGuesses + 1 {
			_, err := w.answerAs(w.quiet, "EMAIL_OTP", next.Session, "USERNAME", name, "EMAIL_OTP_CODE", "00000000")
			got = append(got, err.Error())
		}
		_, err := w.choose(w.quiet, "USERNAME", name, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", otherWord)
		return append(got, err.Error())
	}
	if ana, nobody := shape("ana"), shape("nobody"); !slices.Equal(ana, nobody) {
		t.Errorf("a user:\n%q\nnobody:\n%q", ana, nobody)
	}
}

// TestChoiceHidesStanding holds that a client which hides users does not tell by a code whether one is disabled.
func TestChoiceHidesStanding(t *testing.T) {
	t.Parallel()
	w := choosing(t)
	w.member("ana", "email", "ana@example.com", "email_verified", "true")
	must(do(w, w.r.AdminDisableUser, w.s.AdminDisableUser, &api.AdminDisableUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	c := must(w.choose(w.quiet, "USERNAME", "ana", "PREFERRED_CHALLENGE", "EMAIL_OTP"))(t)
	if c.ChallengeName != "EMAIL_OTP" {
		t.Errorf("%+v", c)
	}
	if mail := must(w.box.List(t.Context(), testAccount, testRegion, "ana@example.com"))(t); len(mail) > 0 {
		t.Errorf("%d messages to a disabled user", len(mail))
	}
	_, err := w.choose(w.app, "USERNAME", "ana", "PREFERRED_CHALLENGE", "EMAIL_OTP")
	want(t, "a client that tells", err, "NotAuthorizedException", "User is disabled.")
}

// TestCodesAloneDoNotBypassMFA holds that a user who has a second factor cannot begin with a code.
func TestCodesAloneDoNotBypassMFA(t *testing.T) {
	t.Parallel()
	w := choosing(t)
	must(w.setMFA(&api.SetUserPoolMfaConfigInput{MfaConfiguration: "OPTIONAL", SoftwareTokenMfaConfiguration: &api.SoftwareTokenMfaConfigType{Enabled: new(true)}}))(t)
	w.member("ana", "email", "ana@example.com", "email_verified", "true")
	out := must(w.choose(w.app, "USERNAME", "ana", "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password))(t)
	kept := must(w.choose(w.app, "USERNAME", "ana", "PREFERRED_CHALLENGE", "EMAIL_OTP"))(t)
	mail := must(w.box.List(t.Context(), testAccount, testRegion, "ana@example.com"))(t)
	code := eightDigits.FindString(mail[len(mail)-1].Body)
	token := out.AuthenticationResult.AccessToken
	secret := must(w.associate(token, nil))(t).SecretCode
	must(w.verifyApp(token, nil, w.totp(secret)))(t)
	if err := w.prefer(*token, api.SetUserMFAPreferenceInput{SoftwareTokenMfaSettings: &api.SoftwareTokenMfaSettingsType{Enabled: new(true)}}); err != nil {
		t.Fatal(err)
	}
	c := must(w.choose(w.app, "USERNAME", "ana", "PREFERRED_CHALLENGE", "EMAIL_OTP"))(t)
	if c.ChallengeName != "SELECT_CHALLENGE" || !slices.Equal(c.AvailableChallenges, []api.ChallengeNameType{"PASSWORD", "PASSWORD_SRP"}) {
		t.Errorf("%+v", c)
	}
	next := must(w.answer("EMAIL_OTP", kept.Session, "USERNAME", "ana", "EMAIL_OTP_CODE", code))(t)
	if next.ChallengeName != "SOFTWARE_TOKEN_MFA" || next.AuthenticationResult != nil {
		t.Errorf("a sign-in that began before: %+v", next)
	}
	_, err := w.setMFA(&api.SetUserPoolMfaConfigInput{MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: &api.SoftwareTokenMfaConfigType{Enabled: new(true)}})
	want(t, "required beside codes alone", err, "InvalidParameterException", "")
}

func TestSignInPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct {
		factors []api.AuthFactorType
		tier    api.UserPoolTierType
		code    string
	}{
		"without passwords": {[]api.AuthFactorType{"EMAIL_OTP"}, "", "InvalidParameterException"},
		"twice":             {[]api.AuthFactorType{"PASSWORD", "PASSWORD"}, "", "InvalidParameterException"},
		"lite":              {[]api.AuthFactorType{"PASSWORD", "EMAIL_OTP"}, "LITE", "FeatureUnavailableInTierException"},
	} {
		_, err := do(w, w.r.CreateUserPool, w.s.CreateUserPool, &api.CreateUserPoolInput{
			PoolName: new("p"), UserPoolTier: tc.tier, Policies: &api.UserPoolPolicyType{SignInPolicy: &api.SignInPolicyType{AllowedFirstAuthFactors: tc.factors}},
		})
		want(t, name, err, tc.code, "")
	}
	c := choosing(t)
	d := must(do(c, c.r.DescribeUserPool, c.s.DescribeUserPool, &api.DescribeUserPoolInput{UserPoolId: &c.pool}))(t)
	if got := d.UserPool.Policies.SignInPolicy.AllowedFirstAuthFactors; len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func TestSignInAfterSignUp(t *testing.T) {
	t.Parallel()
	w := choosing(t)
	signUp := func(name string) *api.SignUpOutput {
		t.Helper()
		return must(do(w, w.r.SignUp, w.s.SignUp, &api.SignUpInput{ClientId: &w.app, Username: &name, UserAttributes: attrs("email", name+"@example.com")}))(t)
	}
	confirm := func(name string, session *string) (*api.ConfirmSignUpOutput, error) {
		return do(w, w.r.ConfirmSignUp, w.s.ConfirmSignUp, &api.ConfirmSignUpInput{
			ClientId: &w.app, Username: &name, ConfirmationCode: new(w.code(name + "@example.com")), Session: session,
		})
	}
	begin := func(name string, session *string) (*api.InitiateAuthOutput, error) {
		return do(w, w.r.InitiateAuth, w.s.InitiateAuth, &api.InitiateAuthInput{
			ClientId: &w.app, AuthFlow: "USER_AUTH", Session: session, AuthParameters: map[string]string{"USERNAME": name},
		})
	}
	ana, eve := signUp("ana"), signUp("eve")
	_, err := begin("ana", ana.Session)
	want(t, "before the code", err, "NotAuthorizedException", noSession)
	_, err = confirm("eve", ana.Session)
	want(t, "another's session", err, "NotAuthorizedException", noSession)
	c := must(confirm("ana", ana.Session))(t)
	e := must(confirm("eve", eve.Session))(t)
	_, err = begin("ana", e.Session)
	want(t, "another's code", err, "NotAuthorizedException", noSession)
	out := must(begin("ana", c.Session))(t)
	if out.AuthenticationResult == nil {
		t.Fatalf("%+v", out)
	}
	_, err = begin("ana", c.Session)
	want(t, "again", err, "NotAuthorizedException", noSession)
	w.now = w.now.Add(3 * time.Minute)
	_, err = begin("eve", e.Session)
	want(t, "late", err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
}
