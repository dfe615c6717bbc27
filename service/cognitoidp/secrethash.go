package cognitoidp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/keyring"
)

// checkSecretHash checks that the caller knows the app client's secret (for any one of the names), if it has one.
func (c *scoped) checkSecretHash(app *client, given string, names ...string) error {
	if app.Secret == nil {
		if given != "" {
			return api.NewNotAuthorizedException("Client %s is not configured with secret but SECRET_HASH was received", app.ID)
		}
		return nil
	}
	if given == "" {
		return api.NewNotAuthorizedException("Client %s is configured with secret but SECRET_HASH was not received", app.ID)
	}
	secret, err := c.clientSecret(app)
	if err != nil {
		return err
	}
	sum, err := base64.StdEncoding.DecodeString(given)
	ok := false
	for _, name := range names {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(name + app.ID))
		ok = hmac.Equal(h.Sum(nil), sum) || ok
	}
	if err != nil || !ok {
		return api.NewNotAuthorizedException("Unable to verify secret hash for client %s", app.ID)
	}
	return nil
}

func (c *scoped) clientSecret(app *client) ([]byte, error) {
	secret, err := c.keys.Open(keyring.ClientSecret, c.pool.scope(), app.Secret, []byte(app.ID))
	return secret, internal(err, "open a client secret")
}
