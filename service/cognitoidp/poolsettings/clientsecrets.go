package poolsettings

import (
	"context"
	"fmt"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// maxClientSecrets is how many secrets an app client has at a time: the one in use and the one that takes its place
// ("AddUserPoolClientSecret", Amazon Cognito user pools API reference).
const maxClientSecrets = 2

// newSecret seals a secret for an app client. Its id is "<client id>--<epoch seconds>", later by one for each taken.
func (c *Request) newSecret(app *userpool.Client, plain string) (userpool.ClientSecret, error) {
	at := c.Call.Now.Unix()
	id := func() string { return fmt.Sprintf("%s--%d", app.ID, at) }
	for slices.ContainsFunc(app.Secrets, func(s userpool.ClientSecret) bool { return s.ID == id() }) {
		at++
	}
	sealed, err := c.Keyring.Seal(keyring.ClientSecret, c.Pool.Scope(), []byte(plain), []byte(app.ID))
	return userpool.ClientSecret{ID: id(), Sealed: sealed, Created: c.Call.Now}, fault.Doing(err, "seal a client secret")
}

// changeClient loads an app client anew, lets fn change it and saves it.
func (c *Request) changeClient(id *string, fn func(*store.Records, *userpool.Client) error) (*userpool.Client, error) {
	var app *userpool.Client
	err := c.Update(func(rec *store.Records) (err error) {
		k := userpool.ClientKey(c.Pool.ID, opt.Value(id))
		if app, err = store.Load[userpool.Client](rec, k); err != nil {
			return err
		}
		if app == nil {
			return refusal.ClientNotFound(opt.Value(id))
		}
		if err := fn(rec, app); err != nil {
			return err
		}
		app.Modified = c.Call.Now
		rec.ChangedIn(c.Pool.ID)
		return store.Save(rec, k, app)
	})
	return app, err
}

// AddUserPoolClientSecret implements api.Service. From now on both secrets hold, so that applications can change over
// before the old one is deleted.
func (s *Administrator) AddUserPoolClientSecret(ctx context.Context, call *pipeline.Call, in *api.AddUserPoolClientSecretInput) (*api.AddUserPoolClientSecretOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	plain := opt.Value(in.ClientSecret)
	generated := plain == ""
	if generated {
		plain = random.Text(lowerAlphanumeric, secretLength)
	}
	var added userpool.ClientSecret
	_, err = c.changeClient(in.ClientId, func(_ *store.Records, app *userpool.Client) (err error) {
		switch {
		case !app.Confidential():
			return refusal.Invalid("A client secret can be added only to a client that was created with one.")
		case len(app.Secrets) >= maxClientSecrets:
			return api.NewLimitExceededException("A client has at most %d secrets.", maxClientSecrets)
		}
		if held, err := c.SecretMatches(app, plain); err != nil {
			return err
		} else if held {
			return refusal.Invalid("The client already has this secret.")
		}
		if added, err = c.newSecret(app, plain); err != nil {
			return err
		}
		app.Secrets = append(app.Secrets, added)
		return nil
	})
	if err != nil {
		return nil, err
	}
	d := describeSecret(&added)
	if generated {
		d.ClientSecretValue = &plain
	}
	return &api.AddUserPoolClientSecretOutput{ClientSecretDescriptor: &d}, nil
}

// describeSecret is the secret without its value.
func describeSecret(s *userpool.ClientSecret) api.ClientSecretDescriptorType {
	return api.ClientSecretDescriptorType{ClientSecretId: new(s.ID), ClientSecretCreateDate: new(s.Created)}
}

// ListUserPoolClientSecrets implements api.Service. It never tells the secrets themselves.
func (s *Administrator) ListUserPoolClientSecrets(ctx context.Context, call *pipeline.Call, in *api.ListUserPoolClientSecretsInput) (*api.ListUserPoolClientSecretsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.Client(opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	out := &api.ListUserPoolClientSecretsOutput{ClientSecrets: []api.ClientSecretDescriptorType{}}
	for i := range app.Secrets {
		out.ClientSecrets = append(out.ClientSecrets, describeSecret(&app.Secrets[i]))
	}
	return out, nil
}

// DeleteUserPoolClientSecret implements api.Service. The last one stays: without it the client would come to be public.
func (s *Administrator) DeleteUserPoolClientSecret(ctx context.Context, call *pipeline.Call, in *api.DeleteUserPoolClientSecretInput) (*api.DeleteUserPoolClientSecretOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	_, err = c.changeClient(in.ClientId, func(_ *store.Records, app *userpool.Client) error {
		i := slices.IndexFunc(app.Secrets, func(s userpool.ClientSecret) bool { return s.ID == opt.Value(in.ClientSecretId) })
		switch {
		case i < 0:
			return api.NewResourceNotFoundException("Client secret %s does not exist.", opt.Value(in.ClientSecretId))
		case len(app.Secrets) == 1:
			return refusal.Invalid("The last secret of a client cannot be deleted.")
		}
		app.Secrets = slices.Delete(app.Secrets, i, i+1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteUserPoolClientSecretOutput{}, nil
}
