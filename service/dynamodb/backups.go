package dynamodb

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// lastBackupLife is how long the backup is kept that is made of a table with point-in-time recovery when it is deleted
// ("Point-in-time backups for DynamoDB: Deleting a table with point-in-time recovery enabled").
const lastBackupLife = 35 * 24 * time.Hour

// backup is a backup as it is stored, by the name of its table and its id.
type backup struct {
	ID, Name string
	// Rows is what the copy of the rows is found by.
	Rows    string
	Type    string
	Created time.Time
	Expires time.Time `json:",omitzero"`
	// Ready is false while the rows are being copied; Hidden is true of what is copied only to be restored.
	Ready, Hidden bool
	// Restores counts the tables that are being made of it.
	Restores int
	// Source is the table as it was, and Left the guard's tags that it had when it was deleted.
	Source       record
	Left         []authn.Tag `json:",omitempty"`
	Items, Bytes int64
}

func backupKey(table, id string) store.Key { return store.K("backup", table, id) }

func backupARN(at place, id string) string { return at.arn() + "/backup/" + id }

// locateBackup reads the ARN of a backup.
func locateBackup(arn string) (place, string, error) {
	table, id, ok := strings.Cut(arn, "/backup/")
	at, there := parseARN(table)
	if !ok || !there || id == "" || strings.Contains(id, "/") {
		return place{}, "", invalid("Invalid BackupArn")
	}
	return at, id, nil
}

func backupNotFound(arn string) error {
	return api.NewBackupNotFoundException("Backup not found: %s", arn)
}

// datedID is a new id of a backup, export or import, as AWS's are: the time in milliseconds, and four bytes that are random.
func datedID(now time.Time) string {
	var b [4]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return fmt.Sprintf("%014d-%s", now.UnixMilli(), hex.EncodeToString(b[:]))
}

// newBackup is a backup of the table, made now.
func newBackup(t *record, name, kind string, now time.Time) *backup {
	return &backup{
		ID: datedID(now), Name: name, Rows: uuid.NewString(), Type: kind, Created: now.UTC(), Source: *t,
	}
}

// CreateBackup begins a backup of a table as it is now. It is AVAILABLE once the rows are copied, in the background.
func (s *Service) CreateBackup(ctx context.Context, c *pipeline.Call, in *api.CreateBackupInput) (*api.CreateBackupOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	out := &api.CreateBackupOutput{}
	err = s.changeTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		if t.busy() != nil {
			return api.NewTableInUseException("Table is being created: %s", t.Name)
		}
		b := newBackup(&t.record, *in.BackupName, string(api.BackupTypeUser), c.Now)
		out.BackupDetails = b.details(at)
		return s.beginBackup(tx, at, &t.record, b, &backing{ID: b.ID, Rows: b.Rows})
	})
	if err != nil {
		return nil, tableNotFound(err, at)
	}
	s.kick()
	return out, nil
}

// beginBackup records a backup of the table as it is now and the work that makes it. From here on the table keeps its changes.
func (s *Service) beginBackup(tx *store.Tx, at place, t *record, b *backup, how *backing) error {
	if how.At.IsZero() {
		marks, err := tx.Mark(t.ID)
		if err != nil {
			return err
		}
		how.After = marks
	}
	rec := *t
	rec.Backing++
	rec.Logs = true
	if err := keepLog(tx, at, rec.ID, rec.Name); err != nil {
		return err
	}
	if err := saveBackup(tx, at, b); err != nil {
		return err
	}
	if err := addJob(tx, &job{Kind: makeBackup, Table: t.ID, Index: b.ID, Account: at.account, Region: at.region, Name: at.name, Backup: how}); err != nil {
		return err
	}
	return save(tx, at, &rec)
}

// lastBackup backs up a table that is deleted; its rows are removed when they are copied.
func (s *Service) lastBackup(tx *store.Tx, at place, t *record, now time.Time) error {
	b := newBackup(t, t.Name+"$DeletedTableBackup", string(api.BackupTypeSystem), now)
	b.Expires = now.Add(lastBackupLife).UTC()
	if err := saveBackup(tx, at, b); err != nil {
		return err
	}
	gone := job{Kind: dropBackup, Table: b.Rows, Account: at.account, Region: at.region, Name: at.name, Backup: &backing{ID: b.ID}, Due: b.Expires}
	if err := addJob(tx, &gone); err != nil {
		return err
	}
	return addJob(tx, &job{Kind: makeBackup, Table: t.ID, Index: b.ID, Account: at.account, Region: at.region, Name: at.name,
		Backup: &backing{ID: b.ID, Rows: b.Rows, Last: true}})
}

