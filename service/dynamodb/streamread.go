package dynamodb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodbstreams"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/streamid"
)

// Streams serves the API of DynamoDB Streams ("Amazon DynamoDB Streams API Reference") for the tables of a Service. A tenant
// of a guarded table sees the changes of its own and of shared rows, and no others'; the gaps in sequence numbers tell
// that there were some.
type Streams struct{ *Service }

var (
	_ api.Service      = (*Streams)(nil)
	_ api.Requirements = (*streamRequirements)(nil)
)

// Operations are the operations of streams for the pipeline.
func (s *Streams) Operations() pipeline.Service {
	return pipeline.Service{API: api.API, Ops: api.Operations(s, &streamRequirements{requirements{s.Service}})}
}

// iteratorLife is how long a shard iterator can be used (API reference, "GetShardIterator").
const iteratorLife = 15 * time.Minute

// Limits of one page (API reference, "ListStreams", "DescribeStream", "GetRecords").
const (
	maxStreams      = 100
	maxShards       = 100
	maxRecords      = 1000
	maxRecordsBytes = 1 << 20
	// maxPassed is how many changes one GetRecords looks at, shown or not.
	maxPassed = 2_000
)

// ListStreams lists the streams of the account, or of one table: those that are enabled, and for a day those that were.
func (s *Streams) ListStreams(ctx context.Context, c *pipeline.Call, in *api.ListStreamsInput) (*api.ListStreamsOutput, error) {
	prefix, limit := store.K("stream"), maxStreams
	if in.TableName != nil {
		prefix = store.K("stream", *in.TableName)
	}
	if in.Limit != nil {
		if err := atMost(*in.Limit, maxStreams); err != nil {
			return nil, err
		}
		limit = int(*in.Limit)
	}
	var after store.Key
	if in.ExclusiveStartStreamArn != nil {
		at, label, err := locateStream(*in.ExclusiveStartStreamArn)
		if err != nil {
			return nil, err
		}
		after = streamKey(at.name, label)
	}
	var out *api.ListStreamsOutput
	err := s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		recs, err := tx.Home()
		if err != nil {
			return err
		}
		out = &api.ListStreamsOutput{Streams: []api.Stream{}}
		return store.Each(recs, prefix, after, func(_ store.Key, st *stream) bool {
			if st.over(c.Now) {
				return true
			}
			if len(out.Streams) == limit {
				out.LastEvaluatedStreamArn = out.Streams[limit-1].StreamArn
				return false
			}
			account, region := c.Grant.Home()
			arn := streamARN(place{account, region, st.Name}, st.Label)
			out.Streams = append(out.Streams, api.Stream{StreamArn: &arn, StreamLabel: &st.Label, TableName: &st.Name})
			return true
		})
	})
	return out, err
}

// inStream runs fn with a stream.
func (s *Streams) inStream(ctx context.Context, c *pipeline.Call, arn string, fn func(*store.Tx, place, *stream) error) error {
	at, label, err := locateStream(arn)
	if err != nil {
		return err
	}
	return s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		st, err := loadStream(tx, at, label, c.Now)
		if err != nil {
			return err
		}
		if st == nil {
			return streamNotFound(arn)
		}
		return fn(tx, at, st)
	})
}

func streamNotFound(arn string) error {
	return api.NewResourceNotFoundException("Requested resource not found: Stream: %s not found", arn)
}

// DescribeStream describes a stream and its shards, page by page.
func (s *Streams) DescribeStream(ctx context.Context, c *pipeline.Call, in *api.DescribeStreamInput) (*api.DescribeStreamOutput, error) {
	if f := in.ShardFilter; f != nil && (f.Type == "" || f.ShardId == nil) {
		return nil, invalid("ShardFilter needs both Type and ShardId.")
	}
	var d *api.StreamDescription
	err := s.inStream(ctx, c, *in.StreamArn, func(tx *store.Tx, at place, st *stream) error {
		d = &api.StreamDescription{
			StreamArn: in.StreamArn, StreamLabel: &st.Label, TableName: &st.Name, CreationRequestDateTime: &st.Created,
			StreamStatus: api.StreamStatusEnabled, StreamViewType: api.StreamViewType(st.View), Shards: []api.Shard{},
		}
		if !st.Ended.IsZero() {
			d.StreamStatus = api.StreamStatusDisabled
		}
		for i, k := range st.Keys {
			d.KeySchema = append(d.KeySchema, api.KeySchemaElement{
				AttributeName: &k, KeyType: [...]api.KeyType{api.KeyTypeHash, api.KeyTypeRange}[i],
			})
		}
		return st.describeShards(d, in, c.Now)
	})
	if err != nil {
		return nil, err
	}
	return &api.DescribeStreamOutput{StreamDescription: d}, nil
}

