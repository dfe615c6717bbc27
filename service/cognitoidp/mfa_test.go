package cognitoidp

import (
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/totp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// withMFA makes a world whose pool has all three second factors.
func withMFA(t testing.TB, mode api.UserPoolMfaType) *world {
	t.Helper()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.EmailConfiguration = &api.EmailConfigurationType{EmailSendingAccount: "DEVELOPER"}
	})
	must(w.setMFA(&api.SetUserPoolMfaConfigInput{
		MfaConfiguration: mode, SoftwareTokenMfaConfiguration: &api.SoftwareTokenMfaConfigType{Enabled: new(true)},
		SmsMfaConfiguration:   &api.SmsMfaConfigType{SmsConfiguration: &api.SmsConfigurationType{SnsCallerArn: new("arn:aws:iam::111122223333:role/sms")}},
		EmailMfaConfiguration: &api.EmailMfaConfigType{Message: new("Sign in with {####}"), Subject: new("Code")},
	}))(t)
	return w
}

func (w *world) setMFA(in *api.SetUserPoolMfaConfigInput) (*api.SetUserPoolMfaConfigOutput, error) {
	in.UserPoolId = &w.pool
	return do(w, w.r.SetUserPoolMfaConfig, w.s.SetUserPoolMfaConfig, in)
}

// answer responds to a challenge as the app client w.app.
func (w *world) answer(challenge api.ChallengeNameType, session *string, pairs ...string) (*api.RespondToAuthChallengeOutput, error) {
	return w.answerAs(w.app, challenge, session, pairs...)
}

func (w *world) answerAs(app string, challenge api.ChallengeNameType, session *string, pairs ...string) (*api.RespondToAuthChallengeOutput, error) {
	responses := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		responses[pairs[i]] = pairs[i+1]
	}
	return do(w, w.r.RespondToAuthChallenge, w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
		ClientId: &app, ChallengeName: challenge, Session: session, ChallengeResponses: responses,
	})
}

func (w *world) associate(token, session *string) (*api.AssociateSoftwareTokenOutput, error) {
	return do(w, w.r.AssociateSoftwareToken, w.s.AssociateSoftwareToken, &api.AssociateSoftwareTokenInput{AccessToken: token, Session: session})
}

func (w *world) verifyApp(token, session *string, code string) (*api.VerifySoftwareTokenOutput, error) {
	return do(w, w.r.VerifySoftwareToken, w.s.VerifySoftwareToken, &api.VerifySoftwareTokenInput{AccessToken: token, Session: session, UserCode: &code})
}

// totp is the code of a secret at the world's time.
func (w *world) totp(secret *string) string {
	w.t.Helper()
	b, err := totp.Decode(*secret)
	if err != nil {
		w.t.Fatal(err)
	}
	return totp.Code(b, w.now)
}

func (w *world) prefer(token string, in api.SetUserMFAPreferenceInput) error {
	in.AccessToken = &token
	_, err := do(w, w.r.SetUserMFAPreference, w.s.SetUserMFAPreference, &in)
	return err
}

// withApp makes a member with an authenticator app and returns its secret.
func (w *world) withApp(name string, pairs ...string) *string {
	w.t.Helper()
	w.member(name, pairs...)
	token := w.tokens(w.app, name).AccessToken
	secret := must(w.associate(token, nil))(w.t).SecretCode
	must(w.verifyApp(token, nil, w.totp(secret)))(w.t)
	if err := w.prefer(*token, api.SetUserMFAPreferenceInput{SoftwareTokenMfaSettings: &api.SoftwareTokenMfaSettingsType{Enabled: new(true), PreferredMfa: new(true)}}); err != nil {
		w.t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	return secret
}

// challenge begins a sign-in that is to lead to the challenge.
func (w *world) challenge(name string, expected api.ChallengeNameType) *api.InitiateAuthOutput {
	w.t.Helper()
	out := must(w.signIn(w.app, name, password))(w.t)
	if out.ChallengeName != expected || out.AuthenticationResult != nil || out.Session == nil {
		w.t.Fatalf("challenge %q, want %q", out.ChallengeName, expected)
	}
	return out
}

const (
	noSession = "Invalid session for the user."
	noCode    = "Invalid code or auth state for the user."
)

func TestSoftwareToken(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "OPTIONAL")
	secret := w.withApp("ana")
	c := w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	_, err := w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", "000000")
	want(t, "wrong", err, "CodeMismatchException", noCode)
	code := w.totp(secret)
	out := must(w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", code))(t)
	got := must(w.getUser(*out.AuthenticationResult.AccessToken))(t)
	if !slices.Equal(got.UserMFASettingList, []string{"SOFTWARE_TOKEN_MFA"}) || *got.PreferredMfaSetting != "SOFTWARE_TOKEN_MFA" || got.MFAOptions != nil {
		t.Errorf("%+v", got)
	}
	_, err = w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", code)
	want(t, "the session again", err, "NotAuthorizedException", noSession)
	c = w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	_, err = w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", code)
	want(t, "the code again", err, "CodeMismatchException", noCode)
	w.now = w.now.Add(30 * time.Second)
	must(w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(secret)))(t)
}

