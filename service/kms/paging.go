package kms

import (
	"encoding/base64"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// listing is one paged answer under way. Its markers open only for the operation, region and subject they were made for.
type listing struct {
	ring  *keyring.Keyring
	scope keyring.Scope
	about string
	after string // position before the first item
	max   int

	count     int
	last      string
	truncated bool
}

// list begins a paged answer about a subject of an operation: limit items a page, fallback if there is none, at most most.
func (s *Service) list(c *pipeline.Call, operation, about string, marker *string, limit *int32, fallback, most int) (*listing, error) {
	account, region, _ := c.Grant.Resource(0)
	l := &listing{
		ring: s.ring, scope: keyring.Scope{Account: account, Name: "kms:" + operation}, about: region + " " + about, max: fallback,
	}
	if limit != nil {
		l.max = min(int(*limit), most)
	}
	if marker == nil {
		return l, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(*marker)
	if err != nil {
		return nil, badMarker()
	}
	position, err := s.ring.Open(keyring.PagingToken, l.scope, sealed, []byte(l.about))
	if err != nil {
		return nil, badMarker()
	}
	l.after = string(position)
	return l, nil
}

func badMarker() error { return api.NewInvalidMarkerException("The marker is not valid.") }

// afterIn is the key of the record that the page follows.
func (l *listing) afterIn(kind string) store.Key {
	if l.after == "" {
		return nil
	}
	return store.K(kind, l.after)
}

// restart forgets what was taken, as a transaction that runs again must.
func (l *listing) restart() { l.count, l.last, l.truncated = 0, "", false }

// take reports whether the item at the position is part of the page. The first that is not ends it.
func (l *listing) take(position string) bool {
	if l.count == l.max {
		l.truncated = true
		return false
	}
	l.count++
	l.last = position
	return true
}

// end returns the members Truncated and NextMarker.
func (l *listing) end() (truncated *bool, marker *string, err error) {
	if !l.truncated {
		return ptr(false), nil, nil
	}
	sealed, err := l.ring.Seal(keyring.PagingToken, l.scope, []byte(l.last), []byte(l.about))
	if err != nil {
		return nil, nil, err
	}
	return ptr(true), ptr(base64.RawURLEncoding.EncodeToString(sealed)), nil
}