func (st *stream) describeShards(d *api.StreamDescription, in *api.DescribeStreamInput, now time.Time) error {
	limit := maxShards
	if in.Limit != nil {
		limit = min(int(*in.Limit), maxShards)
	}
	all := st.shards(now)
	if in.ExclusiveStartShardId != nil {
		i := slices.IndexFunc(all, func(sh shard) bool { return st.shardID(sh) == *in.ExclusiveStartShardId })
		if i < 0 { // trimmed, perhaps, or never there: nothing comes after it
			return nil
		}
		all = all[i+1:]
	}
	for _, sh := range all {
		parent := st.parent(sh, now)
		if in.ShardFilter != nil && parent != *in.ShardFilter.ShardId {
			continue
		}
		id := st.shardID(sh)
		if len(d.Shards) == limit {
			d.LastEvaluatedShardId = d.Shards[limit-1].ShardId
			break
		}
		p := &st.Spans[sh.span]
		rng := &api.SequenceNumberRange{StartingSequenceNumber: new(streamid.Sequence(p.After[sh.part] + 1))}
		if !p.open() {
			rng.EndingSequenceNumber = new(streamid.Sequence(p.Until[sh.part]))
		}
		d.Shards = append(d.Shards, api.Shard{ShardId: &id, ParentShardId: opt.Present(parent), SequenceNumberRange: rng})
	}
	return nil
}

// GetShardIterator makes an iterator that begins at a place of a shard.
func (s *Streams) GetShardIterator(ctx context.Context, c *pipeline.Call, in *api.GetShardIteratorInput) (*api.GetShardIteratorOutput, error) {
	var out *api.GetShardIteratorOutput
	err := s.inStream(ctx, c, *in.StreamArn, func(tx *store.Tx, at place, st *stream) error {
		sh, ok := st.shardNamed(*in.ShardId, c.Now)
		if !ok {
			return api.NewResourceNotFoundException("Requested resource not found: Shard does not exist")
		}
		changes, err := s.changes(tx, c, at, st)
		if err != nil {
			return err
		}
		it := streamid.Iterator{ARN: *in.StreamArn, Began: st.Spans[sh.span].Began, Part: sh.part, Made: c.Now}
		if it.Next, err = st.position(changes, sh, in, c.Now); err != nil {
			return err
		}
		out = &api.GetShardIteratorOutput{ShardIterator: new(it.String())}
		return nil
	})
	return out, err
}

// changes opens the changes that a stream shows.
func (s *Streams) changes(tx *store.Tx, c *pipeline.Call, at place, st *stream) (*store.Changes, error) {
	was := &record{ID: st.Table, Name: st.Name, Tags: st.Tags, Sealed: st.Sealed}
	t, err := s.current(tx, at)
	if err != nil {
		return nil, err
	}
	if t != nil && t.ID == st.Table {
		was = &t.record
	}
	owner, err := s.ownerOf(st, t)
	if err != nil {
		return nil, err
	}
	if err := known(c, &authz.Resource{ID: st.Table, Account: at.account, Owner: owner}); err != nil {
		return nil, err
	}
	seal, err := s.sealing(was, at.account, at.region)
	if err != nil {
		return nil, err
	}
	return tx.Changes(st.Table, seal)
}

