package kms

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// defaultPeriod is the rotation period in days unless the request says otherwise ("EnableKeyRotation", AWS KMS API
// Reference).
const defaultPeriod = 365

func period(in *api.EnableKeyRotationInput) int32 {
	if in.RotationPeriodInDays == nil {
		return defaultPeriod
	}
	return *in.RotationPeriodInDays
}

// EnableKeyRotation has the key's material rotated by Sweep. Turned on again, it changes the period from now on.
func (s *Service) EnableKeyRotation(ctx context.Context, c *pipeline.Call, in *api.EnableKeyRotationInput) (*api.EnableKeyRotationOutput, error) {
	days := period(in)
	next := c.Now.Add(time.Duration(days) * day)
	err := s.changeIn(ctx, c, *in.KeyId, func(tx *store.Tx, v *view, k *keyRecord) error {
		if err := k.usable(v.arn(k.ID)); err != nil {
			return err
		}
		if err := dropRotation(tx, v, k); err != nil {
			return err
		}
		k.Rotation = &rotation{Days: days, Next: next}
		return remind(tx, v, k.ID, dueRotation, next)
	})
	return &api.EnableKeyRotationOutput{}, err
}

// DisableKeyRotation keeps the key's material as it is.
func (s *Service) DisableKeyRotation(ctx context.Context, c *pipeline.Call, in *api.DisableKeyRotationInput) (*api.DisableKeyRotationOutput, error) {
	err := s.changeIn(ctx, c, *in.KeyId, func(tx *store.Tx, v *view, k *keyRecord) error {
		if err := k.usable(v.arn(k.ID)); err != nil {
			return err
		}
		return dropRotation(tx, v, k)
	})
	return &api.DisableKeyRotationOutput{}, err
}

func dropRotation(tx *store.Tx, v *view, k *keyRecord) error {
	if k.Rotation == nil {
		return nil
	}
	at := k.Rotation.Next
	k.Rotation = nil
	return unremind(tx, v, k.ID, dueRotation, at)
}

// GetKeyRotationStatus tells whether and when the key's material is rotated.
func (s *Service) GetKeyRotationStatus(ctx context.Context, c *pipeline.Call, in *api.GetKeyRotationStatusInput) (*api.GetKeyRotationStatusOutput, error) {
	f, err := s.managed(ctx, c, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := f.record.kept(f.arn); err != nil {
		return nil, err
	}
	out := &api.GetKeyRotationStatusOutput{KeyId: &f.arn, KeyRotationEnabled: new(f.record.Rotation != nil)}
	if r := f.record.Rotation; r != nil {
		out.RotationPeriodInDays, out.NextRotationDate = &r.Days, &r.Next
	}
	return out, nil
}
