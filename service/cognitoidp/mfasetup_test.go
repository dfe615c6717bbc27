package cognitoidp

import (
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func TestSetUpWithAnApp(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "ON")
	w.member("ana")
	c := w.challenge("ana", "MFA_SETUP")
	if got := c.ChallengeParameters["MFAS_CAN_SETUP"]; got != `["SMS_MFA","SOFTWARE_TOKEN_MFA","EMAIL_OTP"]` {
		t.Errorf("can set up %s", got)
	}
	_, err := w.answer("MFA_SETUP", c.Session, "USERNAME", "ana")
	want(t, "nothing set up", err, "NotAuthorizedException", noSession)
	_, err = w.verifyApp(nil, c.Session, "000000")
	want(t, "verify before associate", err, "NotAuthorizedException", noSession)
	a := must(w.associate(nil, c.Session))(t)
	_, err = w.associate(nil, c.Session)
	want(t, "another secret by the same session", err, "NotAuthorizedException", noSession)
	_, err = w.answer("MFA_SETUP", a.Session, "USERNAME", "ana")
	want(t, "associated and not verified", err, "NotAuthorizedException", noSession)
	_, err = w.verifyApp(nil, a.Session, "000000")
	want(t, "wrong code", err, "EnableSoftwareTokenMFAException", "Code mismatch")
	v := must(w.verifyApp(nil, a.Session, w.totp(a.SecretCode)))(t)
	if v.Status != "SUCCESS" {
		t.Errorf("%+v", v)
	}
	_, err = w.verifyApp(nil, a.Session, w.totp(a.SecretCode))
	want(t, "verified twice", err, "NotAuthorizedException", noSession)
	_, err = w.answer("MFA_SETUP", v.Session, "USERNAME", "ana", "EMAIL", "eve@example.com")
	want(t, "an address by the session of an app", err, "NotAuthorizedException", noSession)
	must(w.answer("MFA_SETUP", v.Session, "USERNAME", "ana"))(t)
	_, err = w.answer("MFA_SETUP", v.Session, "USERNAME", "ana")
	want(t, "the end twice", err, "NotAuthorizedException", noSession)
	c = w.challenge("ana", "SOFTWARE_TOKEN_MFA")
	_, err = w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(a.SecretCode))
	want(t, "the code of the set-up", err, "CodeMismatchException", noCode)
	w.now = w.now.Add(30 * time.Second)
	must(w.answer(c.ChallengeName, c.Session, "USERNAME", "ana", "SOFTWARE_TOKEN_MFA_CODE", w.totp(a.SecretCode)))(t)
}

