package cognitoidp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/srp"
	"github.com/bulkhead/bulkhead/internal/store"
)

const attributePrefix = "userAttributes."

// RespondToAuthChallenge implements api.Service.
func (s *Service) RespondToAuthChallenge(ctx context.Context, call *pipeline.Call, in *api.RespondToAuthChallengeInput) (*api.RespondToAuthChallengeOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	o, err := (&attempt{c, app, in.ChallengeResponses, false}).respond(in.ChallengeName, in.Session)
	if err != nil {
		return nil, err
	}
	return &api.RespondToAuthChallengeOutput{
		AuthenticationResult: o.tokens, ChallengeName: o.challenge, ChallengeParameters: o.params, Session: o.session,
	}, nil
}

// AdminRespondToAuthChallenge implements api.Service.
func (s *Service) AdminRespondToAuthChallenge(ctx context.Context, call *pipeline.Call, in *api.AdminRespondToAuthChallengeInput) (*api.AdminRespondToAuthChallengeOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.client(opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	o, err := (&attempt{c, app, in.ChallengeResponses, true}).respond(in.ChallengeName, in.Session)
	if err != nil {
		return nil, err
	}
	return &api.AdminRespondToAuthChallengeOutput{
		AuthenticationResult: o.tokens, ChallengeName: o.challenge, ChallengeParameters: o.params, Session: o.session,
	}, nil
}

func (a *attempt) respond(challenge api.ChallengeNameType, sessionText *string) (*outcome, error) {
	switch challenge {
	case api.ChallengeNameTypePasswordVerifier:
		return a.verifyPassword()
	case api.ChallengeNameTypeNewPasswordRequired:
		return a.newPassword(opt.Value(sessionText))
	default:
		return nil, notServed("The challenge " + string(challenge))
	}
}

// claim is what a client answers to PASSWORD_VERIFIER.
type claim struct {
	name      string
	block     []byte
	signature []byte
	stamp     string
}

func (a *attempt) readClaim() (*claim, error) {
	name, err := a.name()
	if err != nil {
		return nil, err
	}
	out := &claim{name: name}
	if out.stamp, err = a.param("TIMESTAMP"); err != nil {
		return nil, err
	}
	if _, err := srp.ParseTimestamp(out.stamp); err != nil {
		return nil, invalid("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
	}
	for param, to := range map[string]*[]byte{"PASSWORD_CLAIM_SECRET_BLOCK": &out.block, "PASSWORD_CLAIM_SIGNATURE": &out.signature} {
		text, err := a.param(param)
		if err != nil {
			return nil, err
		}
		if *to, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, invalid("%s is not base64.", param)
		}
	}
	return out, nil
}

// verifyPassword completes SRP.
func (a *attempt) verifyPassword() (*outcome, error) {
	cl, err := a.readClaim()
	if err != nil {
		return nil, err
	}
	s, err := a.openSession(a.app, sessionSRP, cl.block)
	if err != nil {
		return nil, err
	}
	t, err := a.reload(s, cl.name)
	if err != nil {
		return nil, err
	}
	ok, err := a.claimHolds(t.user, s, cl)
	if err != nil {
		return nil, err
	}
	return a.settle(t, ok, s)
}

// reload finds the user of a session again. The name in the answer must be the session's: the secret hash that the caller
// had to know was made for that name.
func (a *attempt) reload(s *session, name string) (*candidate, error) {
	t := &candidate{name: s.Name, who: s.Who}
	err := a.view(func(rec *store.Records) error {
		named, err := a.pool.find(rec, name)
		if err != nil {
			return err
		}
		same := named != nil && named.Sub == s.Sub || named == nil && s.Sub == ""
		if !same {
			return badSession()
		}
		if t.user = named; named != nil && named.Epoch != s.Epoch {
			return badSession()
		}
		return a.guard(rec, t.who)
	})
	return t, err
}

// claimHolds computes the session key and checks the signature of the claim, for nobody as for a user.
func (a *attempt) claimHolds(u *user, s *session, cl *claim) (bool, error) {
	leave, err := a.work.enter(a.ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	v, decoy, err := a.verifierOf(u, s.Name)
	if err != nil {
		return false, err
	}
	state, err := srp.ParseState(s.State)
	if err != nil {
		return false, fault.Wrap(err, "read a session")
	}
	key, err := state.Key(v)
	if err != nil {
		return false, badCredentials()
	}
	signed := srp.Claim{Pool: a.pool.srpName(), User: s.Name, SecretBlock: cl.block, Timestamp: cl.stamp}
	return signed.Verify(key, cl.signature) && !decoy, nil
}

// proceed goes on with a user who has shown the password: to tokens, to the next challenge, or to the reason why not.
func (a *attempt) proceed(u *user, m membership) (*outcome, error) {
	if u.Disabled {
		return nil, userDisabled()
	}
	switch u.Status {
	case api.UserStatusTypeConfirmed:
		tokens, err := a.issue(a.app, u, a.newSignIn(u), m, true)
		return &outcome{tokens: tokens, params: map[string]string{}}, err
	case api.UserStatusTypeForceChangePassword:
		return a.askNewPassword(u)
	case api.UserStatusTypeUnconfirmed:
		return nil, api.NewUserNotConfirmedException("User is not confirmed.")
	case api.UserStatusTypeResetRequired:
		return nil, resetRequired()
	default:
		return nil, badCredentials()
	}
}

// askNewPassword is the challenge of a user with a temporary password.
func (a *attempt) askNewPassword(u *user) (*outcome, error) {
	if !u.TemporaryUntil.IsZero() && !a.call.Now.Before(u.TemporaryUntil) {
		return nil, api.NewNotAuthorizedException("Temporary password has expired and must be reset by an administrator.")
	}
	has, needs := map[string]string{}, []string{}
	for name, value := range u.Attributes {
		if mayRead(a.app, name) {
			has[name] = value
		}
	}
	for i := range a.pool.Schema {
		if s := &a.pool.Schema[i]; s.Required && s.Name != "sub" && u.Attributes[s.Name] == "" {
			needs = append(needs, attributePrefix+s.Name)
		}
	}
	hasText, err := json.Marshal(has)
	if err != nil {
		return nil, fault.Wrap(err, "encode attributes")
	}
	needsText, err := json.Marshal(needs)
	if err != nil {
		return nil, fault.Wrap(err, "encode attributes")
	}
	sealed, err := a.sealSession(a.app, sessionNewPassword, a.newSession(a.app, &candidate{user: u, who: u.Sub}, u.Username, verifierMark(u)))
	if err != nil {
		return nil, err
	}
	return &outcome{
		challenge: api.ChallengeNameTypeNewPasswordRequired, session: new(encodeSession(sealed)),
		params: map[string]string{
			"USER_ID_FOR_SRP": u.Username, "userAttributes": string(hasText), "requiredAttributes": string(needsText),
		},
	}, nil
}

// newPassword answers NEW_PASSWORD_REQUIRED.
func (a *attempt) newPassword(sessionText string) (*outcome, error) {
	name, err := a.name()
	if err != nil {
		return nil, err
	}
	password, err := a.param("NEW_PASSWORD")
	if err != nil {
		return nil, err
	}
	sealed, err := decodeSession(sessionText)
	if err != nil {
		return nil, err
	}
	s, err := a.openSession(a.app, sessionNewPassword, sealed)
	if err != nil {
		return nil, err
	}
	t, err := a.reload(s, name)
	if err != nil {
		return nil, err
	}
	if t.user == nil || !bytes.Equal(s.State, verifierMark(t.user)) {
		return nil, badSession()
	}
	if err := a.pool.Settings.Password.check(password); err != nil {
		return nil, err
	}
	verifier, err := a.sealPassword(t.user, password)
	if err != nil {
		return nil, err
	}
	var u *user
	var m membership
	err = a.update(func(rec *store.Records) (err error) {
		if u, err = a.choose(rec, s, t.user, verifier); err != nil {
			return err
		}
		m, err = a.membershipOf(rec, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.proceed(u, m)
}

// verifierMark tells one password of a user from the next, so that the session of one that was replaced ends with it.
func verifierMark(u *user) []byte {
	sum := sha256.Sum256(u.Verifier)
	return sum[:]
}

// choose makes the password permanent, with the attributes that came along.
func (a *attempt) choose(rec *store.Records, s *session, checked *user, verifier []byte) (*user, error) {
	if err := a.use(rec, s); err != nil {
		return nil, err
	}
	before, err := store.Load[user](rec, userKey(a.pool.ID, s.Sub))
	if err != nil {
		return nil, err
	}
	if !sameVerifier(before, checked) || before.Status != api.UserStatusTypeForceChangePassword {
		return nil, badSession()
	}
	u := before.clone()
	if err := a.pool.set(u, writer{client: a.app}, a.givenAttributes()); err != nil {
		return nil, err
	}
	if err := a.pool.requireAttributes(u); err != nil {
		return nil, err
	}
	u.Status, u.Verifier, u.TemporaryUntil, u.Modified = api.UserStatusTypeConfirmed, verifier, time.Time{}, a.call.Now
	return u, a.pool.save(rec, before, u, false)
}

func (a *attempt) givenAttributes() []api.AttributeType {
	var out []api.AttributeType
	for _, k := range sortedKeys(a.params) {
		if name, ok := strings.CutPrefix(k, attributePrefix); ok {
			out = append(out, api.AttributeType{Name: new(name), Value: new(a.params[k])})
		}
	}
	return out
}
