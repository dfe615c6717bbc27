package tokens

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const (
	// ScopeSelf is the scope of tokens that come of the API: their users may manage themselves.
	ScopeSelf = "aws.cognito.signin.user.admin"
	// TagsClaim carries session tags ("Passing session tags using AssumeRoleWithWebIdentity", IAM User Guide).
	TagsClaim = "https://aws.amazon.com/tags"
)

// SignIn is what all tokens of one sign-in share.
type SignIn struct {
	Origin string // origin_jti: what revocation names
	At     time.Time
	Event  string
	Device string // the key of the device that the tokens are for; empty where none is tracked
	// Scopes are what an OAuth 2 client was granted; none are a sign-in by the API, whose tokens have ScopeSelf.
	Scopes []string
	// Nonce is the client's (OpenID Connect Core 1.0 section 3.1.2.1).
	Nonce string
}

// NewSignIn begins one. The first 32 bits of its id are the user's epoch, so that a token alone tells whether it was made
// before the user was last signed out everywhere; the rest is random (RFC 9562 version 8).
func (c *Request) NewSignIn(u *userpool.User) SignIn {
	id := uuid.New()
	binary.BigEndian.PutUint32(id[:], u.Epoch)
	id[6] = id[6]&0x0f | 8<<4
	return SignIn{Origin: id.String(), At: c.Call.Now, Event: uuid.NewString()}
}

