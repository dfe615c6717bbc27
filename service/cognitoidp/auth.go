package cognitoidp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/srp"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Names of parameters and responses.
const (
	paramUsername   = "USERNAME"
	paramPassword   = "PASSWORD"
	paramSecretHash = "SECRET_HASH"
	paramSRPA       = "SRP_A"
	paramRefresh    = "REFRESH_TOKEN"
)

// attempt is one step of a sign-in.
type attempt struct {
	*scoped
	app    *client
	params map[string]string
	admin  bool
}

// outcome is what a step leads to: tokens, or the next challenge.
type outcome struct {
	tokens    *api.AuthenticationResultType
	challenge api.ChallengeNameType
	params    map[string]string
	session   *string
}

// InitiateAuth implements api.Service.
func (s *Service) InitiateAuth(ctx context.Context, call *pipeline.Call, in *api.InitiateAuthInput) (*api.InitiateAuthOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	o, err := (&attempt{c, app, in.AuthParameters, false}).initiate(in.AuthFlow)
	if err != nil {
		return nil, err
	}
	return &api.InitiateAuthOutput{
		AuthenticationResult: o.tokens, ChallengeName: o.challenge, ChallengeParameters: o.params, Session: o.session,
	}, nil
}

// AdminInitiateAuth implements api.Service.
func (s *Service) AdminInitiateAuth(ctx context.Context, call *pipeline.Call, in *api.AdminInitiateAuthInput) (*api.AdminInitiateAuthOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.client(opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	o, err := (&attempt{c, app, in.AuthParameters, true}).initiate(in.AuthFlow)
	if err != nil {
		return nil, err
	}
	return &api.AdminInitiateAuthOutput{
		AuthenticationResult: o.tokens, ChallengeName: o.challenge, ChallengeParameters: o.params, Session: o.session,
	}, nil
}

func (a *attempt) initiate(flow api.AuthFlowType) (*outcome, error) {
	if err := a.allowed(flow); err != nil {
		return nil, err
	}
	switch flow {
	case api.AuthFlowTypeRefreshToken, api.AuthFlowTypeRefreshTokenAuth:
		return a.refresh()
	case api.AuthFlowTypeUserSrpAuth:
		return a.beginSRP()
	default:
		return a.withPassword()
	}
}

// allowed checks that the app client lets the flow be used, and from where.
func (a *attempt) allowed(flow api.AuthFlowType) error {
	switch flow {
	case api.AuthFlowTypeUserSrpAuth:
		if !a.app.allows("ALLOW_USER_SRP_AUTH") {
			return invalid("USER_SRP_AUTH is not enabled for the client.")
		}
	case api.AuthFlowTypeUserPasswordAuth:
		if a.admin {
			return invalid("Initiate Auth method not supported.")
		}
		if !a.app.allows("ALLOW_USER_PASSWORD_AUTH") {
			return invalid("USER_PASSWORD_AUTH flow not enabled for this client")
		}
	case api.AuthFlowTypeAdminNoSrpAuth, api.AuthFlowTypeAdminUserPasswordAuth:
		if !a.admin {
			return invalid("Initiate Auth method not supported.")
		}
		if !a.app.allows("ALLOW_ADMIN_USER_PASSWORD_AUTH") {
			return invalid("Auth flow not enabled for this client")
		}
	case api.AuthFlowTypeRefreshToken, api.AuthFlowTypeRefreshTokenAuth:
		if !a.app.allows("ALLOW_REFRESH_TOKEN_AUTH") {
			return invalid("Auth flow not enabled for this client")
		}
	case api.AuthFlowTypeCustomAuth, api.AuthFlowTypeUserAuth:
		return notServed("The authentication flow " + string(flow))
	default:
		return invalid("Initiate Auth method not supported.")
	}
	return nil
}

// checkSecretHash checks that the caller knows the app client's secret (for any one of the names), if it has one.
func (c *scoped) checkSecretHash(app *client, given string, names ...string) error {
	if app.Secret == nil {
		if given != "" {
			return api.NewNotAuthorizedException("Client %s is not configured with secret but SECRET_HASH was received", app.ID)
		}
		return nil
	}
	if given == "" {
		return api.NewNotAuthorizedException("Client %s is configured with secret but SECRET_HASH was not received", app.ID)
	}
	secret, err := c.clientSecret(app)
	if err != nil {
		return err
	}
	sum, err := base64.StdEncoding.DecodeString(given)
	ok := false
	for _, name := range names {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(name + app.ID))
		ok = hmac.Equal(h.Sum(nil), sum) || ok
	}
	if err != nil || !ok {
		return api.NewNotAuthorizedException("Unable to verify secret hash for client %s", app.ID)
	}
	return nil
}

