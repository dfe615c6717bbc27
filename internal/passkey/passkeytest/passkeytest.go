// Package passkeytest is an authenticator and its browser, in software, for tests: it answers the options of package passkey
// honestly or, with a Forgery, as an attacker would.
package passkeytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Flags of authenticator data (Web Authentication Level 3, section 6.1).
const (
	UserPresent    = 1 << 0
	UserVerified   = 1 << 2
	BackupEligible = 1 << 3
	BackedUp       = 1 << 4
	attested       = 1 << 6
)

// Algorithms of COSE.
const (
	ES256 = -7
	EdDSA = -8
)

// Authenticator holds one key. Its methods fail the test for what the options do not allow to be answered.
type Authenticator struct {
	t testing.TB
	// ID is the credential's id.
	ID []byte
	// Handle is the user handle, which a creation sets.
	Handle []byte
	// Party is the relying party's id, which a creation sets.
	Party string
	// Counter is that of the last signature.
	Counter uint32
	// Flags are sent with every answer.
	Flags byte

	alg    int
	signer crypto.Signer
}

// Forgery is what an attacker changes. The zero value changes nothing.
type Forgery struct {
	// Origin, Type, Party and Challenge replace what the client data or authenticator data say.
	Origin, Type, Party, Challenge string
	// CrossOrigin says that a page of another origin holds the frame.
	CrossOrigin bool
	// Clear takes away flags.
	Clear byte
	// Set adds flags.
	Set byte
	// Packed makes an attestation of the key by itself; Broken spoils its signature, or that of an assertion.
	Packed, Broken bool
	// Handle replaces the user handle; ID the credential's id.
	Handle, ID []byte
	// Stuck leaves the counter as it was.
	Stuck bool
}

// New makes an authenticator with a new key of an algorithm (ES256 or EdDSA).
func New(t testing.TB, alg int) *Authenticator {
	t.Helper()
	a := &Authenticator{t: t, ID: make([]byte, 32), Flags: UserPresent | UserVerified, alg: alg}
	rand.Read(a.ID) // never fails (crypto/rand)
	var err error
	switch alg {
	case ES256:
		a.signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, a.signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("no algorithm %d", alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type creation struct {
	RP        struct{ ID string }
	User      struct{ ID string }
	Challenge string
}

type request struct {
	RPID             string `json:"rpId"`
	Challenge        string
	AllowCredentials []struct{ ID string }
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *Authenticator) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// Create answers creation options on a page of the origin, as RegistrationResponseJSON.
func (a *Authenticator) Create(options []byte, origin string, f Forgery) []byte {
	a.t.Helper()
	var o creation
	a.must(json.Unmarshal(options, &o))
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	a.must(err)
	a.Handle, a.Party = handle, o.RP.ID
	client := a.client("webauthn.create", o.Challenge, origin, f)
	data := a.data(f, attested)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.ID)))
	data = append(append(data, a.ID...), a.cose()...)
	object := map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data}
	if f.Packed {
		object["fmt"], object["attStmt"] = "packed", map[string]any{"alg": a.alg, "sig": a.sign(data, client, f)}
	}
	encoded, err := cbor.Marshal(object)
	a.must(err)
	return a.response(f, map[string]any{
		"clientDataJSON": b64(client), "attestationObject": b64(encoded), "transports": []string{"internal", "hybrid"},
	})
}

// Get answers request options on a page of the origin, as AuthenticationResponseJSON.
func (a *Authenticator) Get(options []byte, origin string, f Forgery) []byte {
	a.t.Helper()
	var o request
	a.must(json.Unmarshal(options, &o))
	if !f.Stuck {
		a.Counter++
	}
	handle := a.Handle
	if f.Handle != nil {
		handle = f.Handle
	}
	client := a.client("webauthn.get", o.Challenge, origin, f)
	data := a.data(f, 0)
	return a.response(f, map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(a.sign(data, client, f)), "userHandle": b64(handle),
	})
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (a *Authenticator) client(kind, challenge, origin string, f Forgery) []byte {
	text, err := json.Marshal(map[string]any{
		"type": or(f.Type, kind), "challenge": or(f.Challenge, challenge), "origin": or(f.Origin, origin), "crossOrigin": f.CrossOrigin,
	})
	a.must(err)
	return text
}

func (a *Authenticator) data(f Forgery, flags byte) []byte {
	hash := sha256.Sum256([]byte(or(f.Party, a.Party)))
	return binary.BigEndian.AppendUint32(append(hash[:], (a.Flags|flags|f.Set)&^f.Clear), a.Counter)
}

func (a *Authenticator) sign(data, client []byte, f Forgery) []byte {
	hash := sha256.Sum256(client)
	message := append(data[:len(data):len(data)], hash[:]...)
	var opts crypto.SignerOpts = crypto.Hash(0)
	if a.alg == ES256 {
		digest := sha256.Sum256(message)
		message, opts = digest[:], crypto.SHA256
	}
	sig, err := a.signer.Sign(rand.Reader, message, opts)
	a.must(err)
	if f.Broken {
		sig[len(sig)-1] ^= 1
	}
	return sig
}

// cose encodes the public key (RFC 9053 section 7).
func (a *Authenticator) cose() []byte {
	key := map[int]any{3: a.alg}
	switch pub := a.signer.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		a.must(err)
		key[1], key[-1], key[-2], key[-3] = 2, 1, point[1:33], point[33:]
	case ed25519.PublicKey:
		key[1], key[-1], key[-2] = 1, 6, []byte(pub)
	}
	text, err := cbor.Marshal(key)
	a.must(err)
	return text
}

func (a *Authenticator) response(f Forgery, inner map[string]any) []byte {
	id := a.ID
	if f.ID != nil {
		id = f.ID
	}
	text, err := json.Marshal(map[string]any{
		"id": b64(id), "rawId": b64(id), "type": "public-key", "authenticatorAttachment": "platform",
		"clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}}, "response": inner,
	})
	a.must(err)
	return text
}