// epochOf reads the epoch out of an origin.
func epochOf(origin string) (uint32, bool) {
	if len(origin) != 36 {
		return 0, false
	}
	b, err := hex.DecodeString(origin[:8])
	if err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// tagsOf is the claim of session tags.
type tagsOf struct {
	Principal  map[string][]string `json:"principal_tags"`
	Transitive []string            `json:"transitive_tag_keys"`
}

// idClaims are the claims of an ID token ("Understanding the identity (ID) token", Amazon Cognito Developer Guide).
func (c *Request) idClaims(app *userpool.Client, u *userpool.User, in SignIn, m userpool.Membership) map[string]any {
	claims := c.commonClaims(app, u, in, userpool.UseID)
	claims["aud"] = app.ID
	claims["cognito:username"] = u.Username
	m.Claim(claims, true)
	for name, value := range u.Attributes {
		if userpool.MayRead(app, name) && in.shows(name) && claims[name] == nil {
			claims[name] = claimValue(name, value)
		}
	}
	if list := u.IdentityClaims(); list != nil {
		claims[userpool.AttributeIdentities] = list
	}
	if t := sessionTagsOf(c.Pool, u); t != nil {
		claims[TagsClaim] = t
	}
	return claims
}

// claimValue gives an attribute the type that OpenID Connect says (Core 1.0 section 5.1). Custom ones are strings.
func claimValue(name, value string) any {
	switch name {
	case "email_verified", "phone_number_verified":
		return value == "true"
	case "address":
		return map[string]string{"formatted": value}
	case "updated_at":
		return json.Number(value)
	}
	return value
}

// TagsClaim is the session tags that the pool declares and the user has, or nil if there are none.
func sessionTagsOf(p *userpool.Pool, u *userpool.User) *tagsOf {
	t := &tagsOf{Principal: map[string][]string{}}
	for _, tag := range p.SessionTags() {
		value := u.Attributes[tag.Attribute]
		if tag.Attribute == "sub" {
			value = u.Sub
		}
		if flag := userpool.VerifiedFlag(tag.Attribute); flag != "" && u.Attributes[flag] != "true" {
			value = "" // nobody has shown that the address is the user's
		}
		if value == "" {
			continue
		}
		if _, twice := t.Principal[tag.Key]; !twice {
			t.Transitive = append(t.Transitive, tag.Key)
		}
		t.Principal[tag.Key] = []string{value}
	}
	if len(t.Principal) == 0 {
		return nil
	}
	return t
}

// accessClaims are the claims of an access token ("Understanding the access token").
func (c *Request) accessClaims(app *userpool.Client, u *userpool.User, in SignIn, m userpool.Membership) map[string]any {
	claims := c.commonClaims(app, u, in, userpool.UseAccess)
	claims["client_id"] = app.ID
	claims["username"] = u.Username
	claims["scope"] = ScopeSelf
	if in.Device != "" {
		claims["device_key"] = in.Device
	}
	if in.Scopes != nil {
		claims["scope"], claims["version"] = strings.Join(in.Scopes, " "), OAuthVersion
	}
	m.Claim(claims, false)
	return claims
}

func (c *Request) commonClaims(app *userpool.Client, u *userpool.User, in SignIn, use string) map[string]any {
	now := c.Call.Now
	life := app.Lifetime(use)
	claims := map[string]any{
		"sub": u.Sub, "iss": c.IssuerOf(c.Pool), "token_use": use, "event_id": in.Event, "jti": uuid.NewString(),
		"auth_time": in.At.Unix(), "iat": now.Unix(), "exp": now.Add(life).Unix(),
	}
	if !app.NoRevocation {
		claims["origin_jti"] = in.Origin
	}
	return claims
}

// Issuance is what a set of tokens is made for.
type Issuance struct {
	App    *userpool.Client
	User   *userpool.User
	Groups userpool.Membership
	SignIn SignIn
	Source string
	Meta   map[string]string // the request's ClientMetadata
	// Refresh is true when a refresh token is among them.
	Refresh bool
	// until is when the refresh token ends that another is made for; zero for the first of a sign-in.
	until time.Time
	// generation counts the refresh tokens of the sign-in.
	generation int
}

// Issue makes the tokens of a sign-in: all three, or without a refresh token when one was just used.
func (c *Request) Issue(i *Issuance) (*api.AuthenticationResultType, error) {
	idClaims, accessClaims := c.idClaims(i.App, i.User, i.SignIn, i.Groups), c.accessClaims(i.App, i.User, i.SignIn, i.Groups)
	if err := c.Customize(i, idClaims, accessClaims); err != nil {
		return nil, err
	}
	leave, err := c.Work.Enter(c.Ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	access, err := c.Sign(KeyOfAccess, accessClaims)
	if err != nil {
		return nil, err
	}
	out := &api.AuthenticationResultType{
		AccessToken: &access, TokenType: new("Bearer"), ExpiresIn: new(int32(i.App.Lifetime(userpool.UseAccess) / time.Second)),
	}
	if i.SignIn.identifies() {
		i.SignIn.bind(idClaims, access)
		id, err := c.Sign(KeyOfID, idClaims)
		if err != nil {
			return nil, err
		}
		out.IdToken = &id
	}
	if i.Refresh {
		out.RefreshToken, err = c.newRefreshToken(i)
	}
	return out, err
}

// Sign makes a token under one of the pool's keys, by what that signs.
func (c *Request) Sign(which int, claims map[string]any) (string, error) {
	p, err := c.WithKeys(c.Ctx, c.Pool)
	if err != nil {
		return "", err
	}
	k := SigningKeyOf(p, which, c.Call.Now)
	key, err := c.Signer(p, k)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return "", fault.Wrap(err, "encode claims")
	}
	token, err := jose.Sign(key, k.KID, text)
	return token, fault.Doing(err, "sign a token")
}

// refreshToken is the content of one: sealed, so that nothing of it is stored or can be read or made up.
type refreshToken struct {
	Sub, Origin string
	At, Expires time.Time
	Epoch       uint32
	// Generation counts the tokens before it, where they are replaced at each use.
	Generation int
	// Device is the only one that may use the token; empty for any.
	Device string
	Scopes []string `json:",omitempty"`
	Nonce  string   `json:",omitempty"`
}

// SignIn is the sign-in that the token goes on with.
func (t *refreshToken) signIn() SignIn {
	return SignIn{Origin: t.Origin, At: t.At, Event: uuid.NewString(), Device: t.Device, Scopes: t.Scopes, Nonce: t.Nonce}
}

func (c *Request) newRefreshToken(i *Issuance) (*string, error) {
	until, in := i.until, i.SignIn
	if until.IsZero() {
		until = in.At.Add(i.App.Lifetime(userpool.UseRefresh))
	}
	text, err := json.Marshal(refreshToken{
		Sub: i.User.Sub, Origin: in.Origin, At: in.At, Expires: until, Epoch: i.User.Epoch, Generation: i.generation,
		Device: in.Device, Scopes: in.Scopes, Nonce: in.Nonce,
	})
	if err != nil {
		return nil, fault.Wrap(err, "encode a refresh token")
	}
	sealed, err := c.Keyring.Seal(keyring.RefreshToken, c.Pool.Scope(), text, []byte(i.App.ID))
	if err != nil {
		return nil, fault.Wrap(err, "seal a refresh token")
	}
	return new(base64.RawURLEncoding.EncodeToString(sealed)), nil
}

// openRefreshToken reads a refresh token of the app client. Another client's is none.
func (c *Request) openRefreshToken(app *userpool.Client, token string) (*refreshToken, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, refusal.BadRefreshToken()
	}
	text, err := c.Keyring.Open(keyring.RefreshToken, c.Pool.Scope(), sealed, []byte(app.ID))
	if err != nil {
		return nil, refusal.BadRefreshToken()
	}
	var t refreshToken
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fault.Wrap(err, "read a refresh token")
	}
	return &t, nil
}

// Claims are those of an access token that the server reads back.
type Claims struct {
	Sub      string `json:"sub"`
	Issuer   string `json:"iss"`
	ClientID string `json:"client_id"`
	Use      string `json:"token_use"`
	Scope    string `json:"scope"`
	Origin   string `json:"origin_jti"`
	Device   string `json:"device_key"`
	Expires  int64  `json:"exp"`
	Issued   int64  `json:"iat"`
	Begins   int64  `json:"nbf"`
}

