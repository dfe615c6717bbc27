package dynamodb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// locateStream reads the ARN of a stream.
func locateStream(arn string) (place, string, error) {
	table, label, ok := strings.Cut(arn, "/stream/")
	if !ok || label == "" || strings.Contains(label, "/") {
		return place{}, "", invalid("Invalid StreamArn")
	}
	at, ok := parseARN(table)
	if !ok {
		return place{}, "", invalid("Invalid StreamArn")
	}
	return at, label, nil
}

// loadStream returns a stream, or nil if there is none or it is over.
func loadStream(tx *store.Tx, at place, label string, now time.Time) (*stream, error) {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return nil, err
	}
	st, err := store.Load[stream](recs, streamKey(at.name, label))
	if err != nil || st == nil || st.over(now) {
		return nil, err
	}
	return st, nil
}

// streamFacts is a stream as a resource, under the owner rule of its table: as it is, or as it was when it was deleted.
func (r *requirements) streamFacts(ctx context.Context, at place, label string) (authz.Resource, error) {
	res := authz.Resource{ARN: streamARN(at, label), Account: at.account, Region: at.region}
	err := system.View(ctx, r.db, name, func(tx *store.Tx) error {
		recs, err := tx.Records(at.account, at.region)
		if err != nil {
			return err
		}
		st, err := store.Load[stream](recs, streamKey(at.name, label))
		if err != nil || st == nil {
			return err
		}
		t, err := r.read(tx, at, nil)
		if err != nil {
			return err
		}
		res.ID = st.Table
		if res.Policy, err = st.source(res.ARN); err != nil {
			return err
		}
		res.Owner, err = r.ownerOf(st, t)
		return err
	})
	return res, err
}

// ownerOf is the owner rule of a stream. t is the table of its name, nil if there is none.
func (s *Service) ownerOf(st *stream, t *table) (*authz.OwnerRule, error) {
	if t != nil && t.ID == st.Table {
		return t.res.Owner, nil
	}
	owner, err := authz.ParseOwnerRule(st.Tags, s.ids)
	if err != nil {
		err = fmt.Errorf("dynamodb: owner tags of the stream %s of %s: %w", st.Label, st.Name, err)
	}
	return owner, err
}
