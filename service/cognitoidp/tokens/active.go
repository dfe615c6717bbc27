package tokens

import (
	"context"
	"encoding/json"

	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Active reports whether the user of a verified ID token may still use it: neither deleted, nor disabled, nor signed out
// since, nor the sign-in revoked (an identity pool's ServerSideTokenCheck). issuer is the token's iss or the pool's
// provider name.
func (s *Issuer) Active(ctx context.Context, issuer string, token *webtoken.Claims) (bool, error) {
	p, err := s.PoolOfIssuer(ctx, issuer)
	if err != nil || p == nil {
		return false, err
	}
	var origin string
	if raw := token.Raw["origin_jti"]; raw != nil && json.Unmarshal(raw, &origin) != nil {
		return false, nil //nolint:nilerr // a token that does not say where it came from is nobody's
	}
	b := &Held{
		Request: s.On(s.NewRequest(ctx, nil, p)),
		Claims:  &Claims{Sub: token.Subject, Origin: origin, Issued: token.IssuedAt.Unix()},
	}
	err = system.View(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(p.Account, p.Region)
		if err == nil {
			_, err = b.User(rec)
		}
		return err
	})
	if fault.IsClass(err, fault.Modeled) {
		return false, nil
	}
	return err == nil, err
}
