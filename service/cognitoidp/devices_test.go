package cognitoidp

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// gadget is a device as amazon-cognito-identity-js keeps one.
type gadget struct {
	key, group, secret string
}

// tracked makes a world whose pool tracks devices.
func tracked(t testing.TB, set api.DeviceConfigurationType) *world {
	t.Helper()
	w := newWorld(t, func(in *api.CreateUserPoolInput) { in.DeviceConfiguration = &set })
	w.member("ana")
	return w
}

var always = api.DeviceConfigurationType{ChallengeRequiredOnNewDevice: new(true), DeviceOnlyRememberedOnUserPrompt: new(false)}

// secretOf is what a device sends of its secret.
func (g *gadget) verifier(salt *big.Int) *api.DeviceSecretVerifierConfigType {
	x := num(sum(hexBytes(salt), sum([]byte(g.group+g.key+":"+g.secret))))
	v := new(big.Int).Exp(big.NewInt(2), x, rfc5054)
	return &api.DeviceSecretVerifierConfigType{
		Salt: new(base64.StdEncoding.EncodeToString(hexBytes(salt))), PasswordVerifier: new(base64.StdEncoding.EncodeToString(hexBytes(v))),
	}
}

// confirm makes a device of what tokens name.
func (w *world) confirmDevice(r *api.AuthenticationResultType, salt *big.Int) (*gadget, *api.ConfirmDeviceOutput) {
	w.t.Helper()
	if r.NewDeviceMetadata == nil {
		w.t.Fatal("no new device")
	}
	secret := make([]byte, 40)
	rand.Read(secret)
	g := &gadget{*r.NewDeviceMetadata.DeviceKey, *r.NewDeviceMetadata.DeviceGroupKey, base64.StdEncoding.EncodeToString(secret)}
	out := must(do(w, w.r.ConfirmDevice, w.s.ConfirmDevice, &api.ConfirmDeviceInput{
		AccessToken: r.AccessToken, DeviceKey: &g.key, DeviceName: new("phone"), DeviceSecretVerifierConfig: g.verifier(salt),
	}))(w.t)
	return g, out
}

func saltOf(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 16)
	if !ok {
		panic(text)
	}
	return n
}

const plainSalt = "5f1e8fa71c55a4a2e0b3cd1f6d7a9e01"

func (w *world) signInOn(key string) (*api.InitiateAuthOutput, error) {
	return w.initiate(w.app, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": "ana", "PASSWORD": password, "DEVICE_KEY": key})
}

func (w *world) respond(app string, challenge api.ChallengeNameType, session *string, responses map[string]string) (*api.RespondToAuthChallengeOutput, error) {
	return do(w, w.r.RespondToAuthChallenge, w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
		ClientId: &app, ChallengeName: challenge, Session: session, ChallengeResponses: responses,
	})
}

// prove answers DEVICE_SRP_AUTH and returns the answer to DEVICE_PASSWORD_VERIFIER.
func (g *gadget) prove(w *world, session *string) (map[string]string, error) {
	a := new(big.Int).SetBytes([]byte("an exponent that only a test would choose"))
	pub := new(big.Int).Exp(big.NewInt(2), a, rfc5054)
	out, err := w.respond(w.app, "DEVICE_SRP_AUTH", session, map[string]string{"USERNAME": "ana", "DEVICE_KEY": g.key, "SRP_A": pub.Text(16)})
	if err != nil {
		return nil, err
	}
	if out.ChallengeName != "DEVICE_PASSWORD_VERIFIER" || out.Session == nil {
		return nil, fmt.Errorf("challenge %s", out.ChallengeName)
	}
	p := out.ChallengeParameters
	b, salt := saltOf(p["SRP_B"]), saltOf(p["SALT"])
	k := num(sum(hexBytes(rfc5054), []byte{2}))
	u := num(sum(hexBytes(pub), hexBytes(b)))
	x := num(sum(hexBytes(salt), sum([]byte(g.group+p["DEVICE_KEY"]+":"+g.secret))))
	s := new(big.Int).Exp(big.NewInt(2), x, rfc5054)
	s.Mul(s, k).Sub(b, s).Mod(s, rfc5054)
	e := new(big.Int).Mul(u, x)
	s.Exp(s, e.Add(e, a), rfc5054)
	key := mac(mac(hexBytes(u), hexBytes(s)), []byte("Caldera Derived Key\x01"))[:16]
	block, err := base64.StdEncoding.DecodeString(p["SECRET_BLOCK"])
	const stamp = "Sat Nov 7 09:05:03 UTC 2026"
	return map[string]string{
		"USERNAME": "ana", "DEVICE_KEY": g.key, "TIMESTAMP": stamp, "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(mac(key, []byte(g.group+g.key), block, []byte(stamp))),
	}, err
}

