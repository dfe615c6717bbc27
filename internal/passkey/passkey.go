// Package passkey is the relying party's side of Web Authentication (W3C, Level 3): the options of the two ceremonies, and
// the checks of what a browser answers. It keeps no state. Callers make the challenges, see that each is answered once and
// in time, and store the keys.
//
// Parsing and signatures are go-webauthn's. What is decided here is who may ask: which origins belong to a relying party,
// which algorithms are taken, and that a counter which does not grow refuses the key.
package passkey

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

const (
	// MaxResponse bounds the JSON of a response, in bytes. An attestation with a chain of certificates has some 5 kB.
	MaxResponse = 32 << 10
	// MaxID bounds a credential's id, in bytes (section 7.1, step 25).
	MaxID = 1023
	// ChallengeSize is the length of a challenge that NewChallenge makes, in bytes.
	ChallengeSize = 32
)

// Why a response is refused. None wraps a secret.
var (
	// ErrMalformed is returned for what is no response of its kind.
	ErrMalformed = errors.New("passkey: malformed response")
	// ErrChallenge is returned for a response to another challenge.
	ErrChallenge = errors.New("passkey: another challenge was answered")
	// ErrOrigin is returned for a response that was made on a page outside the relying party's domain.
	ErrOrigin = errors.New("passkey: the origin is not the relying party's")
	// ErrParty is returned for a key of another relying party.
	ErrParty = errors.New("passkey: the key is another relying party's")
	// ErrAlgorithm is returned for a new key of an algorithm that was not offered.
	ErrAlgorithm = errors.New("passkey: the key's algorithm was not offered")
	// ErrRefused is returned for what else does not hold: a signature, a missing verification of the user, a counter that
	// did not grow, an unknown key.
	ErrRefused = errors.New("passkey: refused")
)

// Party is a relying party. The zero value refuses every response.
type Party struct {
	// ID is the domain for which keys are made; pages of it and of its subdomains may use them.
	ID string
	// Timeout is how long the browser lets its user take.
	Timeout time.Duration
	// VerifyUser refuses keys that did not verify their user, by PIN or body.
	VerifyUser bool
}

// User is whose key it is.
type User struct {
	// Handle is what the key itself stores about its user: 1 to 64 bytes, no personal data (section 14.6.1).
	Handle []byte
	// Name is shown by the browser.
	Name string
}

// Key is a public key credential as the relying party stores it.
type Key struct {
	// ID is the credential's id; Public its key, encoded as COSE_Key.
	ID, Public []byte
	// Counter is that of the last signature. A key without one has 0 always.
	Counter uint32
	// BackupEligible says whether the key may be copied to other devices; it never changes.
	BackupEligible bool
	// Transports and Attachment are what the browser said of the authenticator, unchecked.
	Transports []string
	// Attachment is "platform", "cross-platform" or empty.
	Attachment string
	// Model is the AAGUID, 16 bytes, unchecked.
	Model []byte
}

// algorithms are those that are offered for new keys, the ones that Cognito offers.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// NewChallenge returns ChallengeSize random bytes.
func NewChallenge() ([]byte, error) {
	c, err := protocol.CreateChallenge()
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	return c, nil
}

// verification is the demand on the browser.
func (p Party) verification() protocol.UserVerificationRequirement {
	if p.VerifyUser {
		return protocol.VerificationRequired
	}
	return protocol.VerificationPreferred
}

// Creation returns PublicKeyCredentialCreationOptionsJSON (section 5.4) for a new key of the user, beside those that the
// user has already.
func (p Party) Creation(u User, challenge []byte, has []Key) (json.RawMessage, error) {
	required := true
	return encode(&protocol.PublicKeyCredentialCreationOptions{
		RelyingParty: protocol.RelyingPartyEntity{ID: p.ID, CredentialEntity: protocol.CredentialEntity{Name: p.ID}},
		User: protocol.UserEntity{
			ID: protocol.URLEncodedBase64(u.Handle), DisplayName: u.Name, CredentialEntity: protocol.CredentialEntity{Name: u.Name},
		},
		Challenge: challenge, Parameters: algorithms, Timeout: int(p.Timeout.Milliseconds()),
		CredentialExcludeList: descriptors(has),
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: p.verification(),
		},
		Attestation: protocol.PreferNoAttestation,
	})
}

// Request returns PublicKeyCredentialRequestOptionsJSON (section 5.5) for a signature by one of the keys; with none, by any
// key that the browser's user chooses.
func (p Party) Request(challenge []byte, allowed []Key) (json.RawMessage, error) {
	return encode(&protocol.PublicKeyCredentialRequestOptions{
		Challenge: challenge, Timeout: int(p.Timeout.Milliseconds()), RelyingPartyID: p.ID,
		AllowedCredentials: descriptors(allowed), UserVerification: p.verification(),
	})
}

func encode(v any) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("passkey: encode options: %w", err)
	}
	return text, nil
}

func descriptors(keys []Key) []protocol.CredentialDescriptor {
	out := make([]protocol.CredentialDescriptor, len(keys))
	for i, k := range keys {
		out[i] = protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: k.ID}
		for _, t := range k.Transports {
			out[i].Transport = append(out[i].Transport, protocol.AuthenticatorTransport(t))
		}
	}
	return out
}

// account is a user as go-webauthn asks for one.
type account struct {
	User
	keys []Key
}

func (a *account) WebAuthnID() []byte          { return a.Handle }
func (a *account) WebAuthnName() string        { return a.Name }
func (a *account) WebAuthnDisplayName() string { return a.Name }

func (a *account) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, len(a.keys))
	for i, k := range a.keys {
		out[i] = webauthn.Credential{
			ID: k.ID, PublicKey: k.Public, Flags: webauthn.CredentialFlags{BackupEligible: k.BackupEligible},
			Authenticator: webauthn.Authenticator{SignCount: k.Counter, AAGUID: k.Model},
		}
	}
	return out
}
