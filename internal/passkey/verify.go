package passkey

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Registration is a parsed RegistrationResponseJSON (section 5.1), of which nothing was checked yet.
type Registration struct {
	parsed *protocol.ParsedCredentialCreationData
}

// Assertion is a parsed AuthenticationResponseJSON, of which nothing was checked yet.
type Assertion struct {
	parsed *protocol.ParsedCredentialAssertionData
}

// ParseRegistration reads a browser's answer to Creation's options. It returns ErrMalformed for what is none.
func ParseRegistration(text []byte) (*Registration, error) {
	if len(text) > MaxResponse {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxResponse)
	}
	p, err := protocol.ParseCredentialCreationResponseBytes(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if n := len(p.RawID); n == 0 || n > MaxID {
		return nil, fmt.Errorf("%w: a credential id of %d bytes", ErrMalformed, n)
	}
	return &Registration{p}, nil
}

// ParseAssertion reads a browser's answer to Request's options. It returns ErrMalformed for what is none.
func ParseAssertion(text []byte) (*Assertion, error) {
	if len(text) > MaxResponse {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxResponse)
	}
	p, err := protocol.ParseCredentialRequestResponseBytes(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if n := len(p.RawID); n == 0 || n > MaxID {
		return nil, fmt.Errorf("%w: a credential id of %d bytes", ErrMalformed, n)
	}
	return &Assertion{p}, nil
}

// Challenge is the challenge that the response says it answers; nil if that is no base64url.
func (r *Registration) Challenge() []byte {
	return challengeIn(&r.parsed.Response.CollectedClientData)
}

// ID is the credential's id.
func (a *Assertion) ID() []byte { return a.parsed.RawID }

// Handle is the User.Handle that the key stored, or empty.
func (a *Assertion) Handle() []byte { return a.parsed.Response.UserHandle }

func challengeIn(c *protocol.CollectedClientData) []byte {
	b, err := base64.RawURLEncoding.DecodeString(c.Challenge)
	if err != nil {
		return nil
	}
	return b
}

// Register checks a registration (section 7.1) and returns the new key.
func (p Party) Register(u User, challenge []byte, r *Registration) (*Key, error) {
	if err := p.precheck(&r.parsed.Response.CollectedClientData, challenge, r.parsed.Response.AttestationObject.AuthData.RPIDHash); err != nil {
		return nil, err
	}
	if !offered(r.parsed.Response.AttestationObject.AuthData.AttData.CredentialPublicKey) {
		return nil, ErrAlgorithm
	}
	lib, session, err := p.ceremony(u, challenge, r.parsed.Response.CollectedClientData.Origin)
	if err != nil {
		return nil, err
	}
	session.CredParams = algorithms
	c, err := lib.CreateCredential(&account{User: u}, session, r.parsed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	k := &Key{
		ID: c.ID, Public: c.PublicKey, Counter: c.Authenticator.SignCount, BackupEligible: c.Flags.BackupEligible,
		Attachment: attachment(c.Authenticator.Attachment), Model: c.Authenticator.AAGUID,
	}
	for _, t := range c.Transport {
		if slices.Contains(transports, t) {
			k.Transports = append(k.Transports, string(t))
		}
	}
	return k, nil
}

// Verify checks an assertion (section 7.2) by one of the user's keys. It returns that key with its counter moved on, and
// whether the key verified its user.
func (p Party) Verify(u User, challenge []byte, a *Assertion, keys []Key) (used *Key, verified bool, err error) {
	auth := &a.parsed.Response.AuthenticatorData
	if err := p.precheck(&a.parsed.Response.CollectedClientData, challenge, auth.RPIDHash); err != nil {
		return nil, false, err
	}
	i := slices.IndexFunc(keys, func(k Key) bool { return bytes.Equal(k.ID, a.parsed.RawID) })
	if i < 0 {
		return nil, false, fmt.Errorf("%w: not one of the user's keys", ErrRefused)
	}
	lib, session, err := p.ceremony(u, challenge, a.parsed.Response.CollectedClientData.Origin)
	if err != nil {
		return nil, false, err
	}
	c, err := lib.ValidateLogin(&account{u, keys[i : i+1]}, session, a.parsed)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if c.Authenticator.CloneWarning {
		return nil, false, fmt.Errorf("%w: the counter did not grow, so there may be a copy of the key", ErrRefused)
	}
	k := keys[i]
	k.Counter = c.Authenticator.SignCount
	return &k, auth.Flags.HasUserVerified(), nil
}

// precheck tells apart what callers answer differently. The library checks the same once more.
func (p Party) precheck(c *protocol.CollectedClientData, challenge, partyHash []byte) error {
	hash := sha256.Sum256([]byte(p.ID))
	switch {
	case len(challenge) < protocol.MinimumChallengeLength || subtle.ConstantTimeCompare(challengeIn(c), challenge) != 1:
		return ErrChallenge
	case !p.owns(c.Origin):
		return ErrOrigin
	case !bytes.Equal(partyHash, hash[:]):
		return ErrParty
	}
	return nil
}

// owns reports whether pages of the origin may use the party's keys: the party's domain itself or one below it, over TLS,
// or on the machine itself without (section 5.1.3, "relying party ID"; Secure Contexts section 3.1).
func (p Party) owns(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || p.ID == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return false
	}
	host := u.Hostname()
	if host != p.ID && !strings.HasSuffix(host, "."+p.ID) {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || strings.HasSuffix(host, ".localhost"))
}

// offered reports whether a new key is of an algorithm that Creation offers.
func offered(public []byte) bool {
	key, err := webauthncose.ParsePublicKey(public)
	if err != nil {
		return false
	}
	var alg int64
	switch k := key.(type) {
	case webauthncose.EC2PublicKeyData:
		alg = k.Algorithm
	case webauthncose.RSAPublicKeyData:
		alg = k.Algorithm
	}
	return slices.ContainsFunc(algorithms, func(c protocol.CredentialParameter) bool { return int64(c.Algorithm) == alg })
}

// ceremony sets the library up for one response, whose origin was found to be the party's.
func (p Party) ceremony(u User, challenge []byte, origin string) (*webauthn.WebAuthn, webauthn.SessionData, error) {
	lib, err := webauthn.New(&webauthn.Config{
		RPID: p.ID, RPDisplayName: p.ID, RPOrigins: []string{origin},
		// What a browser adds unasked is not looked at (section 9.4 lets it add).
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, webauthn.SessionData{}, fmt.Errorf("passkey: %w", err)
	}
	return lib, webauthn.SessionData{
		Challenge: base64.RawURLEncoding.EncodeToString(challenge), RelyingPartyID: p.ID, UserID: u.Handle, UserVerification: p.verification(),
	}, nil
}

// transports are those of section 5.8.4 that Cognito lists.
var transports = []protocol.AuthenticatorTransport{protocol.USB, protocol.NFC, protocol.BLE, protocol.Internal, protocol.Hybrid}

func attachment(a protocol.AuthenticatorAttachment) string {
	switch a {
	case protocol.Platform, protocol.CrossPlatform:
		return string(a)
	}
	return ""
}
