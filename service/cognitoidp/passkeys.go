package cognitoidp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/passkey"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// passkeyRecord is a user's passkey.
type passkeyRecord struct {
	passkey.Key
	// Party is the relying party that the key was made for: it serves no other.
	Party         string
	Created, Used time.Time
}

const (
	// maxPasskeys is how many a user can have ("Amazon Cognito quotas").
	maxPasskeys = 20
	// passkeyLife is how long a registration may take; the browser is told.
	passkeyLife = 3 * time.Minute
)

// passkeyName is a credential's id as part of a key, which bounds its length.
func passkeyName(id []byte) string {
	sum := sha256.Sum256(id)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func passkeyKey(pool, sub string, id []byte) store.Key {
	return userpool.InPool(pool, "passkey", sub, passkeyName(id))
}

// party is the pool as the relying party of its users' keys.
func (c *scoped) party() (passkey.Party, error) {
	if !c.Pool.Settings.Begins(api.AuthFactorTypeWebAuthn) {
		return passkey.Party{}, api.NewWebAuthnNotEnabledException("Passkeys are not enabled for this user pool.")
	}
	id := c.partyID(c.Pool)
	if id == "" {
		return passkey.Party{}, api.NewWebAuthnConfigurationMissingException("The user pool has no relying party id.")
	}
	set := c.Pool.Passkeys
	return passkey.Party{ID: id, Timeout: passkeyLife, VerifyUser: set != nil && (set.VerifyUser || set.MultiFactor)}, nil
}

// partyID is the relying party of a pool's keys: the one that it names, else its custom domain, else its prefix domain
// ("Passkeys", Amazon Cognito Developer Guide); "" if it has none of them.
func (s *Service) partyID(p *userpool.Pool) string {
	if p.Passkeys != nil && p.Passkeys.Party != "" {
		return p.Passkeys.Party
	}
	host := ""
	for i := range p.Domains {
		if d := &p.Domains[i]; host == "" || d.Custom() {
			host = s.HostOf(p, d)
		}
	}
	return host
}

// passkeysAlone reports whether a key that verified its user stands in for MFA.
func passkeysAlone(p *userpool.Pool) bool { return p.Passkeys != nil && p.Passkeys.MultiFactor }

// passkeysOf loads a user's keys for a relying party.
func passkeysOf(p *userpool.Pool, rec *store.Records, sub, party string) (keys []passkey.Key, err error) {
	err = store.Each(rec, userpool.PasskeysKey(p.ID, sub), nil, func(_ store.Key, k *passkeyRecord) bool {
		if k.Party == party {
			keys = append(keys, k.Key)
		}
		return true
	})
	return keys, err
}

func passkeyUser(u *userpool.User) passkey.User {
	return passkey.User{Handle: []byte(u.Sub), Name: u.Username}
}

// registration is what a challenge for a new key says: who may answer it, by which app client, and until when. The challenge
// is the sealed text itself, so that asking for one leaves nothing behind.
type registration struct {
	id      [16]byte
	expires time.Time
	client  [sha256.Size / 2]byte
}

func registrationOf(client string, expires time.Time) registration {
	sum := sha256.Sum256([]byte(client))
	return registration{uuid.New(), expires, [sha256.Size / 2]byte(sum[:])}
}

func registrationBinding(sub string) []byte { return []byte("passkey-registration/" + sub) }

func (c *scoped) sealRegistration(r registration, sub string) ([]byte, error) {
	text := binary.BigEndian.AppendUint64(slices.Clone(r.id[:]), uint64(r.expires.Unix()))
	sealed, err := c.Keyring.Seal(keyring.AuthSession, c.Pool.Scope(), append(text, r.client[:]...), registrationBinding(sub))
	return sealed, fault.Doing(err, "seal a challenge")
}

func (c *scoped) openRegistration(sealed []byte, sub string) (registration, error) {
	var r registration
	text, err := c.Keyring.Open(keyring.AuthSession, c.Pool.Scope(), sealed, registrationBinding(sub))
	if err != nil || len(text) != len(r.id)+8+len(r.client) {
		return r, challengeNotFound()
	}
	r.id, r.client = [16]byte(text), [sha256.Size / 2]byte(text[len(r.id)+8:])
	r.expires = time.Unix(int64(binary.BigEndian.Uint64(text[len(r.id):])), 0)
	if !c.Call.Now.Before(r.expires) {
		return r, challengeNotFound()
	}
	return r, nil
}

func challengeNotFound() *fault.Error {
	return api.NewWebAuthnChallengeNotFoundException("The challenge has expired or was never made.")
}

// StartWebAuthnRegistration implements api.Service.
func (s *Service) StartWebAuthnRegistration(ctx context.Context, call *pipeline.Call, in *api.StartWebAuthnRegistrationInput) (*api.StartWebAuthnRegistrationOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	options, err := b.startRegistration()
	if err != nil {
		return nil, err
	}
	return &api.StartWebAuthnRegistrationOutput{CredentialCreationOptions: options}, nil
}

// startRegistration makes the options for a new key.
func (b *bearer) startRegistration() (json.RawMessage, error) {
	party, err := b.party()
	if err != nil {
		return nil, err
	}
	var u *userpool.User
	var has []passkey.Key
	err = b.View(func(rec *store.Records) (err error) {
		if u, err = b.User(rec); err != nil {
			return err
		}
		has, err = passkeysOf(b.Pool, rec, u.Sub, party.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	challenge, err := b.sealRegistration(registrationOf(b.App.ID, b.Call.Now.Add(passkeyLife)), u.Sub)
	if err != nil {
		return nil, err
	}
	options, err := party.Creation(passkeyUser(u), challenge, has)
	return options, fault.Doing(err, "make options")
}

// CompleteWebAuthnRegistration implements api.Service.
func (s *Service) CompleteWebAuthnRegistration(ctx context.Context, call *pipeline.Call, in *api.CompleteWebAuthnRegistrationInput) (*api.CompleteWebAuthnRegistrationOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := b.completeRegistration(in.Credential); err != nil {
		return nil, err
	}
	return &api.CompleteWebAuthnRegistrationOutput{}, nil
}

// completeRegistration keeps a key that a browser made for startRegistration's options.
func (b *bearer) completeRegistration(credential json.RawMessage) error {
	party, err := b.party()
	if err != nil {
		return err
	}
	u, err := userpool.Read(b, b.User)
	if err != nil {
		return err
	}
	r, key, err := b.checkRegistration(party, u, credential)
	if err != nil {
		return err
	}
	return b.Change(func(rec *store.Records, u *userpool.User) error {
		fresh, err := b.Spend(rec, userpool.SpentSession, fmt.Sprintf("%x", r.id), r.expires)
		if err == nil && !fresh {
			err = challengeNotFound()
		}
		if err != nil {
			return err
		}
		u.PasskeysAt(party.ID, 1)
		return b.addPasskey(rec, u.Sub, &passkeyRecord{Key: *key, Party: party.ID, Created: b.Call.Now})
	})
}

// checkRegistration checks what the browser answered: by which challenge first, for that says who may use it.
func (b *bearer) checkRegistration(party passkey.Party, u *userpool.User, text json.RawMessage) (registration, *passkey.Key, error) {
	answer, err := passkey.ParseRegistration(text)
	if err != nil {
		return registration{}, nil, passkeyFault(err)
	}
	challenge := answer.Challenge()
	r, err := b.openRegistration(challenge, u.Sub)
	if err != nil {
		return r, nil, err
	}
	if want := registrationOf(b.App.ID, r.expires); !bytes.Equal(r.client[:], want.client[:]) {
		return r, nil, api.NewWebAuthnClientMismatchException("The challenge was made for another app client.")
	}
	leave, err := b.Work.Enter(b.Ctx)
	if err != nil {
		return r, nil, err
	}
	defer leave()
	key, err := party.Register(passkeyUser(u), challenge, answer)
	return r, key, passkeyFault(err)
}

// passkeyFault is a refusal of package passkey in the words of the API.
func passkeyFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, passkey.ErrOrigin):
		return api.NewWebAuthnOriginNotAllowedException("The origin is not allowed for the relying party.")
	case errors.Is(err, passkey.ErrParty):
		return api.NewWebAuthnRelyingPartyMismatchException("The credential is of another relying party.")
	case errors.Is(err, passkey.ErrAlgorithm):
		return api.NewWebAuthnCredentialNotSupportedException("The credential's algorithm is not supported.")
	case errors.Is(err, passkey.ErrChallenge):
		return challengeNotFound()
	case errors.Is(err, passkey.ErrMalformed), errors.Is(err, passkey.ErrRefused):
		return refusal.Invalid("Invalid credential.")
	}
	return fault.Wrap(err, "check a passkey")
}

// addPasskey stores a new key. A key that anybody in the pool has already is refused (section 7.1 step 26 of Web
// Authentication): signing in by it must mean one user.
func (c *scoped) addPasskey(rec *store.Records, sub string, k *passkeyRecord) error {
	owner := userpool.PasskeyOwnerKey(c.Pool.ID, passkeyName(k.ID))
	if _, taken, err := rec.Get(owner); err != nil {
		return err
	} else if taken {
		return refusal.Invalid("Invalid credential.")
	}
	n := 0
	err := rec.Scan(userpool.PasskeysKey(c.Pool.ID, sub), nil, func(store.Key, []byte) bool {
		n++
		return n < maxPasskeys
	})
	if err != nil {
		return err
	}
	if n == maxPasskeys {
		return api.NewLimitExceededException("A user can have at most %d passkeys.", maxPasskeys)
	}
	return errors.Join(store.Save(rec, owner, &userpool.Ref{Sub: sub}), store.Save(rec, passkeyKey(c.Pool.ID, sub, k.ID), k))
}

// ListWebAuthnCredentials implements api.Service.
func (s *Service) ListWebAuthnCredentials(ctx context.Context, call *pipeline.Call, in *api.ListWebAuthnCredentialsInput) (*api.ListWebAuthnCredentialsOutput, error) {
	o, err := s.selfOwner(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	u, err := userpool.Read(o, o.load)
	if err != nil {
		return nil, err
	}
	limit := opt.Value(in.MaxResults)
	if limit < 1 || limit > maxPasskeys {
		limit = maxPasskeys
	}
	keys, next, err := userpool.ListPage[passkeyRecord](o.Request, "ListWebAuthnCredentials", u.Sub, userpool.PasskeysKey(o.Pool.ID, u.Sub), in.NextToken, &limit, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListWebAuthnCredentialsOutput{Credentials: []api.WebAuthnCredentialDescription{}, NextToken: next}
	for _, k := range keys {
		out.Credentials = append(out.Credentials, k.describe())
	}
	return out, nil
}

// describe is the key as lists show it.
func (k *passkeyRecord) describe() api.WebAuthnCredentialDescription {
	name := "Passkey"
	if k.Attachment == "cross-platform" && !slices.Contains(k.Transports, "hybrid") {
		name = "Security key"
	}
	out := api.WebAuthnCredentialDescription{
		CredentialId: new(base64.RawURLEncoding.EncodeToString(k.ID)), FriendlyCredentialName: &name, RelyingPartyId: new(k.Party),
		AuthenticatorTransports: []string{}, CreatedAt: new(k.Created),
	}
	if k.Attachment != "" {
		out.AuthenticatorAttachment = new(k.Attachment)
	}
	out.AuthenticatorTransports = append(out.AuthenticatorTransports, k.Transports...)
	return out
}

// DeleteWebAuthnCredential implements api.Service.
func (s *Service) DeleteWebAuthnCredential(ctx context.Context, call *pipeline.Call, in *api.DeleteWebAuthnCredentialInput) (*api.DeleteWebAuthnCredentialOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	id, err := base64.RawURLEncoding.DecodeString(opt.Value(in.CredentialId))
	if err != nil {
		return nil, refusal.Invalid("CredentialId is not base64url.")
	}
	err = b.Change(func(rec *store.Records, u *userpool.User) error {
		k := passkeyKey(b.Pool.ID, u.Sub, id)
		known, err := store.Load[passkeyRecord](rec, k)
		if err != nil {
			return err
		}
		if known == nil {
			return api.NewResourceNotFoundException("The credential does not exist.")
		}
		u.PasskeysAt(known.Party, -1)
		return errors.Join(rec.Delete(k), rec.Delete(userpool.PasskeyOwnerKey(b.Pool.ID, passkeyName(id))))
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteWebAuthnCredentialOutput{}, nil
}
