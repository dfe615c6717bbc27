package cognitoidentity

import (
	"context"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

func noSuchUser(name string) error {
	return api.NewResourceNotFoundException("Developer user identifier '%s' not found.", name)
}

// LookupDeveloperIdentity implements api.Service.
func (s *Service) LookupDeveloperIdentity(ctx context.Context, call *pipeline.Call, in *api.LookupDeveloperIdentityInput) (
	*api.LookupDeveloperIdentityOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	id, user := opt.Value(in.IdentityId), opt.Value(in.DeveloperUserIdentifier)
	if id == "" && user == "" {
		return nil, invalid("Either IdentityId or DeveloperUserIdentifier is required.")
	}
	page, err := s.page(call, "LookupDeveloperIdentity", c.pool.ID+" "+id+" "+user, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	var who *identityRecord
	err = c.view(func(rec *store.Records) (err error) {
		who, err = c.lookup(rec, id, user)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.LookupDeveloperIdentityOutput{IdentityId: new(who.ID), DeveloperUserIdentifierList: []string{}}
	if user != "" && id != "" {
		out.DeveloperUserIdentifierList = append(out.DeveloperUserIdentifierList, user)
		return out, nil
	}
	for _, name := range who.users(c.pool.Developer) {
		if name <= page.After() {
			continue
		}
		if !page.Take(name) {
			break
		}
		out.DeveloperUserIdentifierList = append(out.DeveloperUserIdentifierList, name)
	}
	out.NextToken, err = page.Token()
	return out, err
}

// lookup finds an identity by its id, by a user of the developer, or by both, which must agree.
func (c *scoped) lookup(rec *store.Records, id, user string) (*identityRecord, error) {
	if user != "" {
		r, err := store.Load[ref](rec, loginKey(c.pool.ID, c.pool.developerUser(user)))
		switch {
		case err != nil:
			return nil, err
		case r == nil:
			return nil, noSuchUser(user)
		case id != "" && r.ID != id:
			return nil, api.NewResourceConflictException("The developer user identifier is not that of the identity.")
		}
		id = r.ID
	}
	return c.load(rec, id)
}

// users are the developer's users who are linked, in order.
func (r *identityRecord) users(provider string) []string {
	var names []string
	for _, l := range r.Logins {
		if l.Developer && l.Provider == provider {
			names = append(names, l.Subject)
		}
	}
	slices.Sort(names)
	return names
}

// developerIs refuses another name than that of the pool's developer provider.
func (p *pool) developerIs(name *string) error {
	if p.Developer == "" || p.Developer != opt.Value(name) {
		return invalid("The developer provider of the identity pool is not %s.", opt.Value(name))
	}
	return nil
}

// MergeDeveloperIdentities implements api.Service: all logins of the source user's identity become those of the destination
// user's. The source's identity stays, disabled.
func (s *Service) MergeDeveloperIdentities(ctx context.Context, call *pipeline.Call, in *api.MergeDeveloperIdentitiesInput) (
	*api.MergeDeveloperIdentitiesOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	if err := c.pool.developerIs(in.DeveloperProviderName); err != nil {
		return nil, err
	}
	var to *identityRecord
	err = c.update(func(rec, _ *store.Records) error {
		from, err := c.lookup(rec, "", opt.Value(in.SourceUserIdentifier))
		if err != nil {
			return err
		}
		if to, err = c.lookup(rec, "", opt.Value(in.DestinationUserIdentifier)); err != nil || to.ID == from.ID {
			return err
		}
		if err := to.add(from.Logins); err != nil {
			return err
		}
		from.Logins, from.Closed = nil, true
		from.Modified, to.Modified = call.Now, call.Now
		if err := c.save(rec, from); err != nil {
			return err
		}
		return c.save(rec, to)
	})
	if err != nil {
		return nil, err
	}
	call.Note("identityId", to.ID)
	return &api.MergeDeveloperIdentitiesOutput{IdentityId: new(to.ID)}, nil
}

// UnlinkDeveloperIdentity implements api.Service.
func (s *Service) UnlinkDeveloperIdentity(ctx context.Context, call *pipeline.Call, in *api.UnlinkDeveloperIdentityInput) (
	*api.UnlinkDeveloperIdentityOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	if err := c.pool.developerIs(in.DeveloperProviderName); err != nil {
		return nil, err
	}
	err = c.update(func(rec, _ *store.Records) error {
		who, err := c.lookup(rec, opt.Value(in.IdentityId), opt.Value(in.DeveloperUserIdentifier))
		if err != nil {
			return err
		}
		return c.unlink(rec, who, []login{c.pool.developerUser(opt.Value(in.DeveloperUserIdentifier))})
	})
	if err != nil {
		return nil, err
	}
	return &api.UnlinkDeveloperIdentityOutput{}, nil
}

// unlink takes logins off an identity. When the last is gone, nobody acts as it any more.
func (c *scoped) unlink(rec *store.Records, who *identityRecord, logins []login) error {
	for _, l := range logins {
		if err := rec.Delete(loginKey(c.pool.ID, l)); err != nil {
			return err
		}
	}
	who.Logins = slices.DeleteFunc(who.Logins, func(l login) bool { return slices.Contains(logins, l) })
	who.Closed, who.Modified = len(who.Logins) == 0, c.call.Now
	return c.save(rec, who)
}

// UnlinkIdentity implements api.Service. Who proves one of an identity's logins may unlink any of them but the developer's.
func (s *Service) UnlinkIdentity(ctx context.Context, call *pipeline.Call, in *api.UnlinkIdentityInput) (*api.UnlinkIdentityOutput, error) {
	c, who, err := s.of(ctx, call, in.IdentityId)
	if err != nil {
		return nil, err
	}
	call.Note("identityPoolId", c.pool.ID)
	call.Note("identityId", who.ID)
	proved, err := s.verifyAll(ctx, c.pool, in.Logins, call.Now)
	if err != nil {
		return nil, err
	}
	providers, err := c.removed(in.LoginsToRemove)
	if err != nil {
		return nil, err
	}
	err = c.update(func(rec, _ *store.Records) error {
		now, err := c.load(rec, who.ID)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(proved, func(v *verified) bool { return now.has(v.login) }) {
			return forbidden(who.ID)
		}
		logins, err := now.of(providers)
		if err != nil {
			return err
		}
		return c.unlink(rec, now, logins)
	})
	if err != nil {
		return nil, err
	}
	return &api.UnlinkIdentityOutput{}, nil
}

// removed are the names that identities have of the providers to unlink.
func (c *scoped) removed(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, invalid("LoginsToRemove is empty.")
	}
	providers := make([]string, len(names))
	for i, name := range names {
		prov, err := c.providerOf(c.ctx, c.pool, name)
		if err != nil {
			return nil, err
		}
		if providers[i] = name; prov != nil {
			providers[i] = prov.name
		}
	}
	return providers, nil
}

// of are the identity's logins of providers, each of which must be linked.
func (r *identityRecord) of(providers []string) ([]login, error) {
	var logins []login
	for _, name := range providers {
		i := slices.IndexFunc(r.Logins, func(l login) bool { return !l.Developer && l.Provider == name })
		if i < 0 {
			return nil, invalid("The login %s is not linked to this identity.", name)
		}
		logins = append(logins, r.Logins[i])
	}
	return logins, nil
}
