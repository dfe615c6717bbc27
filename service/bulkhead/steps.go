package bulkhead

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	idp "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

const (
	// via is how the services that onboarding calls see the caller.
	via = "bulkhead.amazonaws.com"
	// lease is how long a request may work on a tenant before another may take over, as after a crash.
	lease = time.Minute
	// tenantVariable stands for the tenant's id in a KeyAliasTemplate.
	tenantVariable = "${tenant}"
	// defaultAlias is the alias of a tenant's key, as deployments name it.
	defaultAlias = "alias/customer-" + tenantVariable
	// defaultWindow is KMS's waiting period before a key is deleted, in days.
	defaultWindow = 30
	// tenantTag and markTag are the tags of a tenant's key.
	tenantTag = "TenantID"
	markTag   = "bulkhead:onboarding"
)

// The steps, by name.
const (
	stepKey         = "key"
	stepAlias       = "alias"
	stepGroup       = "group"
	stepDeleteAlias = "delete-alias"
	stepDeleteKey   = "schedule-key-deletion"
	stepDeleteGroup = "delete-group"
)

// steps are what is to be done about the tenant in its present status.
func (r *record) steps() []string {
	on, off := []string{stepKey, stepAlias}, []string{stepDeleteAlias, stepDeleteKey}
	if r.Group != "" {
		on, off = append(on, stepGroup), append(off, stepDeleteGroup)
	}
	if r.Status == api.TenantStatusDeleting {
		return off
	}
	return on
}

// CreateTenant onboards a tenant: its key, alias and group. Called again after a failure or a crash it goes on with the
// step that is missing.
func (s *Service) CreateTenant(ctx context.Context, c *pipeline.Call, in *api.CreateTenantInput) (*api.CreateTenantOutput, error) {
	id, ok := s.ids.ID(*in.Id)
	if !ok {
		return nil, api.NewInvalidTenantIdException("%q is not a tenant id in the declared language.", *in.Id)
	}
	fresh, err := newRecord(c, id.String(), in)
	if err != nil {
		return nil, err
	}
	rec, err := s.claim(ctx, c, fresh.ID, func(there *record) (*record, error) {
		switch {
		case there == nil:
			return fresh, nil
		case there.Status == api.TenantStatusCreating:
			return there, nil
		case there.Status == api.TenantStatusDeleting:
			return nil, api.NewConcurrentModificationException("Tenant %s is being deleted.", there.ID)
		}
		return nil, api.NewTenantAlreadyExistsException("Tenant %s already exists.", there.ID)
	})
	if err != nil {
		return nil, err
	}
	if err := s.work(ctx, c, rec); err != nil {
		return nil, err
	}
	rec.Status, rec.Worker, rec.Lease = api.TenantStatusActive, "", time.Time{}
	shown := rec.show()
	return &api.CreateTenantOutput{Tenant: shown}, s.save(ctx, c, rec)
}

func newRecord(c *pipeline.Call, id string, in *api.CreateTenantInput) (*record, error) {
	template := defaultAlias
	if in.KeyAliasTemplate != nil {
		template = *in.KeyAliasTemplate
	}
	if strings.Count(template, tenantVariable) != 1 {
		return nil, fault.New(fault.Validation, "KeyAliasTemplate must hold %s once.", tenantVariable)
	}
	rec := &record{
		ID: id, Tier: in.Tier, Status: api.TenantStatusCreating, Tags: in.Tags, Created: c.Now,
		Alias: strings.Replace(template, tenantVariable, id, 1), Mark: rand.Text(),
	}
	if in.Name != nil {
		rec.Name = *in.Name
	}
	if rec.Tier == "" {
		rec.Tier = api.TierPool
	}
	if in.UserPoolId != nil {
		rec.UserPoolID, rec.Group = *in.UserPoolId, id
	}
	return rec, nil
}