// position is the number that an iterator begins with.
func (st *stream) position(changes *store.Changes, sh shard, in *api.GetShardIteratorInput, now time.Time) (uint64, error) {
	p := &st.Spans[sh.span]
	first, last := p.After[sh.part]+1, p.Until[sh.part]
	if p.open() {
		n, err := changes.Last(sh.part)
		if err != nil {
			return 0, err
		}
		last = n
	}
	named := in.ShardIteratorType == api.ShardIteratorTypeAtSequenceNumber || in.ShardIteratorType == api.ShardIteratorTypeAfterSequenceNumber
	if !named && in.SequenceNumber != nil {
		return 0, invalid("SequenceNumber must not be specified when ShardIteratorType is %s.", in.ShardIteratorType)
	}
	switch in.ShardIteratorType {
	case api.ShardIteratorTypeLatest:
		return max(first, last+1), nil
	case api.ShardIteratorTypeTrimHorizon:
		return changes.Since(sh.part, first, last+1, now.Add(-streamLife))
	}
	if in.SequenceNumber == nil {
		return 0, invalid("SequenceNumber must be specified when ShardIteratorType is %s.", in.ShardIteratorType)
	}
	n, ok := streamid.ParseSequence(*in.SequenceNumber)
	if ok && n == first && last < first {
		return first, nil // where DescribeStream says that the shard starts, though nothing is there yet
	}
	if !ok || n < first || n > last {
		return 0, invalid("Invalid SequenceNumber: it is not one of the shard.")
	}
	kept, err := changes.Since(sh.part, first, last+1, now.Add(-streamLife))
	if err != nil {
		return 0, err
	}
	if n < kept {
		return 0, trimmed()
	}
	if in.ShardIteratorType == api.ShardIteratorTypeAfterSequenceNumber {
		n++
	}
	return n, nil
}

// atMost refuses a limit of a page beyond what AWS lets callers ask for.
func atMost(limit int32, most int) error {
	if int(limit) <= most {
		return nil
	}
	return invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than "+
		"or equal to %d", limit, most)
}

func trimmed() error {
	return api.NewTrimmedDataAccessException("The operation attempted to read past the oldest stream record in a shard.")
}

// GetRecords reads records from where the iterator is. Its NextShardIterator is absent at the end of a shard that is closed.
func (s *Streams) GetRecords(ctx context.Context, c *pipeline.Call, in *api.GetRecordsInput) (*api.GetRecordsOutput, error) {
	it, err := streamid.ParseIterator(*in.ShardIterator, store.ChangeParts)
	if err != nil {
		return nil, err
	}
	if c.Now.Sub(it.Made) >= iteratorLife {
		return nil, api.NewExpiredIteratorException("Shard iterator has expired")
	}
	limit := maxRecords
	if in.Limit != nil {
		if err := atMost(*in.Limit, maxRecords); err != nil {
			return nil, err
		}
		limit = int(*in.Limit)
	}
	var out *api.GetRecordsOutput
	err = s.inStream(ctx, c, it.ARN, func(tx *store.Tx, at place, st *stream) error {
		sh, ok := st.shardAt(it, c.Now)
		if !ok {
			return api.NewResourceNotFoundException("Invalid ShardId in ShardIterator")
		}
		changes, err := s.changes(tx, c, at, st)
		if err != nil {
			return err
		}
		r := reading{stream: st, at: at, limit: limit, now: c.Now, arn: it.ARN}
		next, err := r.read(changes, sh, it.Next)
		if err != nil {
			return err
		}
		out = &api.GetRecordsOutput{Records: r.records}
		if p := &st.Spans[sh.span]; p.open() || next <= p.Until[sh.part] {
			it := *it
			it.Next, it.Made = next, c.Now
			out.NextShardIterator = new(it.String())
		}
		return nil
	})
	return out, err
}

// shardAt is the shard of an iterator.
func (st *stream) shardAt(it *streamid.Iterator, now time.Time) (shard, bool) {
	for i := range st.Spans {
		if p := &st.Spans[i]; p.Began.UnixMilli() == it.Began.UnixMilli() && !p.trimmed(now) && it.Next > p.After[it.Part] {
			return shard{i, it.Part}, true
		}
	}
	return shard{}, false
}

// reading is one page of records.
type reading struct {
	*stream
	at      place
	arn     string
	now     time.Time
	limit   int
	size    int
	records []api.Record
}

// read collects records from a number on, and returns the number to go on from.
func (r *reading) read(changes *store.Changes, sh shard, from uint64) (next uint64, err error) {
	r.records = []api.Record{}
	last, err := changes.Last(sh.part)
	if err != nil {
		return 0, err
	}
	end := last // the newest change that a shard can have
	if p := &r.Spans[sh.span]; !p.open() {
		end = min(last, p.Until[sh.part])
	}
	if from > end {
		return from, nil
	}
	kept, err := changes.Since(sh.part, from, end+1, r.now.Add(-streamLife))
	if err != nil {
		return 0, err
	}
	if kept > from {
		return 0, trimmed()
	}
	return changes.Read(sh.part, from, min(end, from+maxPassed-1), func(n uint64, ch *item.Change) bool {
		rec, size := r.record(n, ch)
		if len(r.records) == r.limit || len(r.records) > 0 && r.size+size > maxRecordsBytes {
			return false
		}
		r.records, r.size = append(r.records, rec), r.size+size
		return true
	})
}

