package poolsettings

import (
	"context"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// ResourceServer is an API outside of the pool whose scopes access tokens may carry ("Scopes, M2M, and resource servers",
// Amazon Cognito Developer Guide).
type ResourceServer struct {
	Identifier, Name string
	Scopes           []scope
}

// scope is what a resource server calls one right. In tokens it is "<identifier>/<name>".
type scope struct{ Name, Description string }

// ResourceServerKey is where a resource server is.
func ResourceServerKey(pool, identifier string) store.Key {
	return userpool.InPool(pool, "resource-server", identifier)
}

func (r *ResourceServer) describe(pool string) *api.ResourceServerType {
	out := &api.ResourceServerType{UserPoolId: new(pool), Identifier: new(r.Identifier), Name: new(r.Name)}
	for _, s := range r.Scopes {
		out.Scopes = append(out.Scopes, api.ResourceServerScopeType{ScopeName: new(s.Name), ScopeDescription: new(s.Description)})
	}
	return out
}

// has reports whether the resource server has the scope.
func (r *ResourceServer) has(name string) bool {
	for _, s := range r.Scopes {
		if s.Name == name {
			return true
		}
	}
	return false
}

// newScopes reads scopes. A name that comes twice would make one right out of two descriptions.
func newScopes(in []api.ResourceServerScopeType) ([]scope, error) {
	var out []scope
	seen := map[string]bool{}
	for i := range in {
		name := opt.Value(in[i].ScopeName)
		if seen[name] {
			return nil, refusal.Invalid("Duplicate scope name: %s", name)
		}
		seen[name] = true
		out = append(out, scope{name, opt.Value(in[i].ScopeDescription)})
	}
	return out, nil
}

func (c *Request) mustResourceServer(rec *store.Records, identifier *string) (*ResourceServer, error) {
	missing := api.NewResourceNotFoundException("Resource server does not exist.")
	return userpool.Must[ResourceServer](rec, ResourceServerKey(c.Pool.ID, opt.Value(identifier)), missing)
}

// scopeExists reports whether a scope is one of a resource server of the pool. An identifier may hold slashes (it is often
// a URL), a scope's name may not, so the last slash parts them.
func (c *Request) scopeExists(rec *store.Records, full string) (bool, error) {
	i := strings.LastIndexByte(full, '/')
	if i <= 0 {
		return false, nil
	}
	r, err := store.Load[ResourceServer](rec, ResourceServerKey(c.Pool.ID, full[:i]))
	return r != nil && r.has(full[i+1:]), err
}

// CreateResourceServer implements api.Service.
func (s *Administrator) CreateResourceServer(ctx context.Context, call *pipeline.Call, in *api.CreateResourceServerInput) (*api.CreateResourceServerOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	r := &ResourceServer{Identifier: opt.Value(in.Identifier), Name: opt.Value(in.Name)}
	if r.Scopes, err = newScopes(in.Scopes); err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		k := ResourceServerKey(c.Pool.ID, r.Identifier)
		if _, found, err := rec.Get(k); err != nil {
			return err
		} else if found {
			return refusal.Invalid("%s already exists in user pool %s.", r.Identifier, c.Pool.ID)
		}
		if c.Pool.Gone(rec) {
			return refusal.PoolNotFound(c.Pool.ID)
		}
		return store.Save(rec, k, r)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateResourceServerOutput{ResourceServer: r.describe(c.Pool.ID)}, nil
}

// DescribeResourceServer implements api.Service.
func (s *Administrator) DescribeResourceServer(ctx context.Context, call *pipeline.Call, in *api.DescribeResourceServerInput) (*api.DescribeResourceServerOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	r, err := userpool.Read(c, func(rec *store.Records) (*ResourceServer, error) {
		return c.mustResourceServer(rec, in.Identifier)
	})
	if err != nil {
		return nil, err
	}
	return &api.DescribeResourceServerOutput{ResourceServer: r.describe(c.Pool.ID)}, nil
}

// UpdateResourceServer implements api.Service. Scopes that are not named are gone: app clients that still list them get
// them no more.
func (s *Administrator) UpdateResourceServer(ctx context.Context, call *pipeline.Call, in *api.UpdateResourceServerInput) (*api.UpdateResourceServerOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	scopes, err := newScopes(in.Scopes)
	if err != nil {
		return nil, err
	}
	var r *ResourceServer
	err = c.Update(func(rec *store.Records) (err error) {
		if r, err = c.mustResourceServer(rec, in.Identifier); err != nil {
			return err
		}
		r.Name, r.Scopes = opt.Value(in.Name), scopes
		return store.Save(rec, ResourceServerKey(c.Pool.ID, r.Identifier), r)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateResourceServerOutput{ResourceServer: r.describe(c.Pool.ID)}, nil
}

// DeleteResourceServer implements api.Service.
func (s *Administrator) DeleteResourceServer(ctx context.Context, call *pipeline.Call, in *api.DeleteResourceServerInput) (*api.DeleteResourceServerOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		r, err := c.mustResourceServer(rec, in.Identifier)
		if err != nil {
			return err
		}
		return rec.Delete(ResourceServerKey(c.Pool.ID, r.Identifier))
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteResourceServerOutput{}, nil
}

// ListResourceServers implements api.Service.
func (s *Administrator) ListResourceServers(ctx context.Context, call *pipeline.Call, in *api.ListResourceServersInput) (*api.ListResourceServersOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	found, token, err := userpool.ListPage[ResourceServer](c.Request, "ListResourceServers", "", userpool.InPool(c.Pool.ID, "resource-server"), in.NextToken, in.MaxResults, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListResourceServersOutput{ResourceServers: []api.ResourceServerType{}, NextToken: token}
	for _, r := range found {
		out.ResourceServers = append(out.ResourceServers, *r.describe(c.Pool.ID))
	}
	return out, nil
}
