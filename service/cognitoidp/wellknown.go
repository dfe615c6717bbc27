package cognitoidp

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/bulkhead/bulkhead/internal/jose"
)

// discovery is a pool's OpenID Connect metadata (OpenID Connect Discovery 1.0 section 3), as far as this server answers.
type discovery struct {
	SigningAlgs   []string `json:"id_token_signing_alg_values_supported"`
	Issuer        string   `json:"issuer"`
	JWKS          string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"`
	Scopes        []string `json:"scopes_supported"`
	Subjects      []string `json:"subject_types_supported"`
}

// Handler serves what anybody may read of a pool, to be mounted at the root of the server:
// GET /{poolId}/.well-known/jwks.json and GET /{poolId}/.well-known/openid-configuration.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{pool}/.well-known/jwks.json", s.public(s.keySet))
	mux.HandleFunc("GET /{pool}/.well-known/openid-configuration", s.public(s.metadata))
	return mux
}

func (s *Service) keySet(ctx context.Context, p *pool) (any, error) {
	p, err := s.withKeys(ctx, p)
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
	return set, nil
}

func (s *Service) metadata(_ context.Context, p *pool) (any, error) {
	iss := s.issuer(p)
	return discovery{
		SigningAlgs: []string{jose.RS256}, Issuer: iss, JWKS: iss + "/.well-known/jwks.json",
		ResponseTypes: []string{"code", "token"}, Scopes: []string{"openid", "email", "phone", "profile"}, Subjects: []string{"public"},
	}, nil
}

// public serves a document about a pool. Browsers of every origin may read it: it holds nothing secret.
func (s *Service) public(document func(context.Context, *pool) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, body := s.document(r.Context(), r.PathValue("pool"), document)
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("X-Content-Type-Options", "nosniff")
		if status == http.StatusOK {
			h.Set("Cache-Control", "public, max-age=86400")
		} else {
			h.Set("Cache-Control", "no-store")
		}
		w.WriteHeader(status)
		_, _ = w.Write(body) //nolint:gosec // JSON of our own making; a client that left is nobody to tell
	}
}

func (s *Service) document(ctx context.Context, id string, document func(context.Context, *pool) (any, error)) (int, []byte) {
	p, err := s.factsOf(ctx, id)
	if err == nil && p == nil {
		return http.StatusNotFound, []byte(`{"message":"User pool does not exist."}`)
	}
	var body []byte
	if err == nil {
		var v any
		if v, err = document(ctx, p); err == nil {
			body, err = json.Marshal(v)
		}
	}
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"message":"Internal server error."}`)
	}
	return http.StatusOK, body
}