func saveBackup(tx *store.Tx, at place, b *backup) error {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	return store.Save(recs, backupKey(at.name, b.ID), b)
}

func loadBackup(tx *store.Tx, at place, id string) (*backup, error) {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return nil, err
	}
	return store.Load[backup](recs, backupKey(at.name, id))
}

// errNoBackup is a backup that does not exist, or is none that a caller may name.
var errNoBackup = errors.New("dynamodb: no such backup")

func shownBackup(tx *store.Tx, at place, id string) (*backup, error) {
	b, err := loadBackup(tx, at, id)
	if err == nil && (b == nil || b.Hidden) {
		err = errNoBackup
	}
	return b, err
}

// knownBackup is known of a backup.
func (s *Service) knownBackup(c *pipeline.Call, at place, b *backup) error {
	owner, err := authz.ParseOwnerRule(b.Source.Tags, s.ids)
	if err != nil {
		return err
	}
	return known(c, &authz.Resource{ID: b.Rows, Account: at.account, Owner: owner})
}

// told is what the caller is told of a backup: a tenant does not learn how much all tenants have.
func (s *Service) told(c *pipeline.Call, at place, b *backup) *backup {
	owner, err := authz.ParseOwnerRule(b.Source.Tags, s.ids)
	res := authz.Resource{Account: at.account, Owner: owner}
	if err == nil && !res.Confines(c.Caller) {
		return b
	}
	bare := *b
	bare.Items, bare.Bytes = 0, 0
	return &bare
}

func noBackup(err error, arn string) error {
	if errors.Is(err, errNoBackup) {
		return backupNotFound(arn)
	}
	return err
}

// DescribeBackup describes a backup and the table it was made of.
func (s *Service) DescribeBackup(ctx context.Context, c *pipeline.Call, in *api.DescribeBackupInput) (*api.DescribeBackupOutput, error) {
	at, id, err := locateBackup(*in.BackupArn)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeBackupOutput{}
	err = s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		b, err := shownBackup(tx, at, id)
		if err == nil {
			out.BackupDescription = s.told(c, at, b).describe(at)
		}
		return err
	})
	if err != nil {
		return nil, noBackup(err, *in.BackupArn)
	}
	return out, nil
}

// DeleteBackup removes a backup. Its rows are removed in the background.
func (s *Service) DeleteBackup(ctx context.Context, c *pipeline.Call, in *api.DeleteBackupInput) (*api.DeleteBackupOutput, error) {
	at, id, err := locateBackup(*in.BackupArn)
	if err != nil {
		return nil, err
	}
	out := &api.DeleteBackupOutput{}
	err = s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		b, err := shownBackup(tx, at, id)
		if err != nil {
			return err
		}
		if err := s.knownBackup(c, at, b); err != nil {
			return err
		}
		if !b.Ready || b.Restores > 0 {
			return api.NewBackupInUseException("Backup is being used by another operation: %s", *in.BackupArn)
		}
		out.BackupDescription = b.describe(at)
		out.BackupDescription.BackupDetails.BackupStatus = api.BackupStatusDeleted
		return addJob(tx, &job{Kind: dropBackup, Table: b.Rows, Account: at.account, Region: at.region, Name: at.name, Backup: &backing{ID: id}})
	})
	if err != nil {
		return nil, noBackup(err, *in.BackupArn)
	}
	s.kick()
	return out, nil
}

// maxBackups is the most backups in one page of ListBackups, and the default (API reference, "ListBackups").
const maxBackups = 100

// ListBackups lists backups by their tables and then by their time.
func (s *Service) ListBackups(ctx context.Context, c *pipeline.Call, in *api.ListBackupsInput) (*api.ListBackupsOutput, error) {
	prefix, limit := store.K("backup"), maxBackups
	if in.TableName != nil {
		at, err := locate(c.Account, c.Region, *in.TableName)
		if err != nil {
			return nil, err
		}
		prefix = store.K("backup", at.name)
	}
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	var after store.Key
	if in.ExclusiveStartBackupArn != nil {
		at, id, err := locateBackup(*in.ExclusiveStartBackupArn)
		if err != nil {
			return nil, err
		}
		after = backupKey(at.name, id)
	}
	var out *api.ListBackupsOutput
	err := s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		recs, err := tx.Home()
		if err != nil {
			return err
		}
		account, region := c.Grant.Home()
		out = &api.ListBackupsOutput{BackupSummaries: []api.BackupSummary{}}
		return store.Each(recs, prefix, after, func(_ store.Key, b *backup) bool {
			if !b.wanted(in) {
				return true
			}
			at := place{account, region, b.Source.Name}
			if len(out.BackupSummaries) == limit {
				out.LastEvaluatedBackupArn = out.BackupSummaries[limit-1].BackupArn
				return false
			}
			out.BackupSummaries = append(out.BackupSummaries, s.told(c, at, b).summary(at))
			return true
		})
	})
	return out, err
}

