package organizations

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/organizations"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// The states of a request to create an account.
const (
	inProgress = string(api.CreateAccountStateInProgress)
	succeeded  = string(api.CreateAccountStateSucceeded)
	failed     = string(api.CreateAccountStateFailed)
)

// defaultRole is the role made in a new account unless another name is given.
const defaultRole = "OrganizationAccountAccessRole"

// maxTags is the quota of an account's tags.
const maxTags = 50

var emailForm = regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`)

// CreateAccount implements api.Service. The account exists when this returns; the answer says IN_PROGRESS as AWS's does,
// and DescribeCreateAccountStatus says the end.
func (s *Service) CreateAccount(ctx context.Context, call *pipeline.Call, in *api.CreateAccountInput) (*api.CreateAccountOutput, error) {
	org, err := s.organization(ctx)
	if err != nil {
		return nil, err
	}
	c, err := newCreation(call, in)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, call, func(r *identity.Registry) error { return begin(r, c) })
	if err != nil {
		return nil, err
	}
	shown := showCreation(c, true)
	if c.State == inProgress {
		if err := s.finish(ctx, org, c, now(call)); err != nil {
			return nil, err
		}
	}
	return &api.CreateAccountOutput{CreateAccountStatus: &shown}, nil
}

func newCreation(call *pipeline.Call, in *api.CreateAccountInput) (*identity.Creation, error) {
	account, err := identity.NewAccount()
	if err != nil {
		return nil, err
	}
	var id [16]byte
	rand.Read(id[:])
	c := &identity.Creation{
		ID: "car-" + hex.EncodeToString(id[:]), Name: opt.Value(in.AccountName), Email: opt.Value(in.Email), Account: account,
		Requested: now(call), Role: opt.Value(in.RoleName),
	}
	if c.Role == "" {
		c.Role = defaultRole
	}
	c.Tags, err = newTags(in.Tags)
	return c, err
}

func newTags(given []api.Tag) ([]identity.Tag, error) {
	if len(given) > maxTags {
		return nil, (&api.ConstraintViolationException{Reason: api.ConstraintViolationExceptionReasonMaxTagLimitExceeded}).Fault(
			"You have exceeded the number of tags that you can add to a resource.")
	}
	var tags []identity.Tag
	for _, t := range given {
		key := opt.Value(t.Key)
		if len(key) >= 4 && strings.EqualFold(key[:4], "aws:") {
			return nil, invalid(api.InvalidInputExceptionReasonInvalidSystemTagsParameter, "You specified a tag key that is a system tag.")
		}
		if slices.ContainsFunc(tags, func(t identity.Tag) bool { return t.Key == key }) {
			return nil, invalid(api.InvalidInputExceptionReasonDuplicateTagKey, "Tag keys must be unique among the tags attached to the same entity.")
		}
		tags = append(tags, identity.Tag{Key: key, Value: opt.Value(t.Value)})
	}
	return tags, nil
}

// begin records the request and reserves its e-mail address, or records why it failed.
func begin(r *identity.Registry, c *identity.Creation) error {
	c.State, c.Reason, c.Completed = inProgress, "", time.Time{}
	used, err := r.EmailTaken(c.Email)
	if err != nil {
		return err
	}
	taken, err := r.Account(c.Account)
	if err != nil {
		return err
	}
	switch {
	case taken != nil:
		return errors.New("organizations: the new account id is another account's")
	case !emailForm.MatchString(c.Email):
		c.Reason = string(api.CreateAccountFailureReasonInvalidEmail)
	case used:
		c.Reason = string(api.CreateAccountFailureReasonEmailAlreadyExists)
	}
	if c.Reason != "" {
		c.State, c.Completed = failed, c.Requested
		return r.PutCreation(c)
	}
	if err := r.ReserveEmail(c.Email, c.Account); err != nil {
		return err
	}
	return r.PutCreation(c)
}

// finish makes the account's role and then the account. It may be done again, by another node too, with the same end. It
// works for the system, because no grant of the management account reaches into the new one.
func (s *Service) finish(ctx context.Context, org *identity.Organization, c *identity.Creation, at time.Time) error {
	if err := s.catalog.CreateAccessRole(ctx, c.Account, org.Management, c.Role); err != nil {
		return err
	}
	return system.Update(ctx, s.db, identity.OrganizationsService, func(tx *store.Tx) error {
		r, err := identity.RegistryIn(tx, org.Management)
		if err != nil {
			return err
		}
		latest, err := r.Creation(c.ID)
		if err != nil || latest == nil || latest.State != inProgress {
			return err
		}
		latest.State, latest.Completed = succeeded, at
		if err := r.PutCreation(latest); err != nil {
			return err
		}
		return r.PutAccount(&identity.Account{
			ID: c.Account, Email: c.Email, Name: c.Name, Status: string(api.AccountStatusActive),
			Method: string(api.AccountJoinedMethodCreated), Joined: at, Tags: c.Tags,
		})
	})
}

// Resume ends the creation of accounts that a crash interrupted.
func (s *Service) Resume(ctx context.Context) error {
	org, err := s.catalog.Organization(ctx)
	if err != nil || org == nil {
		return err
	}
	var open []*identity.Creation
	err = system.View(ctx, s.db, identity.OrganizationsService, func(tx *store.Tx) error {
		open = nil
		r, err := identity.RegistryIn(tx, org.Management)
		if err != nil {
			return err
		}
		return r.Creations("", func(c *identity.Creation) bool {
			if c.State == inProgress {
				open = append(open, c)
			}
			return true
		})
	})
	if err != nil {
		return err
	}
	for _, c := range open {
		if err := s.finish(ctx, org, c, c.Requested); err != nil {
			return err
		}
	}
	return nil
}

// showCreation shows a request. A failed one has no account; one that is just accepted does not tell its account yet.
func showCreation(c *identity.Creation, accepted bool) api.CreateAccountStatus {
	out := api.CreateAccountStatus{
		Id: &c.ID, AccountName: opt.Present(c.Name), State: api.CreateAccountState(c.State), RequestedTimestamp: opt.Present(c.Requested),
		FailureReason: api.CreateAccountFailureReason(c.Reason),
	}
	if !c.Completed.IsZero() {
		out.CompletedTimestamp = &c.Completed
	}
	if c.State == succeeded && !accepted {
		out.AccountId = &c.Account
	}
	return out
}

// DescribeCreateAccountStatus implements api.Service.
func (s *Service) DescribeCreateAccountStatus(ctx context.Context, call *pipeline.Call, in *api.DescribeCreateAccountStatusInput) (*api.DescribeCreateAccountStatusOutput, error) {
	out := &api.DescribeCreateAccountStatusOutput{}
	err := s.view(ctx, call, func(r *identity.Registry) error {
		c, err := r.Creation(opt.Value(in.CreateAccountRequestId))
		if err != nil {
			return err
		}
		if c == nil {
			return api.NewCreateAccountStatusNotFoundException("You specified a create account request that doesn't exist.")
		}
		shown := showCreation(c, false)
		out.CreateAccountStatus = &shown
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListCreateAccountStatus implements api.Service.
func (s *Service) ListCreateAccountStatus(ctx context.Context, call *pipeline.Call, in *api.ListCreateAccountStatusInput) (*api.ListCreateAccountStatusOutput, error) {
	var about string
	for _, state := range slices.Sorted(slices.Values(in.States)) {
		about += string(state) + " "
	}
	p, err := s.page(call, "ListCreateAccountStatus", about, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &api.ListCreateAccountStatusOutput{}
	err = s.view(ctx, call, func(r *identity.Registry) error {
		p.Restart()
		out.CreateAccountStatuses = []api.CreateAccountStatus{}
		return r.Creations(p.After(), func(c *identity.Creation) bool {
			if len(in.States) > 0 && !slices.Contains(in.States, api.CreateAccountState(c.State)) {
				return true
			}
			if !p.Take(c.ID) {
				return false
			}
			out.CreateAccountStatuses = append(out.CreateAccountStatuses, showCreation(c, false))
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	out.NextToken, err = p.Token()
	return out, err
}

func showAccount(org *identity.Organization, a *identity.Account) api.Account {
	return api.Account{
		Arn: opt.Present(org.AccountARN(a.ID)), Id: &a.ID, Email: &a.Email, Name: &a.Name, Status: api.AccountStatus(a.Status),
		State: api.AccountState(a.Status), JoinedMethod: api.AccountJoinedMethod(a.Method), JoinedTimestamp: &a.Joined,
	}
}

// ListAccounts implements api.Service.
func (s *Service) ListAccounts(ctx context.Context, call *pipeline.Call, in *api.ListAccountsInput) (*api.ListAccountsOutput, error) {
	org, err := s.organization(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.page(call, "ListAccounts", "", in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &api.ListAccountsOutput{}
	err = s.view(ctx, call, func(r *identity.Registry) error {
		p.Restart()
		out.Accounts = []api.Account{}
		return r.Accounts(p.After(), func(a *identity.Account) bool {
			if !p.Take(a.ID) {
				return false
			}
			out.Accounts = append(out.Accounts, showAccount(org, a))
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	out.NextToken, err = p.Token()
	return out, err
}

// DescribeAccount implements api.Service.
func (s *Service) DescribeAccount(ctx context.Context, call *pipeline.Call, in *api.DescribeAccountInput) (*api.DescribeAccountOutput, error) {
	org, err := s.organization(ctx)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeAccountOutput{}
	err = s.view(ctx, call, func(r *identity.Registry) error {
		a, err := r.Account(opt.Value(in.AccountId))
		if err != nil {
			return err
		}
		if a == nil {
			return api.NewAccountNotFoundException("You specified an account that doesn't exist.")
		}
		shown := showAccount(org, a)
		out.Account = &shown
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
