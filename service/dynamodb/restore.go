package dynamodb

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/datakeys"
)

// overrides are what a restored table has other than the table that it is made of.
type overrides struct {
	billing    api.BillingMode
	throughput *api.ProvisionedThroughput
	onDemand   *api.OnDemandThroughput
	// id is the new table's; key is prepared for it, nil for none.
	id  string
	key *datakeys.Change
	// global and local are the indexes to keep; nil keeps all.
	global []api.GlobalSecondaryIndex
	local  []api.LocalSecondaryIndex
}

// RestoreTableFromBackup begins to make a table of a backup. The table is CREATING until all rows are in it. As on AWS it has
// none of the source's tags, streams and times to live; but it has the stricter of the bulkhead: tags that the source had then and
// has now, so that no restore takes the guard off tenants' rows.
func (s *Service) RestoreTableFromBackup(ctx context.Context, c *pipeline.Call, in *api.RestoreTableFromBackupInput) (*api.RestoreTableFromBackupOutput, error) {
	at, id, err := locateBackup(*in.BackupArn)
	if err != nil {
		return nil, err
	}
	o := overrides{in.BillingModeOverride, in.ProvisionedThroughputOverride, in.OnDemandThroughputOverride, uuid.NewString(), nil,
		in.GlobalSecondaryIndexOverride, in.LocalSecondaryIndexOverride}
	to := place{at.account, at.region, *in.TargetTableName}
	if o.key, err = s.keyFromBackup(ctx, c, at, id, to, &o, in.SSESpecificationOverride); err != nil {
		return nil, noBackup(err, *in.BackupArn)
	}
	out := &api.RestoreTableFromBackupOutput{}
	err = s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		b, err := shownBackup(tx, at, id)
		if err != nil {
			return err
		}
		if err := s.knownBackup(c, at, b); err != nil {
			return err
		}
		if !b.Ready {
			return api.NewBackupInUseException("Backup is being created: %s", *in.BackupArn)
		}
		now, err := s.tagsNow(tx, at, b)
		if err != nil {
			return err
		}
		tags, err := stricterTags(b.Source.Tags, now)
		if err != nil {
			return errOwnersChanged(err)
		}
		rec, err := s.restoredTable(tx, to, &b.Source, tags, &o, c.Now)
		if err != nil {
			return err
		}
		rec.Restored = &restored{BackupARN: *in.BackupArn, SourceARN: at.arn(), At: b.Created, InProgress: true}
		b.Restores++
		if err := saveBackup(tx, at, b); err != nil {
			return err
		}
		if err := addJob(tx, restoreJob(at, b, &target{rec.Name, rec.ID})); err != nil {
			return err
		}
		out.TableDescription = rec.describe(to, c.Now)
		return save(tx, to, rec)
	})
	if err != nil {
		return nil, noBackup(err, *in.BackupArn)
	}
	s.kick()
	return out, nil
}

// restoredTable is the record of a table to be made of another's rows, with the guard's tags.
func (s *Service) restoredTable(tx *store.Tx, to place, source *record, tags []authn.Tag, o *overrides, now time.Time) (*record, error) {
	there, err := s.current(tx, to)
	if err != nil {
		return nil, err
	}
	if there != nil {
		return nil, api.NewTableAlreadyExistsException("Table already exists: %s", to.name)
	}
	rec := &record{
		ID: o.id, Name: to.name, Created: now.UTC(), Attributes: source.Attributes, Keys: source.Keys, OnDemand: source.OnDemand,
		Throughput: source.Throughput, MaxOnDemand: source.MaxOnDemand, Class: source.Class, Tags: tags,
	}
	if o.billing != "" || o.throughput != nil {
		mode := o.billing
		if mode == "" {
			mode = api.BillingModeProvisioned
		}
		if err := rec.bill(mode, o.throughput); err != nil {
			return nil, err
		}
		rec.MaxOnDemand = throughput{}
	}
	if rec.OnDemand {
		rec.OnDemandSince = rec.Created
	}
	if err := rec.limitOnDemand(o.onDemand); err != nil {
		return nil, err
	}
	if err := s.seal(rec, to.account); err != nil {
		return nil, err
	}
	if err := s.encryptRestored(tx, to, rec, o.key); err != nil {
		return nil, err
	}
	return rec, rec.keepIndexes(source, o)
}

// keepIndexes takes over the indexes of the source, or those of them that the override names.
func (r *record) keepIndexes(source *record, o *overrides) error {
	named := map[string]bool{}
	for _, x := range o.global {
		named[*x.IndexName] = true
	}
	for _, x := range o.local {
		named[*x.IndexName] = true
	}
	for _, x := range source.Indexes {
		if x.Local && o.local != nil && !named[x.Name] || !x.Local && o.global != nil && !named[x.Name] {
			continue
		}
		delete(named, x.Name)
		x.ID, x.Filling = uuid.NewString(), false
		x.Warm, x.Adjusted = throughput{}, adjusted{}
		if !r.OnDemand || o.billing != "" || o.throughput != nil {
			x.MaxOnDemand = throughput{}
		}
		if r.OnDemand {
			x.Throughput = throughput{}
		} else if x.Throughput == (throughput{}) && !x.Local {
			x.Throughput = r.Throughput
		}
		r.Indexes = append(r.Indexes, x)
	}
	if len(named) > 0 {
		return invalid(wrong + "Indexes of a restored table must be indexes of the source table")
	}
	used := r.used()
	r.Attributes = slices.DeleteFunc(slices.Clone(r.Attributes), func(a attribute) bool { return !slices.Contains(used, a.Name) })
	return nil
}