func (c *scoped) clientSecret(app *client) ([]byte, error) {
	secret, err := c.keys.Open(keyring.ClientSecret, c.pool.scope(), app.Secret, []byte(app.ID))
	return secret, internal(err, "open a client secret")
}

// param returns a parameter that has to be there.
func (a *attempt) param(name string) (string, error) {
	if v := a.params[name]; v != "" {
		return v, nil
	}
	return "", missing(name)
}

// maxNameLength and maxParameter are the bounds of UsernameType and of what else is put into hashes.
const (
	maxNameLength = 2048
	maxParameter  = 8192
)

// name reads USERNAME and checks the secret hash for it.
func (a *attempt) name() (string, error) {
	for _, v := range a.params {
		if len(v) > maxParameter {
			return "", invalid("A parameter is too long.")
		}
	}
	name, err := a.param(paramUsername)
	if err != nil {
		return "", err
	}
	if len(name) > maxNameLength {
		return "", invalid("The username is too long.")
	}
	return name, a.checkSecretHash(a.app, a.params[paramSecretHash], name)
}

// candidate is whom somebody tries to sign in as.
type candidate struct {
	user *user // nil for nobody
	name string
	who  string // whose guesses count
}

// look finds the user, and refuses while guesses are locked out. With an app client that hides users, nobody is not
// refused: the sign-in goes on to fail as with a wrong password.
func (a *attempt) look(name string) (*candidate, error) {
	t := &candidate{name: name}
	err := a.view(func(rec *store.Records) (err error) {
		if t.user, err = a.pool.find(rec, name); err != nil {
			return err
		}
		if t.user == nil && !a.app.HideUsers {
			return userNotFound()
		}
		if t.who, err = a.who(t.user, name); err != nil {
			return err
		}
		return a.guard(rec, t.who)
	})
	return t, err
}

// begin reads whom somebody tries to sign in as, and with what.
func (a *attempt) begin(with string) (t *candidate, secret string, err error) {
	name, err := a.name()
	if err != nil {
		return nil, "", err
	}
	if secret, err = a.param(with); err != nil {
		return nil, "", err
	}
	if t, err = a.look(name); err != nil {
		return nil, "", err
	}
	if t.user != nil && t.user.Status == api.UserStatusTypeResetRequired {
		return nil, "", resetRequired()
	}
	return t, secret, nil
}

// withPassword signs in with the password in plain.
func (a *attempt) withPassword() (*outcome, error) {
	t, password, err := a.begin(paramPassword)
	if err != nil {
		return nil, err
	}
	ok, err := a.passwordMatches(t.user, t.name, password)
	if err != nil {
		return nil, err
	}
	return a.settle(t, ok, nil)
}

