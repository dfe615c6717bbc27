package dynamodb

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/objects"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/digest"
)

// Limits of exports (DynamoDB Developer Guide, "Service, account, and table quotas" and "DynamoDB data export to Amazon S3: how it
// works").
const (
	maxExports    = 300 // under way at once, of an account in a region
	minExportSpan = 15 * time.Minute
	maxExportSpan = 24 * time.Hour
	maxExportPage = 25
)

// exportTag says that a sealed table may be exported: its value is "open". What is exported is no longer under the tenants' keys.
const exportTag = "bulkhead:export"

// export is an export as it is stored.
type export struct {
	ID, Table, Token string // Table is the table's id
	Started          time.Time
	Ended            time.Time `json:",omitzero"`
	Status           string
	// Code and Message say why it failed.
	Code, Message string `json:",omitempty"`
	Bucket        objects.Bucket
	Prefix        string `json:",omitempty"`
	Encryption    objects.Encryption
	Format, Type  string `json:",omitempty"` // as the request has them
	// At is the time of a full export; From, To and View are an incremental one's.
	At    time.Time
	From  time.Time `json:",omitzero"`
	To    time.Time `json:",omitzero"`
	View  string    `json:",omitempty"`
	Items int64
	Bytes int64
	// Source is the table as it was.
	Source record
	Rows   string
}

func (e *export) incremental() bool { return e.Type == string(api.ExportTypeIncrementalExport) }

// folder is where the files of the export are, in the bucket.
func (e *export) folder() string { return exportPrefix(e.Prefix) + e.ID + "/" }

// exportPrefix is where all exports to a prefix are.
func exportPrefix(prefix string) string {
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return prefix + "AWSDynamoDB/"
}

func exportARN(at place, id string) string { return at.arn() + "/export/" + id }

var transferID = regexp.MustCompile(`^[0-9]{14}-[0-9a-f]{8}$`)

// locateTransfer reads the ARN of an export or import.
func locateTransfer(kind, arn string) (place, string, error) {
	table, id, ok := strings.Cut(arn, "/"+kind+"/")
	at, there := parseARN(table)
	if !ok || !there || !transferID.MatchString(id) {
		return place{}, "", invalid("Invalid %s ARN", strings.ToUpper(kind[:1])+kind[1:])
	}
	return at, id, nil
}

// ExportTableToPointInTime begins to export a table with point-in-time recovery as it was at a time, or what changed in it between two.
func (s *Service) ExportTableToPointInTime(ctx context.Context, c *pipeline.Call, in *api.ExportTableToPointInTimeInput) (*api.ExportTableToPointInTimeOutput, error) {
	at, err := locateARN(c.Region, *in.TableArn)
	if err != nil {
		return nil, err
	}
	if err := s.checkExport(in); err != nil {
		return nil, err
	}
	account, _, _ := c.Grant.Resource(exportBucketCheck)
	out := &api.ExportTableToPointInTimeOutput{}
	err = s.changeTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		given := opt.Value(in.ClientToken)
		if given == "" {
			given = uuid.NewString()
		}
		tk, err := lookUp(tx, c, exporting+"/"+given, exportDigest(in), tokenLifeOfTransfers)
		if err != nil {
			return err
		}
		if tk.done != nil {
			e, err := loadTransfer[export](tx, at, exporting, tk.done.Job) // the digest has the table
			if err != nil {
				return err
			}
			if e != nil {
				out.ExportDescription = e.describe(at)
				return nil
			}
		}
		e, err := newExport(t, in, c.Now)
		if err != nil {
			return err
		}
		e.Token, e.Bucket.Account = given, account
		if err := s.beginExport(tx, at, t, e, in.ExportTime == nil); err != nil {
			return err
		}
		out.ExportDescription = e.describe(at)
		return tk.record(tx, c.Now, &performed{Job: e.ID, Of: at.name})
	})
	switch {
	case errors.Is(err, errTokenUsed):
		return nil, api.NewExportConflictException("Duplicate request detected with conflicting parameters")
	case err != nil:
		return nil, orElseTable(err, api.NewTableNotFoundException("Table not found: %s", *in.TableArn))
	}
	s.kick()
	return out, nil
}

