package cognitoidp

import (
	"bytes"
	"crypto/sha256"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// factorPassword is the step that showing a password passes, be it in plain or by SRP.
const factorPassword = "PASSWORD"

// passwordFlows are those with the password in plain.
func passwordFlows() map[api.AuthFlowType]flow {
	byUser := flow{allows: (*attempt).allowsPassword, begin: (*attempt).withPassword}
	byAdmin := flow{allows: (*attempt).allowsAdminPassword, begin: (*attempt).withPassword}
	return map[api.AuthFlowType]flow{
		api.AuthFlowTypeUserPasswordAuth:      byUser,
		api.AuthFlowTypeAdminUserPasswordAuth: byAdmin,
		api.AuthFlowTypeAdminNoSrpAuth:        byAdmin,
	}
}

func (a *attempt) allowsPassword() error {
	switch {
	case a.channel != channelAPI:
		return flowNotSupported()
	case !a.app.Allows("ALLOW_USER_PASSWORD_AUTH"):
		return refusal.Invalid("USER_PASSWORD_AUTH flow not enabled for this client")
	}
	return nil
}

func (a *attempt) allowsAdminPassword() error {
	switch {
	case a.channel != channelAdmin:
		return flowNotSupported()
	case !a.app.Allows("ALLOW_ADMIN_USER_PASSWORD_AUTH"):
		return flowNotEnabled()
	}
	return nil
}

// candidate is whom somebody tries to sign in as.
type candidate struct {
	user *userpool.User // nil for nobody
	name string
	who  string // whose guesses count
	// custom is the id of the state of a sign-in by custom challenges.
	custom string
}

// look finds the user, and refuses while guesses are locked out.
func (a *attempt) look(name string) (*candidate, error) {
	t := &candidate{name: name}
	err := a.View(func(rec *store.Records) (err error) {
		if t.user, err = a.Pool.Find(rec, name); err != nil {
			return err
		}
		if t.who, err = a.Who(t.user, name); err != nil {
			return err
		}
		return a.Guard(rec, t.who)
	})
	return t, err
}

// hidden refuses nobody by name, unless the app client hides users: then the sign-in goes on to fail as with a wrong
// password.
func (a *attempt) hidden(t *candidate) error {
	if t.user == nil && !a.app.HideUsers {
		return refusal.UserNotFound()
	}
	return nil
}

// identify reads whom somebody tries to sign in as, and with what.
func (a *attempt) identify(with string) (t *candidate, secret string, err error) {
	name, err := a.name()
	if err != nil {
		return nil, "", err
	}
	if secret, err = a.param(with); err != nil {
		return nil, "", err
	}
	t, err = a.look(name)
	return t, secret, err
}

// ready says whether the check of a first factor may begin, or why not.
func (a *attempt) ready(t *candidate) error {
	if err := a.hidden(t); err != nil {
		return err
	}
	if err := a.beforeAuthentication(t); err != nil {
		return err
	}
	if t.user != nil && t.user.Status == api.UserStatusTypeResetRequired {
		return userpool.ResetRequired()
	}
	return nil
}

// passageOf begins the passage of a candidate, called by the name that the challenges show.
func (a *attempt) passageOf(t *candidate, name api.AuthFlowType, shown string) passage {
	p := passage{Flow: name, Name: shown, Who: t.who, Device: a.params[paramDevice], Custom: t.custom}
	if t.user != nil {
		p.Sub, p.Epoch = t.user.Sub, t.user.Epoch
	}
	return p
}

// withPassword signs in with the password in plain.
func (a *attempt) withPassword(*string) (*outcome, error) {
	t, password, err := a.identify(paramPassword)
	if err != nil {
		return nil, err
	}
	if t.user == nil {
		if t.user, err = a.migrated(t, password); err != nil {
			return nil, err
		}
	}
	if err := a.ready(t); err != nil {
		return nil, err
	}
	ok, err := a.PasswordMatches(t.user, t.name, password)
	if err != nil {
		return nil, err
	}
	shown := t.name
	if t.user != nil {
		shown = t.user.Username
	}
	return a.settlePassword(t, ok, a.passageOf(t, api.AuthFlowTypeUserPasswordAuth, shown), nil)
}

// settlePassword records the outcome of a password check and goes on with a user who passed. With a session, it is spent.
// A plain sign-in of a user without failures has nothing to record, and writes nothing.
func (a *attempt) settlePassword(t *candidate, ok bool, p passage, used *session) (*outcome, error) {
	v := &arrival{passage: p.pass(factorPassword)}
	if ok && used == nil {
		if done, err := a.settleUnwritten(t, v); err != nil || done {
			return a.onward(v, err)
		}
	}
	var refused error
	err := a.Update(func(rec *store.Records) (err error) {
		if err := a.use(rec, used); err != nil {
			return err
		}
		if err = a.admit(rec, t, ok, v); err != nil {
			return err
		}
		if v.user == nil {
			refused = refusal.BadCredentials()
			return a.Failed(rec, t.who)
		}
		refused = nil
		return a.Forget(rec, t.who)
	})
	if err == nil {
		err = refused
	}
	return a.onward(v, err)
}

// onward is next, or the refusal of the step.
func (a *attempt) onward(v *arrival, err error) (*outcome, error) {
	if err != nil {
		return nil, err
	}
	return a.next(v)
}

// settleUnwritten admits a user whose password was right and who has no failures; it reports false for others.
func (a *attempt) settleUnwritten(t *candidate, v *arrival) (done bool, err error) {
	err = a.View(func(rec *store.Records) (err error) {
		if _, found, err := rec.Get(a.Pool.SpentKey(userpool.SpentGuess, t.who)); err != nil || found {
			return err
		}
		return a.admit(rec, t, true, v)
	})
	return v.user != nil, err
}

// admit loads a user whose password was right, unless guesses are locked out by now; none if it was wrong.
func (a *attempt) admit(rec *store.Records, t *candidate, ok bool, v *arrival) error {
	v.user = nil
	if err := a.Guard(rec, t.who); err != nil {
		return err
	}
	u, err := a.current(rec, t, ok)
	if err != nil || u == nil {
		return err
	}
	v.user, v.Mark = u, verifierMark(u)
	if _, err := a.knownDevice(rec, v); err != nil {
		return err
	}
	v.groups, err = a.MembershipOf(rec, u)
	return err
}

// current loads the user anew, nil if the password was wrong or is not the one that was checked any more.
func (a *attempt) current(rec *store.Records, t *candidate, ok bool) (*userpool.User, error) {
	if !ok || t.user == nil {
		return nil, nil
	}
	u, err := store.Load[userpool.User](rec, userpool.UserKey(a.Pool.ID, t.user.Sub))
	if err != nil || !sameVerifier(u, t.user) {
		return nil, err
	}
	return u, nil
}

func flowNotSupported() *fault.Error { return refusal.Invalid("Initiate Auth method not supported.") }

func flowNotEnabled() *fault.Error { return refusal.Invalid("Auth flow not enabled for this client") }

// sameVerifier reports whether the password is still the one that was checked.
func sameVerifier(a, b *userpool.User) bool {
	return a != nil && b != nil && bytes.Equal(a.Verifier, b.Verifier)
}

// verifierMark tells one password of a user from the next, so that the sessions of one that was replaced end with it.
func verifierMark(u *userpool.User) []byte {
	sum := sha256.Sum256(u.Verifier)
	return sum[:]
}

// holdsFor reports whether the passage is still the user's: not signed out since, nor the password replaced.
func (p *passage) holdsFor(u *userpool.User) bool {
	return u != nil && u.Sub == p.Sub && u.Epoch == p.Epoch && (p.Mark == nil || bytes.Equal(p.Mark, verifierMark(u)))
}
