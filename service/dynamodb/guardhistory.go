package dynamodb

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/store"
)

// maxPast is how often the guard's tags may change within a recovery period.
const maxPast = 100

// pastTags are the guard's tags of a table until a time.
type pastTags struct {
	Until time.Time
	Tags  []authn.Tag
}

// keepTags keeps the guard's tags that a table had until now for as long as it may be restored to that time.
func (r *record) keepTags(was []authn.Tag, now time.Time) error {
	if !r.Recovery.Enabled || slices.Equal(ownerTags(was), ownerTags(r.Tags)) {
		return nil
	}
	first := r.Recovery.earliest(now)
	kept := slices.DeleteFunc(slices.Clone(r.Recovery.Past), func(p pastTags) bool { return p.Until.Before(first) })
	if len(kept) >= maxPast {
		return invalid(wrong+"the bulkhead: tags of a table with point-in-time recovery change at most %d times in its recovery period", maxPast)
	}
	r.Recovery.Past = append(kept, pastTags{now.UTC(), ownerTags(was)})
	return nil
}

// tagsAt are the guard's tags that the table had at a time of its recovery period.
func (r *record) tagsAt(when time.Time) []authn.Tag {
	for _, p := range r.Recovery.Past {
		if when.Before(p.Until) {
			return p.Tags
		}
	}
	return ownerTags(r.Tags)
}

// tagsNow are the guard's tags that the table of a backup has, or had when it was deleted.
func (s *Service) tagsNow(tx *store.Tx, at place, b *backup) ([]authn.Tag, error) {
	t, err := s.current(tx, at)
	if err != nil {
		return nil, err
	}
	switch {
	case t != nil && t.ID == b.Source.ID:
		return ownerTags(t.Tags), nil
	case b.Left != nil:
		return b.Left, nil
	}
	return ownerTags(b.Source.Tags), nil
}

// leaveBackups gives the backups of a table that is deleted the guard's tags that it has.
func (r *record) leaveBackups(tx *store.Tx, at place) error {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	var left []*backup
	err = store.Each(recs, store.K("backup", at.name), nil, func(_ store.Key, b *backup) bool {
		if b.Source.ID == r.ID {
			left = append(left, b)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, b := range left {
		b.Left = ownerTags(r.Tags)
		if err := saveBackup(tx, at, b); err != nil {
			return err
		}
	}
	return nil
}

// stricterTags are the guard's tags of rows that were under one set of tags and would be under another: nobody reaches more of them than
// under both, nor with more capacity.
func stricterTags(then, now []authn.Tag) ([]authn.Tag, error) {
	tags, err := authz.Stricter(then, now)
	if err != nil {
		return nil, err
	}
	share, err := lesserShare(then, now)
	if err != nil {
		return nil, err
	}
	if share != (authn.Tag{}) {
		tags = append(tags, share)
	}
	for _, t := range ownerTags(then) {
		switch strings.ToLower(t.Key) {
		case authz.OwnerKeyTag, authz.IndexOwnerKeyTag, authz.SharedKeysTag, authz.GuardTag, capacityTag:
		case exportTag: // it opens the table, so that it must be in both
			if v, _ := authn.Tags(now).Get(exportTag); v == t.Value {
				tags = append(tags, t)
			}
		default:
			tags = append(tags, t)
		}
	}
	return tags, nil
}

// errOwnersChanged refuses to restore rows of which nobody can say whose they are.
func errOwnersChanged(err error) error {
	if errors.Is(err, authz.ErrDisjoint) {
		return invalid(wrong+"the tag %s is not what it was when the rows were written, and no pattern is in both: give the table the "+
			"pattern of the rows beside its own", authz.OwnerKeyTag)
	}
	return err
}

func lesserShare(a, b []authn.Tag) (authn.Tag, error) {
	x, err := parseShare(a)
	if err != nil {
		return authn.Tag{}, err
	}
	y, err := parseShare(b)
	if err != nil {
		return authn.Tag{}, err
	}
	lesser := func(x, y float64) float64 {
		if x == 0 || y != 0 && y < x {
			return y
		}
		return x
	}
	s := share{lesser(x.read, y.read), lesser(x.write, y.write)}
	if s == (share{}) {
		return authn.Tag{}, nil
	}
	return authn.Tag{Key: capacityTag, Value: fmt.Sprintf("%.0f/%.0f", s.read, s.write)}, nil
}

// plainTags are the tags of a table that Bulkhead does not read.
func plainTags(tags []authn.Tag) []authn.Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t authn.Tag) bool { return len(ownerTags([]authn.Tag{t})) > 0 })
}