// checkExport refuses what no export can be.
func (s *Service) checkExport(in *api.ExportTableToPointInTimeInput) error {
	incremental := in.ExportType == api.ExportTypeIncrementalExport
	switch {
	case in.ExportFormat == api.ExportFormatIon:
		return unsupported("ExportFormat ION")
	case incremental && in.IncrementalExportSpecification == nil:
		return invalid("IncrementalExportSpecification must be specified when ExportType is INCREMENTAL_EXPORT")
	case !incremental && in.IncrementalExportSpecification != nil:
		return invalid("IncrementalExportSpecification can only be specified when ExportType is INCREMENTAL_EXPORT")
	case incremental && in.ExportTime != nil:
		return invalid("ExportTime can not be specified when ExportType is INCREMENTAL_EXPORT")
	case in.S3SseKmsKeyId != nil && in.S3SseAlgorithm != api.S3SseAlgorithmKms:
		return invalid("S3SseKmsKeyId can only be specified when S3SseAlgorithm is KMS")
	case in.S3SseAlgorithm != "" && !s.objects.Encrypts():
		return invalid("S3SseAlgorithm is not available: objects are kept in a directory, which does not encrypt them")
	case in.S3Prefix != nil && *in.S3Prefix == "":
		return invalid("1 validation error detected: Value '' at 's3Prefix' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	if err := objects.CheckBucket(*in.S3Bucket); err != nil {
		return invalid("S3Bucket is not a name that a bucket has: %v", err)
	}
	if err := objects.CheckKey(exportPrefix(opt.Value(in.S3Prefix)) + strings.Repeat("x", longestExportKey)); err != nil {
		return invalid("S3Prefix: %v", err)
	}
	return nil
}

// longestExportKey is the most that an export puts after its prefix: its id, the folder and the name of a file.
const longestExportKey = 80

// newExport is an export of the table by a request.
func newExport(t *table, in *api.ExportTableToPointInTimeInput, now time.Time) (*export, error) {
	if !t.Recovery.Enabled {
		return nil, api.NewPointInTimeRecoveryUnavailableException("Point in time recovery is not enabled for table '%s'", t.Name)
	}
	if t.busy() != nil {
		return nil, api.NewExportConflictException("Table is being created: %s", t.Name)
	}
	if open, _ := authn.Tags(t.Tags).Get(exportTag); t.Sealed != nil && t.Sealed.Alias != "" && open != exportOpen {
		return nil, invalid("The rows of table %s are sealed under its tenants' keys, and an export would keep them beyond the life of those. "+
			"Tag the table %s = %s to export it all the same", t.Name, exportTag, exportOpen)
	}
	e := &export{
		ID: datedID(now), Table: t.ID, Started: now.UTC(), Status: string(api.ExportStatusInProgress), Prefix: opt.Value(in.S3Prefix),
		Bucket:     objects.Bucket{Name: *in.S3Bucket, Owner: opt.Value(in.S3BucketOwner)},
		Encryption: objects.Encryption{Algorithm: string(in.S3SseAlgorithm), KeyID: opt.Value(in.S3SseKmsKeyId)},
		Format:     string(api.ExportFormatDynamodbJson), Type: string(in.ExportType), At: now.UTC(), Source: t.record, Rows: uuid.NewString(),
	}
	e.Source.Policy = ""
	if e.incremental() {
		return e, e.between(t, in.IncrementalExportSpecification, now)
	}
	if in.ExportTime != nil {
		e.At = in.ExportTime.UTC()
	}
	if e.At.Before(t.Recovery.earliest(now)) || e.At.After(now) {
		return nil, api.NewInvalidExportTimeException("ExportTime is outside of the point in time recovery window of table '%s'", t.Name)
	}
	return e, nil
}

// exportOpen is the value of exportTag.
const exportOpen = "open"

// between reads which changes are to be exported.
func (e *export) between(t *table, in *api.IncrementalExportSpecification, now time.Time) error {
	if in.ExportFromTime == nil {
		return invalid("ExportFromTime must be specified when ExportType is INCREMENTAL_EXPORT")
	}
	e.From, e.To, e.View = in.ExportFromTime.UTC(), now.UTC(), string(in.ExportViewType)
	if in.ExportToTime != nil {
		e.To = in.ExportToTime.UTC()
	}
	if e.View == "" {
		e.View = string(api.ExportViewTypeNewAndOldImages)
	}
	switch span := e.To.Sub(e.From); {
	case e.From.Before(t.Recovery.earliest(now)) || e.To.After(now):
		return api.NewInvalidExportTimeException("The export period is outside of the point in time recovery window of table '%s'", t.Name)
	case span < minExportSpan:
		return api.NewInvalidExportTimeException("Difference between export period start time and end time is less than 15 minutes")
	case span > maxExportSpan:
		return api.NewInvalidExportTimeException("Difference between export period start time and end time is greater than 24 hours")
	}
	return nil
}

// beginExport puts an export on record, and the work that prepares it.
func (s *Service) beginExport(tx *store.Tx, at place, t *table, e *export, latest bool) error {
	n, err := transfersOf(tx, at, exporting)
	if err != nil {
		return err
	}
	if n >= maxExports {
		return api.NewLimitExceededException("Subscriber limit exceeded: There is a limit of %d concurrent exports", maxExports)
	}
	if err := addTransfer(tx, &transfer{Kind: exporting, ID: e.ID, Account: at.account, Region: at.region, Name: at.name, Export: &exported{}}); err != nil {
		return err
	}
	if err := saveTransfer(tx, at, exporting, e.ID, e); err != nil {
		return err
	}
	if e.incremental() {
		return s.beginStage(tx, at, &t.record, e)
	}
	b := newBackup(&t.record, t.Name, string(api.BackupTypeSystem), e.Started)
	b.ID, b.Rows, b.Hidden = e.ID, e.Rows, true
	how := &backing{ID: b.ID, Rows: b.Rows, Export: e.ID}
	if !latest {
		how.At = e.At
	}
	return s.beginBackup(tx, at, &t.record, b, how)
}

// exportDigest identifies what a request asks for.
func exportDigest(in *api.ExportTableToPointInTimeInput) string {
	without := *in
	without.ClientToken = nil
	return digest.Request(&without)
}

func exportNotFound(arn string) error {
	return api.NewExportNotFoundException("Export not found: %s", arn)
}

// DescribeExport describes an export. The tenants of a guarded table are told no counts, nor why it failed.
func (s *Service) DescribeExport(ctx context.Context, c *pipeline.Call, in *api.DescribeExportInput) (*api.DescribeExportOutput, error) {
	at, id, err := locateTransfer(exporting, *in.ExportArn)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeExportOutput{}
	err = s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		e, err := loadTransfer[export](tx, at, exporting, id)
		if err != nil {
			return err
		}
		if e == nil {
			return exportNotFound(*in.ExportArn)
		}
		res, err := s.exportFacts(tx, at, e)
		if err != nil {
			return err
		}
		if res.Confines(c.Caller) {
			e.Items, e.Bytes, e.Message = 0, 0, "" // which may name another tenant's key
		}
		out.ExportDescription = e.describe(at)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// exportFacts is an export as a resource, under the owner rule that its table has, or had when it was exported.
func (s *Service) exportFacts(tx *store.Tx, at place, e *export) (authz.Resource, error) {
	res := authz.Resource{ARN: exportARN(at, e.ID), Account: at.account, Region: at.region, ID: e.Rows}
	var err error
	if res.Owner, err = authz.ParseOwnerRule(e.Source.Tags, s.ids); err != nil {
		return res, fault.Wrap(err, "read the owner tags of export "+res.ARN)
	}
	if res.Owner != nil {
		return res, nil
	}
	t, err := s.read(tx, at, nil)
	if err == nil && t != nil && t.ID == e.Table {
		res.Owner = t.res.Owner
	}
	return res, err
}

// ListExports lists exports, those of a table newest first.
func (s *Service) ListExports(ctx context.Context, c *pipeline.Call, in *api.ListExportsInput) (*api.ListExportsOutput, error) {
	out := &api.ListExportsOutput{ExportSummaries: []api.ExportSummary{}}
	list := s.listing(c, "ListExports", in.TableArn)
	page, err := list.Page(in.NextToken, pageSize(in.MaxResults, maxExportPage))
	if err != nil {
		return nil, badToken(err, "ListExports")
	}
	found, err := transfersListed[export](ctx, s, c, exporting, in.TableArn, page)
	if err != nil {
		return nil, err
	}
	for _, e := range found {
		kind := e.Type
		if kind == "" {
			kind = string(api.ExportTypeFullExport)
		}
		arn := exportARN(place{c.Account, c.Region, e.Source.Name}, e.ID)
		out.ExportSummaries = append(out.ExportSummaries, api.ExportSummary{ExportArn: &arn, ExportStatus: api.ExportStatus(e.Status), ExportType: api.ExportType(kind)})
	}
	out.NextToken, err = page.Token()
	return out, err
}

// listing is a paged list of the caller's account.
func (s *Service) listing(c *pipeline.Call, operation string, table *string) paging.List {
	account, region := c.Grant.Home()
	return paging.List{Keys: s.ring, Account: account, Region: region, Operation: name + ":" + operation, Query: []string{opt.Value(table)}}
}

func pageSize(n *int32, most int) int {
	if n == nil {
		return most
	}
	return min(int(*n), most)
}

func badToken(err error, operation string) error {
	if errors.Is(err, paging.ErrToken) {
		return invalid("Invalid NextToken for %s", operation)
	}
	return err
}

// transfersListed reads a page of the records of a kind, of one table or of all in the account.
func transfersListed[T any](ctx context.Context, s *Service, c *pipeline.Call, kind string, arn *string, page *paging.Page) (found []*T, err error) {
	prefix := store.K(kind)
	if arn != nil {
		at, err := locateARN(c.Region, *arn)
		if err != nil {
			return nil, err
		}
		if at.account != c.Account {
			return nil, nil // those of other accounts are not the caller's to list
		}
		prefix = store.K(kind, at.name)
	}
	err = s.db.View(ctx, c.Grant, func(tx *store.Tx) (err error) {
		recs, err := tx.Home()
		if err != nil {
			return err
		}
		found, err = paging.Records[T](page, recs, prefix, nil)
		return err
	})
	return found, err
}

func (e *export) describe(at place) *api.ExportDescription {
	arn, tableARN := exportARN(at, e.ID), at.arn()
	d := &api.ExportDescription{
		ExportArn: &arn, ExportStatus: api.ExportStatus(e.Status), StartTime: &e.Started, EndTime: opt.Present(e.Ended),
		TableArn: &tableARN, TableId: &e.Table, ClientToken: &e.Token, S3Bucket: &e.Bucket.Name, S3BucketOwner: opt.Present(e.Bucket.Owner),
		S3Prefix: opt.Present(e.Prefix), S3SseAlgorithm: api.S3SseAlgorithm(e.Encryption.Algorithm), S3SseKmsKeyId: opt.Present(e.Encryption.KeyID),
		FailureCode: opt.Present(e.Code), FailureMessage: opt.Present(e.Message), ExportFormat: api.ExportFormat(e.Format), ExportType: api.ExportType(e.Type),
	}
	if e.Status == string(api.ExportStatusCompleted) {
		manifest := e.folder() + "manifest-summary.json"
		d.ExportManifest, d.ItemCount, d.BilledSizeBytes = &manifest, &e.Items, &e.Bytes
	}
	if e.incremental() {
		d.IncrementalExportSpecification = &api.IncrementalExportSpecification{ExportFromTime: &e.From, ExportToTime: &e.To, ExportViewType: api.ExportViewType(e.View)}
		return d
	}
	d.ExportTime = &e.At
	return d
}
