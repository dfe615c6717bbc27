package cognitoidp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// secretHash is what the app client's own server would send with the name, for the pages act for the client; nil for a
// client without a secret.
func (a *authorization) secretHash(name string) (*string, error) {
	if !a.app.Confidential() {
		return nil, nil //nolint:nilnil // no hash is asked for
	}
	secrets, err := a.OpenSecrets(a.app)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, secrets[0])
	h.Write([]byte(name + a.app.ID))
	return new(base64.StdEncoding.EncodeToString(h.Sum(nil))), nil
}

// public runs an operation of the API as anybody could, for a page. Its input is held to the model as a request's is.
func public[O, I any, P interface {
	*I
	Validate(c *constraint.Checker)
}](a *authorization, operation string, in P) (*O, error) {
	var check constraint.Checker
	in.Validate(&check)
	if err := check.Err(); err != nil {
		return nil, err
	}
	return pipeline.InvokeAnonymous[O](a.Ctx, a.Call, messages.EventSource, userpool.ServiceName, operation, (*I)(in))
}

// page opens a request of a page that does something for a user: one that could also sign in.
func (o *oauth) page(ctx context.Context, call *pipeline.Call, pool *string, req *login.AuthorizationRequest, name *string) (*authorization, *string, error) {
	a, err := o.authorization(ctx, call, pool, req)
	if err != nil {
		return nil, nil, err
	}
	if f := a.check(); f != nil {
		return nil, nil, f
	}
	if err := a.takesLocal(); err != nil {
		return nil, nil, err
	}
	hash, err := a.secretHash(opt.Value(name))
	return a, hash, err
}

// SignUp implements login.Service.
func (o *oauth) SignUp(ctx context.Context, call *pipeline.Call, in *login.SignUpInput) (*login.SignUpOutput, error) {
	a, hash, err := o.page(ctx, call, in.PoolId, in.Request, in.Username)
	if err != nil {
		return nil, err
	}
	req := &api.SignUpInput{ClientId: new(a.app.ID), SecretHash: hash, Username: in.Username, Password: in.Password}
	for _, name := range slices.Sorted(maps.Keys(in.Attributes)) {
		req.UserAttributes = append(req.UserAttributes, api.AttributeType{Name: new(name), Value: new(in.Attributes[name])})
	}
	done, err := public[api.SignUpOutput](a, "SignUp", req)
	if err != nil {
		return nil, err
	}
	out := &login.SignUpOutput{Confirmed: done.UserConfirmed}
	out.Destination, out.Medium = delivered(done.CodeDeliveryDetails)
	out.ByLink = new(a.Pool.ConfirmsByLink() && opt.Value(out.Medium) == string(api.DeliveryMediumTypeEmail))
	return out, nil
}

func delivered(d *api.CodeDeliveryDetailsType) (to, medium *string) {
	if d == nil {
		return nil, nil
	}
	return d.Destination, new(string(d.DeliveryMedium))
}

// ConfirmSignUp implements login.Service.
func (o *oauth) ConfirmSignUp(ctx context.Context, call *pipeline.Call, in *login.ConfirmSignUpInput) (*login.ConfirmSignUpOutput, error) {
	a, hash, err := o.page(ctx, call, in.PoolId, in.Request, in.Username)
	if err != nil {
		return nil, err
	}
	_, err = public[api.ConfirmSignUpOutput](a, "ConfirmSignUp", &api.ConfirmSignUpInput{
		ClientId: new(a.app.ID), SecretHash: hash, Username: in.Username, ConfirmationCode: in.Code,
	})
	return &login.ConfirmSignUpOutput{}, err
}

// ResendCode implements login.Service.
func (o *oauth) ResendCode(ctx context.Context, call *pipeline.Call, in *login.ResendCodeInput) (*login.ResendCodeOutput, error) {
	a, hash, err := o.page(ctx, call, in.PoolId, in.Request, in.Username)
	if err != nil {
		return nil, err
	}
	done, err := public[api.ResendConfirmationCodeOutput](a, "ResendConfirmationCode", &api.ResendConfirmationCodeInput{
		ClientId: new(a.app.ID), SecretHash: hash, Username: in.Username,
	})
	if err != nil {
		return nil, err
	}
	out := &login.ResendCodeOutput{}
	out.Destination, out.Medium = delivered(done.CodeDeliveryDetails)
	out.ByLink = new(a.Pool.ConfirmsByLink() && opt.Value(out.Medium) == string(api.DeliveryMediumTypeEmail))
	return out, nil
}

// ForgotPassword implements login.Service.
func (o *oauth) ForgotPassword(ctx context.Context, call *pipeline.Call, in *login.ForgotPasswordInput) (*login.ForgotPasswordOutput, error) {
	a, hash, err := o.page(ctx, call, in.PoolId, in.Request, in.Username)
	if err != nil {
		return nil, err
	}
	done, err := public[api.ForgotPasswordOutput](a, "ForgotPassword", &api.ForgotPasswordInput{
		ClientId: new(a.app.ID), SecretHash: hash, Username: in.Username,
	})
	if err != nil {
		return nil, err
	}
	out := &login.ForgotPasswordOutput{}
	out.Destination, out.Medium = delivered(done.CodeDeliveryDetails)
	return out, nil
}

// ResetPassword implements login.Service.
func (o *oauth) ResetPassword(ctx context.Context, call *pipeline.Call, in *login.ResetPasswordInput) (*login.ResetPasswordOutput, error) {
	a, hash, err := o.page(ctx, call, in.PoolId, in.Request, in.Username)
	if err != nil {
		return nil, err
	}
	_, err = public[api.ConfirmForgotPasswordOutput](a, "ConfirmForgotPassword", &api.ConfirmForgotPasswordInput{
		ClientId: new(a.app.ID), SecretHash: hash, Username: in.Username, ConfirmationCode: in.Code, Password: in.Password,
	})
	return &login.ResetPasswordOutput{}, err
}
