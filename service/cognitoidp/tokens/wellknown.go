package tokens

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/internal/peer"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The grants of the token endpoint.
const (
	GrantCode    = "authorization_code"
	GrantRefresh = "refresh_token"
	GrantClient  = "client_credentials"
)

// discovery is a pool's OpenID Connect metadata (OpenID Connect Discovery 1.0 section 3; RFC 8414 section 2).
type discovery struct {
	Authorization    string   `json:"authorization_endpoint"`
	EndSession       string   `json:"end_session_endpoint"`
	SigningAlgs      []string `json:"id_token_signing_alg_values_supported"`
	Issuer           string   `json:"issuer"`
	JWKS             string   `json:"jwks_uri"`
	ResponseTypes    []string `json:"response_types_supported"`
	Revocation       string   `json:"revocation_endpoint"`
	Scopes           []string `json:"scopes_supported"`
	Subjects         []string `json:"subject_types_supported"`
	Token            string   `json:"token_endpoint"`
	TokenAuth        []string `json:"token_endpoint_auth_methods_supported"`
	UserInfo         string   `json:"userinfo_endpoint"`
	Grants           []string `json:"grant_types_supported"`
	ChallengeMethods []string `json:"code_challenge_methods_supported"`
}

// Handler serves what anybody may read of a pool, to be mounted at the root of the server:
// GET /{poolId}/.well-known/jwks.json and GET /{poolId}/.well-known/openid-configuration.
func (s *Issuer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{pool}/.well-known/jwks.json", s.public(s.KeySet))
	mux.HandleFunc("GET /{pool}/.well-known/openid-configuration", s.public(s.metadata))
	return mux
}

// KeySet is the document of the keys under which tokens of the pool may be signed (RFC 7517).
func (s *Issuer) KeySet(ctx context.Context, p *userpool.Pool, _ string) (any, error) {
	p, err := s.WithKeys(ctx, p)
	if err != nil {
		return nil, err
	}
	var set jose.Set
	for i := range p.Keys {
		pub, err := s.verifier(p, i)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jose.Public(p.Keys[i].KID, pub))
	}
	for i := range p.Retired {
		if k := &p.Retired[i]; time.Now().Before(k.Until) {
			pub, err := s.opened(&k.SigningKey)
			if err != nil {
				return nil, err
			}
			set.Keys = append(set.Keys, jose.Public(k.KID, pub))
		}
	}
	return set, nil
}

func (s *Issuer) metadata(_ context.Context, p *userpool.Pool, base string) (any, error) {
	at := base
	for i := range p.Domains {
		if d := &p.Domains[i]; d.Custom() {
			at = "https://" + d.Name
		}
	}
	return discovery{
		Issuer: s.IssuerOf(p), JWKS: base + "/.well-known/jwks.json", Authorization: at + "/oauth2/authorize", Token: at + "/oauth2/token",
		UserInfo: at + "/oauth2/userInfo", Revocation: at + "/oauth2/revoke", EndSession: at + "/logout",
		SigningAlgs: []string{jose.RS256}, ResponseTypes: []string{"code", "token"}, Subjects: []string{"public"},
		Scopes:    []string{ScopeOpenID, ScopeEmail, ScopePhone, ScopeProfile},
		TokenAuth: []string{"client_secret_basic", "client_secret_post", "none"},
		Grants:    []string{GrantCode, "implicit", GrantRefresh, GrantClient}, ChallengeMethods: []string{"S256"},
	}, nil
}

// base is where a pool's endpoints are: below its issuer, or where the request came if issuers have AWS's form, at which
// this server does not answer.
func (s *Issuer) base(r *http.Request) string {
	if s.IssuerURL != "" {
		return s.IssuerURL + "/" + r.PathValue("pool")
	}
	scheme := "http://"
	if peer.Secure(r) {
		scheme = "https://"
	}
	return scheme + r.Host + "/" + r.PathValue("pool")
}

// public serves a document about a pool. Browsers of every origin may read it: it holds nothing secret.
func (s *Issuer) public(document func(context.Context, *userpool.Pool, string) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, body := s.document(r, document)
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("X-Content-Type-Options", "nosniff")
		if status == http.StatusOK {
			h.Set("Cache-Control", "public, max-age=300")
		} else {
			h.Set("Cache-Control", "no-store")
		}
		w.WriteHeader(status)
		_, _ = w.Write(body) //nolint:gosec // JSON of our own making; a client that left is nobody to tell
	}
}

func (s *Issuer) document(r *http.Request, document func(context.Context, *userpool.Pool, string) (any, error)) (int, []byte) {
	p, err := s.FactsOf(r.Context(), r.PathValue("pool"))
	if err == nil && p == nil {
		return http.StatusNotFound, []byte(`{"message":"User pool does not exist."}`)
	}
	var body []byte
	if err == nil {
		var v any
		if v, err = document(r.Context(), p, s.base(r)); err == nil {
			body, err = json.Marshal(v)
		}
	}
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"message":"Internal server error."}`)
	}
	return http.StatusOK, body
}
