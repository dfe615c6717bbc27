package kms

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// The waiting period of a deletion in days ("ScheduleKeyDeletion", AWS KMS API Reference).
const (
	minWindow     = 7
	maxWindow     = 30
	defaultWindow = 30
)

const day = 24 * time.Hour

func window(in *api.ScheduleKeyDeletionInput) int32 {
	if in.PendingWindowInDays == nil {
		return defaultWindow
	}
	return *in.PendingWindowInDays
}

// EnableKey makes a disabled key usable.
func (s *Service) EnableKey(ctx context.Context, c *pipeline.Call, in *api.EnableKeyInput) (*api.EnableKeyOutput, error) {
	return &api.EnableKeyOutput{}, s.setState(ctx, c, *in.KeyId, api.KeyStateEnabled)
}

// DisableKey keeps a key from being used.
func (s *Service) DisableKey(ctx context.Context, c *pipeline.Call, in *api.DisableKeyInput) (*api.DisableKeyOutput, error) {
	return &api.DisableKeyOutput{}, s.setState(ctx, c, *in.KeyId, api.KeyStateDisabled)
}

func (s *Service) setState(ctx context.Context, c *pipeline.Call, named string, state api.KeyState) error {
	err := s.change(ctx, c, named, func(v *view, k *keyRecord) error {
		if err := k.kept(v.arn(k.ID)); err != nil {
			return err
		}
		k.enter(state, c.Now)
		return nil
	})
	if err != nil {
		return err
	}
	return s.forget(ctx, c)
}

// enter changes the state, and keeps when the key became unusable.
func (k *keyRecord) enter(state api.KeyState, now time.Time) {
	if k.State == api.KeyStateEnabled && state != api.KeyStateEnabled {
		k.Since = now
	}
	k.State = state
}

// forget replaces what is cached of the call's key, and with it the material that was opened.
func (s *Service) forget(ctx context.Context, c *pipeline.Call) error {
	account, region, id := c.Grant.Resource(0)
	_, err := s.facts(ctx, ref{account, region, id})
	return err
}

// ScheduleKeyDeletion begins the waiting period after which the key is destroyed.
func (s *Service) ScheduleKeyDeletion(ctx context.Context, c *pipeline.Call, in *api.ScheduleKeyDeletionInput) (*api.ScheduleKeyDeletionOutput, error) {
	days := window(in)
	if days < minWindow || days > maxWindow {
		return nil, invalid("PendingWindowInDays must be between %d and %d days", minWindow, maxWindow)
	}
	out := &api.ScheduleKeyDeletionOutput{KeyState: api.KeyStatePendingDeletion, PendingWindowInDays: &days}
	at := c.Now.Add(time.Duration(days) * day)
	err := s.changeIn(ctx, c, *in.KeyId, func(tx *store.Tx, v *view, k *keyRecord) error {
		if err := k.kept(v.arn(k.ID)); err != nil {
			return err
		}
		k.enter(api.KeyStatePendingDeletion, c.Now)
		k.DeleteAt = at
		out.KeyId = new(v.arn(k.ID))
		return remind(tx, v, k.ID, dueDeletion, at)
	})
	if err != nil {
		return nil, err
	}
	out.DeletionDate = &at
	return out, s.forget(ctx, c)
}

// CancelKeyDeletion ends the waiting period; the key is disabled then.
func (s *Service) CancelKeyDeletion(ctx context.Context, c *pipeline.Call, in *api.CancelKeyDeletionInput) (*api.CancelKeyDeletionOutput, error) {
	out := &api.CancelKeyDeletionOutput{}
	err := s.changeIn(ctx, c, *in.KeyId, func(tx *store.Tx, v *view, k *keyRecord) error {
		if k.State != api.KeyStatePendingDeletion {
			return api.NewKMSInvalidStateException("%s is not pending deletion.", v.arn(k.ID))
		}
		if err := unremind(tx, v, k.ID, dueDeletion, k.DeleteAt); err != nil {
			return err
		}
		k.enter(api.KeyStateDisabled, c.Now)
		k.DeleteAt = time.Time{}
		out.KeyId = new(v.arn(k.ID))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
