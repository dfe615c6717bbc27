// Package objects keeps the files of exports and imports of tables where callers name S3 buckets: below a directory of the
// server's own, or in any outside storage that speaks S3's API.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of names ("Bucket naming rules" and "Naming Amazon S3 objects", Amazon S3 User Guide).
const (
	// MaxKey is the longest key in bytes.
	MaxKey     = 1024
	maxSegment = 255 // of a file's name, in bytes
)

// Bucket is a bucket in an account.
type Bucket struct {
	// Account is who holds it, 12 digits (Store.Holder).
	Account, Name string
	// Owner is who the request says that its owner is; "" if it does not.
	Owner string
}

// Object is what a list tells of an object.
type Object struct {
	Key  string
	Size int64
	// ETag changes when the object does.
	ETag string
}

func byKey(a, b Object) int { return strings.Compare(a.Key, b.Key) }

// Encryption is how an object is encrypted where it is kept; the zero Encryption is as the storage does by itself.
type Encryption struct {
	// Algorithm is "AES256" or "KMS", KeyID a key of the storage's own key service.
	Algorithm, KeyID string
}

// Store keeps objects. It is safe for concurrent use. Errors that will not pass by trying again are *Error.
type Store interface {
	// Holder is the account that holds the bucket with the name, by whose policies access to it is decided. caller is who asks, owner
	// who he says that owns it, "" if nothing.
	Holder(bucket, caller, owner string) string

	// Encrypts reports whether Put can encrypt objects as asked.
	Encrypts() bool

	// Put writes an object to its end, and returns its ETag. Until then, and when it fails, there is no such object, or the one
	// that was there before.
	Put(ctx context.Context, b Bucket, key string, body io.Reader, e Encryption) (etag string, err error)

	// Get reads an object, if it is still the one with the ETag that List told of it; "" is whichever is there. The caller closes it. One
	// that has changed since, or changes while it is read where that can be, is an *Error with the code Changed.
	Get(ctx context.Context, b Bucket, key, etag string) (io.ReadCloser, error)

	// List returns the objects whose keys begin with prefix, in the order of their keys. More than limit are an *Error.
	List(ctx context.Context, b Bucket, prefix string, limit int) ([]Object, error)
}

// The codes of failures, as exports and imports show them.
const (
	NoSuchBucket = "S3NoSuchBucket"
	NoSuchKey    = "S3NoSuchKey"
	AccessDenied = "S3AccessDenied"
	NoSpace      = "S3InsufficientStorage"
	Changed      = "S3ObjectChanged"
	Invalid      = "S3InvalidRequest"
)

// Error is a failure that stays one when it is tried again.
type Error struct {
	// Code is one of the codes above, Message what callers are told.
	Code, Message string
	// Cause is for logs; nil if there is nothing more to say.
	Cause error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Cause == nil {
		return "objects: " + e.Code + ": " + e.Message
	}
	return fmt.Sprintf("objects: %s: %s: %v", e.Code, e.Message, e.Cause)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// noBucket has S3's words.
func noBucket(cause error) error {
	return &Error{NoSuchBucket, "The specified bucket does not exist", cause}
}

func denied(cause error) error { return &Error{AccessDenied, "Access Denied", cause} }

// changed is an object that is not the one that was listed.
func changed(key string, cause error) error {
	return &Error{Changed, fmt.Sprintf("The object %s changed after it was listed", key), cause}
}

func refused(format string, args ...any) error {
	return &Error{Invalid, fmt.Sprintf(format, args...), nil}
}

// errTooMany is a list that is longer than asked for.
func errTooMany(limit int) error {
	return refused("there are more than %d objects under the prefix", limit)
}

var bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// CheckBucket refuses what is no name of a bucket.
func CheckBucket(name string) error {
	if !bucketPattern.MatchString(name) || strings.Contains(name, "..") {
		return errors.New("a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, and begins and ends with a letter or digit")
	}
	return nil
}

// CheckKey refuses keys that are no paths, so that the same keys work with either kind of storage.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKey || !utf8.ValidString(key) {
		return fmt.Errorf("a key has 1 to %d bytes of UTF-8", MaxKey)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if err := checkSegment(segment); err != nil {
			return err
		}
	}
	if first, _, _ := strings.Cut(key, "/"); first == partsFolder {
		return fmt.Errorf("keys under %s/ are kept for files that are being written", partsFolder)
	}
	return nil
}

func checkSegment(s string) error {
	switch {
	case s == "" || s == "." || s == "..":
		return errors.New("between slashes, a key must not have nothing, a dot or two dots")
	case len(s) > maxSegment:
		return fmt.Errorf("between slashes, a key has at most %d bytes", maxSegment)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		return errors.New(`a key must have no control characters and no \`)
	}
	return nil
}
