package dynamodb

import (
	"errors"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/streamid"
)

// A stream shows the changes of a table ("Change data capture for DynamoDB Streams"). The table keeps its changes in parts
// (store.Changes); a shard is a span of one part's numbers. Every shardLife, all shards of a stream that is enabled are
// closed and each has a child. What is older than streamLife is trimmed, and a stream that is over by then is forgotten.
const (
	streamLife = 24 * time.Hour
	shardLife  = 4 * time.Hour
)

// stream is a stream as it is stored, by the name of its table and its label. It outlives its table by streamLife.
type stream struct {
	Label, View string
	// Table is the id of the table, Name its name.
	Table, Name string
	Keys        []string
	// Tags and Sealed are the table's when the stream ended: they hold its owner rule, and how its rows are sealed.
	Tags    []authn.Tag `json:",omitempty"`
	Sealed  *sealed     `json:",omitempty"`
	Created time.Time
	// Ended is when it was disabled; zero while it is enabled.
	Ended time.Time
	Spans []span
	attached
}

// span is a generation of shards, one of each part: the changes with numbers in (After, Until].
type span struct {
	Began, Ended time.Time
	After, Until [store.ChangeParts]uint64
}

// open reports whether the shards of the span still grow.
func (p *span) open() bool { return p.Ended.IsZero() }

func streamKey(name, label string) store.Key { return store.K("stream", name, label) }

// labelFormat is AWS's form of a stream's label: when it was made, to the millisecond.
const labelFormat = "2006-01-02T15:04:05.000"

func streamARN(at place, label string) string { return at.arn() + "/stream/" + label }

// over reports whether the stream is to be forgotten.
func (st *stream) over(now time.Time) bool {
	return !st.Ended.IsZero() && now.Sub(st.Ended) >= streamLife
}

// roll closes the open shards at the marks, and opens their children if the stream goes on.
func (st *stream) roll(now time.Time, marks [store.ChangeParts]uint64, on bool) {
	last := &st.Spans[len(st.Spans)-1]
	last.Ended, last.Until = now, marks
	if on {
		st.Spans = append(st.Spans, span{Began: now, After: marks})
	} else {
		st.Ended = now
	}
}

// shard is one shard of a stream.
type shard struct {
	span, part int
}

// shards lists the shards that are not trimmed whole, parents before their children.
func (st *stream) shards(now time.Time) []shard {
	var all []shard
	for i := range st.Spans {
		if st.Spans[i].trimmed(now) {
			continue
		}
		for part := range store.ChangeParts {
			all = append(all, shard{i, part})
		}
	}
	return all
}

// trimmed reports whether all that the span could hold is too old to be kept.
func (p *span) trimmed(now time.Time) bool { return !p.open() && now.Sub(p.Ended) >= streamLife }

func (st *stream) shardID(sh shard) string { return streamid.Shard(st.Spans[sh.span].Began, sh.part) }

// shardNamed returns the shard with the id.
func (st *stream) shardNamed(id string, now time.Time) (shard, bool) {
	for _, sh := range st.shards(now) {
		if st.shardID(sh) == id {
			return sh, true
		}
	}
	return shard{}, false
}

// parent is the id of the shard that went before, "" if there is none that is kept.
func (st *stream) parent(sh shard, now time.Time) string {
	if sh.span == 0 || st.Spans[sh.span-1].trimmed(now) {
		return ""
	}
	return st.shardID(shard{sh.span - 1, sh.part})
}

// stream switches the table's stream as a StreamSpecification says.
func (r *record) stream(tx *store.Tx, at place, now time.Time, in *api.StreamSpecification) error {
	if in == nil {
		return nil
	}
	on := opt.Value(in.StreamEnabled)
	switch {
	case on && in.StreamViewType == "":
		return invalid(wrong + "If stream is being enabled then UpdateViewType is required")
	case !on && in.StreamViewType != "":
		return invalid(wrong + "If stream is being disabled, then UpdateViewType must not be specified")
	case on && r.streams():
		return invalid("Table already has an enabled stream: TableName: %s", r.Name)
	case on:
		return r.beginStream(tx, at, now, string(in.StreamViewType))
	case !r.streams():
		return invalid("Table has no stream to disable: TableName: %s", r.Name)
	}
	return r.endStream(tx, at, now)
}