// settle records the outcome of a password check and goes on with a user who passed. With a session, it is spent. A plain
// sign-in of a user without failures has nothing to record, and writes nothing.
func (a *attempt) settle(t *candidate, ok bool, used *session) (*outcome, error) {
	if ok && used == nil {
		o, err := a.settleUnwritten(t)
		if o != nil || err != nil {
			return o, err
		}
	}
	var u *user
	var m membership
	var refused error
	err := a.update(func(rec *store.Records) (err error) {
		if err := a.use(rec, used); err != nil {
			return err
		}
		if u, m, err = a.admitted(rec, t, ok); err != nil {
			return err
		}
		if u == nil {
			refused = badCredentials()
			return a.failed(rec, t.who)
		}
		refused = nil
		return a.passed(rec, t.who)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	return a.proceed(u, m)
}

// settleUnwritten goes on with a user whose password was right and who has no failures; it returns nil for others.
func (a *attempt) settleUnwritten(t *candidate) (*outcome, error) {
	var u *user
	var m membership
	err := a.view(func(rec *store.Records) (err error) {
		if _, found, err := rec.Get(a.pool.spentKey(spentGuess, t.who)); err != nil || found {
			return err
		}
		u, m, err = a.admitted(rec, t, true)
		return err
	})
	if err != nil || u == nil {
		return nil, err
	}
	return a.proceed(u, m)
}

// use spends a session, which answers once.
func (a *attempt) use(rec *store.Records, s *session) error {
	if s == nil {
		return nil
	}
	fresh, err := a.spend(rec, spentSession, s.ID, s.Expires)
	if err == nil && !fresh {
		err = badSession()
	}
	return err
}

// admitted loads a user whose password was right, unless guesses are locked out by now; nil if it was wrong.
func (a *attempt) admitted(rec *store.Records, t *candidate, ok bool) (*user, membership, error) {
	if err := a.guard(rec, t.who); err != nil {
		return nil, membership{}, err
	}
	u, err := a.current(rec, t, ok)
	if err != nil || u == nil {
		return nil, membership{}, err
	}
	m, err := a.membershipOf(rec, u)
	return u, m, err
}

// current loads the user anew, nil if the password was wrong or is not the one that was checked any more.
func (a *attempt) current(rec *store.Records, t *candidate, ok bool) (*user, error) {
	if !ok || t.user == nil {
		return nil, nil
	}
	u, err := store.Load[user](rec, userKey(a.pool.ID, t.user.Sub))
	if err != nil || !sameVerifier(u, t.user) {
		return nil, err
	}
	return u, nil
}

func resetRequired() *fault.Error {
	return api.NewPasswordResetRequiredException("Password reset required for the user")
}

// beginSRP answers a client's SRP_A with the challenge PASSWORD_VERIFIER.
func (a *attempt) beginSRP() (*outcome, error) {
	t, srpA, err := a.begin(paramSRPA)
	if err != nil {
		return nil, err
	}
	shown, err := a.shownName(t)
	if err != nil {
		return nil, err
	}
	leave, err := a.work.enter(a.ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	v, _, err := a.verifierOf(t.user, shown)
	if err != nil {
		return nil, err
	}
	state, pub, err := srp.Begin(v, srpA)
	if err != nil {
		return nil, invalid("Invalid SRP_A.")
	}
	block, err := a.sealSession(a.app, sessionSRP, a.newSession(a.app, t, shown, state.Bytes()))
	if err != nil {
		return nil, err
	}
	return &outcome{challenge: api.ChallengeNameTypePasswordVerifier, params: map[string]string{
		"SALT": v.Salt(), "SRP_B": pub, "SECRET_BLOCK": base64.StdEncoding.EncodeToString(block),
		"USERNAME": shown, "USER_ID_FOR_SRP": shown,
	}}, nil
}

// shownName is the username that the challenge names. For nobody it is made to look like one of the pool's.
func (a *attempt) shownName(t *candidate) (string, error) {
	if t.user != nil {
		return t.user.Username, nil
	}
	if len(a.pool.UsernameAttributes) == 0 {
		return a.pool.fold(t.name), nil
	}
	seed, err := a.decoySeed("username", t.name)
	if err != nil {
		return "", err
	}
	return formatUUID([16]byte(seed[:16]), 4), nil
}

// refresh makes new tokens for a refresh token.
func (a *attempt) refresh() (*outcome, error) {
	text, err := a.param(paramRefresh)
	if err != nil {
		return nil, err
	}
	t, err := a.openRefreshToken(a.app, text)
	if err != nil {
		return nil, err
	}
	if !a.call.Now.Before(t.Expires) {
		return nil, api.NewNotAuthorizedException("Refresh Token has expired")
	}
	var u *user
	var m membership
	err = a.view(func(rec *store.Records) (err error) {
		if u, err = a.refreshable(rec, t); err != nil {
			return err
		}
		m, err = a.membershipOf(rec, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := a.checkSecretHash(a.app, a.params[paramSecretHash], u.Username, u.Sub); err != nil {
		return nil, err
	}
	tokens, err := a.issue(a.app, u, signIn{t.Origin, t.At, newUUID()}, m, false)
	return &outcome{tokens: tokens, params: map[string]string{}}, err
}

// refreshable loads the user of a refresh token, or says why the token is not good any more.
func (a *attempt) refreshable(rec *store.Records, t *refreshToken) (*user, error) {
	u, err := store.Load[user](rec, userKey(a.pool.ID, t.Sub))
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return nil, badRefreshToken()
	case u.Disabled:
		return nil, userDisabled()
	case u.Epoch != t.Epoch:
		return nil, refreshTokenRevoked()
	case u.Status == api.UserStatusTypeResetRequired:
		return nil, resetRequired()
	case u.Status != api.UserStatusTypeConfirmed:
		return nil, badRefreshToken()
	}
	revoked, err := a.revoked(rec, t.Origin)
	if err == nil && revoked {
		err = refreshTokenRevoked()
	}
	return u, err
}

// sameVerifier reports whether the password is still the one that was checked.
func sameVerifier(a, b *user) bool {
	return a != nil && b != nil && bytes.Equal(a.Verifier, b.Verifier)
}
