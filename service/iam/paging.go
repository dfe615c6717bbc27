package iam

import (
	"encoding/base64"

	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// defaultPage is how many items a page has unless MaxItems says otherwise ("ListUsers", IAM API Reference).
const defaultPage = 100

// pages seals markers, so that one is of use only to the operation, the account and the arguments it was made for.
type pages struct{ keys *keyring.Keyring }

func pageScope(call *pipeline.Call, operation string) keyring.Scope {
	account, _ := call.Grant.Home()
	return keyring.Scope{Account: account, Name: "iam:" + operation}
}

func (p pages) seal(call *pipeline.Call, operation, about, position string) (*string, error) {
	b, err := p.keys.Seal(keyring.PagingToken, pageScope(call, operation), []byte(position), []byte(about))
	if err != nil {
		return nil, err
	}
	s := base64.RawURLEncoding.EncodeToString(b)
	return &s, nil
}

func (p pages) open(call *pipeline.Call, operation, about string, marker *string) (string, error) {
	if marker == nil {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*marker)
	if err != nil {
		return "", invalidMarker()
	}
	position, err := p.keys.Open(keyring.PagingToken, pageScope(call, operation), b, []byte(about))
	if err != nil {
		return "", invalidMarker()
	}
	return string(position), nil
}

// listing is one paged answer under way.
type listing struct {
	pages     pages
	call      *pipeline.Call
	operation string
	about     string // what the list is of, beside its operation
	after     string // position before the first item
	max       int

	count     int
	last      string
	truncated bool
}

// list begins a paged answer.
func (s *Service) list(call *pipeline.Call, operation, about string, marker *string, maxItems *int32) (*listing, error) {
	after, err := s.pages.open(call, operation, about, marker)
	if err != nil {
		return nil, err
	}
	l := &listing{pages: s.pages, call: call, operation: operation, about: about, after: after, max: defaultPage}
	if maxItems != nil {
		l.max = int(*maxItems)
	}
	return l, nil
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

// end returns the members IsTruncated and Marker.
func (l *listing) end() (truncated *bool, marker *string, err error) {
	if l.truncated {
		marker, err = l.pages.seal(l.call, l.operation, l.about, l.last)
	}
	return &l.truncated, marker, err
}

// pick takes a page from a sorted list that is at hand, by the name of each item.
func pick[T any](l *listing, items []T, name func(T) string) []T {
	l.restart()
	var page []T
	for _, item := range items {
		if n := name(item); l.after != "" && n <= l.after {
			continue
		} else if !l.take(n) {
			break
		}
		page = append(page, item)
	}
	return page
}
