package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// ConfirmByLink implements login.Service. It is ConfirmSignUp by whoever reads the user's mail, for any app client of the
// pool: links work for those too that have no managed login.
func (o *oauth) ConfirmByLink(ctx context.Context, call *pipeline.Call, in *login.ConfirmByLinkInput) (*login.ConfirmByLinkOutput, error) {
	c, err := o.s.in(ctx, call, in.PoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.Client(opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	call.Note("clientId", app.ID)
	a := &authorization{scoped: c, app: app}
	hash, err := a.secretHash(opt.Value(in.Username))
	if err != nil {
		return nil, err
	}
	_, err = public[api.ConfirmSignUpOutput](a, "ConfirmSignUp", &api.ConfirmSignUpInput{
		ClientId: new(app.ID), SecretHash: hash, Username: in.Username, ConfirmationCode: in.Code,
	})
	return &login.ConfirmByLinkOutput{}, err
}
