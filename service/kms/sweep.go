package kms

import (
	"context"
	"errors"
	"fmt"
	"time"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// recordDue begins the directory's records of what falls due, in the order of time: when, account, region, key id, what.
// They only remind: the key itself says what is to be done with it.
const (
	recordDue   = "due"
	dueDeletion = "delete"
	dueRotation = "rotate"
	dueParts    = 6
)

// dueTime sorts as time does.
const dueTime = "20060102T150405.000000000Z"

func dueKey(at time.Time, v *view, id, what string) store.Key {
	return store.K(recordDue, at.UTC().Format(dueTime), v.account, v.region, id, what)
}

func remind(tx *store.Tx, v *view, id, what string, at time.Time) error {
	d, err := tx.Directory()
	if err != nil {
		return err
	}
	return d.Set(dueKey(at, v, id, what), []byte{1})
}

func unremind(tx *store.Tx, v *view, id, what string, at time.Time) error {
	d, err := tx.Directory()
	if err != nil {
		return err
	}
	return d.Delete(dueKey(at, v, id, what))
}

// sweepBatch bounds how many keys one transaction reads of the directory.
const sweepBatch = 256

// Sweep destroys the keys whose waiting period was over at now, with their material and aliases, and rotates those whose
// rotation was due. It is to be called at start and then every few minutes, on any number of nodes. A key that fails does
// not keep the others from being swept; the errors are joined.
func (s *Service) Sweep(ctx context.Context, now time.Time) error {
	var failed error
	var after store.Key
	for {
		due, err := s.due(ctx, after, now)
		if err != nil || len(due) == 0 {
			return errors.Join(failed, err)
		}
		for _, k := range due {
			parts := k.Parts()
			r := ref{parts[2], parts[3], parts[4]}
			if err := s.sweep(ctx, k, r, now); err != nil {
				failed = errors.Join(failed, fmt.Errorf("kms: sweep %s: %w", keyARN(r.account, r.region, r.id), err))
			}
			if ctx.Err() != nil {
				return errors.Join(failed, ctx.Err())
			}
		}
		after = due[len(due)-1]
	}
}

// due returns some of the reminders up to now.
func (s *Service) due(ctx context.Context, after store.Key, now time.Time) (keys []store.Key, err error) {
	end := now.UTC().Format(dueTime)
	err = system.View(ctx, s.db, service, func(tx *store.Tx) error {
		keys = nil
		d, err := tx.Directory()
		if err != nil {
			return err
		}
		return d.Scan(store.K(recordDue), after, func(k store.Key, _ []byte) bool {
			if parts := k.Parts(); len(parts) != dueParts || parts[1] > end || len(keys) == sweepBatch {
				return false
			}
			keys = append(keys, append(store.Key(nil), k...))
			return true
		})
	})
	return keys, err
}

// sweep does what is due with one key and removes the reminder.
func (s *Service) sweep(ctx context.Context, reminder store.Key, r ref, now time.Time) error {
	err := system.Update(ctx, s.db, service, func(tx *store.Tx) error {
		d, err := tx.Directory()
		if err != nil {
			return err
		}
		if err := d.Delete(reminder); err != nil {
			return err
		}
		v, err := viewOf(tx, r.account, r.region)
		if err != nil {
			return err
		}
		k, err := v.key(r.id)
		switch {
		case err != nil || k == nil:
			return err
		case k.gone(now):
			return v.destroy(k)
		case k.Rotation == nil || now.Before(k.Rotation.Next):
			return nil
		}
		return s.rotate(tx, v, k, now)
	})
	if err != nil {
		return err
	}
	_, err = s.facts(ctx, r) // drops the material that was opened
	return err
}

// destroy removes a key with all that belongs to it.
func (v *view) destroy(k *keyRecord) error {
	names, err := v.aliasesOf(k.ID)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := v.removeAlias(&aliasRecord{Name: n, KeyID: k.ID}); err != nil {
			return err
		}
	}
	v.Changed()
	return v.Delete(store.K(recordKey, k.ID))
}

// rotate gives an enabled key new material, and sets when the next is due. One that is not enabled is looked at again in a day
// ("Rotating AWS KMS keys", AWS KMS Developer Guide).
func (s *Service) rotate(tx *store.Tx, v *view, k *keyRecord, now time.Time) error {
	if k.State != api.KeyStateEnabled {
		k.Rotation.Next = now.Add(day)
	} else {
		m, err := newMaterial(s.ring, ref{v.account, v.region, k.ID}, k.current().Version+1, now)
		if err != nil {
			return err
		}
		k.Materials = append(k.Materials, m)
		k.Rotation.Next = now.Add(time.Duration(k.Rotation.Days) * day)
	}
	if err := remind(tx, v, k.ID, dueRotation, k.Rotation.Next); err != nil {
		return err
	}
	return v.putKey(k)
}
