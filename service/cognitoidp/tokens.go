package cognitoidp

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
	// scopeSelf is the scope of tokens that come of the API: their users may manage themselves.
	scopeSelf = "aws.cognito.signin.user.admin"
	// tagsClaim carries session tags ("Passing session tags using AssumeRoleWithWebIdentity", IAM User Guide).
	tagsClaim = "https://aws.amazon.com/tags"
)

// signIn is what all tokens of one sign-in share.
type signIn struct {
	origin string // origin_jti: what revocation names
	at     time.Time
	event  string
	device string // the key of the device that the tokens are for; empty where none is tracked
	// scopes are what an OAuth 2 client was granted; none are a sign-in by the API, whose tokens have scopeSelf.
	scopes []string
	// nonce is the client's (OpenID Connect Core 1.0 section 3.1.2.1).
	nonce string
}

// newSignIn begins one. The first 32 bits of its id are the user's epoch, so that a token alone tells whether it was made
// before the user was last signed out everywhere; the rest is random (RFC 9562 version 8).
func (c *scoped) newSignIn(u *userpool.User) signIn {
	id := uuid.New()
	binary.BigEndian.PutUint32(id[:], u.Epoch)
	id[6] = id[6]&0x0f | 8<<4
	return signIn{origin: id.String(), at: c.Call.Now, event: uuid.NewString()}
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
func (c *scoped) idClaims(app *userpool.Client, u *userpool.User, in signIn, m userpool.Membership) map[string]any {
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
		claims[tagsClaim] = t
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

// tagsClaim is the session tags that the pool declares and the user has, or nil if there are none.
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
func (c *scoped) accessClaims(app *userpool.Client, u *userpool.User, in signIn, m userpool.Membership) map[string]any {
	claims := c.commonClaims(app, u, in, userpool.UseAccess)
	claims["client_id"] = app.ID
	claims["username"] = u.Username
	claims["scope"] = scopeSelf
	if in.device != "" {
		claims["device_key"] = in.device
	}
	if in.scopes != nil {
		claims["scope"], claims["version"] = strings.Join(in.scopes, " "), oauthVersion
	}
	m.Claim(claims, false)
	return claims
}

func (c *scoped) commonClaims(app *userpool.Client, u *userpool.User, in signIn, use string) map[string]any {
	now := c.Call.Now
	life := app.Lifetime(use)
	claims := map[string]any{
		"sub": u.Sub, "iss": c.issuer(c.Pool), "token_use": use, "event_id": in.event, "jti": uuid.NewString(),
		"auth_time": in.at.Unix(), "iat": now.Unix(), "exp": now.Add(life).Unix(),
	}
	if !app.NoRevocation {
		claims["origin_jti"] = in.origin
	}
	return claims
}

// issuance is what a set of tokens is made for.
type issuance struct {
	app    *userpool.Client
	user   *userpool.User
	groups userpool.Membership
	signIn signIn
	source string
	meta   map[string]string // the request's ClientMetadata
	// refresh is true when a refresh token is among them.
	refresh bool
	// until is when the refresh token ends that another is made for; zero for the first of a sign-in.
	until time.Time
	// generation counts the refresh tokens of the sign-in.
	generation int
}

// issue makes the tokens of a sign-in: all three, or without a refresh token when one was just used.
func (c *scoped) issue(i *issuance) (*api.AuthenticationResultType, error) {
	idClaims, accessClaims := c.idClaims(i.app, i.user, i.signIn, i.groups), c.accessClaims(i.app, i.user, i.signIn, i.groups)
	if err := c.customize(i, idClaims, accessClaims); err != nil {
		return nil, err
	}
	leave, err := c.Work.Enter(c.Ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	access, err := c.sign(keyOfAccess, accessClaims)
	if err != nil {
		return nil, err
	}
	out := &api.AuthenticationResultType{
		AccessToken: &access, TokenType: new("Bearer"), ExpiresIn: new(int32(i.app.Lifetime(userpool.UseAccess) / time.Second)),
	}
	if i.signIn.identifies() {
		i.signIn.bind(idClaims, access)
		id, err := c.sign(keyOfID, idClaims)
		if err != nil {
			return nil, err
		}
		out.IdToken = &id
	}
	if i.refresh {
		out.RefreshToken, err = c.newRefreshToken(i)
	}
	return out, err
}

func (c *scoped) sign(which int, claims map[string]any) (string, error) {
	p, err := c.withKeys(c.Ctx, c.Pool)
	if err != nil {
		return "", err
	}
	k := signingKeyOf(p, which, c.Call.Now)
	key, err := c.signer(p, k)
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

// signIn is the sign-in that the token goes on with.
func (t *refreshToken) signIn() signIn {
	return signIn{origin: t.Origin, at: t.At, event: uuid.NewString(), device: t.Device, scopes: t.Scopes, nonce: t.Nonce}
}

func (c *scoped) newRefreshToken(i *issuance) (*string, error) {
	until, in := i.until, i.signIn
	if until.IsZero() {
		until = in.at.Add(i.app.Lifetime(userpool.UseRefresh))
	}
	text, err := json.Marshal(refreshToken{
		Sub: i.user.Sub, Origin: in.origin, At: in.at, Expires: until, Epoch: i.user.Epoch, Generation: i.generation,
		Device: in.device, Scopes: in.scopes, Nonce: in.nonce,
	})
	if err != nil {
		return nil, fault.Wrap(err, "encode a refresh token")
	}
	sealed, err := c.Keyring.Seal(keyring.RefreshToken, c.Pool.Scope(), text, []byte(i.app.ID))
	if err != nil {
		return nil, fault.Wrap(err, "seal a refresh token")
	}
	return new(base64.RawURLEncoding.EncodeToString(sealed)), nil
}

// openRefreshToken reads a refresh token of the app client. Another client's is none.
func (c *scoped) openRefreshToken(app *userpool.Client, token string) (*refreshToken, error) {
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

// claims are those of an access token that the server reads back.
type claims struct {
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

// clockLeeway is how far the clocks of two nodes may differ: iat and nbf of an access token are in the future by no more.
const clockLeeway = 30 * time.Second

// verifyAccess checks an access token by itself: signature, issuer, use and time. It returns the token's pool.
func (s *Service) verifyAccess(ctx context.Context, compact string, now time.Time) (*userpool.Pool, *claims, error) {
	t, err := jose.Parse(compact)
	if err != nil {
		return nil, nil, refusal.BadAccessToken()
	}
	var c claims
	if json.Unmarshal(t.Claims, &c) != nil {
		return nil, nil, refusal.BadAccessToken()
	}
	p, err := s.FactsOf(ctx, c.Issuer[strings.LastIndexByte(c.Issuer, '/')+1:])
	if err != nil {
		return nil, nil, err
	}
	if p == nil || s.issuer(p) != c.Issuer {
		return nil, nil, refusal.BadAccessToken()
	}
	if p, err = s.keyed(ctx, p); err != nil {
		return nil, nil, err
	}
	k := keyOf(p, keyOfAccess, t.KID, now)
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
	if soonest := now.Add(clockLeeway).Unix(); c.Issued > soonest || c.Begins > soonest {
		return nil, nil, refusal.BadAccessToken()
	}
	return p, &c, nil
}

// bearer is a request of a user by access token.
type bearer struct {
	*scoped
	app    *userpool.Client
	claims *claims
}

// verifySelf is verifyAccess for the operations by which users manage themselves: a token that an OAuth 2 client was given
// for less is not good for them.
func (s *Service) verifySelf(ctx context.Context, compact string, now time.Time) (*userpool.Pool, *claims, error) {
	p, claims, err := s.verifyAccess(ctx, compact, now)
	if err == nil && !slices.Contains(strings.Fields(claims.Scope), scopeSelf) {
		err = api.NewNotAuthorizedException("Access Token does not have required scopes")
	}
	if err != nil {
		return nil, nil, err
	}
	return p, claims, nil
}

// bearerOf opens the pool of an access token, by which its user manages itself, and its app client.
func (s *Service) bearerOf(ctx context.Context, call *pipeline.Call, token *string) (*bearer, error) {
	p, claims, err := s.verifySelf(ctx, opt.Value(token), call.Now)
	if err != nil {
		return nil, err
	}
	return s.bearerWith(ctx, call, p, claims)
}

// bearerWith opens the pool and the app client of an access token that was verified.
func (s *Service) bearerWith(ctx context.Context, call *pipeline.Call, p *userpool.Pool, claims *claims) (*bearer, error) {
	c, err := s.in(ctx, call, &p.ID)
	if err != nil {
		return nil, err
	}
	app, err := c.Client(claims.ClientID)
	if err != nil {
		return nil, err
	}
	return &bearer{c, app, claims}, nil
}

// user loads the token's user, or says why the token is not good any more.
func (b *bearer) user(rec *store.Records) (*userpool.User, error) {
	u, err := store.Load[userpool.User](rec, userpool.UserKey(b.Pool.ID, b.claims.Sub))
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
	revoked, err := b.Revoked(rec, b.claims.Origin)
	if err == nil && revoked {
		err = refusal.AccessTokenRevoked()
	}
	return u, err
}

// signedOut reports whether the user was signed out since the token was made. A token without an origin tells by its
// time, to the second and in doubt against it.
func (b *bearer) signedOut(u *userpool.User) bool {
	if epoch, ok := epochOf(b.claims.Origin); ok {
		return epoch != u.Epoch
	}
	return !u.SignedOut.IsZero() && b.claims.Issued <= u.SignedOut.Unix()
}

// change loads the token's user, lets fn change it and saves it.
func (b *bearer) change(fn func(rec *store.Records, u *userpool.User) error) error {
	return b.Update(func(rec *store.Records) error {
		before, err := b.user(rec)
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
