package bulkhead

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
)

// openByRouting is why anybody may ask for a route.
const openByRouting = "answers the same for tenants that are there and that are not; within a rate for each client"

func (requirements) ResolveTenant(s *authz.Scope, _ *api.ResolveTenantInput) authz.Requirement {
	return authz.Anonymous(openByRouting, routeResource(s, "*"))
}

func (requirements) ListTenantNames(s *authz.Scope, _ *api.ListTenantNamesInput) authz.Requirement {
	return authz.Anonymous("lists the names that operators publish, and nothing else", routeResource(s, "*"))
}

// routing is where a sign-in was routed, sealed. Its sealed form always has the same length: see routingSize.
type routing struct {
	// Tenant is the tenant that was found, or what stands for one that was not: the same for the same question.
	Tenant  string
	Decoy   bool
	Expires time.Time
	Pad     string
}

// How long a route may be used, and the length of a routing before it is sealed: a tenant's id has at most 256 bytes, six
// times as many when JSON escapes them.
const (
	routingLife = 10 * time.Minute
	routingSize = 2048
)

// routeScope is of all routes of an account and region.
func routeScope(account, region string) keyring.Scope {
	return keyring.Scope{Account: account, Name: "route/" + region}
}

// ResolveTenant finds the tenant that a subdomain, a mail address, a code or a name of the published list leads to. The
// answer is a sealed route for the sign-in pages. It never tells whether there is such a tenant: the answers have the same
// form and length, and cost the same look-ups.
func (s *Service) ResolveTenant(ctx context.Context, c *pipeline.Call, in *api.ResolveTenantInput) (*api.ResolveTenantOutput, error) {
	if err := s.ask(c); err != nil {
		return nil, err
	}
	kind, value, err := asked(in)
	if err != nil {
		return nil, err
	}
	var tenant string
	err = s.view(ctx, c, func(home *store.Records) error {
		tenant = ""
		ref, err := store.Load[routeRef](home, lookupKey(kind, value))
		if err != nil {
			return err
		}
		if ref == nil {
			ref = &routeRef{}
		}
		r, err := store.Load[Route](home, routeKey(ref.Tenant)) // for nobody's route too: it takes its time
		if r != nil {
			tenant = r.Tenant
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.routed(c, tenant, kind, value)
}

// asked is what the request asks for, folded. A mail domain that is none is one that nobody has.
func asked(in *api.ResolveTenantInput) (kind, value string, err error) {
	n := 0
	for _, q := range []struct {
		kind string
		text *string
		fold func(string) string
	}{
		{bySubdomain, in.Subdomain, strings.ToLower}, {byEmail, in.EmailAddress, mailDomain}, {byCode, in.Code, foldCode}, {byName, in.ListedName, foldName},
	} {
		if q.text != nil {
			n, kind, value = n+1, q.kind, q.fold(*q.text)
		}
	}
	if n != 1 {
		return "", "", api.NewInvalidTenantRouteException("Give one of Subdomain, EmailAddress, Code and ListedName.")
	}
	return kind, value, nil
}

func mailDomain(address string) string {
	domain := address[strings.LastIndexByte(address, '@')+1:]
	if folded, ok := foldDomain(domain); ok {
		return folded
	}
	return domain
}

// routed seals where a question leads.
func (s *Service) routed(c *pipeline.Call, tenant, kind, value string) (*api.ResolveTenantOutput, error) {
	scope := routeScope(c.Account, c.Region)
	key, err := s.keys.Key(keyring.TenantRoute, scope)
	if err != nil {
		return nil, fault.Wrap(err, "derive the key of routes")
	}
	mac := hmac.New(sha256.New, key.Bytes())
	mac.Write([]byte(kind + "\x00" + value)) // a hash never fails
	r := routing{Tenant: tenant, Expires: c.Now.Add(routingLife).Truncate(time.Second)}
	if stand := "decoy-" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:15]); tenant == "" {
		r.Tenant, r.Decoy = stand, true
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fault.Wrap(err, "encode a route")
	}
	if len(text) > routingSize {
		return nil, fault.Wrap(errors.New("too long"), "encode a route")
	}
	r.Pad = strings.Repeat(".", routingSize-len(text))
	if text, err = json.Marshal(r); err != nil {
		return nil, fault.Wrap(err, "encode a route")
	}
	sealed, err := s.keys.Seal(keyring.TenantRoute, scope, text, nil)
	if err != nil {
		return nil, fault.Wrap(err, "seal a route")
	}
	return &api.ResolveTenantOutput{Route: new(base64.RawURLEncoding.EncodeToString(sealed)), ExpiresAt: &r.Expires}, nil
}

// ErrRoute says that a sealed route is none, or over.
var ErrRoute = errors.New("bulkhead: not a route, or one that is over")

// Routed opens a route that ResolveTenant sealed, for the sign-in pages of this server: to nobody else may they tell what
// it holds. The route is that of now, nil for a tenant that there is not or no more; seed then stands for it, and is the
// same for the same question. ErrRoute is for a route that is none.
func (s *Service) Routed(ctx context.Context, account, region, sealed string, now time.Time) (route *Route, seed string, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return nil, "", ErrRoute
	}
	text, err := s.keys.Open(keyring.TenantRoute, routeScope(account, region), b, nil)
	if err != nil {
		return nil, "", ErrRoute
	}
	var r routing
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, "", fault.Wrap(err, "read a route")
	}
	if !now.Before(r.Expires) {
		return nil, "", ErrRoute
	}
	err = system.View(ctx, s.db, "bulkhead", func(tx *store.Tx) error {
		home, err := tx.Records(account, region)
		if err != nil {
			return err
		}
		route, err = store.Load[Route](home, routeKey(r.Tenant))
		return err
	})
	if r.Decoy {
		route = nil
	}
	return route, r.Tenant, err
}

// SignInRoute is Routed for the sign-in pages: a route that is none is an error for whoever brought it. Known is a tenant
// that is in the published list, or whose users go straight to its identity provider.
func (s *Service) SignInRoute(ctx context.Context, account, region, sealed string, now time.Time) (cognitoidp.TenantRoute, error) {
	r, seed, err := s.Routed(ctx, account, region, sealed, now)
	if errors.Is(err, ErrRoute) {
		return cognitoidp.TenantRoute{}, api.NewInvalidTenantRouteException("The sign-in took too long. Please begin again.").With(err)
	}
	out := cognitoidp.TenantRoute{Seed: seed}
	if err == nil && r != nil {
		out.UserPoolID, out.ClientID, out.Provider, out.Domain = r.UserPoolID, r.ClientID, r.Provider, r.Domain
		out.Known = r.Listed != "" || r.Provider != ""
	}
	return out, err
}

// ListTenantNames lists the names of tenants that operators publish, in their order.
func (s *Service) ListTenantNames(ctx context.Context, c *pipeline.Call, in *api.ListTenantNamesInput) (*api.ListTenantNamesOutput, error) {
	if err := s.ask(c); err != nil {
		return nil, err
	}
	page, err := s.page(c, "bulkhead:ListTenantNames", in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &api.ListTenantNamesOutput{}
	err = s.view(ctx, c, func(home *store.Records) error {
		refs, err := paging.Records[routeRef](page, home, store.K("route-key", byName), nil)
		out.Names = []string{}
		for _, ref := range refs {
			r, loadErr := store.Load[Route](home, routeKey(ref.Tenant))
			if loadErr != nil {
				return loadErr
			}
			if r != nil {
				out.Names = append(out.Names, r.Listed)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out.NextToken, err = page.Token()
	return out, err
}
