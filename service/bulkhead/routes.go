package bulkhead

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	idp "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// The records of routes, by account and region:
//
//	route / <tenant>              route
//	route-key / <kind> / <value>  ref to the tenant
//
// A key leads to one tenant. The kinds:
const (
	bySubdomain = "subdomain"
	byEmail     = "email-domain"
	byCode      = "code"
	byName      = "name"
)

// Route is where a tenant's users sign in.
type Route struct {
	// Tenant is its id.
	Tenant string
	// UserPoolID and ClientID are its user pool and app client.
	UserPoolID, ClientID string
	// Provider is the identity provider that its users are sent to straight away; "" for the pool's own sign-in.
	Provider string `json:",omitempty"`
	// Domain is the host of its sign-in pages; "" for the server's own.
	Domain string `json:",omitempty"`
	// Listed is the name under which it stands in the list that anybody may choose from; "" keeps it out.
	Listed string `json:",omitempty"`
	// Subdomains, EmailDomains and Codes lead to it.
	Subdomains   []string  `json:",omitempty"`
	EmailDomains []string  `json:",omitempty"`
	Codes        []string  `json:",omitempty"`
	Created      time.Time `json:"created"`
	Modified     time.Time `json:"modified"`
}

type routeRef struct{ Tenant string }

func routeKey(tenant string) store.Key { return store.K("route", tenant) }

func lookupKey(kind, value string) store.Key { return store.K("route-key", kind, value) }

// keys are all that lead to the route.
func (r *Route) keys() []store.Key {
	var out []store.Key
	for _, k := range []struct {
		kind   string
		values []string
	}{{bySubdomain, r.Subdomains}, {byEmail, r.EmailDomains}, {byCode, r.Codes}} {
		for _, v := range k.values {
			out = append(out, lookupKey(k.kind, v))
		}
	}
	if r.Listed != "" {
		out = append(out, lookupKey(byName, foldName(r.Listed)))
	}
	return out
}

// maxDomain is the longest name of DNS (RFC 1035 section 2.3.4).
const maxDomain = 253

// foldDomain is the form of a mail domain by which it is found: ASCII and lower case (RFC 5891).
func foldDomain(s string) (string, bool) {
	a, err := idna.Lookup.ToASCII(strings.TrimSuffix(s, "."))
	return a, err == nil && a != "" && len(a) <= maxDomain && strings.Contains(a, ".")
}

func foldCode(s string) string { return strings.ToUpper(s) }

