package cognitoidentity

import (
	"context"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// GetId implements api.Service: the identity of the logins, made if there is none, or a new guest's.
//
//nolint:revive // the model's name
func (s *Service) GetId(ctx context.Context, call *pipeline.Call, in *api.GetIdInput) (*api.GetIdOutput, error) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	if in.AccountId != nil && *in.AccountId != c.pool.Account {
		return nil, poolNotFound(c.pool.ID)
	}
	call.Note("identityPoolId", c.pool.ID)
	var id string
	if len(in.Logins) == 0 {
		id, err = c.newGuest()
	} else {
		id, err = c.identityOf(in.Logins)
	}
	if err != nil {
		return nil, err
	}
	call.Note("identityId", id)
	return &api.GetIdOutput{IdentityId: new(id)}, nil
}

func (c *scoped) newGuest() (id string, err error) {
	if !c.pool.Guests {
		return "", noGuests()
	}
	err = c.update(func(rec, dir *store.Records) error {
		id, err = c.create(rec, dir, nil)
		return err
	})
	return id, err
}

// remove deletes an identity and all that leads to it.
func (c *scoped) remove(rec, dir *store.Records, who *identityRecord) error {
	for _, l := range who.Logins {
		if err := rec.Delete(loginKey(c.pool.ID, l)); err != nil {
			return err
		}
	}
	if err := dir.Delete(store.K(kindIdentity, who.ID)); err != nil {
		return err
	}
	return rec.Delete(identityKey(c.pool.ID, who.ID))
}

// DescribeIdentity implements api.Service.
func (s *Service) DescribeIdentity(ctx context.Context, call *pipeline.Call, in *api.DescribeIdentityInput) (
	*api.DescribeIdentityOutput, error,
) {
	_, who, err := s.of(ctx, call, in.IdentityId)
	if err != nil {
		return nil, err
	}
	out := api.DescribeIdentityOutput(who.describe())
	return &out, nil
}

func (r *identityRecord) describe() api.IdentityDescription {
	return api.IdentityDescription{
		CreationDate: new(r.Created), IdentityId: new(r.ID), LastModifiedDate: new(r.Modified), Logins: r.providers(),
	}
}

// ListIdentities implements api.Service. Disabled identities are those whose last login was taken away.
func (s *Service) ListIdentities(ctx context.Context, call *pipeline.Call, in *api.ListIdentitiesInput) (
	*api.ListIdentitiesOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	page, err := s.page(call, "ListIdentities", c.pool.ID, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	var all []*identityRecord
	err = c.view(func(rec *store.Records) (err error) {
		all, err = paging.Records(page, rec, identityPrefix(c.pool.ID), func(r *identityRecord) bool {
			return !r.Closed || !opt.Value(in.HideDisabled)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.ListIdentitiesOutput{Identities: []api.IdentityDescription{}, IdentityPoolId: new(c.pool.ID)}
	for _, r := range all {
		out.Identities = append(out.Identities, r.describe())
	}
	out.NextToken, err = page.Token()
	return out, err
}

// DeleteIdentities implements api.Service. An identity that does not exist for the caller is not processed.
func (s *Service) DeleteIdentities(ctx context.Context, call *pipeline.Call, in *api.DeleteIdentitiesInput) (
	*api.DeleteIdentitiesOutput, error,
) {
	out := &api.DeleteIdentitiesOutput{UnprocessedIdentityIds: []api.UnprocessedIdentityId{}}
	ids := slices.Clone(in.IdentityIdsToDelete)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		done, err := s.deleteIdentity(ctx, call, id)
		if err != nil {
			return nil, err
		}
		if !done {
			out.UnprocessedIdentityIds = append(out.UnprocessedIdentityIds, api.UnprocessedIdentityId{
				ErrorCode: api.ErrorCodeAccessDenied, IdentityId: new(id),
			})
		}
	}
	return out, nil
}

func (s *Service) deleteIdentity(ctx context.Context, call *pipeline.Call, id string) (done bool, err error) {
	p, err := s.factsOfIdentity(ctx, id)
	if err != nil {
		return false, err
	}
	c, ok := s.open(ctx, call, p)
	if !ok || !granted(call, p) {
		return false, nil
	}
	err = c.update(func(rec, dir *store.Records) error {
		who, err := store.Load[identityRecord](rec, identityKey(p.ID, id))
		if done = who != nil; err != nil || !done {
			return err
		}
		return c.remove(rec, dir, who)
	})
	return done, err
}

// granted reports whether one of the request's checks was about this very pool: an account's pools share a place.
func granted(call *pipeline.Call, p *pool) bool {
	for i := 0; ; i++ {
		account, _, id := call.Grant.Resource(i)
		if account == "" {
			return false
		}
		if id == p.ID {
			return true
		}
	}
}