// ClockLeeway is how far the clocks of two nodes may differ: iat and nbf of an access token are in the future by no more.
const ClockLeeway = 30 * time.Second

// VerifyAccess checks an access token by itself: signature, issuer, use and time. It returns the token's pool.
func (s *Issuer) VerifyAccess(ctx context.Context, compact string, now time.Time) (*userpool.Pool, *Claims, error) {
	t, err := jose.Parse(compact)
	if err != nil {
		return nil, nil, refusal.BadAccessToken()
	}
	var c Claims
	if json.Unmarshal(t.Claims, &c) != nil {
		return nil, nil, refusal.BadAccessToken()
	}
	p, err := s.FactsOf(ctx, c.Issuer[strings.LastIndexByte(c.Issuer, '/')+1:])
	if err != nil {
		return nil, nil, err
	}
	if p == nil || s.IssuerOf(p) != c.Issuer {
		return nil, nil, refusal.BadAccessToken()
	}
	if p, err = s.Keyed(ctx, p); err != nil {
		return nil, nil, err
	}
	k := keyOf(p, KeyOfAccess, t.KID, now)
	if k == nil {
		return nil, nil, refusal.BadAccessToken()
	}
	key, err := s.opened(k)
	if err != nil {
		return nil, nil, err
	}
	if t.Verify(key) != nil || c.Use != userpool.UseAccess {
		return nil, nil, refusal.BadAccessToken()
	}
	if now.Unix() >= c.Expires {
		return nil, nil, refusal.AccessTokenExpired()
	}
	if soonest := now.Add(ClockLeeway).Unix(); c.Issued > soonest || c.Begins > soonest {
		return nil, nil, refusal.BadAccessToken()
	}
	return p, &c, nil
}

// Held is a request of a user by access token.
type Held struct {
	*Request
	App    *userpool.Client
	Claims *Claims
}

// VerifySelf is VerifyAccess for the operations by which users manage themselves: a token that an OAuth 2 client was given
// for less is not good for them.
func (s *Issuer) VerifySelf(ctx context.Context, compact string, now time.Time) (*userpool.Pool, *Claims, error) {
	p, claims, err := s.VerifyAccess(ctx, compact, now)
	if err == nil && !slices.Contains(strings.Fields(claims.Scope), ScopeSelf) {
		err = api.NewNotAuthorizedException("Access Token does not have required scopes")
	}
	if err != nil {
		return nil, nil, err
	}
	return p, claims, nil
}

// Hold opens the pool of an access token, by which its user manages itself, and its app client.
func (s *Issuer) Hold(ctx context.Context, call *pipeline.Call, token *string) (*Held, error) {
	p, claims, err := s.VerifySelf(ctx, opt.Value(token), call.Now)
	if err != nil {
		return nil, err
	}
	return s.HoldWith(ctx, call, p, claims)
}

// HoldWith opens the pool and the app client of an access token that was verified.
func (s *Issuer) HoldWith(ctx context.Context, call *pipeline.Call, p *userpool.Pool, claims *Claims) (*Held, error) {
	c, err := s.Open(ctx, call, &p.ID)
	if err != nil {
		return nil, err
	}
	app, err := c.Client(claims.ClientID)
	if err != nil {
		return nil, err
	}
	return &Held{s.On(c), app, claims}, nil
}

// User loads the token's user, or says why the token is not good any more.
func (b *Held) User(rec *store.Records) (*userpool.User, error) {
	u, err := store.Load[userpool.User](rec, userpool.UserKey(b.Pool.ID, b.Claims.Sub))
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return nil, refusal.UserNotFound()
	case u.Disabled:
		return nil, refusal.UserDisabled()
	case b.signedOut(u):
		return nil, refusal.AccessTokenRevoked()
	}
	revoked, err := b.Revoked(rec, b.Claims.Origin)
	if err == nil && revoked {
		err = refusal.AccessTokenRevoked()
	}
	return u, err
}

// signedOut reports whether the user was signed out since the token was made. A token without an origin tells by its
// time, to the second and in doubt against it.
func (b *Held) signedOut(u *userpool.User) bool {
	if epoch, ok := epochOf(b.Claims.Origin); ok {
		return epoch != u.Epoch
	}
	return !u.SignedOut.IsZero() && b.Claims.Issued <= u.SignedOut.Unix()
}

// Change loads the token's user, lets fn change it and saves it.
func (b *Held) Change(fn func(rec *store.Records, u *userpool.User) error) error {
	return b.Update(func(rec *store.Records) error {
		before, err := b.User(rec)
		if err != nil {
			return err
		}
		u := before.Clone()
		if err := fn(rec, u); err != nil {
			return err
		}
		u.Modified = b.Call.Now
		return b.Pool.SaveUser(rec, before, u, false)
	})
}