// record is a change as the stream's view type shows it.
func (r *reading) record(n uint64, ch *item.Change) (rec api.Record, size int) {
	present := ch.New
	if present.IsZero() {
		present = ch.Old
	}
	keys := keysOf(present, r.Keys)
	number, at := streamid.Sequence(n), ch.At.Truncate(time.Second)
	d := &api.StreamRecord{
		ApproximateCreationDateTime: &at, Keys: &keys, SequenceNumber: &number, StreamViewType: api.StreamViewType(r.View),
	}
	size = keys.Size()
	if !ch.New.IsZero() && (r.View == string(api.StreamViewTypeNewImage) || r.View == string(api.StreamViewTypeNewAndOldImages)) {
		d.NewImage = new(ch.New.Clone())
		size += ch.New.Size()
	}
	if !ch.Old.IsZero() && (r.View == string(api.StreamViewTypeOldImage) || r.View == string(api.StreamViewTypeNewAndOldImages)) {
		d.OldImage = new(ch.Old.Clone())
		size += ch.Old.Size()
	}
	d.SizeBytes = new(int64(size))
	rec = api.Record{
		AwsRegion: &r.at.region, Dynamodb: d, EventID: new(r.eventID(number)), EventName: eventName(ch),
		EventSource: new("aws:dynamodb"), EventVersion: new("1.1"),
	}
	if ch.By == item.ByExpiry {
		rec.UserIdentity = &api.Identity{PrincipalId: new("dynamodb.amazonaws.com"), Type: new("Service")}
	}
	return rec, size
}

func keysOf(m item.Map, names []string) item.Map {
	var b item.Builder
	for _, k := range names {
		b.Set(k, m.Get(k))
	}
	return b.Map()
}

// eventID is the same whenever the record is read.
func (r *reading) eventID(number string) string {
	sum := sha256.Sum256([]byte(r.arn + "|" + r.Table + "|" + number))
	return hex.EncodeToString(sum[:16])
}

func eventName(ch *item.Change) api.OperationType {
	switch {
	case ch.Old.IsZero():
		return api.OperationTypeInsert
	case ch.New.IsZero():
		return api.OperationTypeRemove
	}
	return api.OperationTypeModify
}

// streamRequirements: streams have permissions of their own, on their own ARNs.
type streamRequirements struct{ requirements }

// ListStreams needs the permission on the table's streams, or on all.
func (r *streamRequirements) ListStreams(s *authz.Scope, in *api.ListStreamsInput) authz.Requirement {
	res := anywhere(s)
	if in.TableName != nil {
		res.ARN = streamARN(place{s.Account, s.Region, *in.TableName}, "*")
	}
	return authz.Require("dynamodb:ListStreams", res, nil)
}

// DescribeStream implements api.Requirements.
func (r *streamRequirements) DescribeStream(s *authz.Scope, in *api.DescribeStreamInput) authz.Requirement {
	return r.onStream(s, "dynamodb:DescribeStream", *in.StreamArn, false)
}

// GetShardIterator looks at which numbers are kept, as GetRecords does.
func (r *streamRequirements) GetShardIterator(s *authz.Scope, in *api.GetShardIteratorInput) authz.Requirement {
	return r.onStream(s, "dynamodb:GetShardIterator", *in.StreamArn, true)
}

// GetRecords needs the permission on the stream that the iterator names.
func (r *streamRequirements) GetRecords(s *authz.Scope, in *api.GetRecordsInput) authz.Requirement {
	it, err := streamid.ParseIterator(*in.ShardIterator, store.ChangeParts)
	if err != nil {
		return authz.Failed(err)
	}
	return r.onStream(s, "dynamodb:GetRecords", it.ARN, true)
}

func (r *streamRequirements) onStream(s *authz.Scope, action, arn string, rows bool) authz.Requirement {
	at, label, err := locateStream(arn)
	if err != nil {
		return authz.Failed(err)
	}
	res, err := r.streamFacts(s.Context, at, label)
	if err != nil {
		return authz.Failed(err)
	}
	check := authz.Check{Action: action, Resource: res}
	if rows {
		check.Rows = &authz.Rows{All: true, Index: true} // foreign records are left out, in either mode
	}
	return authz.RequireChecks(check)
}
