package kms

import (
	"context"
	"errors"
	"time"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// Other services of this server seal what belongs to a tenant under the tenant's key. Whose key that is was decided by who made
// the resource (the owner of a table); here the key's state decides, as in every cryptographic operation.

// UnusableError is returned for a key that is not there or cannot be used now.
type UnusableError struct {
	// Reason is what a cryptographic operation would answer.
	Reason *fault.Error
	// Ending is true if the key is destroyed, is waiting to be, or never was.
	Ending bool
}

// Error returns the reason.
func (e *UnusableError) Error() string { return e.Reason.Error() }

// Unwrap returns the reason.
func (e *UnusableError) Unwrap() error { return e.Reason }

// Wrap encrypts a data key under the key that an alias of the account ("alias/…") stands for, or that has the ARN. The blob names the
// key: the alias may stand for another one later. An *UnusableError says why the key cannot be used.
func (s *Service) Wrap(ctx context.Context, account, region, alias string, encryptionContext map[string]string, plaintext []byte) ([]byte, error) {
	f, err := s.named(ctx, parseName(alias, account, region))
	if err != nil {
		return nil, err
	}
	if err := unusable(f, alias); err != nil {
		return nil, err
	}
	return s.seal(f, plaintext, encryptionContext)
}

// Unwrap decrypts what Wrap made in the account and region. current is false if the key has been rotated since. An *UnusableError
// says why the key cannot be used.
func (s *Service) Unwrap(ctx context.Context, account, region string, blob []byte, encryptionContext map[string]string) (plaintext []byte, current bool, err error) {
	h, ok := parseBlob(blob)
	if !ok || h.account != account {
		return nil, false, badCiphertext()
	}
	f, err := s.facts(ctx, ref{account, region, h.id})
	if err != nil {
		return nil, false, err
	}
	if err := unusable(f, keyARN(account, region, h.id)); err != nil {
		return nil, false, err
	}
	plaintext, m, err := s.open(f, blob, encryptionContext)
	if err != nil {
		return nil, false, err
	}
	return plaintext, m.Version == f.record.current().Version, nil
}

// Inaccessible tells why a key of the account cannot be used now, nil if it can, and since when, zero if that is not known: a key
// that is destroyed leaves nothing behind.
func (s *Service) Inaccessible(ctx context.Context, account, region, key string) (since time.Time, reason, err error) {
	f, err := s.named(ctx, parseName(key, account, region))
	if err != nil {
		return time.Time{}, nil, err
	}
	var u *UnusableError
	switch err := unusable(f, key); {
	case err == nil:
		return time.Time{}, nil, nil
	case !errors.As(err, &u):
		return time.Time{}, nil, err
	case f != nil:
		since = f.record.Since
	}
	return since, u.Reason, nil
}

// Rewrap encrypts again what Unwrap has opened, under the same key's current material.
func (s *Service) Rewrap(ctx context.Context, account, region string, blob []byte, encryptionContext map[string]string) ([]byte, error) {
	plaintext, _, err := s.Unwrap(ctx, account, region, blob, encryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	h, _ := parseBlob(blob)
	f, err := s.facts(ctx, ref{account, region, h.id})
	if err != nil {
		return nil, err
	}
	return s.seal(f, plaintext, encryptionContext)
}

func unusable(f *facts, name string) error {
	if f == nil {
		return &UnusableError{Reason: api.NewNotFoundException("Key '%s' does not exist", name), Ending: true}
	}
	var reason *fault.Error
	if err := f.record.usable(f.arn); !errors.As(err, &reason) {
		return err
	}
	return &UnusableError{Reason: reason, Ending: f.record.State == api.KeyStatePendingDeletion}
}

// Unusable tells whether an error is an *UnusableError, with its reason and whether the key is ending.
func (*Service) Unusable(err error) (ending, ok bool, reason error) {
	var u *UnusableError
	if !errors.As(err, &u) {
		return false, false, nil
	}
	return u.Ending, true, u.Reason
}