func foldName(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// routeResource is a tenant's route as policies see it.
func routeResource(s *authz.Scope, tenant string) authz.Resource {
	r := resource(s, "")
	r.ARN = "arn:" + s.Partition + ":bulkhead:" + s.Region + ":" + s.Account + ":tenant-route/" + tenant
	return r
}

func (requirements) CreateTenantRoute(s *authz.Scope, in *api.CreateTenantRouteInput) authz.Requirement {
	return authz.Require("bulkhead:CreateTenantRoute", routeResource(s, *in.TenantId), nil)
}

func (requirements) GetTenantRoute(s *authz.Scope, in *api.GetTenantRouteInput) authz.Requirement {
	return authz.Require("bulkhead:GetTenantRoute", routeResource(s, *in.TenantId), nil)
}

func (requirements) UpdateTenantRoute(s *authz.Scope, in *api.UpdateTenantRouteInput) authz.Requirement {
	return authz.Require("bulkhead:UpdateTenantRoute", routeResource(s, *in.TenantId), nil)
}

func (requirements) DeleteTenantRoute(s *authz.Scope, in *api.DeleteTenantRouteInput) authz.Requirement {
	return authz.Require("bulkhead:DeleteTenantRoute", routeResource(s, *in.TenantId), nil)
}

func (requirements) ListTenantRoutes(s *authz.Scope, _ *api.ListTenantRoutesInput) authz.Requirement {
	return authz.Require("bulkhead:ListTenantRoutes", routeResource(s, "*"), nil)
}

// newRoute makes a route of what the caller gives: keys folded, each once.
func newRoute(in *api.CreateTenantRouteInput, now time.Time) (*Route, error) {
	r := &Route{
		Tenant: *in.TenantId, UserPoolID: *in.UserPoolId, ClientID: *in.ClientId, Provider: opt.Value(in.ProviderName),
		Domain: strings.ToLower(opt.Value(in.Domain)), Listed: strings.Join(strings.Fields(opt.Value(in.ListedName)), " "),
		Subdomains: in.Subdomains, Created: now, Modified: now,
	}
	for _, d := range in.EmailDomains {
		folded, ok := foldDomain(d)
		if !ok {
			return nil, api.NewInvalidTenantRouteException("%q is not a mail domain.", d)
		}
		r.EmailDomains = append(r.EmailDomains, folded)
	}
	for _, c := range in.Codes {
		r.Codes = append(r.Codes, foldCode(c))
	}
	for _, list := range []*[]string{&r.Subdomains, &r.EmailDomains, &r.Codes} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return r, nil
}

// check asks, as the caller, for the app client that the route leads to: it must be there, for the caller too, and know the
// route's identity provider.
func check(ctx context.Context, c *pipeline.Call, r *Route) error {
	out, err := pipeline.Invoke[idp.DescribeUserPoolClientOutput](ctx, c, via, "cognito-idp", "DescribeUserPoolClient",
		&idp.DescribeUserPoolClientInput{UserPoolId: &r.UserPoolID, ClientId: &r.ClientID})
	if fault.Is(err, "ResourceNotFoundException") {
		return api.NewInvalidTenantRouteException("There is no app client %s in a user pool %s.", r.ClientID, r.UserPoolID).With(err)
	}
	if err != nil {
		return err
	}
	if r.Provider != "" && !slices.Contains(out.UserPoolClient.SupportedIdentityProviders, r.Provider) {
		return api.NewInvalidTenantRouteException("The app client does not have the identity provider %s.", r.Provider)
	}
	return nil
}

// CreateTenantRoute says where the users of a registered tenant sign in.
func (s *Service) CreateTenantRoute(ctx context.Context, c *pipeline.Call, in *api.CreateTenantRouteInput) (*api.CreateTenantRouteOutput, error) {
	r, err := newRoute(in, c.Now)
	if err != nil {
		return nil, err
	}
	if err := check(ctx, c, r); err != nil {
		return nil, err
	}
	err = s.update(ctx, c, func(home *store.Records) error {
		if _, found, err := home.Get(tenantKey(r.Tenant)); err != nil {
			return err
		} else if !found {
			return errNotFound(r.Tenant)
		}
		if _, found, err := home.Get(routeKey(r.Tenant)); err != nil {
			return err
		} else if found {
			return api.NewTenantRouteAlreadyExistsException("Tenant %s has a route already.", r.Tenant)
		}
		return saveRoute(home, r)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateTenantRouteOutput{TenantRoute: r.show()}, nil
}

// saveRoute keeps a route whose keys are free.
func saveRoute(home *store.Records, r *Route) error {
	for _, k := range r.keys() {
		taken, err := store.Load[routeRef](home, k)
		if err != nil {
			return err
		}
		if taken != nil && taken.Tenant != r.Tenant {
			parts := k.Parts()
			return api.NewRouteKeyInUseException("The %s %s leads to tenant %s.", parts[1], parts[2], taken.Tenant)
		}
		if err := store.Save(home, k, &routeRef{r.Tenant}); err != nil {
			return err
		}
	}
	return store.Save(home, routeKey(r.Tenant), r)
}

// dropRoute removes a tenant's route and what leads to it, if it has one.
func dropRoute(home *store.Records, tenant string) error {
	r, err := store.Load[Route](home, routeKey(tenant))
	if err != nil || r == nil {
		return err
	}
	errs := []error{home.Delete(routeKey(tenant))}
	for _, k := range r.keys() {
		errs = append(errs, home.Delete(k))
	}
	return errors.Join(errs...)
}

func errNoRoute(tenant string) error {
	return api.NewTenantRouteNotFoundException("Tenant %s has no route.", tenant)
}

// GetTenantRoute returns a tenant's route.
func (s *Service) GetTenantRoute(ctx context.Context, c *pipeline.Call, in *api.GetTenantRouteInput) (*api.GetTenantRouteOutput, error) {
	var r *Route
	err := s.view(ctx, c, func(home *store.Records) (err error) {
		r, err = store.Load[Route](home, routeKey(*in.TenantId))
		return err
	})
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, errNoRoute(*in.TenantId)
	}
	return &api.GetTenantRouteOutput{TenantRoute: r.show()}, nil
}

func (s *Service) view(ctx context.Context, c *pipeline.Call, fn func(*store.Records) error) error {
	return s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		home, err := tx.Home()
		if err != nil {
			return err
		}
		return fn(home)
	})
}

