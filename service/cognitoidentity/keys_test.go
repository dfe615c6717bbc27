package cognitoidentity

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/jose"
)

// keySet reads the published keys.
func keySet(t *testing.T, s *Service) jose.Set {
	t.Helper()
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/.well-known/jwks_uri", nil))
	var set jose.Set
	if err := json.Unmarshal(rec.Body.Bytes(), &set); err != nil || rec.Code != http.StatusOK {
		t.Fatal(rec.Code, err)
	}
	return set
}

func TestSigningKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if set := keySet(t, w.Service); len(set.Keys) != 0 {
		t.Error("a key before the first pool")
	}
	if key, _, mine := w.Keys(t.Context(), Issuer, "x"); key != nil || !mine {
		t.Error("the issuer is ours even without a key")
	}
	w.pool(nil)
	set := keySet(t, w.Service)
	if len(set.Keys) != 1 {
		t.Fatal(set)
	}
	// another process on the same store has the same key, and makes no other
	second, err := New(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	second.newKey = func() (*rsa.PrivateKey, error) {
		t.Error("a second key")
		return own, nil
	}
	if _, err := admin(w, (&requirements{second}).CreateIdentityPool, second.CreateIdentityPool, &api.CreateIdentityPoolInput{
		IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(true),
	}); err != nil {
		t.Fatal(err)
	}
	kid := set.Keys[0].KID
	key, alg, mine := second.Keys(t.Context(), Issuer, kid)
	if pub, ok := key.(*rsa.PublicKey); !ok || !pub.Equal(&own.PublicKey) || alg != jose.RS256 || !mine {
		t.Error(key, alg, mine)
	}
	if key, _, mine := second.Keys(t.Context(), Issuer, kid+"x"); key != nil || !mine {
		t.Error("an unknown key of ours")
	}
	if _, _, mine := second.Keys(t.Context(), Issuer+"/", kid); mine {
		t.Error("another issuer is ours")
	}
}

func TestNewNeedsAll(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{Tokens: webtoken.New(webtoken.Options{})}); err == nil {
		t.Error("an incomplete configuration")
	}
}

func TestRefusalsOfOthers(t *testing.T) {
	t.Parallel()
	refused(t, loginFault(fault.Of("IDPCommunicationErrorException", "no answer")), "ExternalServiceException", "no answer")
	refused(t, loginFault(fault.New(fault.Unavailable, "down")), "Unavailable", "down")
	refused(t, refusedBySTS(fault.New(fault.Unavailable, "down")), "Unavailable", "down")
	refused(t, refusedBySTS(fault.New(fault.AccessDenied, "no")), "InvalidIdentityPoolConfigurationException", "Check assigned IAM roles")
}
