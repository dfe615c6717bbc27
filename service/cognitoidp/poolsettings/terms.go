package poolsettings

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// terms are documents that the sign-up page links to: an app client's terms of use or its privacy policy.
type terms struct {
	ID, Name, Client  string
	Links             map[string]string // by language ("cognito:default", "cognito:english", …)
	Created, Modified time.Time
}

func termsKey(pool, id string) store.Key { return userpool.InPool(pool, "terms", id) }

func (t *terms) describe(pool string) *api.TermsType {
	return &api.TermsType{
		TermsId: new(t.ID), UserPoolId: new(pool), ClientId: new(t.Client), TermsName: new(t.Name), TermsSource: api.TermsSourceTypeLink,
		Enforcement: api.TermsEnforcementTypeNone, Links: t.Links, CreationDate: new(t.Created), LastModifiedDate: new(t.Modified),
	}
}

func termsNotFound() error { return api.NewResourceNotFoundException("Terms do not exist.") }

// checkLinks checks where the documents are: pages that a browser may be sent to.
func checkLinks(links map[string]string) error {
	if links["cognito:default"] == "" {
		return refusal.Invalid("Links must have a link for cognito:default.")
	}
	for _, l := range links {
		if u, err := url.Parse(l); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return refusal.Invalid("%s is not an HTTPS URL.", l)
		}
	}
	return nil
}

// termsOfKey points from an app client to its terms of a name: anybody can ask for the page that shows them, which must not
// cost a look at those of all clients.
func termsOfKey(pool, client, name string) store.Key {
	return userpool.InPool(pool, "terms-of", client, name)
}

// SameTerms finds the terms of the name that an app client has.
func (c *Request) SameTerms(rec *store.Records, name, app string) (*terms, error) {
	r, err := store.Load[userpool.Ref](rec, termsOfKey(c.Pool.ID, app, name))
	if err != nil || r == nil {
		return nil, err
	}
	return store.Load[terms](rec, termsKey(c.Pool.ID, r.Sub))
}

func (c *Request) saveTerms(rec *store.Records, t *terms) error {
	return errors.Join(store.Save(rec, termsOfKey(c.Pool.ID, t.Client, t.Name), &userpool.Ref{Sub: t.ID}), store.Save(rec, termsKey(c.Pool.ID, t.ID), t))
}

// CreateTerms implements api.Service.
func (s *Administrator) CreateTerms(ctx context.Context, call *pipeline.Call, in *api.CreateTermsInput) (*api.CreateTermsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.Client(opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	if err := checkLinks(in.Links); err != nil {
		return nil, err
	}
	t := &terms{
		ID: uuid.NewString(), Name: opt.Value(in.TermsName), Client: app.ID, Links: in.Links, Created: call.Now, Modified: call.Now,
	}
	err = c.Update(func(rec *store.Records) error {
		if have, err := c.SameTerms(rec, t.Name, t.Client); err != nil {
			return err
		} else if have != nil {
			return api.NewTermsExistsException("The app client has %s already.", t.Name)
		}
		return c.saveTerms(rec, t)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateTermsOutput{Terms: t.describe(c.Pool.ID)}, nil
}

func (c *Request) mustTerms(rec *store.Records, id *string) (*terms, error) {
	return userpool.Must[terms](rec, termsKey(c.Pool.ID, opt.Value(id)), termsNotFound())
}

// DescribeTerms implements api.Service.
func (s *Administrator) DescribeTerms(ctx context.Context, call *pipeline.Call, in *api.DescribeTermsInput) (*api.DescribeTermsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	t, err := userpool.Read(c, func(rec *store.Records) (*terms, error) {
		return c.mustTerms(rec, in.TermsId)
	})
	if err != nil {
		return nil, err
	}
	return &api.DescribeTermsOutput{Terms: t.describe(c.Pool.ID)}, nil
}

// UpdateTerms implements api.Service.
func (s *Administrator) UpdateTerms(ctx context.Context, call *pipeline.Call, in *api.UpdateTermsInput) (*api.UpdateTermsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if in.Links != nil {
		if err := checkLinks(in.Links); err != nil {
			return nil, err
		}
	}
	var t *terms
	err = c.Update(func(rec *store.Records) (err error) {
		if t, err = c.mustTerms(rec, in.TermsId); err != nil {
			return err
		}
		if name := opt.Value(in.TermsName); name != "" && name != t.Name {
			if have, err := c.SameTerms(rec, name, t.Client); err != nil {
				return err
			} else if have != nil {
				return api.NewTermsExistsException("The app client has %s already.", name)
			}
			if err := rec.Delete(termsOfKey(c.Pool.ID, t.Client, t.Name)); err != nil {
				return err
			}
			t.Name = name
		}
		if in.Links != nil {
			t.Links = in.Links
		}
		t.Modified = call.Now
		return c.saveTerms(rec, t)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateTermsOutput{Terms: t.describe(c.Pool.ID)}, nil
}

// ListTerms implements api.Service.
func (s *Administrator) ListTerms(ctx context.Context, call *pipeline.Call, in *api.ListTermsInput) (*api.ListTermsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	found, token, err := userpool.ListPage[terms](c.Request, "ListTerms", "", userpool.InPool(c.Pool.ID, "terms"), in.NextToken, in.MaxResults, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListTermsOutput{Terms: []api.TermsDescriptionType{}, NextToken: token}
	for _, t := range found {
		out.Terms = append(out.Terms, api.TermsDescriptionType{
			TermsId: new(t.ID), TermsName: new(t.Name), Enforcement: api.TermsEnforcementTypeNone, CreationDate: new(t.Created), LastModifiedDate: new(t.Modified),
		})
	}
	return out, nil
}

// DeleteTerms implements api.Service.
func (s *Administrator) DeleteTerms(ctx context.Context, call *pipeline.Call, in *api.DeleteTermsInput) (*api.DeleteTermsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		t, err := c.mustTerms(rec, in.TermsId)
		if err != nil {
			return err
		}
		return errors.Join(rec.Delete(termsOfKey(c.Pool.ID, t.Client, t.Name)), rec.Delete(termsKey(c.Pool.ID, t.ID)))
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteTermsOutput{}, nil
}
