package login

import (
	"cmp"
	"encoding/json"
	"net"
	"slices"
	"strings"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
)

// challengePages are the pages of challenges, with their titles.
var challengePages = map[string][2]string{
	"NEW_PASSWORD_REQUIRED": {"newpassword", "Choose a new password"},
	"SMS_MFA":               {"code", "Confirm that it is you"},
	"EMAIL_OTP":             {"code", "Confirm that it is you"},
	"SMS_OTP":               {"code", "Confirm that it is you"},
	"SOFTWARE_TOKEN_MFA":    {"code", "Confirm that it is you"},
	"SELECT_MFA_TYPE":       {"select", "Confirm that it is you"},
	"SELECT_CHALLENGE":      {"select", "Sign in"},
	"PASSWORD":              {"password", "Enter your password"},
	"MFA_SETUP":             {"select", "Protect your account"},
	cognitoidp.StepSetupApp: {"app", "Set up your authenticator app"},
	"CUSTOM_CHALLENGE":      {"custom", "Sign in"},
	"WEB_AUTHN":             {"passkey", "Use your passkey"},

	cognitoidp.StepAnyPasskey:  {"passkey", "Use your passkey"},
	cognitoidp.StepSavePasskey: {"savepasskey", "Save a passkey?"},
	cognitoidp.StepConsent:     {"consent", "Allow access?"},
}

// codeFields are the inputs of challenges that ask for a code.
var codeFields = map[string]string{
	"SMS_MFA": "sms_code", "EMAIL_OTP": "email_code", "SMS_OTP": "sms_otp_code", "SOFTWARE_TOKEN_MFA": "totp_code",
}

// choices are the parameters of challenges that list what can be chosen, and how pages ask for the choice.
var choices = map[string]struct{ parameter, question string }{
	"SELECT_MFA_TYPE":  {"MFAS_CAN_CHOOSE", "How do you want to confirm that it is you?"},
	"SELECT_CHALLENGE": {cognitoidp.ParamChoices, "How do you want to sign in?"},
	"MFA_SETUP":        {cognitoidp.ParamCanSetup, "From now on, signing in takes a second step beside your password. Which one do you want to use?"},
}

// factorLabels are the kinds of factors.
var factorLabels = map[string]string{ //nolint:gosec // names of pages
	"SMS_MFA": "A code by text message", "SMS_OTP": "A code by text message", "EMAIL_OTP": "A code by e-mail",
	"SOFTWARE_TOKEN_MFA": "A code from my authenticator app", "PASSWORD": "My password", "WEB_AUTHN": "A passkey",
}

// factors are the choices that a parameter of a challenge lists.
func factors(text string) []field {
	var names []string
	if json.Unmarshal([]byte(text), &names) != nil {
		return nil
	}
	var out []field
	for _, n := range names {
		if label := factorLabels[n]; label != "" {
			out = append(out, field{Name: n, Label: label})
		}
	}
	return out
}

// addressFields are the inputs for addresses that second factors are set up with.
var addressFields = map[string]string{"EMAIL_OTP": "email", "SMS_MFA": "phone_number"}

// challenge shows the page of a challenge.
func (q *request) challenge(status int, v *view) {
	page, ok := challengePages[v.Challenge]
	if !ok {
		q.errorPage(fault.New(fault.Unsupported, "challenge %s", v.Challenge))
		return
	}
	v.Name, v.Title = page[0], page[1]
	v.Passed = writeParameters(v.Parameters)
	v.Destination, v.CodeField = v.Parameters["CODE_DELIVERY_DESTINATION"], codeFields[v.Challenge]
	if c, ok := choices[v.Challenge]; ok {
		v.Question, v.Choices = c.question, factors(v.Parameters[c.parameter])
	}
	switch v.Challenge {
	case "NEW_PASSWORD_REQUIRED":
		v.Fields = requiredFields(v.Parameters["requiredAttributes"])
	case "MFA_SETUP":
		if len(v.Choices) == 1 {
			v.Name, v.Fields = "address", []field{inputOf(addressFields[v.Choices[0].Name], true)}
		}
	case cognitoidp.StepSetupApp:
		q.showSecret(v)
	case "CUSTOM_CHALLENGE":
		v.Shown = shown(v.Parameters)
	case "WEB_AUTHN", cognitoidp.StepAnyPasskey:
		v.Options, v.Script = v.Parameters[cognitoidp.ParamRequest], passkeyScript
	case cognitoidp.StepSavePasskey:
		v.Options, v.Script = v.Parameters[cognitoidp.ParamCreation], passkeyScript
		v.Username = v.Parameters[cognitoidp.ParamName]
	case cognitoidp.StepConsent:
		v.Username, v.Scopes = v.Parameters[cognitoidp.ParamName], scopes(v.Parameters[cognitoidp.ParamScopes])
	}
	q.page(status, v)
}

// passkeyScript asks browsers for passkeys.
const passkeyScript = "passkey.js"

// scopes are what a client wants, of a parameter.
func scopes(text string) []cognitoidp.ConsentScope {
	var out []cognitoidp.ConsentScope
	if json.Unmarshal([]byte(text), &out) != nil {
		return nil
	}
	return out
}

// within reports whether a browser at the host would use keys of the relying party. The server decides by the origin that
// the browser signs; this is for not offering what cannot work.
func within(host, party string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return party != "" && (host == party || strings.HasSuffix(host, "."+party))
}

// requiredFields are the inputs for what a user still has to tell.
func requiredFields(text string) []field {
	var names []string
	if json.Unmarshal([]byte(text), &names) != nil {
		return nil
	}
	var out []field
	for _, n := range names {
		out = append(out, inputOf(strings.TrimPrefix(n, "userAttributes."), true))
	}
	return out
}

// maxShown bounds what a page shows of a custom challenge, in parameters.
const maxShown = 32

// shown is what a custom challenge tells whoever is to answer it: all public parameters, as text.
func shown(parameters map[string]string) []field {
	var out []field
	for name, value := range parameters {
		if name != "USERNAME" && value != "" {
			out = append(out, field{Name: name, Label: customLabel(name), Value: value})
		}
	}
	slices.SortFunc(out, func(a, b field) int { return cmp.Compare(a.Name, b.Name) })
	return out[:min(len(out), maxShown)]
}
