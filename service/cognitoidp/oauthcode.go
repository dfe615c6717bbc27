package cognitoidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// spentAuthCode marks an authorization code that was exchanged.
const spentAuthCode = "authorization-code"

// authCode is the content of an authorization code. It is sealed for its pool and app client: nothing is stored until it
// is used up.
type authCode struct {
	ID, Sub string
	Epoch   uint32
	// Redirect is the redirect_uri of the request, empty if it had none. Challenge is its S256 code challenge.
	Redirect, Challenge string
	Nonce               string
	Scopes              []string
	Origin              string
	At, Expires         time.Time
}

// sealText makes opaque text of a value, for whoever holds it to bring back.
func (c *scoped) sealText(purpose keyring.Purpose, v any, about string) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fault.Wrap(err, "encode sealed text")
	}
	sealed, err := c.Keyring.Seal(purpose, c.Pool.Scope(), text, []byte(about))
	if err != nil {
		return "", fault.Wrap(err, "seal text")
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openText reads what sealText made for the same purpose and about the same; false for anything else.
func openText[T any](c *scoped, purpose keyring.Purpose, text, about string) (*T, bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) == 0 {
		return nil, false
	}
	plain, err := c.Keyring.Open(purpose, c.Pool.Scope(), sealed, []byte(about))
	if err != nil {
		return nil, false
	}
	v := new(T)
	return v, json.Unmarshal(plain, v) == nil
}

// s256 is the code challenge of a verifier (RFC 7636 section 4.2).
func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// verifierForm is what a code verifier looks like (RFC 7636 section 4.1).
var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// proves reports whether the verifier is the one behind the code's challenge. A verifier for a code without a challenge
// proves nothing: somebody took the challenge away on its way here.
func (a *authCode) proves(verifier string) bool {
	if a.Challenge == "" {
		return verifier == ""
	}
	return verifierForm.MatchString(verifier) && subtle.ConstantTimeCompare([]byte(s256(verifier)), []byte(a.Challenge)) == 1
}

func badCode(why string) *fault.Error { return oauthError(ErrInvalidGrant, why) }

// redeem checks an authorization code and uses it up. A code that comes a second time was stolen at one of them: the
// tokens of the first are revoked (RFC 6749 section 4.1.2).
func (c *scoped) redeem(app *userpool.Client, text, redirect, verifier string) (*tokens.Issuance, error) {
	a, ok := openText[authCode](c, keyring.AuthorizationCode, text, app.ID)
	switch {
	case !ok:
		return nil, badCode("Invalid authorization code.")
	case !c.Call.Now.Before(a.Expires):
		return nil, badCode("The authorization code has expired.")
	case a.Redirect != redirect:
		return nil, badCode("redirect_uri is not the one of the authorization request.")
	case !a.proves(verifier):
		return nil, badCode("code_verifier does not match the code challenge.")
	}
	i := &tokens.Issuance{App: app, Source: tokens.SourceHostedAuth, Refresh: true, SignIn: tokens.SignIn{
		Origin: a.Origin, At: a.At, Event: uuid.NewString(), Scopes: a.Scopes, Nonce: a.Nonce,
	}}
	var refused error
	err := c.Update(func(rec *store.Records) (err error) {
		refused, err = c.takeCode(rec, i, a)
		return err
	})
	if err == nil {
		err = refused
	}
	return i, err
}

// takeCode marks the code as used and loads its user. What is `refused` is to be committed all the same.
func (c *scoped) takeCode(rec *store.Records, i *tokens.Issuance, a *authCode) (refused, err error) {
	fresh, err := c.Spend(rec, spentAuthCode, a.ID, a.Expires)
	if err != nil {
		return nil, err
	}
	if !fresh {
		_, err = c.Spend(rec, userpool.SpentOrigin, a.Origin, c.Call.Now.Add(i.App.Lifetime(userpool.UseRefresh)+i.App.Lifetime(userpool.UseAccess)))
		return badCode("The authorization code was used before."), err
	}
	if i.User, err = c.signedIn(rec, a.Sub, a.Epoch, a.Origin); err != nil {
		return nil, err
	}
	if i.User == nil {
		return badCode("The user is not signed in any more."), nil
	}
	i.Groups, err = c.MembershipOf(rec, i.User)
	return nil, err
}

// signedIn loads a user who signed in; nil if that sign-in is over or the user must not use it.
func (c *scoped) signedIn(rec *store.Records, sub string, epoch uint32, origin string) (*userpool.User, error) {
	u, err := store.Load[userpool.User](rec, userpool.UserKey(c.Pool.ID, sub))
	if err != nil || u == nil || u.Epoch != epoch || u.StandingSignedIn() != nil {
		return nil, err
	}
	revoked, err := c.Revoked(rec, origin)
	if err != nil || revoked {
		return nil, err
	}
	return u, nil
}
