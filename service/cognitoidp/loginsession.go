package cognitoidp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// spentLogin marks the session of a browser that signed out.
const spentLogin = "login-session"

// What sealed text of managed login is about.
const (
	aboutSession = "session"
	aboutStep    = "step"
)

// loginSession is who is signed in at a browser. It is sealed in the browser's cookie for its pool.
type loginSession struct {
	ID, Sub     string
	Epoch       uint32
	At, Expires time.Time
	// By is where the user signed in: poolsettings.LocalProvider, or the name of the identity provider that vouched for the user.
	By string
}

// serves reports whether a session is good for the request: the user could have signed in for it in the same way. App
// clients of one pool may be different tenants', each with its own identity provider, and none takes what another's
// provider says; nor does a request for a provider take who came by another.
func (a *authorization) serves(rec *store.Records, s *loginSession, u *userpool.User) (bool, error) {
	if s.By == poolsettings.LocalProvider {
		wants := opt.Value(a.req.IdentityProvider)
		elsewhere := wants != "" && wants != poolsettings.LocalProvider || wants == "" && opt.Value(a.req.IdpIdentifier) != ""
		return a.takesLocal() == nil && !elsewhere, nil
	}
	if !slices.Contains(a.app.IdentityProviders, s.By) {
		return false, nil
	}
	p, err := store.Load[provider](rec, userpool.ProviderKey(a.Pool.ID, s.By))
	if err != nil || p == nil {
		return false, err
	}
	if wants := opt.Value(a.req.IdentityProvider); wants != "" {
		return wants == p.Name && p.speaksFor(u), nil
	}
	if id := opt.Value(a.req.IdpIdentifier); id != "" && !slices.Contains(p.Identifiers, id) {
		return false, nil
	}
	return p.speaksFor(u), nil
}

func (c *scoped) openLoginSession(text string) (*loginSession, bool) {
	if text == "" {
		return nil, false
	}
	s, ok := openText[loginSession](c, keyring.LoginSession, text, aboutSession)
	return s, ok && c.Call.Now.Before(s.Expires)
}

// loggedOut reports whether the browser has signed out of the session, which a copy of its cookie would outlive.
func (c *scoped) loggedOut(rec *store.Records, s *loginSession) (bool, error) {
	_, found, err := rec.Get(c.Pool.SpentKey(spentLogin, s.ID))
	return found, err
}

// loginStep is where a sign-in on the pages stands. The browser holds it, sealed for its app client and itself.
type loginStep struct {
	Challenge api.ChallengeNameType
	Session   *string `json:",omitempty"`
	Username  string  `json:",omitempty"`
	// Arrived is the session of a user who has signed in already, for the steps after that. What follows belongs to it: the
	// steps that are behind, what the request asked for, and until when the step may be answered.
	Arrived  *loginSession `json:",omitempty"`
	Done     []string      `json:",omitempty"`
	Scopes   []string      `json:",omitempty"`
	Redirect string        `json:",omitempty"`
	Until    time.Time     `json:",omitzero"`
}

// aboutBrowser binds a step to the app client and to the cookie of the browser that it was made for, so that a step that
// was begun elsewhere cannot be slipped into somebody's browser.
func aboutBrowser(app *userpool.Client, browser string) string {
	sum := sha256.Sum256([]byte(browser))
	return aboutStep + "/" + app.ID + "/" + hex.EncodeToString(sum[:])
}

// The keys of SignIn's answers that are not a challenge's.
const (
	// AnswerPassword is the password of the first step.
	AnswerPassword = paramPassword
)

// SignIn implements login.Service: one step of a sign-in on the pages. Without a state it is the first.
func (o *oauth) SignIn(ctx context.Context, call *pipeline.Call, in *login.SignInInput) (*login.SignInOutput, error) {
	a, err := o.authorization(ctx, call, in.PoolId, in.Request)
	if err != nil {
		return nil, err
	}
	if f := a.check(); f != nil {
		return &login.SignInOutput{Location: new(a.refusal(f))}, nil
	}
	browser, base := opt.Value(in.Browser), opt.Value(in.Base)
	step := &loginStep{Username: opt.Value(in.Username)}
	if text := opt.Value(in.State); text != "" {
		var ok bool
		if step, ok = openText[loginStep](a.scoped, keyring.LoginSession, text, aboutBrowser(a.app, browser)); !ok {
			return nil, refusal.BadSession()
		}
	}
	if step.Arrived != nil {
		return a.arrivedStep(step, in, browser, base)
	}
	if err := a.takesLocal(); err != nil {
		return nil, err
	}
	out, err := a.step(step, in.Answers)
	if err != nil {
		return nil, err
	}
	if out.arrival != nil {
		return a.arrived(out, poolsettings.LocalProvider, &onward{browser: browser, base: base}, in.Answers[AnswerLater] != "")
	}
	next := &loginStep{Challenge: out.challenge, Session: out.session, Username: step.Username}
	state, err := a.sealText(keyring.LoginSession, next, aboutBrowser(a.app, browser))
	if err != nil {
		return nil, err
	}
	return &login.SignInOutput{Challenge: new(string(out.challenge)), Parameters: out.params, State: &state}, nil
}

// arrived ends a sign-in by the provider: the browser is remembered, and the client gets what it asked for once nothing is left to ask. What
// of o is not known yet is filled in. later leaves out the offer of a passkey.
func (a *authorization) arrived(out *outcome, by string, o *onward, later bool) (*login.SignInOutput, error) {
	u := out.arrival.user
	a.Call.Note("sub", u.Sub)
	s := &loginSession{ID: uuid.NewString(), Sub: u.Sub, Epoch: u.Epoch, At: out.signIn.At, Expires: a.Call.Now.Add(SessionLife), By: by}
	session, err := a.sealText(keyring.LoginSession, s, aboutSession)
	if err != nil {
		return nil, err
	}
	o.authorization, o.visitor = a, &visitor{u, out.arrival.groups, s}
	if later {
		o.done = append(o.done, StepSavePasskey)
	}
	answer, err := o.proceed()
	if err != nil {
		return nil, err
	}
	answer.Session = &session
	return answer, nil
}