// UpdateTenantRoute sets a route anew, as a whole.
func (s *Service) UpdateTenantRoute(ctx context.Context, c *pipeline.Call, in *api.UpdateTenantRouteInput) (*api.UpdateTenantRouteOutput, error) {
	r, err := newRoute((*api.CreateTenantRouteInput)(in), c.Now)
	if err != nil {
		return nil, err
	}
	if err := check(ctx, c, r); err != nil {
		return nil, err
	}
	err = s.update(ctx, c, func(home *store.Records) error {
		old, err := store.Load[Route](home, routeKey(r.Tenant))
		if err != nil {
			return err
		}
		if old == nil {
			return errNoRoute(r.Tenant)
		}
		r.Created = old.Created
		if err := dropRoute(home, r.Tenant); err != nil {
			return err
		}
		return saveRoute(home, r)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateTenantRouteOutput{TenantRoute: r.show()}, nil
}

// DeleteTenantRoute removes a tenant's route; the tenant stays.
func (s *Service) DeleteTenantRoute(ctx context.Context, c *pipeline.Call, in *api.DeleteTenantRouteInput) (*api.DeleteTenantRouteOutput, error) {
	err := s.update(ctx, c, func(home *store.Records) error {
		if _, found, err := home.Get(routeKey(*in.TenantId)); err != nil {
			return err
		} else if !found {
			return errNoRoute(*in.TenantId)
		}
		return dropRoute(home, *in.TenantId)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteTenantRouteOutput{}, nil
}

// ListTenantRoutes lists the routes of the account and region in order of their tenants, or the one that a key leads to.
func (s *Service) ListTenantRoutes(ctx context.Context, c *pipeline.Call, in *api.ListTenantRoutesInput) (*api.ListTenantRoutesOutput, error) {
	page, err := s.page(c, "bulkhead:ListTenantRoutes", in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	keys, err := given(in.Subdomain, in.EmailDomain, in.Code)
	if err != nil {
		return nil, err
	}
	out := &api.ListTenantRoutesOutput{}
	err = s.view(ctx, c, func(home *store.Records) (err error) {
		var found []*Route
		if len(keys) == 0 {
			found, err = paging.Records[Route](page, home, store.K("route"), nil)
		} else {
			found, err = byKey(home, keys[0])
		}
		out.TenantRoutes = []api.TenantRoute{}
		for _, r := range found {
			out.TenantRoutes = append(out.TenantRoutes, *r.show())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out.NextToken, err = page.Token()
	return out, err
}

// given are the keys that a request to list routes names: at most one.
func given(subdomain, domain, code *string) ([]store.Key, error) {
	var keys []store.Key
	if subdomain != nil {
		keys = append(keys, lookupKey(bySubdomain, *subdomain))
	}
	if domain != nil {
		folded, _ := foldDomain(*domain)
		keys = append(keys, lookupKey(byEmail, folded))
	}
	if code != nil {
		keys = append(keys, lookupKey(byCode, foldCode(*code)))
	}
	if len(keys) > 1 {
		return nil, fault.New(fault.Validation, "Give one of subdomain, emailDomain and code.")
	}
	return keys, nil
}

func byKey(home *store.Records, k store.Key) ([]*Route, error) {
	ref, err := store.Load[routeRef](home, k)
	if err != nil || ref == nil {
		return nil, err
	}
	r, err := store.Load[Route](home, routeKey(ref.Tenant))
	if err != nil || r == nil {
		return nil, err
	}
	return []*Route{r}, nil
}

func (s *Service) page(c *pipeline.Call, operation string, token *string, size *int32) (*paging.Page, error) {
	n := pageSize
	if size != nil {
		n = int(*size)
	}
	page, err := paging.List{Keys: s.keys, Account: c.Account, Region: c.Region, Operation: operation}.Page(token, n)
	if errors.Is(err, paging.ErrToken) {
		err = fault.New(fault.Validation, "The NextToken is not one of this list.").With(err)
	}
	return page, err
}

func (r *Route) show() *api.TenantRoute {
	return &api.TenantRoute{
		TenantId: &r.Tenant, UserPoolId: &r.UserPoolID, ClientId: &r.ClientID, ProviderName: opt.Present(r.Provider), Domain: opt.Present(r.Domain),
		ListedName: opt.Present(r.Listed), Subdomains: r.Subdomains, EmailDomains: r.EmailDomains, Codes: r.Codes,
		CreatedAt: &r.Created, ModifiedAt: &r.Modified,
	}
}
