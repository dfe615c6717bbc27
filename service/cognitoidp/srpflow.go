package cognitoidp

import (
	"encoding/base64"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/srp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func srpFlows() map[api.AuthFlowType]flow {
	return map[api.AuthFlowType]flow{api.AuthFlowTypeUserSrpAuth: {allows: (*attempt).allowsSRP, begin: (*attempt).withSRP}}
}

func srpResponders() map[api.ChallengeNameType]responder {
	return map[api.ChallengeNameType]responder{api.ChallengeNameTypePasswordVerifier: (*attempt).verifyPassword}
}

func (a *attempt) allowsSRP() error {
	if !a.app.Allows("ALLOW_USER_SRP_AUTH") {
		return refusal.Invalid("USER_SRP_AUTH is not enabled for the client.")
	}
	return nil
}

// withSRP begins a sign-in by SRP.
func (a *attempt) withSRP(*string) (*outcome, error) {
	t, srpA, err := a.identify(paramSRPA)
	if err != nil {
		return nil, err
	}
	if err := a.ready(t); err != nil {
		return nil, err
	}
	shown, err := a.shownName(t)
	if err != nil {
		return nil, err
	}
	return a.beginSRP(t, srpA, a.passageOf(t, api.AuthFlowTypeUserSrpAuth, shown))
}

// beginSRP answers a client's SRP_A with the challenge PASSWORD_VERIFIER, as a step of a flow.
func (a *attempt) beginSRP(t *candidate, srpA string, p passage) (*outcome, error) {
	leave, err := a.Work.Enter(a.Ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	v, _, err := a.VerifierOf(t.user, p.Name)
	if err != nil {
		return nil, err
	}
	state, pub, err := srp.Begin(v, srpA)
	if err != nil {
		return nil, refusal.Invalid("Invalid SRP_A.")
	}
	block, err := a.sealSession(string(api.ChallengeNameTypePasswordVerifier), a.newSession(p, state.Bytes()))
	if err != nil {
		return nil, err
	}
	return &outcome{challenge: api.ChallengeNameTypePasswordVerifier, params: map[string]string{
		"SALT": v.Salt(), "SRP_B": pub, "SECRET_BLOCK": base64.StdEncoding.EncodeToString(block),
		"USERNAME": p.Name, "USER_ID_FOR_SRP": p.Name,
	}}, nil
}

// shownName is the username that the challenge names. For nobody it is made to look like one of the pool's.
func (a *attempt) shownName(t *candidate) (string, error) {
	if t.user != nil {
		return t.user.Username, nil
	}
	if len(a.Pool.UsernameAttributes) == 0 {
		return a.Pool.Fold(t.name), nil
	}
	seed, err := a.DecoySeed("username", t.name)
	if err != nil {
		return "", err
	}
	id, err := uuid.FromBytes(seed[:16])
	if err != nil {
		return "", fault.Wrap(err, "make up a username")
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, as usernames are that the pool makes
	return id.String(), nil
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
		return nil, refusal.Invalid("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
	}
	for param, to := range map[string]*[]byte{"PASSWORD_CLAIM_SECRET_BLOCK": &out.block, "PASSWORD_CLAIM_SIGNATURE": &out.signature} {
		text, err := a.param(param)
		if err != nil {
			return nil, err
		}
		if *to, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, refusal.Invalid("%s is not base64.", param)
		}
	}
	return out, nil
}

// verifyPassword completes SRP. The session is the secret block; the parameter Session, where a client sends one, says
// nothing more.
func (a *attempt) verifyPassword(*string) (*outcome, error) {
	cl, err := a.readClaim()
	if err != nil {
		return nil, err
	}
	s, err := a.openSession(string(api.ChallengeNameTypePasswordVerifier), cl.block)
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
	p := s.passage
	p.Device = a.params[paramDevice]
	return a.settlePassword(t, ok, p, s)
}

// claimHolds computes the session key and checks the signature of the claim, for nobody as for a user.
func (a *attempt) claimHolds(u *userpool.User, s *session, cl *claim) (bool, error) {
	leave, err := a.Work.Enter(a.Ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	v, decoy, err := a.VerifierOf(u, s.Name)
	if err != nil {
		return false, err
	}
	state, err := srp.ParseState(s.State)
	if err != nil {
		return false, fault.Wrap(err, "read a session")
	}
	key, err := state.Key(v)
	if err != nil {
		return false, refusal.BadCredentials()
	}
	signed := srp.Claim{Pool: a.Pool.SRPName(), User: s.Name, SecretBlock: cl.block, Timestamp: cl.stamp}
	return signed.Verify(key, cl.signature) && !decoy, nil
}
