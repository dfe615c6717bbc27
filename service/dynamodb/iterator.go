package dynamodb

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// iteratorLife is how long a shard iterator can be used (API reference, "GetShardIterator").
const iteratorLife = 15 * time.Minute

// iterator is a place in a shard. It is no secret and no capability: what it names is authorized anew at each use, and
// one that somebody made up leads nowhere else than GetShardIterator does.
type iterator struct {
	arn   string
	began time.Time // of the shard's span
	part  int
	next  uint64
	made  time.Time
}

// iteratorSize is the length of what follows the ARN: began, part, next, made.
const iteratorSize = 8 + 1 + 8 + 8

// String is the iterator as clients hold it: the ARN, a version and the place.
func (it *iterator) String() string {
	b := make([]byte, 0, iteratorSize)
	b = binary.BigEndian.AppendUint64(b, uint64(it.began.UnixMilli()))
	b = append(b, byte(it.part))
	b = binary.BigEndian.AppendUint64(b, it.next)
	b = binary.BigEndian.AppendUint64(b, uint64(it.made.UnixMilli()))
	return it.arn + "|1|" + base64.StdEncoding.EncodeToString(b)
}

func badIterator() error { return invalid("Invalid ShardIterator") }

func parseIterator(text string) (*iterator, error) {
	arn, rest, ok := strings.Cut(text, "|1|")
	b, err := base64.StdEncoding.Strict().DecodeString(rest)
	if !ok || err != nil || len(b) != iteratorSize || int(b[8]) >= store.ChangeParts {
		return nil, badIterator()
	}
	at := func(b []byte) time.Time { return time.UnixMilli(int64(binary.BigEndian.Uint64(b))) }
	return &iterator{arn: arn, began: at(b), part: int(b[8]), next: binary.BigEndian.Uint64(b[9:]), made: at(b[17:])}, nil
}

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
