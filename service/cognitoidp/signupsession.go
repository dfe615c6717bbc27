package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The sessions of a sign-up: SignUp gives one to ConfirmSignUp, and that gives one to the flow USER_AUTH, for which the
// code that confirmed the user is the first factor.
const (
	sessionSignUp    = "SIGN_UP"
	sessionConfirmed = "SIGN_UP/confirmed"
)

// signUpSession is the session of a user who has just signed up; nil for app clients that cannot go on with it.
func (c *scoped) signUpSession(app *userpool.Client, u *userpool.User) (*string, error) {
	if !app.Allows("ALLOW_USER_AUTH") {
		return nil, nil
	}
	a := &attempt{scoped: c, app: app, channel: channelAPI}
	p := passage{Flow: api.AuthFlowTypeUserAuth, Sub: u.Sub, Name: u.Username, Who: u.Sub, Epoch: u.Epoch}
	return a.moveSetup(sessionSignUp, p, nil)
}

// openSignUp opens the session of SignUp that came with ConfirmSignUp; nil if none did. A user is confirmed once, so the
// session needs no mark of having been used.
func (c *scoped) openSignUp(app *userpool.Client, text *string) (*session, error) {
	if opt.Value(text) == "" {
		return nil, nil
	}
	a := &attempt{scoped: c, app: app, channel: channelAPI}
	return a.sessionFrom(sessionSignUp, text)
}

// confirmedSession is the session of a user whom a code sent to the attribute has just confirmed; nil for a sign-up
// without one.
func (c *scoped) confirmedSession(app *userpool.Client, begun *session, attribute string) (*string, error) {
	if begun == nil {
		return nil, nil
	}
	a := &attempt{scoped: c, app: app, channel: channelAPI}
	step := api.ChallengeNameTypeEmailOtp
	if attribute == "phone_number" {
		step = api.ChallengeNameTypeSmsOtp
	}
	return a.moveSetup(sessionConfirmed, begun.pass(string(step)), nil)
}

// afterSignUp begins a sign-in with the session of ConfirmSignUp.
func (a *attempt) afterSignUp(session *string) (*outcome, error) {
	s, t, err := a.resume(sessionConfirmed, session)
	if err != nil {
		return nil, err
	}
	if err := a.ready(t); err != nil {
		return nil, err
	}
	v := &arrival{passage: s.passage}
	err = a.Update(func(rec *store.Records) (err error) {
		if v.user, err = a.holder(rec, s); err != nil {
			return err
		}
		if v.groups, err = a.MembershipOf(rec, v.user); err != nil {
			return err
		}
		return a.use(rec, s)
	})
	return a.onward(v, err)
}
