package cognitoidp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// maxClientSecrets is how many secrets an app client has at a time: the one in use and the one that takes its place
// ("AddUserPoolClientSecret", Amazon Cognito user pools API reference).
const maxClientSecrets = 2

// clientSecret is one of an app client's secrets.
type clientSecret struct {
	ID      string
	Sealed  []byte
	Created time.Time
}

// confidential reports whether the app client has a secret.
func (c *client) confidential() bool { return len(c.Secrets) > 0 }

// newSecret seals a secret for an app client. Its id is "<client id>--<epoch seconds>", later by one for each taken.
func (c *scoped) newSecret(app *client, plain string) (clientSecret, error) {
	at := c.call.Now.Unix()
	id := func() string { return fmt.Sprintf("%s--%d", app.ID, at) }
	for slices.ContainsFunc(app.Secrets, func(s clientSecret) bool { return s.ID == id() }) {
		at++
	}
	sealed, err := c.Keyring.Seal(keyring.ClientSecret, c.pool.scope(), []byte(plain), []byte(app.ID))
	return clientSecret{id(), sealed, c.call.Now}, fault.Doing(err, "seal a client secret")
}

// openSecrets returns the app client's secrets, oldest first.
func (c *Request) openSecrets(app *client) ([][]byte, error) {
	var out [][]byte
	for _, s := range app.Secrets {
		plain, err := c.store.Keyring.Open(keyring.ClientSecret, c.pool.scope(), s.Sealed, []byte(app.ID))
		if err != nil {
			return nil, fault.Wrap(err, "open a client secret")
		}
		out = append(out, plain)
	}
	return out, nil
}

// secretMatches reports whether a presented secret is one of the app client's, in constant time for each. A public client
// has none that could match.
func (c *Request) secretMatches(app *client, given string) (bool, error) {
	secrets, err := c.openSecrets(app)
	ok := 0
	for _, s := range secrets {
		ok |= subtle.ConstantTimeCompare(s, []byte(given))
	}
	return ok == 1, err
}

// checkClientSecret checks the app client's secret itself, if it has one.
func (c *Request) checkClientSecret(app *client, given string) error {
	if !app.confidential() {
		return nil
	}
	ok, err := c.secretMatches(app, given)
	if err == nil && !ok {
		err = api.NewUnauthorizedException("Invalid client secret for client %s", app.ID)
	}
	return err
}

// checkSecretHash checks that the caller knows one of the app client's secrets (for any one of the names), if it has one.
func (c *Request) checkSecretHash(app *client, given string, names ...string) error {
	if !app.confidential() {
		if given != "" {
			return api.NewNotAuthorizedException("Client %s is not configured with secret but SECRET_HASH was received", app.ID)
		}
		return nil
	}
	if given == "" {
		return api.NewNotAuthorizedException("Client %s is configured with secret but SECRET_HASH was not received", app.ID)
	}
	secrets, err := c.openSecrets(app)
	if err != nil {
		return err
	}
	sum, err := base64.StdEncoding.DecodeString(given)
	ok := false
	for _, secret := range secrets {
		for _, name := range names {
			h := hmac.New(sha256.New, secret)
			h.Write([]byte(name + app.ID))
			ok = hmac.Equal(h.Sum(nil), sum) || ok
		}
	}
	if err != nil || !ok {
		return api.NewNotAuthorizedException("Unable to verify secret hash for client %s", app.ID)
	}
	return nil
}

// changeClient loads an app client anew, lets fn change it and saves it.
func (c *scoped) changeClient(id *string, fn func(*store.Records, *client) error) (*client, error) {
	var app *client
	err := c.update(func(rec *store.Records) (err error) {
		k := clientKey(c.pool.ID, opt.Value(id))
		if app, err = store.Load[client](rec, k); err != nil {
			return err
		}
		if app == nil {
			return refusal.ClientNotFound(opt.Value(id))
		}
		if err := fn(rec, app); err != nil {
			return err
		}
		app.Modified = c.call.Now
		rec.ChangedIn(c.pool.ID)
		return store.Save(rec, k, app)
	})
	return app, err
}

// AddUserPoolClientSecret implements api.Service. From now on both secrets hold, so that applications can change over
// before the old one is deleted.
func (s *Service) AddUserPoolClientSecret(ctx context.Context, call *pipeline.Call, in *api.AddUserPoolClientSecretInput) (*api.AddUserPoolClientSecretOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	plain := opt.Value(in.ClientSecret)
	generated := plain == ""
	if generated {
		plain = random.Text(lowerAlphanumeric, secretLength)
	}
	var added clientSecret
	_, err = c.changeClient(in.ClientId, func(_ *store.Records, app *client) (err error) {
		switch {
		case !app.confidential():
			return refusal.Invalid("A client secret can be added only to a client that was created with one.")
		case len(app.Secrets) >= maxClientSecrets:
			return api.NewLimitExceededException("A client has at most %d secrets.", maxClientSecrets)
		}
		if held, err := c.secretMatches(app, plain); err != nil {
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
	d := added.describe()
	if generated {
		d.ClientSecretValue = &plain
	}
	return &api.AddUserPoolClientSecretOutput{ClientSecretDescriptor: &d}, nil
}

// describe is the secret without its value.
func (s *clientSecret) describe() api.ClientSecretDescriptorType {
	return api.ClientSecretDescriptorType{ClientSecretId: new(s.ID), ClientSecretCreateDate: new(s.Created)}
}

// ListUserPoolClientSecrets implements api.Service. It never tells the secrets themselves.
func (s *Service) ListUserPoolClientSecrets(ctx context.Context, call *pipeline.Call, in *api.ListUserPoolClientSecretsInput) (*api.ListUserPoolClientSecretsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.client(opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	out := &api.ListUserPoolClientSecretsOutput{ClientSecrets: []api.ClientSecretDescriptorType{}}
	for i := range app.Secrets {
		out.ClientSecrets = append(out.ClientSecrets, app.Secrets[i].describe())
	}
	return out, nil
}

// DeleteUserPoolClientSecret implements api.Service. The last one stays: without it the client would come to be public.
func (s *Service) DeleteUserPoolClientSecret(ctx context.Context, call *pipeline.Call, in *api.DeleteUserPoolClientSecretInput) (*api.DeleteUserPoolClientSecretOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	_, err = c.changeClient(in.ClientId, func(_ *store.Records, app *client) error {
		i := slices.IndexFunc(app.Secrets, func(s clientSecret) bool { return s.ID == opt.Value(in.ClientSecretId) })
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