// firstStream gives a new table the stream it asks for.
func (r *record) firstStream(tx *store.Tx, at place, now time.Time, in *api.StreamSpecification) error {
	switch on := in != nil && opt.Value(in.StreamEnabled); {
	case on && in.StreamViewType == "":
		return invalid(wrong + "Table is being created with a stream enabled, UpdateViewType is required")
	case in != nil && !on && in.StreamViewType != "":
		return invalid(wrong + "Table is being created with a stream disabled, UpdateViewType should not be specified")
	case !on:
		return nil
	}
	return r.stream(tx, at, now, in)
}

// streamOf is what a table knows of its latest stream.
type streamOf struct {
	Label, View string
	Enabled     bool
}

func (r *record) beginStream(tx *store.Tx, at place, now time.Time, view string) error {
	st := &stream{
		Label: now.UTC().Format(labelFormat), View: view, Table: r.ID, Name: r.Name, Keys: r.Keys, Created: now.UTC(),
		Spans: []span{{Began: now.UTC()}},
	}
	if r.Logs {
		var err error
		if st.Spans[0].After, err = tx.Mark(r.ID); err != nil {
			return err
		}
	}
	r.Stream, r.Logs = &streamOf{st.Label, view, true}, true
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	// Two streams of a table within one millisecond would be one stream.
	if _, there, err := recs.Get(streamKey(r.Name, st.Label)); err != nil || there {
		return orElse(err, api.NewResourceInUseException("Table is being updated: %s", r.Name))
	}
	if err := keepLog(tx, at, r.ID, r.Name); err != nil {
		return err
	}
	return store.Save(recs, streamKey(r.Name, st.Label), st)
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// endStream closes the stream. What it holds can be read for another day.
func (r *record) endStream(tx *store.Tx, at place, now time.Time) error {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	k := streamKey(r.Name, r.Stream.Label)
	st, err := store.Load[stream](recs, k)
	if err != nil || st == nil {
		return err
	}
	marks, err := tx.Mark(r.ID)
	if err != nil {
		return err
	}
	st.roll(now.UTC(), marks, false)
	st.Tags, st.Sealed = r.Tags, r.Sealed
	r.Stream = &streamOf{r.Stream.Label, r.Stream.View, false}
	return store.Save(recs, k, st)
}

// leaveStreams gives the streams of a table that is deleted what they need to outlive it: its owner rule as it is now, also to
// those that ended before the table had one.
func (r *record) leaveStreams(tx *store.Tx, at place, now time.Time) error {
	if r.streams() {
		if err := r.endStream(tx, at, now); err != nil {
			return err
		}
	}
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	var left []*stream
	err = store.Each(recs, store.K("stream", r.Name), nil, func(_ store.Key, st *stream) bool {
		if st.Table == r.ID {
			left = append(left, st)
		}
		return true
	})
	for _, st := range left {
		st.Tags, st.Sealed = r.Tags, r.Sealed
		err = errors.Join(err, store.Save(recs, streamKey(st.Name, st.Label), st))
	}
	return err
}

// describeStream adds the table's latest stream.
func (r *record) describeStream(at place, d *api.TableDescription) {
	if r.Stream == nil {
		return
	}
	arn := streamARN(at, r.Stream.Label)
	d.LatestStreamArn, d.LatestStreamLabel = &arn, &r.Stream.Label
	if r.Stream.Enabled {
		d.StreamSpecification = &api.StreamSpecification{StreamEnabled: &r.Stream.Enabled, StreamViewType: api.StreamViewType(r.Stream.View)}
	}
}