// RestoreTableToPointInTime begins to make a table of another as it was at a time of its recovery period.
func (s *Service) RestoreTableToPointInTime(ctx context.Context, c *pipeline.Call, in *api.RestoreTableToPointInTimeInput) (*api.RestoreTableToPointInTimeOutput, error) {
	at, err := restoreSource(c.Account, c.Region, in)
	if err != nil {
		return nil, err
	}
	o := overrides{in.BillingModeOverride, in.ProvisionedThroughputOverride, in.OnDemandThroughputOverride, uuid.NewString(), nil,
		in.GlobalSecondaryIndexOverride, in.LocalSecondaryIndexOverride}
	if opt.Value(in.UseLatestRestorableTime) == (in.RestoreDateTime != nil) {
		return nil, invalid("Either RestoreDateTime or UseLatestRestorableTime must be specified, and not both")
	}
	to := place{at.account, at.region, *in.TargetTableName}
	source, err := s.facts(ctx, at)
	if err != nil || source == nil {
		return nil, tableNotFound(orElse(err, errNoTable), at)
	}
	out := &api.RestoreTableToPointInTimeOutput{}
	from := &source.record
	for range restoreTries {
		if o.key, err = s.keyOfRestored(ctx, c, to, from, &record{ID: o.id, Name: to.name}, in.SSESpecificationOverride); err != nil {
			return nil, err
		}
		var now *record
		err = s.changeTable(ctx, c, at, func(tx *store.Tx, t *table) (err error) {
			if now = &t.record; !now.sealedAs(from) {
				return errSourceKey
			}
			out.TableDescription, err = s.beginRestore(tx, c, at, to, now, in.RestoreDateTime, &o)
			return err
		})
		if !errors.Is(err, errSourceKey) {
			break
		}
		from = now
	}
	if err != nil {
		return nil, tableNotFound(err, at)
	}
	s.kick()
	return out, nil
}

// restoreTries is how often a restore begins anew because its source was given another key.
const restoreTries = 4

// errSourceKey is a source that has another key than the one that a restore was prepared for.
var errSourceKey = fault.New(fault.Unavailable, "The key of the source table is being changed. Try again.")

// sealedAs reports whether a record is of the same table as another and under the same key.
func (r *record) sealedAs(other *record) bool {
	return r.ID == other.ID && opt.Value(r.Sealed).Key == opt.Value(other.Sealed).Key
}

// beginRestore puts on record that a table is made of another as it was at a time, nil for the latest.
func (s *Service) beginRestore(tx *store.Tx, c *pipeline.Call, at, to place, source *record, when *time.Time, o *overrides) (*api.TableDescription, error) {
	of := c.Now
	if when != nil {
		of = *when
	}
	if err := source.restorable(of, c.Now); err != nil {
		return nil, err
	}
	tags, err := stricterTags(source.tagsAt(of), source.Tags)
	if err != nil {
		return nil, errOwnersChanged(err)
	}
	rec, err := s.restoredTable(tx, to, source, tags, o, c.Now)
	if err != nil {
		return nil, err
	}
	rec.Restored = &restored{SourceARN: at.arn(), At: of.UTC(), InProgress: true}
	b := newBackup(source, source.Name, string(api.BackupTypeSystem), c.Now)
	b.Hidden = true
	if err := s.beginBackup(tx, at, source, b, &backing{ID: b.ID, Rows: b.Rows, Target: &target{rec.Name, rec.ID}, At: opt.Value(when)}); err != nil {
		return nil, err
	}
	return rec.describe(to, c.Now), save(tx, to, rec)
}

// restoreSource is the table that a request names in one of two ways.
func restoreSource(account, region string, in *api.RestoreTableToPointInTimeInput) (place, error) {
	switch {
	case (in.SourceTableName == nil) == (in.SourceTableArn == nil):
		return place{}, invalid("Either SourceTableName or SourceTableArn must be specified, and not both")
	case in.SourceTableArn != nil:
		return locateARN(region, *in.SourceTableArn)
	}
	return locate(account, region, *in.SourceTableName)
}

func (r *record) restorable(when, now time.Time) error {
	if !r.Recovery.Enabled {
		return api.NewPointInTimeRecoveryUnavailableException("Point in time recovery is not enabled for table '%s'", r.Name)
	}
	if when.Before(r.Recovery.earliest(now)) || when.After(now) {
		return api.NewInvalidRestoreTimeException("Restore time is not within the recovery period of table '%s'", r.Name)
	}
	return nil
}

func (r *restored) describe() *api.RestoreSummary {
	return &api.RestoreSummary{
		SourceBackupArn: opt.Present(r.BackupARN), SourceTableArn: opt.Present(r.SourceARN), RestoreDateTime: &r.At, RestoreInProgress: &r.InProgress,
	}
}
