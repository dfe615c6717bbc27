package userpool

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// Lifetimes of tokens of an app client that names none.
const (
	defaultTokenLife   = time.Hour
	DefaultRefreshLife = 30 * 24 * time.Hour
)

var unitOf = map[api.TimeUnitsType]time.Duration{
	api.TimeUnitsTypeSeconds: time.Second, api.TimeUnitsTypeMinutes: time.Minute,
	api.TimeUnitsTypeHours: time.Hour, api.TimeUnitsTypeDays: 24 * time.Hour,
}

// Allows reports whether the client lets the flow be used ("ALLOW_…"). Of the old names, each brings SRP and refresh with
// it but CUSTOM_AUTH_FLOW_ONLY, which brings refresh.
func (c *Client) Allows(flow string) bool {
	if slices.Contains(c.Flows, flow) {
		return true
	}
	if !slices.ContainsFunc(c.Flows, func(f string) bool { return !strings.HasPrefix(f, "ALLOW_") }) {
		return false
	}
	switch flow {
	case "ALLOW_REFRESH_TOKEN_AUTH":
		return true
	case "ALLOW_USER_SRP_AUTH":
		return !slices.Contains(c.Flows, "CUSTOM_AUTH_FLOW_ONLY")
	case "ALLOW_ADMIN_USER_PASSWORD_AUTH":
		return slices.Contains(c.Flows, "ADMIN_NO_SRP_AUTH")
	case "ALLOW_USER_PASSWORD_AUTH":
		return slices.Contains(c.Flows, "USER_PASSWORD_AUTH")
	}
	return false
}

// Lifetime is how long a token of the use holds.
func (c *ClientSettings) Lifetime(use string) time.Duration {
	value, unit, byDefault, life := c.Access, c.Units.AccessToken, time.Hour, defaultTokenLife
	switch use {
	case UseID:
		value, unit = c.Identity, c.Units.IdToken
	case UseRefresh:
		value, unit, byDefault, life = c.Refresh, c.Units.RefreshToken, 24*time.Hour, DefaultRefreshLife
	}
	if value == 0 {
		return life
	}
	if d, ok := unitOf[unit]; ok {
		byDefault = d
	}
	return time.Duration(value) * byDefault
}

// ClientSecret is one of an app client's secrets.
type ClientSecret struct {
	ID      string
	Sealed  []byte
	Created time.Time
}

// Confidential reports whether the app client has a secret.
func (c *Client) Confidential() bool { return len(c.Secrets) > 0 }

// OpenSecrets returns the app client's secrets, oldest first.
func (c *Request) OpenSecrets(app *Client) ([][]byte, error) {
	var out [][]byte
	for _, s := range app.Secrets {
		plain, err := c.store.Keyring.Open(keyring.ClientSecret, c.Pool.Scope(), s.Sealed, []byte(app.ID))
		if err != nil {
			return nil, fault.Wrap(err, "open a client secret")
		}
		out = append(out, plain)
	}
	return out, nil
}

// SecretMatches reports whether a presented secret is one of the app client's, in constant time for each. A public client
// has none that could match.
func (c *Request) SecretMatches(app *Client, given string) (bool, error) {
	secrets, err := c.OpenSecrets(app)
	ok := 0
	for _, s := range secrets {
		ok |= subtle.ConstantTimeCompare(s, []byte(given))
	}
	return ok == 1, err
}

// CheckClientSecret checks the app client's secret itself, if it has one.
func (c *Request) CheckClientSecret(app *Client, given string) error {
	if !app.Confidential() {
		return nil
	}
	ok, err := c.SecretMatches(app, given)
	if err == nil && !ok {
		err = api.NewUnauthorizedException("Invalid client secret for client %s", app.ID)
	}
	return err
}

// CheckSecretHash checks that the caller knows one of the app client's secrets (for any one of the names), if it has one.
func (c *Request) CheckSecretHash(app *Client, given string, names ...string) error {
	if !app.Confidential() {
		if given != "" {
			return api.NewNotAuthorizedException("Client %s is not configured with secret but SECRET_HASH was received", app.ID)
		}
		return nil
	}
	if given == "" {
		return api.NewNotAuthorizedException("Client %s is configured with secret but SECRET_HASH was not received", app.ID)
	}
	secrets, err := c.OpenSecrets(app)
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

// Rotates reports whether a refresh token is replaced at each use.
func (s *ClientSettings) Rotates() bool {
	return s.Rotation != nil && s.Rotation.Feature == api.FeatureTypeEnabled
}

// Grace is how long a replaced refresh token may still be used again, of a client that rotates them.
func (s *ClientSettings) Grace() time.Duration {
	return time.Duration(opt.Value(s.Rotation.RetryGracePeriodSeconds)) * time.Second
}

// The uses of tokens.
const (
	UseAccess  = "access"
	UseID      = "id"
	UseRefresh = "refresh"
)

// Lifetimes of tokens ("CreateUserPoolClient", Amazon Cognito user pools API reference).
const (
	MinTokenLife   = 5 * time.Minute
	MaxTokenLife   = 24 * time.Hour
	MinRefreshLife = time.Hour
	MaxRefreshLife = 3650 * 24 * time.Hour
)

// DefaultSessionMinutes is how long a session of an app client holds that does not say.
const DefaultSessionMinutes = 3
