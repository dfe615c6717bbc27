package passkey_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/passkey"
	"github.com/bulkhead/bulkhead/internal/passkey/passkeytest"
)

const origin = "https://login.example.com"

var (
	party = passkey.Party{ID: "example.com", Timeout: time.Minute}
	ana   = passkey.User{Handle: []byte("sub-of-ana"), Name: "ana"}
	bob   = passkey.User{Handle: []byte("sub-of-bob"), Name: "bob"}
)

func challenge(t testing.TB) []byte {
	t.Helper()
	c, err := passkey.NewChallenge()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// register makes a key, forged or not.
func register(t testing.TB, p passkey.Party, a *passkeytest.Authenticator, f passkeytest.Forgery) (*passkey.Key, error) {
	t.Helper()
	c := challenge(t)
	options, err := p.Creation(ana, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := passkey.ParseRegistration(a.Create(options, origin, f))
	if err != nil {
		return nil, err
	}
	return p.Register(ana, c, r)
}

// sign answers a request of p with the key.
func sign(t testing.TB, p passkey.Party, a *passkeytest.Authenticator, keys []passkey.Key, f passkeytest.Forgery) (*passkey.Key, bool, error) {
	t.Helper()
	c := challenge(t)
	options, err := p.Request(c, keys)
	if err != nil {
		t.Fatal(err)
	}
	r, err := passkey.ParseAssertion(a.Get(options, origin, f))
	if err != nil {
		return nil, false, err
	}
	return p.Verify(ana, c, r, keys)
}

func TestCeremonies(t *testing.T) {
	t.Parallel()
	a := passkeytest.New(t, passkeytest.ES256)
	k, err := register(t, party, a, passkeytest.Forgery{})
	if err != nil {
		t.Fatal(err)
	}
	if string(k.ID) != string(a.ID) || k.Attachment != "platform" || strings.Join(k.Transports, " ") != "internal hybrid" {
		t.Errorf("key %+v", k)
	}
	for i := range 3 {
		used, verified, err := sign(t, party, a, []passkey.Key{*k}, passkeytest.Forgery{})
		if err != nil {
			t.Fatal(err)
		}
		if used.Counter != uint32(i+1) || !verified {
			t.Errorf("counter %d, verified %v", used.Counter, verified)
		}
		k = used
	}
	if _, verified, err := sign(t, party, a, []passkey.Key{*k}, passkeytest.Forgery{Clear: passkeytest.UserVerified}); err != nil || verified {
		t.Errorf("without verification of the user: %v, %v", verified, err)
	}
}

func TestSelfAttestation(t *testing.T) {
	t.Parallel()
	if _, err := register(t, party, passkeytest.New(t, passkeytest.ES256), passkeytest.Forgery{Packed: true}); err != nil {
		t.Errorf("packed attestation: %v", err)
	}
	_, err := register(t, party, passkeytest.New(t, passkeytest.ES256), passkeytest.Forgery{Packed: true, Broken: true})
	if !errors.Is(err, passkey.ErrRefused) {
		t.Errorf("packed attestation with a wrong signature: %v", err)
	}
}

func TestForgedRegistrations(t *testing.T) {
	t.Parallel()
	strict := party
	strict.VerifyUser = true
	for name, tc := range map[string]struct {
		party passkey.Party
		alg   int
		f     passkeytest.Forgery
		want  error
	}{
		"another origin":           {party, passkeytest.ES256, passkeytest.Forgery{Origin: "https://evil.test"}, passkey.ErrOrigin},
		"an origin that ends so":   {party, passkeytest.ES256, passkeytest.Forgery{Origin: "https://evilexample.com"}, passkey.ErrOrigin},
		"an origin that begins so": {party, passkeytest.ES256, passkeytest.Forgery{Origin: "https://example.com.evil.test"}, passkey.ErrOrigin},
		"an origin with a user":    {party, passkeytest.ES256, passkeytest.Forgery{Origin: "https://example.com@evil.test"}, passkey.ErrOrigin},
		"an origin without TLS":    {party, passkeytest.ES256, passkeytest.Forgery{Origin: "http://login.example.com"}, passkey.ErrOrigin},
		"an app's origin":          {party, passkeytest.ES256, passkeytest.Forgery{Origin: "android:apk-key-hash:AAAA"}, passkey.ErrOrigin},
		"no origin":                {party, passkeytest.ES256, passkeytest.Forgery{Origin: "null"}, passkey.ErrOrigin},
		"a frame of another page":  {party, passkeytest.ES256, passkeytest.Forgery{CrossOrigin: true}, passkey.ErrRefused},
		"another party":            {party, passkeytest.ES256, passkeytest.Forgery{Party: "evil.test"}, passkey.ErrParty},
		"another challenge":        {party, passkeytest.ES256, passkeytest.Forgery{Challenge: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, passkey.ErrChallenge},
		"no challenge":             {party, passkeytest.ES256, passkeytest.Forgery{Challenge: "!"}, passkey.ErrChallenge},
		"an assertion's data":      {party, passkeytest.ES256, passkeytest.Forgery{Type: "webauthn.get"}, passkey.ErrRefused},
		"an algorithm not offered": {party, passkeytest.EdDSA, passkeytest.Forgery{}, passkey.ErrAlgorithm},
		"nobody there":             {party, passkeytest.ES256, passkeytest.Forgery{Clear: passkeytest.UserPresent}, passkey.ErrRefused},
		"user not verified":        {strict, passkeytest.ES256, passkeytest.Forgery{Clear: passkeytest.UserVerified}, passkey.ErrRefused},
		"backed up, not eligible":  {party, passkeytest.ES256, passkeytest.Forgery{Set: passkeytest.BackedUp}, passkey.ErrRefused},
		"another id outside":       {party, passkeytest.ES256, passkeytest.Forgery{ID: []byte("another credential")}, passkey.ErrRefused},
		"a huge id":                {party, passkeytest.ES256, passkeytest.Forgery{ID: make([]byte, passkey.MaxID+1)}, passkey.ErrMalformed},
		"a party without a name":   {passkey.Party{}, passkeytest.ES256, passkeytest.Forgery{}, passkey.ErrOrigin},
	} {
		if _, err := register(t, tc.party, passkeytest.New(t, tc.alg), tc.f); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestForgedAssertions(t *testing.T) {
	t.Parallel()
	strict := party
	strict.VerifyUser = true
	for name, tc := range map[string]struct {
		party passkey.Party
		f     passkeytest.Forgery
		want  error
	}{
		"another origin":      {party, passkeytest.Forgery{Origin: "https://evil.test"}, passkey.ErrOrigin},
		"another party":       {party, passkeytest.Forgery{Party: "evil.test"}, passkey.ErrParty},
		"another challenge":   {party, passkeytest.Forgery{Challenge: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, passkey.ErrChallenge},
		"registration's data": {party, passkeytest.Forgery{Type: "webauthn.create"}, passkey.ErrRefused},
		"wrong signature":     {party, passkeytest.Forgery{Broken: true}, passkey.ErrRefused},
		"a counter at rest":   {party, passkeytest.Forgery{Stuck: true}, passkey.ErrRefused},
		"user not verified":   {strict, passkeytest.Forgery{Clear: passkeytest.UserVerified}, passkey.ErrRefused},
		"nobody there":        {party, passkeytest.Forgery{Clear: passkeytest.UserPresent}, passkey.ErrRefused},
		"another's handle":    {party, passkeytest.Forgery{Handle: bob.Handle}, passkey.ErrRefused},
		"an unknown key":      {party, passkeytest.Forgery{ID: []byte("another credential")}, passkey.ErrRefused},
		"now backup eligible": {party, passkeytest.Forgery{Set: passkeytest.BackupEligible}, passkey.ErrRefused},
	} {
		a := passkeytest.New(t, passkeytest.ES256)
		a.Counter = 7
		k, err := register(t, party, a, passkeytest.Forgery{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := sign(t, tc.party, a, []passkey.Key{*k}, tc.f); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if _, _, err := sign(t, tc.party, a, []passkey.Key{*k}, passkeytest.Forgery{}); err != nil {
			t.Errorf("honest, after %s: %v", name, err)
		}
	}
}

func TestLocalOrigins(t *testing.T) {
	t.Parallel()
	local := passkey.Party{ID: "localhost"}
	for from, want := range map[string]bool{
		"http://localhost:8080": true, "http://acme.localhost": true, "https://localhost": true,
		"http://127.0.0.1": false, "http://localhost.evil.test": false, "http://localhost/path": false,
	} {
		_, err := register(t, local, passkeytest.New(t, passkeytest.ES256), passkeytest.Forgery{Origin: from})
		if got := err == nil; got != want {
			t.Errorf("%s: %v", from, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	c := make([]byte, passkey.ChallengeSize)
	has := []passkey.Key{{ID: []byte("key"), Transports: []string{"usb"}}}
	strict := passkey.Party{ID: "example.com", Timeout: time.Minute, VerifyUser: true}
	created, err := strict.Creation(ana, c, has)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := party.Request(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		string(created): `{"attestation":"none","authenticatorSelection":{"requireResidentKey":true,"residentKey":"required","userVerification":"required"},` +
			`"challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","excludeCredentials":[{"id":"a2V5","transports":["usb"],"type":"public-key"}],` +
			`"pubKeyCredParams":[{"alg":-7,"type":"public-key"},{"alg":-257,"type":"public-key"}],"rp":{"id":"example.com","name":"example.com"},` +
			`"timeout":60000,"user":{"displayName":"ana","id":"c3ViLW9mLWFuYQ","name":"ana"}}`,
		string(asked): `{"challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","rpId":"example.com","timeout":60000,"userVerification":"preferred"}`,
	} {
		var v any
		if err := json.Unmarshal([]byte(got), &v); err != nil {
			t.Fatal(err)
		}
		sorted, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if string(sorted) != want {
			t.Errorf("got  %s\nwant %s", sorted, want)
		}
	}
}

func FuzzResponses(f *testing.F) {
	a := passkeytest.New(f, passkeytest.ES256)
	c := make([]byte, passkey.ChallengeSize)
	options, err := party.Creation(ana, c, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a.Create(options, origin, passkeytest.Forgery{}))
	f.Add(a.Create(options, origin, passkeytest.Forgery{Packed: true}))
	if options, err = party.Request(c, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(a.Get(options, origin, passkeytest.Forgery{}))
	f.Fuzz(func(t *testing.T, text []byte) {
		other := passkey.Party{ID: "other.test"}
		if r, err := passkey.ParseRegistration(text); err == nil {
			if _, err := other.Register(ana, c, r); err == nil {
				t.Error("a registration at another party holds")
			}
		}
		if r, err := passkey.ParseAssertion(text); err == nil {
			if _, _, err := other.Verify(ana, c, r, nil); err == nil {
				t.Error("an assertion by no key holds")
			}
		}
	})
}
