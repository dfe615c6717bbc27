package cognitoidp

import (
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The points of a sign-in where others take part. They are called outside of transactions, so they may call out.

const (
	sourcePreAuthentication  = "PreAuthentication_Authentication"
	sourcePostAuthentication = "PostAuthentication_Authentication"
)

type preAuthenticationRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	ValidationData map[string]string `json:"validationData"`
	// UserNotFound is there with app clients that hide users.
	UserNotFound *bool `json:"userNotFound,omitempty"`
}

// beforeAuthentication is called once for each sign-in that begins, when the user is known and nothing was checked. The
// candidate's user is nil for nobody, of whom the caller must not learn: the pre authentication trigger is asked all the
// same ("Pre authentication Lambda trigger").
func (a *attempt) beforeAuthentication(t *candidate) error {
	if trigger.FunctionOf(a.Pool, trigger.PreAuthentication) == "" {
		return nil
	}
	req := preAuthenticationRequest{UserAttributes: map[string]string{}, ValidationData: a.around.validation}
	if t.user != nil {
		req.UserAttributes = trigger.AttributesOf(t.user)
	}
	if a.app.HideUsers {
		req.UserNotFound = new(t.user == nil)
	}
	name, err := a.shownName(t)
	if err != nil {
		return err
	}
	return a.triggers.Invoke(a.Request, trigger.Occasion{At: trigger.PreAuthentication, Source: sourcePreAuthentication, Client: a.app.ID, Name: name}, req, &trigger.Empty{})
}

type postAuthenticationRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	NewDeviceUsed  bool              `json:"newDeviceUsed"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// afterAuthentication is called when everything was shown, before tokens or a code are made. An error refuses the sign-in.
// The post authentication trigger may change the user ("Post authentication Lambda trigger"), who is read again after it.
func (a *attempt) afterAuthentication(v *arrival) error {
	if trigger.FunctionOf(a.Pool, trigger.PostAuthentication) == "" {
		return nil
	}
	err := a.triggers.Invoke(a.Request, trigger.Occasion{At: trigger.PostAuthentication, Source: sourcePostAuthentication, Client: a.app.ID, Name: v.user.Username},
		postAuthenticationRequest{trigger.AttributesOf(v.user), a.Pool.TracksDevices() && !v.passed(stepDevice), a.around.meta}, &trigger.Empty{})
	if err != nil {
		return err
	}
	return a.again(v)
}

// again reads the user of an arrival anew, after a function took its time: who was signed out, disabled or deleted
// meanwhile does not get in, and attributes and groups are what they are now.
func (a *attempt) again(v *arrival) error {
	return a.View(func(rec *store.Records) error {
		u, err := store.Load[userpool.User](rec, userpool.UserKey(a.Pool.ID, v.user.Sub))
		if err != nil {
			return err
		}
		if u == nil || u.Epoch != v.user.Epoch || !slices.Equal(u.Verifier, v.user.Verifier) {
			return refusal.BadCredentials()
		}
		if err := v.admits(u); err != nil {
			return err
		}
		v.user = u
		v.groups, err = a.MembershipOf(rec, u)
		return err
	})
}

// tokenSource is why the tokens of an arrival are made, in the words of the pre token generation trigger.
func (v *arrival) tokenSource() string {
	switch {
	case v.passed(stepDevice):
		return tokens.SourceDevice
	case v.passed(string(api.ChallengeNameTypeNewPasswordRequired)):
		return tokens.SourceNewPassword
	default:
		return tokens.SourceAuthentication
	}
}
