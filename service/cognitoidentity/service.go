// Package cognitoidentity implements Amazon Cognito identity pools: they turn tokens of user pools and of OpenID Connect
// providers into identities, and identities into temporary credentials of IAM roles ("Amazon Cognito identity pools",
// Amazon Cognito Developer Guide).
//
// Where AWS leaves room, the package decides so:
//
//   - Principal tags are in the tokens of the basic flow as in those of the enhanced flow: a client must not shed its
//     tags by choosing the flow. They are never transitive.
//   - A login is linked to an identity by GetId, or by the other operations beside a linked login or to a guest's identity.
//     An identity that lost its last login is nobody's for ever.
//   - A token that the developer got for a user (GetOpenIdTokenForDeveloperIdentity) is good for credentials only, and not
//     for another token, so that it ends when it says; and no longer once the user was unlinked.
//   - The name of the developer provider is set once: what else it could come to mean would be somebody's logins.
//   - Several logins of one request must not lead to different roles, or to different values of one tag.
//   - Roles are of the identity pool's own account.
package cognitoidentity

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"sync/atomic"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// serviceName is the signing name, and the prefix of actions.
const serviceName = "cognito-identity"

// UserPool is a user pool of this server as logins name it.
type UserPool struct {
	// Name is the provider name: cognito-idp.<region>.amazonaws.com/<pool>.
	Name string
	// Issuer is the iss claim of the pool's tokens.
	Issuer string
}

// Config is what the service needs. All but Active are required.
type Config struct {
	// DB holds the records.
	DB *store.DB
	// Keyring seals the signing key and paging tokens.
	Keyring *keyring.Keyring
	// Tokens verifies logins. Its Own function must know the user pools' keys.
	Tokens *webtoken.Verifier
	// Catalog has the accounts' OpenID Connect providers.
	Catalog *identity.Catalog
	// UserPool finds the user pool that a provider name or issuer stands for; false if there is none here.
	UserPool func(ctx context.Context, name string) (UserPool, bool, error)
	// Active reports whether the user of a verified ID token of a user pool may still use it: neither deleted, nor
	// disabled, nor signed out everywhere since. Nil refuses pools with ServerSideTokenCheck.
	Active func(ctx context.Context, issuer string, claims *webtoken.Claims) (bool, error)
}

// Service implements the operations.
type Service struct {
	Config
	places *store.Cache[string, place]
	pools  *store.Cache[string, *pool]
	signer atomic.Pointer[signer]
	newKey func() (*rsa.PrivateKey, error)
}

var (
	_ api.Service      = (*Service)(nil)
	_ api.Requirements = (*requirements)(nil)
)

// Sizes of caches, in entries.
const (
	cachedPools  = 16384
	cachedPlaces = 65536
)

// New returns the service.
func New(c Config) (*Service, error) {
	if c.DB == nil || c.Keyring == nil || c.Tokens == nil || c.Catalog == nil || c.UserPool == nil {
		return nil, errors.New("cognitoidentity: incomplete configuration")
	}
	return &Service{
		Config: c,
		places: store.NewCache[string, place](c.DB, serviceName, cachedPlaces),
		pools:  store.NewCache[string, *pool](c.DB, serviceName, cachedPools),
		newKey: func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, signingKeyBits) },
	}, nil
}

// Operations are the service's operations for the pipeline.
func (s *Service) Operations() pipeline.Service {
	return pipeline.Service{API: api.API, Ops: api.Operations(s, &requirements{s})}
}