func (b *backup) wanted(in *api.ListBackupsInput) bool {
	kind := in.BackupType
	switch {
	case b.Hidden, kind != "" && kind != api.BackupTypeFilterAll && string(kind) != b.Type:
		return false
	case in.TimeRangeLowerBound != nil && b.Created.Before(*in.TimeRangeLowerBound):
		return false
	}
	return in.TimeRangeUpperBound == nil || b.Created.Before(*in.TimeRangeUpperBound)
}

func (b *backup) status() api.BackupStatus {
	if b.Ready {
		return api.BackupStatusAvailable
	}
	return api.BackupStatusCreating
}

func (b *backup) details(at place) *api.BackupDetails {
	arn := backupARN(at, b.ID)
	return &api.BackupDetails{
		BackupArn: &arn, BackupName: &b.Name, BackupStatus: b.status(), BackupType: api.BackupType(b.Type),
		BackupCreationDateTime: &b.Created, BackupExpiryDateTime: opt.Present(b.Expires), BackupSizeBytes: &b.Bytes,
	}
}

func (b *backup) summary(at place) api.BackupSummary {
	arn, table := backupARN(at, b.ID), at.arn()
	return api.BackupSummary{
		BackupArn: &arn, BackupName: &b.Name, BackupStatus: b.status(), BackupType: api.BackupType(b.Type), TableName: &b.Source.Name,
		TableArn: &table, TableId: &b.Source.ID, BackupCreationDateTime: &b.Created, BackupExpiryDateTime: opt.Present(b.Expires), BackupSizeBytes: &b.Bytes,
	}
}

func (b *backup) describe(at place) *api.BackupDescription {
	t := b.Source.describe(at, b.Created)
	mode := api.BillingModeProvisioned
	if b.Source.OnDemand {
		mode = api.BillingModePayPerRequest
	}
	d := &api.BackupDescription{
		BackupDetails: b.details(at),
		SourceTableDetails: &api.SourceTableDetails{
			TableName: t.TableName, TableId: t.TableId, TableArn: t.TableArn, KeySchema: t.KeySchema, TableCreationDateTime: t.CreationDateTime,
			ProvisionedThroughput: &api.ProvisionedThroughput{
				ReadCapacityUnits: &b.Source.Throughput.Read, WriteCapacityUnits: &b.Source.Throughput.Write,
			},
			OnDemandThroughput: t.OnDemandThroughput, ItemCount: &b.Items, TableSizeBytes: &b.Bytes, BillingMode: mode,
		},
		SourceTableFeatureDetails: &api.SourceTableFeatureDetails{StreamDescription: t.StreamSpecification, SSEDescription: t.SSEDescription},
	}
	f := d.SourceTableFeatureDetails
	for _, x := range t.GlobalSecondaryIndexes {
		f.GlobalSecondaryIndexes = append(f.GlobalSecondaryIndexes, api.GlobalSecondaryIndexInfo{
			IndexName: x.IndexName, KeySchema: x.KeySchema, Projection: x.Projection, OnDemandThroughput: x.OnDemandThroughput,
			ProvisionedThroughput: &api.ProvisionedThroughput{
				ReadCapacityUnits: x.ProvisionedThroughput.ReadCapacityUnits, WriteCapacityUnits: x.ProvisionedThroughput.WriteCapacityUnits,
			},
		})
	}
	for _, x := range t.LocalSecondaryIndexes {
		f.LocalSecondaryIndexes = append(f.LocalSecondaryIndexes, api.LocalSecondaryIndexInfo{IndexName: x.IndexName, KeySchema: x.KeySchema, Projection: x.Projection})
	}
	if b.Source.TTL.Enabled {
		f.TimeToLiveDescription = b.Source.TTL.describe()
	}
	return d
}

// ownerTags are the tags of a table that say whose its rows are.
func ownerTags(tags []authn.Tag) (kept []authn.Tag) {
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(t.Key), "bulkhead:") {
			kept = append(kept, t)
		}
	}
	return kept
}