func (g *gadget) signIn(w *world) (*api.AuthenticationResultType, error) {
	out, err := w.signInOn(g.key)
	if err != nil {
		return nil, err
	}
	if out.ChallengeName != "DEVICE_SRP_AUTH" {
		return nil, fmt.Errorf("challenge %q", out.ChallengeName)
	}
	answer, err := g.prove(w, out.Session)
	if err != nil {
		return nil, err
	}
	done, err := w.respond(w.app, "DEVICE_PASSWORD_VERIFIER", nil, answer)
	if err != nil {
		return nil, err
	}
	return done.AuthenticationResult, nil
}

func attributeOf(d *api.DeviceType, name string) string {
	for _, a := range d.DeviceAttributes {
		if *a.Name == name {
			return *a.Value
		}
	}
	return ""
}

func TestRememberedDevice(t *testing.T) {
	t.Parallel()
	for name, salt := range map[string]string{
		"plain": plainSalt, "high bit": "ff" + plainSalt[2:], "leading zeros": "0000" + plainSalt[4:],
	} {
		w := tracked(t, always)
		first := w.tokens(w.app, "ana")
		g, out := w.confirmDevice(first, saltOf(salt))
		if *out.UserConfirmationNecessary {
			t.Errorf("%s: asks the user", name)
		}
		r := must(g.signIn(w))(t)
		if r.NewDeviceMetadata != nil {
			t.Errorf("%s: a known device is called new", name)
		}
		if got := decoded(t, *r.AccessToken)["device_key"]; got != g.key {
			t.Errorf("%s: device_key %v, want %s", name, got, g.key)
		}
		if decoded(t, *r.IdToken)["device_key"] != nil {
			t.Errorf("%s: device_key in the ID token", name)
		}
		d := must(do(w, w.r.GetDevice, w.s.GetDevice, &api.GetDeviceInput{AccessToken: r.AccessToken, DeviceKey: &g.key}))(t).Device
		for attribute, want := range map[string]string{
			"device_name": "phone", "device_status": "valid", "dev:device_remembered_status": "remembered", "dev:device_owner": "ana." + w.pool,
		} {
			if got := attributeOf(d, attribute); got != want {
				t.Errorf("%s: %s is %q, want %q", name, attribute, got, want)
			}
		}
	}
}

func TestDeviceSRPWithPasswordSRP(t *testing.T) {
	t.Parallel()
	w := tracked(t, always)
	g, _ := w.confirmDevice(w.tokens(w.app, "ana"), saltOf(plainSalt))
	c := must(newSRP(w, w.app).begin("ana"))(t)
	m := c.responses(password)
	m["DEVICE_KEY"] = testRegion + "_00000000-0000-4000-8000-000000000000"
	_, err := c.send(w.app, m)
	want(t, "unknown device", err, "ResourceNotFoundException", "Device does not exist.")
	m["DEVICE_KEY"] = g.key // the client answers the same challenge again, now that the message names a device
	out := must(c.send(w.app, m))(t)
	if out.ChallengeName != "DEVICE_SRP_AUTH" {
		t.Fatalf("challenge %q", out.ChallengeName)
	}
	answer := must(g.prove(w, out.Session))(t)
	if r := must(w.respond(w.app, "DEVICE_PASSWORD_VERIFIER", nil, answer))(t); r.AuthenticationResult == nil {
		t.Error("no tokens")
	}
}