// TestSetUpCannotBeTakenOver keeps sessions of MFA_SETUP until the user has set up a factor of her own: they must not add
// another.
func TestSetUpCannotBeTakenOver(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "ON")
	w.member("ana")
	asked, begun := w.challenge("ana", "MFA_SETUP"), w.challenge("ana", "MFA_SETUP")
	mail := w.challenge("ana", "MFA_SETUP")
	thief := must(w.associate(nil, begun.Session))(t)
	mailed := must(w.answer("MFA_SETUP", mail.Session, "USERNAME", "ana", "EMAIL", "eve@example.com"))(t)

	mine := must(w.associate(nil, w.challenge("ana", "MFA_SETUP").Session))(t)
	done := must(w.verifyApp(nil, mine.Session, w.totp(mine.SecretCode)))(t)
	must(w.answer("MFA_SETUP", done.Session, "USERNAME", "ana"))(t)

	_, err := w.associate(nil, asked.Session)
	want(t, "a session kept", err, "NotAuthorizedException", noSession)
	_, err = w.verifyApp(nil, thief.Session, w.totp(thief.SecretCode))
	want(t, "a secret kept", err, "NotAuthorizedException", noSession)
	_, err = w.answer("MFA_SETUP", asked.Session, "USERNAME", "ana", "EMAIL", "eve@example.com")
	want(t, "an address", err, "NotAuthorizedException", noSession)
	_, err = w.answer("EMAIL_OTP", mailed.Session, "USERNAME", "ana", "EMAIL_OTP_CODE", w.code("eve@example.com"))
	want(t, "a code to an address", err, "NotAuthorizedException", noSession)
	got := must(do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	if len(got.UserMFASettingList) != 1 || len(got.UserAttributes) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestSetUpByMail(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "ON")
	w.member("ana")
	c := w.challenge("ana", "MFA_SETUP")
	_, err := w.answer("MFA_SETUP", c.Session, "USERNAME", "ana", "EMAIL", "no address")
	want(t, "no address", err, "InvalidParameterException", "")
	next := must(w.answer("MFA_SETUP", c.Session, "USERNAME", "ana", "EMAIL", "ana@example.com"))(t)
	if next.ChallengeName != "EMAIL_OTP" || next.AuthenticationResult != nil {
		t.Fatalf("%+v", next)
	}
	must(w.answer("EMAIL_OTP", next.Session, "USERNAME", "ana", "EMAIL_OTP_CODE", w.code("ana@example.com")))(t)
	got := must(do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	values := map[string]string{}
	for _, a := range got.UserAttributes {
		values[*a.Name] = *a.Value
	}
	if values["email"] != "ana@example.com" || values["email_verified"] != "true" || got.UserMFASettingList[0] != "EMAIL_OTP" {
		t.Errorf("%v %v", values, got.UserMFASettingList)
	}
	w.challenge("ana", "EMAIL_OTP")
}

// TestRequiredFactors are those that a pool which requires one asks of users who turned none on.
func TestRequiredFactors(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "ON")
	w.member("sms", "phone_number", "+15550100")
	w.member("mail", "email", "mail@example.com")
	w.member("both", "phone_number", "+15550101", "email", "both@example.com")
	w.challenge("sms", "SMS_MFA")
	w.challenge("mail", "EMAIL_OTP")
	c := w.challenge("both", "SELECT_MFA_TYPE")
	next := must(w.answer("SELECT_MFA_TYPE", c.Session, "USERNAME", "both", "ANSWER", "EMAIL_OTP"))(t)
	token := *must(w.answer("EMAIL_OTP", next.Session, "USERNAME", "both", "EMAIL_OTP_CODE", w.code("both@example.com")))(t).AuthenticationResult.AccessToken
	// Who turns an app on is not asked for less any more, and cannot turn it off.
	secret := must(w.associate(&token, nil))(t).SecretCode
	must(w.verifyApp(&token, nil, w.totp(secret)))(t)
	w.challenge("both", "SOFTWARE_TOKEN_MFA")
	want(t, "turning it off", w.prefer(token, api.SetUserMFAPreferenceInput{SoftwareTokenMfaSettings: &api.SoftwareTokenMfaSettingsType{Enabled: new(false)}}),
		"InvalidParameterException", "SOFTWARE_TOKEN_MFA cannot be turned off because the user pool requires MFA.")
	must(do(w, w.r.AdminSetUserMFAPreference, w.s.AdminSetUserMFAPreference, &api.AdminSetUserMFAPreferenceInput{
		UserPoolId: &w.pool, Username: new("both"), SoftwareTokenMfaSettings: &api.SoftwareTokenMfaSettingsType{Enabled: new(false)},
	}))(t)
	w.challenge("both", "SELECT_MFA_TYPE")
	// A new password comes first.
	must(do(w, w.r.AdminSetUserPassword, w.s.AdminSetUserPassword, &api.AdminSetUserPasswordInput{UserPoolId: &w.pool, Username: new("sms"), Password: new(temporary)}))(t)
	first := must(w.signIn(w.app, "sms", temporary))(t)
	out := must(w.answer("NEW_PASSWORD_REQUIRED", first.Session, "USERNAME", "sms", "NEW_PASSWORD", otherWord))(t)
	if out.ChallengeName != "SMS_MFA" || out.AuthenticationResult != nil {
		t.Errorf("%+v", out)
	}
}

func TestCodesSentAreBounded(t *testing.T) {
	t.Parallel()
	w := withMFA(t, "ON")
	w.member("ana", "phone_number", "+15550100")
	for range userpool.MaxSentCode {
		w.challenge("ana", "SMS_MFA")
	}
	_, err := w.signIn(w.app, "ana", password)
	want(t, "one more", err, "TooManyRequestsException", "")
	w.now = w.now.Add(userpool.SentWindow)
	w.challenge("ana", "SMS_MFA")
}

func TestMFAConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	on := &api.SoftwareTokenMfaConfigType{Enabled: new(true)}
	for name, tc := range map[string]struct {
		in      api.SetUserPoolMfaConfigInput
		message string
	}{
		"required without any": {api.SetUserPoolMfaConfigInput{MfaConfiguration: "ON"}, "Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration."},
		"optional and off":     {api.SetUserPoolMfaConfigInput{MfaConfiguration: "OPTIONAL", SoftwareTokenMfaConfiguration: &api.SoftwareTokenMfaConfigType{}}, ""},
		"off and an app":       {api.SetUserPoolMfaConfigInput{MfaConfiguration: "OFF", SoftwareTokenMfaConfiguration: on}, "Invalid MFA configuration given, can't turn off MFA and configure an MFA together."},
		"SMS without sender":   {api.SetUserPoolMfaConfigInput{MfaConfiguration: "ON", SmsMfaConfiguration: &api.SmsMfaConfigType{}}, ""},
		"mail without sender":  {api.SetUserPoolMfaConfigInput{MfaConfiguration: "ON", EmailMfaConfiguration: &api.EmailMfaConfigType{}}, ""},
	} {
		_, err := w.setMFA(&tc.in)
		want(t, name, err, "InvalidParameterException", tc.message)
	}
	_, err := do(w, w.r.CreateUserPool, w.s.CreateUserPool, &api.CreateUserPoolInput{PoolName: new("p"), MfaConfiguration: "ON"})
	want(t, "required and no SMS", err, "InvalidParameterException", "SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
	must(w.setMFA(&api.SetUserPoolMfaConfigInput{MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: on}))(t)
	// An update that does not name the mode does not turn it off.
	must(do(w, w.r.UpdateUserPool, w.s.UpdateUserPool, &api.UpdateUserPoolInput{UserPoolId: &w.pool}))(t)
	d := must(do(w, w.r.DescribeUserPool, w.s.DescribeUserPool, &api.DescribeUserPoolInput{UserPoolId: &w.pool}))(t)
	g := must(do(w, w.r.GetUserPoolMfaConfig, w.s.GetUserPoolMfaConfig, &api.GetUserPoolMfaConfigInput{UserPoolId: &w.pool}))(t)
	if d.UserPool.MfaConfiguration != "ON" || g.MfaConfiguration != "ON" || !*g.SoftwareTokenMfaConfiguration.Enabled || g.SmsMfaConfiguration != nil || g.EmailMfaConfiguration != nil {
		t.Errorf("%+v, %+v", d.UserPool.MfaConfiguration, g)
	}
	must(do(w, w.r.UpdateUserPool, w.s.UpdateUserPool, &api.UpdateUserPoolInput{UserPoolId: &w.pool, MfaConfiguration: "OFF"}))(t)
	w.member("ana")
	w.tokens(w.app, "ana")
	_, err = w.associate(w.tokens(w.app, "ana").AccessToken, nil)
	want(t, "an app in a pool without", err, "SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool.")
}

// TestRecoveryIsNotTheSecondFactor holds that no mailbox is both factors, and that setting a password by a code ends the
// sign-ins before it.
func TestRecoveryIsNotTheSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.EmailConfiguration = &api.EmailConfigurationType{EmailSendingAccount: "DEVELOPER"}
		in.AccountRecoverySetting = &api.AccountRecoverySettingType{RecoveryMechanisms: []api.RecoveryOptionType{
			{Name: "verified_email", Priority: new(int32(1))}, {Name: "verified_phone_number", Priority: new(int32(2))},
		}}
	})
	must(w.setMFA(&api.SetUserPoolMfaConfigInput{MfaConfiguration: "OPTIONAL", EmailMfaConfiguration: &api.EmailMfaConfigType{}}))(t)
	w.member("ana", "email", "ana@example.com", "email_verified", "true", "phone_number", "+15550100", "phone_number_verified", "true")
	forgot := func() string {
		t.Helper()
		out := must(do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &w.app, Username: new("ana")}))(t)
		return *out.CodeDeliveryDetails.AttributeName
	}
	if got := forgot(); got != "email" {
		t.Errorf("to %s", got)
	}
	tok := w.tokens(w.app, "ana")
	if err := w.prefer(*tok.AccessToken, api.SetUserMFAPreferenceInput{EmailMfaSettings: &api.EmailMfaSettingsType{Enabled: new(true)}}); err != nil {
		t.Fatal(err)
	}
	if got := forgot(); got != "phone_number" {
		t.Errorf("to %s, where the second factor goes", got)
	}
	must(do(w, w.r.ConfirmForgotPassword, w.s.ConfirmForgotPassword, &api.ConfirmForgotPasswordInput{
		ClientId: &w.app, Username: new("ana"), ConfirmationCode: new(w.code("+15550100")), Password: new(otherWord),
	}))(t)
	_, err := w.refresh(w.app, *tok.RefreshToken)
	want(t, "a sign-in before the reset", err, "NotAuthorizedException", "Refresh Token has been revoked")
}