// DeleteTenant off-boards a tenant: the alias goes at once, the key after its waiting period, and with it all that was
// sealed under it. Called again after a failure or a crash it goes on.
func (s *Service) DeleteTenant(ctx context.Context, c *pipeline.Call, in *api.DeleteTenantInput) (*api.DeleteTenantOutput, error) {
	rec, err := s.claim(ctx, c, *in.Id, func(there *record) (*record, error) {
		if there == nil {
			return nil, errNotFound(*in.Id)
		}
		if there.Status != api.TenantStatusDeleting {
			there.Status, there.Done, there.Window = api.TenantStatusDeleting, nil, defaultWindow
		}
		if in.PendingWindowInDays != nil {
			there.Window = *in.PendingWindowInDays
		}
		return there, nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.work(ctx, c, rec); err != nil {
		return nil, err
	}
	out := &api.DeleteTenantOutput{Tenant: rec.show()}
	return out, s.update(ctx, c, func(home *store.Records) error {
		return errors.Join(dropRoute(home, rec.ID), home.Delete(tenantKey(rec.ID)))
	})
}

// claim takes the tenant for this request, as choose says from what is there. Two requests never work on one tenant.
func (s *Service) claim(ctx context.Context, c *pipeline.Call, id string, choose func(*record) (*record, error)) (*record, error) {
	var rec *record
	err := s.update(ctx, c, func(home *store.Records) error {
		there, err := store.Load[record](home, tenantKey(id))
		if err != nil {
			return err
		}
		if there != nil && there.Worker != "" && c.Now.Before(there.Lease) {
			return api.NewConcurrentModificationException("Another request works on tenant %s.", id)
		}
		if rec, err = choose(there); err != nil {
			return err
		}
		rec.Worker, rec.Lease = c.RequestID, c.Now.Add(lease)
		return store.Save(home, tenantKey(id), rec)
	})
	return rec, err
}

// work does the steps that are not done, each recorded before the next. After a failure the tenant is free for another
// try.
func (s *Service) work(ctx context.Context, c *pipeline.Call, rec *record) error {
	for _, name := range rec.steps() {
		if slices.ContainsFunc(rec.Done, func(f finished) bool { return f.Name == name }) {
			continue
		}
		if err := s.step(ctx, c, rec, name); err != nil {
			rec.Worker, rec.Lease = "", time.Time{}
			if saveErr := s.save(ctx, c, rec); saveErr != nil {
				return saveErr
			}
			return told(name, err)
		}
		rec.Done = append(rec.Done, finished{name, c.Now})
		if err := s.save(ctx, c, rec); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) step(ctx context.Context, c *pipeline.Call, rec *record, name string) error {
	switch name {
	case stepKey:
		return s.makeKey(ctx, c, rec)
	case stepAlias:
		return makeAlias(ctx, c, rec)
	case stepGroup:
		description := "tenant " + rec.ID
		_, err := pipeline.Invoke[idp.CreateGroupOutput](ctx, c, via, "cognito-idp", "CreateGroup",
			&idp.CreateGroupInput{UserPoolId: &rec.UserPoolID, GroupName: &rec.Group, Description: &description})
		return unless(err, "GroupExistsException")
	case stepDeleteAlias:
		return deleteAlias(ctx, c, rec)
	case stepDeleteKey:
		if rec.KeyARN == "" {
			return nil
		}
		_, err := pipeline.Invoke[kms.ScheduleKeyDeletionOutput](ctx, c, via, "kms", "ScheduleKeyDeletion",
			&kms.ScheduleKeyDeletionInput{KeyId: &rec.KeyARN, PendingWindowInDays: &rec.Window})
		return unless(err, "KMSInvalidStateException", "NotFoundException")
	case stepDeleteGroup:
		_, err := pipeline.Invoke[idp.DeleteGroupOutput](ctx, c, via, "cognito-idp", "DeleteGroup",
			&idp.DeleteGroupInput{UserPoolId: &rec.UserPoolID, GroupName: &rec.Group})
		return unless(err, "ResourceNotFoundException")
	}
	return fault.New(fault.Internal, "").With(errUnknownStep(name))
}

type errUnknownStep string

func (e errUnknownStep) Error() string { return "bulkhead: unknown step " + string(e) }

// told is the error of a step in the terms of this API, whose model knows no other service's errors.
func told(step string, err error) error {
	if f := fault.From(err); f.Class == fault.Modeled {
		return fault.New(fault.Validation, "The step %s failed: %s: %s", step, f.Code, f.Message).With(err)
	}
	return err
}

// unless drops an error that says that the step was done before.
func unless(err error, codes ...string) error {
	for _, code := range codes {
		if fault.Is(err, code) {
			return nil
		}
	}
	return err
}

func (s *Service) update(ctx context.Context, c *pipeline.Call, fn func(*store.Records) error) error {
	return s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		home, err := tx.Home()
		if err != nil {
			return err
		}
		return fn(home)
	})
}

func (s *Service) save(ctx context.Context, c *pipeline.Call, rec *record) error {
	return s.update(ctx, c, func(home *store.Records) error { return store.Save(home, tenantKey(rec.ID), rec) })
}
