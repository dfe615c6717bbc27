package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Where a user came from, as the pre sign-up trigger tells it.
const (
	sourceSignUp      = "PreSignUp_SignUp"
	sourceAdminCreate = "PreSignUp_AdminCreateUser"
	// sourceExternal is a user whom an identity provider vouched for, at the first sign-in.
	sourceExternal = "PreSignUp_ExternalProvider"
)

// What confirmed a user, as the post confirmation trigger tells it.
const (
	sourceConfirmSignUp = "PostConfirmation_ConfirmSignUp"
	sourceConfirmForgot = "PostConfirmation_ConfirmForgotPassword"
)

type signUpRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	ValidationData map[string]string `json:"validationData"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// signUpVerdict is what the pre sign-up trigger decides beside refusing.
type signUpVerdict struct {
	Confirm     bool `json:"autoConfirmUser"`
	VerifyEmail bool `json:"autoVerifyEmail"`
	VerifyPhone bool `json:"autoVerifyPhone"`
}

// signingUp is somebody about to become a user.
type signingUp struct {
	source, client   string
	validation, meta map[string]string
}

// beforeSignUp asks the pre sign-up trigger whether the user may be made ("Pre sign-up Lambda trigger"). What it decides
// for a user who signs up by themselves, or by a provider, is done to u; for one whom an administrator makes it is not.
// Nothing of u is stored yet.
func (c *scoped) beforeSignUp(s signingUp, u *userpool.User) error {
	if trigger.FunctionOf(c.Pool, trigger.PreSignUp) == "" {
		return nil
	}
	given := trigger.AttributesOf(&userpool.User{Attributes: u.Attributes})
	delete(given, "sub") // nobody has that name yet
	var v signUpVerdict
	err := c.triggers.Invoke(c.Request, trigger.Occasion{At: trigger.PreSignUp, Source: s.source, Client: s.client, Name: u.Username},
		signUpRequest{given, s.validation, s.meta}, &v)
	if err != nil || s.source == sourceAdminCreate {
		return err
	}
	for attribute, verify := range map[string]bool{"email": v.VerifyEmail, "phone_number": v.VerifyPhone} {
		if !verify {
			continue
		}
		if u.Attributes[attribute] == "" {
			return trigger.BadResponse("the user has no %s to be verified", attribute)
		}
		u.Put(userpool.VerifiedFlag(attribute), "true")
	}
	if v.Confirm && u.Status == api.UserStatusTypeUnconfirmed {
		u.Status = api.UserStatusTypeConfirmed
	}
	return nil
}

type confirmedRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// confirmed tells the post confirmation trigger of a user who was confirmed, or has a new password by code ("Post
// confirmation Lambda trigger"). The change is made by then, whatever the function answers; its error is the caller's.
func (c *scoped) confirmed(source, client string, u *userpool.User, meta map[string]string) error {
	if trigger.FunctionOf(c.Pool, trigger.PostConfirmation) == "" {
		return nil
	}
	return c.triggers.Invoke(c.Request, trigger.Occasion{At: trigger.PostConfirmation, Source: source, Client: client, Name: u.Username},
		confirmedRequest{trigger.AttributesOf(u), meta}, &trigger.Empty{})
}