// TestSecondFactorCannotBeSkipped tries the ways past a second factor with what a thief of the password has.
func TestSecondFactorCannotBeSkipped(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "OPTIONAL")
	ana, eve := w.withApp("ana", "phone_number", "+15550100", "email", "ana@example.com"), w.withApp("eve")
	c := w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	mine := w.challenge("eve", "SOFTWARE_TOKEN_MFA")
	for name, tc := range map[string]struct {
		app       string
		challenge api.ChallengeNameType
		session   *string
		pairs     []string
		code      string
	}{
		"her own code for another":    {w.app, "SOFTWARE_TOKEN_MFA", c.Session, []string{"USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(eve)}, "CodeMismatchException"},
		"her own session for another": {w.app, "SOFTWARE_TOKEN_MFA", mine.Session, []string{"USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(eve)}, "NotAuthorizedException"},
		"another name":                {w.app, "SOFTWARE_TOKEN_MFA", c.Session, []string{"USERNAME", "eve", "SOFTWARE_TOKEN_MFA_CODE", w.totp(eve)}, "NotAuthorizedException"},
		"another client":              {w.quiet, "SOFTWARE_TOKEN_MFA", c.Session, []string{"USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(ana)}, "NotAuthorizedException"},
		"another challenge":           {w.app, "SMS_MFA", c.Session, []string{"USERNAME", "ana", "SMS_MFA_CODE", "123456"}, "NotAuthorizedException"},
		"a code by mail":              {w.app, "EMAIL_OTP", c.Session, []string{"USERNAME", "ana", "EMAIL_OTP_CODE", "123456"}, "NotAuthorizedException"},
		"a choice":                    {w.app, "SELECT_MFA_TYPE", c.Session, []string{"USERNAME", "ana", "ANSWER", "EMAIL_OTP"}, "NotAuthorizedException"},
		"setting up another":          {w.app, "MFA_SETUP", c.Session, []string{"USERNAME", "ana"}, "NotAuthorizedException"},
		"setting up by mail":          {w.app, "MFA_SETUP", c.Session, []string{"USERNAME", "ana", "EMAIL", "eve@example.com"}, "NotAuthorizedException"},
		"a new password":              {w.app, "NEW_PASSWORD_REQUIRED", c.Session, []string{"USERNAME", "ana", "NEW_PASSWORD", otherWord}, "NotAuthorizedException"},
		"no session":                  {w.app, "SOFTWARE_TOKEN_MFA", nil, []string{"USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(ana)}, "NotAuthorizedException"},
		"no code":                     {w.app, "SOFTWARE_TOKEN_MFA", c.Session, []string{"USERNAME", "ana"}, "InvalidParameterException"},
	} {
		_, err := w.answerAs(tc.app, tc.challenge, tc.session, tc.pairs...)
		want(t, name, err, tc.code, "")
	}
	_, err := w.associate(nil, c.Session)
	want(t, "a secret by the session of a challenge", err, "NotAuthorizedException", noSession)
	_, err = w.verifyApp(nil, c.Session, w.totp(eve))
	want(t, "verifying by the session of a challenge", err, "NotAuthorizedException", noSession)
	_, err = w.associate(nil, nil)
	want(t, "a secret for nobody", err, "NotAuthorizedException", "")
	must(w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(ana)))(t)
}

func TestSessionEndsWithWhatItStoodOn(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "OPTIONAL")
	secret := w.withApp("ana")
	answer := func(c *api.InitiateAuthOutput) error {
		w.now = w.now.Add(30 * time.Second)
		_, err := w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(secret))
		return err
	}
	c := w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	must(do(w, w.r.AdminSetUserPassword, w.s.AdminSetUserPassword, &api.AdminSetUserPasswordInput{
		UserPoolId: &w.pool, Username: new("ana"), Password: new(otherWord), Permanent: new(true),
	}))(t)
	want(t, "another password", answer(c), "NotAuthorizedException", noSession)
	must(do(w, w.r.AdminSetUserPassword, w.s.AdminSetUserPassword, &api.AdminSetUserPasswordInput{
		UserPoolId: &w.pool, Username: new("ana"), Password: new(password), Permanent: new(true),
	}))(t)
	c = w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	must(do(w, w.r.AdminUserGlobalSignOut, w.s.AdminUserGlobalSignOut, &api.AdminUserGlobalSignOutInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	want(t, "signed out", answer(c), "NotAuthorizedException", noSession)
	c = w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	must(do(w, w.r.AdminDisableUser, w.s.AdminDisableUser, &api.AdminDisableUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	want(t, "disabled", answer(c), "NotAuthorizedException", "")
	must(do(w, w.r.AdminEnableUser, w.s.AdminEnableUser, &api.AdminEnableUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	c = w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	w.now = w.now.Add(3 * time.Minute)
	want(t, "late", answer(c), "NotAuthorizedException", "Invalid session for the user, session is expired.")
}

// TestGuessingCodes holds that wrong codes lock out, and that knowing the password wins no more guesses.
func TestGuessingCodes(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "OPTIONAL")
	secret := w.withApp("ana")
	for i := range userpool.FreeGuesses {
		c := w.challenge("ana", "SOFTWARE_TOKEN_MFA") // the password is right each time
		_, err := w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", "000000")
		want(t, "guess", err, "CodeMismatchException", noCode)
		if i < userpool.FreeGuesses-1 {
			w.now = w.now.Add(time.Millisecond)
		}
	}
	c := w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	right := func() error {
		_, err := w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(secret))
		return err
	}
	want(t, "the right one while locked", right(), "NotAuthorizedException", "Code attempts exceeded")
	w.now = w.now.Add(time.Second)
	_, err := w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", "000000")
	want(t, "after a second", err, "CodeMismatchException", "")
	w.now = w.now.Add(time.Second)
	want(t, "locked for two", right(), "NotAuthorizedException", "Code attempts exceeded")
	w.now = w.now.Add(12 * time.Hour) // long after passwords are forgotten
	c = w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	_, err = w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", "000000")
	want(t, "half a day later", err, "CodeMismatchException", "")
	w.now = w.now.Add(3 * time.Second)
	want(t, "counts go on", right(), "NotAuthorizedException", "Code attempts exceeded")
	w.now = w.now.Add(time.Second)
	if err := right(); err != nil {
		t.Error(err)
	}
}

func TestCodesBySMSAndMail(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "OPTIONAL")
	w.member("ana", "phone_number", "+15550100", "email", "ana@example.com")
	w.member("eve", "phone_number", "+15550199")
	token := *w.tokens(w.app, "ana").AccessToken
	prefer := func(sms, mail *bool) {
		t.Helper()
		err := w.prefer(token, api.SetUserMFAPreferenceInput{
			SMSMfaSettings: &api.SMSMfaSettingsType{Enabled: new(sms != nil), PreferredMfa: sms}, EmailMfaSettings: &api.EmailMfaSettingsType{Enabled: new(mail != nil), PreferredMfa: mail},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	prefer(new(true), nil)
	c := w.challenge("ana", "SMS_MFA")
	if p := c.ChallengeParameters; p["CODE_DELIVERY_DELIVERY_MEDIUM"] != "SMS" || p["CODE_DELIVERY_DESTINATION"] != "+****0100" || p["USER_ID_FOR_SRP"] != "ana" {
		t.Errorf("%v", p)
	}
	first := w.code("+15550100")
	c = w.challenge("ana", "SMS_MFA")
	second := w.code("+15550100")
	if first != second { // one in a million
		_, err := w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SMS_MFA_CODE", first)
		want(t, "the code of another session", err, "CodeMismatchException", noCode)
	}
	must(w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SMS_MFA_CODE", second))(t)
	_, err := w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SMS_MFA_CODE", second)
	want(t, "again", err, "NotAuthorizedException", noSession)

	prefer(nil, new(true))
	c = w.challenge("ana", "EMAIL_OTP")
	_, err = w.answer("SMS_MFA", c.Session, "USERNAME", "ana", "SMS_MFA_CODE", w.code("ana@example.com"))
	want(t, "as another challenge", err, "NotAuthorizedException", noSession)
	must(w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "EMAIL_OTP_CODE", w.code("ana@example.com")))(t)
	c = w.challenge("ana", "EMAIL_OTP")
	must(do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
		UserPoolId: &w.pool, Username: new("ana"), UserAttributes: attrs("email", "other@example.com"),
	}))(t)
	_, err = w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "EMAIL_OTP_CODE", w.code("ana@example.com"))
	want(t, "a code to an address that was replaced", err, "CodeMismatchException", noCode)
}

func TestChoiceOfFactors(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "OPTIONAL")
	secret := w.withApp("ana", "phone_number", "+15550100", "email", "ana@example.com")
	c := w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	token := *must(w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(secret)))(t).AuthenticationResult.AccessToken
	err := w.prefer(token, api.SetUserMFAPreferenceInput{
		SMSMfaSettings: &api.SMSMfaSettingsType{Enabled: new(true)}, SoftwareTokenMfaSettings: &api.SoftwareTokenMfaSettingsType{Enabled: new(true), PreferredMfa: new(false)},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	c = w.challenge("ana", "SELECT_MFA_TYPE")
	if got := c.ChallengeParameters["MFAS_CAN_CHOOSE"]; got != `["SMS_MFA","SOFTWARE_TOKEN_MFA"]` {
		t.Errorf("choices %s", got)
	}
	for _, bad := range []string{"EMAIL_OTP", "NOMFA", "MFA_SETUP", "PASSWORD", strings.Repeat("x", 500)} {
		_, err := w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "ANSWER", bad)
		want(t, bad, err, "MFAMethodNotFoundException", "")
	}
	next := must(w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "ANSWER", "SMS_MFA"))(t)
	if next.ChallengeName != "SMS_MFA" {
		t.Fatalf("%+v", next)
	}
	_, err = w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "ANSWER", "SOFTWARE_TOKEN_MFA")
	want(t, "another choice by the same session", err, "NotAuthorizedException", noSession)
	must(w.answer("SMS_MFA", next.Session, "USERNAME", "ana", "SMS_MFA_CODE", w.code("+15550100")))(t)
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "OPTIONAL")
	w.member("ana")
	token := *w.tokens(w.app, "ana").AccessToken
	on, off := new(true), new(false)
	for name, tc := range map[string]struct {
		in      api.SetUserMFAPreferenceInput
		message string
	}{
		"SMS without a number": {api.SetUserMFAPreferenceInput{SMSMfaSettings: &api.SMSMfaSettingsType{Enabled: on}}, "User does not have delivery config set to turn on SMS_MFA"},
		"mail without one":     {api.SetUserMFAPreferenceInput{EmailMfaSettings: &api.EmailMfaSettingsType{Enabled: on}}, "User does not have delivery config set to turn on EMAIL_OTP"},
		"an app not verified":  {api.SetUserMFAPreferenceInput{SoftwareTokenMfaSettings: &api.SoftwareTokenMfaSettingsType{Enabled: on}}, "User has not verified software token mfa"},
		"preferred and off":    {api.SetUserMFAPreferenceInput{SMSMfaSettings: &api.SMSMfaSettingsType{Enabled: off, PreferredMfa: on}}, ""},
	} {
		want(t, name, w.prefer(token, tc.in), "InvalidParameterException", tc.message)
	}
	must(do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
		UserPoolId: &w.pool, Username: new("ana"), UserAttributes: attrs("phone_number", "+15550100", "email", "ana@example.com"),
	}))(t)
	want(t, "two preferred", w.prefer(token, api.SetUserMFAPreferenceInput{
		SMSMfaSettings: &api.SMSMfaSettingsType{Enabled: on, PreferredMfa: on}, EmailMfaSettings: &api.EmailMfaSettingsType{Enabled: on, PreferredMfa: on},
	}), "InvalidParameterException", "Only one MFA method can be preferred.")
	want(t, "passkeys", w.prefer(token, api.SetUserMFAPreferenceInput{WebAuthnMfaSettings: &api.WebAuthnMfaSettingsType{Enabled: on}}), "Unsupported", "")
	must(do(w, w.r.SetUserSettings, w.s.SetUserSettings, &api.SetUserSettingsInput{
		AccessToken: &token, MFAOptions: []api.MFAOptionType{{AttributeName: new("phone_number"), DeliveryMedium: "SMS"}},
	}))(t)
	got := must(do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	if !slices.Equal(got.UserMFASettingList, []string{"SMS_MFA"}) || len(got.MFAOptions) != 1 || got.PreferredMfaSetting != nil {
		t.Errorf("%+v", got)
	}
	_, err := do(w, w.r.SetUserSettings, w.s.SetUserSettings, &api.SetUserSettingsInput{
		AccessToken: &token, MFAOptions: []api.MFAOptionType{{AttributeName: new("email"), DeliveryMedium: "EMAIL"}},
	})
	want(t, "mail by the old operation", err, "InvalidParameterException", "")
	must(do(w, w.r.AdminSetUserSettings, w.s.AdminSetUserSettings, &api.AdminSetUserSettingsInput{UserPoolId: &w.pool, Username: new("ana"), MFAOptions: []api.MFAOptionType{}}))(t)
	w.tokens(w.app, "ana")
}