func TestNoDeviceWithoutTracking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	r := must(w.signInOn("us-east-1_00000000-0000-4000-8000-000000000000"))(t).AuthenticationResult
	if r == nil || r.NewDeviceMetadata != nil || decoded(t, *r.AccessToken)["device_key"] != nil {
		t.Errorf("%+v", r)
	}
	_, err := do(w, w.r.ConfirmDevice, w.s.ConfirmDevice, &api.ConfirmDeviceInput{AccessToken: r.AccessToken, DeviceKey: new("us-east-1_0")})
	want(t, "ConfirmDevice", err, "InvalidUserPoolConfigurationException", "")
}

func TestDeviceAttacks(t *testing.T) {
	t.Parallel()
	w := tracked(t, always)
	w.member("bob")
	g, _ := w.confirmDevice(w.tokens(w.app, "ana"), saltOf(plainSalt))
	other, _ := w.confirmDevice(w.tokens(w.app, "ana"), saltOf(plainSalt))
	bobs := must(w.signIn(w.app, "bob", password))(t).AuthenticationResult

	_, err := w.initiate(w.app, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": "bob", "PASSWORD": password, "DEVICE_KEY": g.key})
	want(t, "another user's device", err, "ResourceNotFoundException", "Device does not exist.")
	_, err = w.initiate(w.app, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": "ana", "PASSWORD": otherWord, "DEVICE_KEY": g.key})
	want(t, "a device instead of a password", err, "NotAuthorizedException", "Incorrect username or password.")
	_, err = w.initiate(w.app, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": "ana", "PASSWORD": otherWord, "DEVICE_KEY": "us-east-1_0"})
	want(t, "no word about devices without the password", err, "NotAuthorizedException", "Incorrect username or password.")
	_, err = do(w, w.r.ConfirmDevice, w.s.ConfirmDevice, &api.ConfirmDeviceInput{
		AccessToken: bobs.AccessToken, DeviceKey: &g.key, DeviceSecretVerifierConfig: g.verifier(saltOf(plainSalt)),
	})
	want(t, "confirming another's device", err, "ResourceNotFoundException", "Device does not exist.")
	_, err = do(w, w.r.GetDevice, w.s.GetDevice, &api.GetDeviceInput{AccessToken: bobs.AccessToken, DeviceKey: &g.key})
	want(t, "reading another's device", err, "ResourceNotFoundException", "Device does not exist.")
	_, err = do(w, w.r.ForgetDevice, w.s.ForgetDevice, &api.ForgetDeviceInput{AccessToken: bobs.AccessToken, DeviceKey: &g.key})
	want(t, "forgetting another's device", err, "ResourceNotFoundException", "Device does not exist.")

	out := must(w.signInOn(g.key))(t)
	_, err = other.prove(w, out.Session)
	want(t, "another of the user's devices", err, "NotAuthorizedException", "Invalid session for the user.")
	_, err = w.respond(w.quiet, "DEVICE_SRP_AUTH", out.Session, map[string]string{"USERNAME": "ana", "DEVICE_KEY": g.key, "SRP_A": "5"})
	want(t, "another client's session", err, "NotAuthorizedException", "Invalid session for the user.")
	_, err = w.respond(w.app, "DEVICE_SRP_AUTH", out.Session, map[string]string{"USERNAME": "bob", "DEVICE_KEY": g.key, "SRP_A": "5"})
	want(t, "another user", err, "NotAuthorizedException", "Invalid session for the user.")
	_, err = w.respond(w.app, "DEVICE_PASSWORD_VERIFIER", out.Session, map[string]string{"USERNAME": "ana", "DEVICE_KEY": g.key})
	want(t, "no claim", err, "InvalidParameterException", "Missing required parameter TIMESTAMP")
	for name, a := range map[string]string{"A = 0": "0", "A = N": rfc5054.Text(16), "A = 2N": new(big.Int).Lsh(rfc5054, 1).Text(16), "negative": "-5"} {
		_, err = w.respond(w.app, "DEVICE_SRP_AUTH", out.Session, map[string]string{"USERNAME": "ana", "DEVICE_KEY": g.key, "SRP_A": a})
		want(t, name, err, "InvalidParameterException", "Invalid SRP_A.")
	}

	answer := must(g.prove(w, out.Session))(t)
	c := must(newSRP(w, w.app).begin("ana"))(t)
	crossed := c.responses(password)
	crossed["DEVICE_KEY"] = g.key
	_, err = w.respond(w.app, "DEVICE_PASSWORD_VERIFIER", nil, crossed)
	want(t, "the password's claim for the device's", err, "NotAuthorizedException", "Invalid session for the user.")
	must(w.respond(w.app, "DEVICE_PASSWORD_VERIFIER", nil, answer))(t)
	_, err = w.respond(w.app, "DEVICE_PASSWORD_VERIFIER", nil, answer)
	want(t, "the same answer again", err, "NotAuthorizedException", "Invalid session for the user.")
	again := must(g.prove(w, out.Session))(t)
	_, err = w.respond(w.app, "DEVICE_PASSWORD_VERIFIER", nil, again)
	want(t, "the challenge before it again", err, "NotAuthorizedException", "Invalid session for the user.")
	w.guessDevice(g)
}

// guessDevice holds that wrong secrets lock the user as wrong passwords do.
func (w *world) guessDevice(g *gadget) {
	w.t.Helper()
	wrong := *g
	wrong.secret = "guess"
	for range userpool.FreeGuesses {
		_, err := wrong.signIn(w)
		want(w.t, "wrong secret", err, "NotAuthorizedException", "Incorrect username or password.")
	}
	_, err := g.signIn(w)
	want(w.t, "after many guesses", err, "NotAuthorizedException", "Password attempts exceeded")
}

func TestConfirmDeviceRefuses(t *testing.T) {
	t.Parallel()
	w := tracked(t, always)
	r := w.tokens(w.app, "ana")
	g := &gadget{*r.NewDeviceMetadata.DeviceKey, *r.NewDeviceMetadata.DeviceGroupKey, "s"}
	b64 := func(b []byte) *string { return new(base64.StdEncoding.EncodeToString(b)) }
	minusOne := new(big.Int).Sub(rfc5054, big.NewInt(1)).Bytes()
	salt := must(hex.DecodeString(plainSalt))(t)
	for name, v := range map[string]*api.DeviceSecretVerifierConfigType{
		"nothing":       nil,
		"no salt":       {PasswordVerifier: b64([]byte{5})},
		"no verifier":   {Salt: b64(salt)},
		"not base64":    {Salt: new("!"), PasswordVerifier: b64([]byte{5})},
		"a long salt":   {Salt: b64(append([]byte{1}, salt...)), PasswordVerifier: b64([]byte{5})},
		"verifier 0":    {Salt: b64(salt), PasswordVerifier: b64([]byte{0})},
		"verifier 1":    {Salt: b64(salt), PasswordVerifier: b64([]byte{1})},
		"verifier N-1":  {Salt: b64(salt), PasswordVerifier: b64(minusOne)},
		"verifier N":    {Salt: b64(salt), PasswordVerifier: b64(rfc5054.Bytes())},
		"huge verifier": {Salt: b64(salt), PasswordVerifier: b64(make([]byte, 4096))},
	} {
		_, err := do(w, w.r.ConfirmDevice, w.s.ConfirmDevice, &api.ConfirmDeviceInput{AccessToken: r.AccessToken, DeviceKey: &g.key, DeviceSecretVerifierConfig: v})
		want(t, name, err, "InvalidParameterException", "")
	}
	in := &api.ConfirmDeviceInput{AccessToken: r.AccessToken, DeviceKey: &g.key, DeviceSecretVerifierConfig: g.verifier(saltOf(plainSalt))}
	must(do(w, w.r.ConfirmDevice, w.s.ConfirmDevice, in))(t)
	_, err := do(w, w.r.ConfirmDevice, w.s.ConfirmDevice, in)
	want(t, "twice", err, "DeviceKeyExistsException", "")
	must(do(w, w.r.ForgetDevice, w.s.ForgetDevice, &api.ForgetDeviceInput{AccessToken: r.AccessToken, DeviceKey: &g.key}))(t)
	_, err = do(w, w.r.ConfirmDevice, w.s.ConfirmDevice, in)
	want(t, "after it was forgotten", err, "ResourceNotFoundException", "Device does not exist.")
}

func TestForgottenDevice(t *testing.T) {
	t.Parallel()
	w := tracked(t, always)
	first := w.tokens(w.app, "ana")
	g, _ := w.confirmDevice(first, saltOf(plainSalt))
	renew := func(key string) (*api.InitiateAuthOutput, error) {
		return w.initiate(w.app, "REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": *first.RefreshToken, "DEVICE_KEY": key})
	}
	fresh := must(renew(g.key))(t).AuthenticationResult
	if got := decoded(t, *fresh.AccessToken)["device_key"]; got != g.key {
		t.Errorf("device_key %v after a refresh", got)
	}
	for name, key := range map[string]string{"without its device": "", "on another device": "us-east-1_0"} {
		_, err := renew(key)
		want(t, "a refresh token "+name, err, "NotAuthorizedException", "Invalid Refresh Token")
	}
	must(do(w, w.r.AdminForgetDevice, w.s.AdminForgetDevice, &api.AdminForgetDeviceInput{UserPoolId: &w.pool, Username: new("ana"), DeviceKey: &g.key}))(t)
	_, err := renew(g.key)
	want(t, "a refresh token of a forgotten device", err, "NotAuthorizedException", "Invalid Refresh Token")
	_, err = w.signInOn(g.key)
	want(t, "signing in on it", err, "ResourceNotFoundException", "Device does not exist.")
}

func TestDeviceStatus(t *testing.T) {
	t.Parallel()
	w := tracked(t, api.DeviceConfigurationType{DeviceOnlyRememberedOnUserPrompt: new(true)})
	first := w.tokens(w.app, "ana")
	g, out := w.confirmDevice(first, saltOf(plainSalt))
	if !*out.UserConfirmationNecessary {
		t.Error("does not ask the user")
	}
	status := func() string {
		d := must(do(w, w.r.AdminGetDevice, w.s.AdminGetDevice, &api.AdminGetDeviceInput{UserPoolId: &w.pool, Username: new("ana"), DeviceKey: &g.key}))(t)
		return attributeOf(d.Device, "dev:device_remembered_status")
	}
	if got := status(); got != "not_remembered" {
		t.Errorf("at first %q", got)
	}
	must(do(w, w.r.UpdateDeviceStatus, w.s.UpdateDeviceStatus, &api.UpdateDeviceStatusInput{AccessToken: first.AccessToken, DeviceKey: &g.key, DeviceRememberedStatus: "remembered"}))(t)
	if got := status(); got != "remembered" {
		t.Errorf("then %q", got)
	}
	must(do(w, w.r.AdminUpdateDeviceStatus, w.s.AdminUpdateDeviceStatus, &api.AdminUpdateDeviceStatusInput{UserPoolId: &w.pool, Username: new("ana"), DeviceKey: &g.key, DeviceRememberedStatus: "not_remembered"}))(t)
	if got := status(); got != "not_remembered" {
		t.Errorf("at last %q", got)
	}
	_, err := do(w, w.r.UpdateDeviceStatus, w.s.UpdateDeviceStatus, &api.UpdateDeviceStatusInput{AccessToken: first.AccessToken, DeviceKey: &g.key})
	want(t, "no status", err, "InvalidParameterException", "")
}

func TestListDevices(t *testing.T) {
	t.Parallel()
	w := tracked(t, always)
	w.member("bob")
	made := map[string]bool{}
	var token *string
	for range 3 {
		r := w.tokens(w.app, "ana")
		g, _ := w.confirmDevice(r, saltOf(plainSalt))
		made[g.key], token = true, r.AccessToken
	}
	var next *string
	for n := 0; n == 0 || next != nil; n++ {
		out := must(do(w, w.r.ListDevices, w.s.ListDevices, &api.ListDevicesInput{AccessToken: token, Limit: new(int32(2)), PaginationToken: next}))(t)
		for _, d := range out.Devices {
			if !made[*d.DeviceKey] {
				t.Errorf("%s twice, or not made", *d.DeviceKey)
			}
			delete(made, *d.DeviceKey)
		}
		if next = out.PaginationToken; n == 0 {
			_, err := do(w, w.r.AdminListDevices, w.s.AdminListDevices, &api.AdminListDevicesInput{UserPoolId: &w.pool, Username: new("bob"), PaginationToken: next})
			want(t, "a page of another user's", err, "InvalidParameterException", "")
		}
	}
	if len(made) != 0 {
		t.Errorf("not listed: %v", made)
	}
	bobs := must(do(w, w.r.AdminListDevices, w.s.AdminListDevices, &api.AdminListDevicesInput{UserPoolId: &w.pool, Username: new("bob")}))(t)
	if len(bobs.Devices) != 0 {
		t.Errorf("bob has %d devices", len(bobs.Devices))
	}
}

func TestDevicesAreBounded(t *testing.T) {
	t.Parallel()
	w := tracked(t, always)
	config := (&gadget{}).verifier(saltOf(plainSalt))
	for n := range maxDevices + 1 {
		r := w.tokens(w.app, "ana")
		_, err := do(w, w.r.ConfirmDevice, w.s.ConfirmDevice, &api.ConfirmDeviceInput{AccessToken: r.AccessToken, DeviceKey: r.NewDeviceMetadata.DeviceKey, DeviceSecretVerifierConfig: config})
		if n < maxDevices {
			must(true, err)(t)
		} else {
			want(t, "one too many", err, "InvalidParameterException", "")
		}
	}
}

func TestDeviceGroupsDiffer(t *testing.T) {
	t.Parallel()
	w := tracked(t, always)
	w.member("bob")
	groups := map[string]string{}
	for _, name := range []string{"ana", "bob", "ana"} {
		group := *must(w.signIn(w.app, name, password))(t).AuthenticationResult.NewDeviceMetadata.DeviceGroupKey
		if !strings.HasPrefix(group, "-") || groups[name] != "" && groups[name] != group {
			t.Errorf("%s's group is %q, then %q", name, groups[name], group)
		}
		groups[name] = group
	}
	if groups["ana"] == groups["bob"] {
		t.Error("two users share a group")
	}
}

// TestDeviceInPlaceOfMFA holds which devices are asked instead of a second factor, and that no other gets past it.
func TestDeviceInPlaceOfMFA(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set        api.DeviceConfigurationType
		remembered bool
		first      api.ChallengeNameType
	}{
		"remembered, and the pool trusts such":   {always, true, "DEVICE_SRP_AUTH"},
		"tracked only":                           {always, false, "SOFTWARE_TOKEN_MFA"},
		"remembered, and the pool trusts no one": {api.DeviceConfigurationType{}, true, "SOFTWARE_TOKEN_MFA"},
	} {
		w := tracked(t, tc.set)
		r := w.tokens(w.app, "ana")
		g, _ := w.confirmDevice(r, saltOf(plainSalt))
		if !tc.remembered {
			must(do(w, w.r.UpdateDeviceStatus, w.s.UpdateDeviceStatus, &api.UpdateDeviceStatusInput{AccessToken: r.AccessToken, DeviceKey: &g.key, DeviceRememberedStatus: "not_remembered"}))(t)
		}
		must(w.setMFA(&api.SetUserPoolMfaConfigInput{MfaConfiguration: "OPTIONAL", SoftwareTokenMfaConfiguration: &api.SoftwareTokenMfaConfigType{Enabled: new(true)}}))(t)
		out := must(w.associate(r.AccessToken, nil))(t)
		must(w.verifyApp(r.AccessToken, nil, w.totp(out.SecretCode)))(t)
		if err := w.prefer(*r.AccessToken, api.SetUserMFAPreferenceInput{SoftwareTokenMfaSettings: &api.SoftwareTokenMfaSettingsType{Enabled: new(true)}}); err != nil {
			t.Fatal(err)
		}
		asked := must(w.signInOn(g.key))(t)
		if asked.ChallengeName != tc.first {
			t.Errorf("%s: challenge %s, want %s", name, asked.ChallengeName, tc.first)
			continue
		}
		if tc.first == "DEVICE_SRP_AUTH" {
			if _, err := g.signIn(w); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			plain := must(w.signIn(w.app, "ana", password))(t)
			if plain.ChallengeName != "SOFTWARE_TOKEN_MFA" {
				t.Errorf("%s: without the device, challenge %q", name, plain.ChallengeName)
			}
		}
	}
}
