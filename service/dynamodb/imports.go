package dynamodb

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/objects"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/datakeys"
	"github.com/bulkhead/bulkhead/service/dynamodb/digest"
	"github.com/bulkhead/bulkhead/service/dynamodb/tabledata"
)

// Limits of imports (DynamoDB Developer Guide, "Service, account, and table quotas").
const (
	maxImports       = 50     // under way at once, of an account in a region
	maxImportObjects = 50_000 // of one import
	maxImportPage    = 25
)

// importOf is an import as it is stored.
type importOf struct {
	ID, Table, Name, Token string // Table is the id of the table, Name its name
	Started                time.Time
	Ended                  time.Time `json:",omitzero"`
	Status                 string
	// Code and Message say why it failed.
	Code, Message string `json:",omitempty"`
	Bucket        objects.Bucket
	Prefix        *string `json:",omitempty"`
	// Format, Compression, Options and Creation are as the request has them.
	Format, Compression string
	Options             json.RawMessage `json:",omitempty"`
	Creation            json.RawMessage
	// Header and Delimiter are those of CSV.
	Header    []string `json:",omitempty"`
	Delimiter rune     `json:",omitempty"`

	Processed, Imported, Errors, Bytes int64
}

// format is how the objects are written.
func (m *importOf) format() tabledata.Format {
	return tabledata.Format{
		Kind: api.InputFormat(m.Format), Compression: api.InputCompressionType(m.Compression), Header: m.Header, Delimiter: m.Delimiter,
	}
}

func importARN(at place, id string) string { return at.arn() + "/import/" + id }

// ImportTable begins to make a table of objects in a bucket.
func (s *Service) ImportTable(ctx context.Context, c *pipeline.Call, in *api.ImportTableInput) (*api.ImportTableOutput, error) {
	create := creation(in.TableCreationParameters)
	at, err := locate(c.Account, c.Region, *create.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.checkImport(in); err != nil {
		return nil, err
	}
	rec, err := s.newRecord(c.Now, at, create)
	if err != nil {
		return nil, err
	}
	key, err := s.encryptNew(ctx, c, at, rec, in.TableCreationParameters.SSESpecification)
	if err != nil {
		return nil, err
	}
	m := s.newImport(c, in, rec)
	without := *in
	without.ClientToken = nil
	out := &api.ImportTableOutput{}
	err = s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		tk, err := lookUp(tx, c, importing+"/"+*in.ClientToken, digest.Request(&without), tokenLifeOfTransfers)
		if err != nil {
			return err
		}
		if tk.done != nil {
			old, err := loadTransfer[importOf](tx, at, importing, tk.done.Job) // the digest has the table
			if err != nil {
				return err
			}
			if old != nil && old.Status == string(api.ImportStatusInProgress) {
				out.ImportTableDescription, err = old.describe(at)
				return err
			}
		}
		if err := s.beginImport(tx, at, rec, key, m); err != nil {
			return err
		}
		if out.ImportTableDescription, err = m.describe(at); err != nil {
			return err
		}
		return tk.record(tx, c.Now, &performed{Job: m.ID, Of: at.name})
	})
	if errors.Is(err, errTokenUsed) {
		return nil, api.NewImportConflictException("Duplicate request detected with conflicting parameters")
	}
	if err != nil {
		return nil, err
	}
	kickIn(s.wakeTransfers)
	return out, nil
}

// creation is the request that makes the table of an import.
func creation(p *api.TableCreationParameters) *api.CreateTableInput {
	return &api.CreateTableInput{
		TableName: p.TableName, AttributeDefinitions: p.AttributeDefinitions, KeySchema: p.KeySchema, BillingMode: p.BillingMode,
		ProvisionedThroughput: p.ProvisionedThroughput, OnDemandThroughput: p.OnDemandThroughput, SSESpecification: p.SSESpecification,
		GlobalSecondaryIndexes: p.GlobalSecondaryIndexes,
	}
}

// checkImport refuses what no import can be. A token is needed, though the model does not say so: the SDKs make one up.
func (s *Service) checkImport(in *api.ImportTableInput) error {
	switch {
	case opt.Value(in.ClientToken) == "":
		return invalid("1 validation error detected: Value null at 'clientToken' failed to satisfy constraint: Member must not be null")
	case in.InputFormat == api.InputFormatIon:
		return unsupported("InputFormat ION")
	case in.InputFormat != api.InputFormatCsv && in.InputFormatOptions != nil && in.InputFormatOptions.Csv != nil:
		return invalid("InputFormatOptions: Csv can only be specified when InputFormat is CSV")
	case s.engine != nil:
		return unsupported("ImportTable where an outside engine keeps the rows of tables (--tables)")
	}
	if err := objects.CheckBucket(*in.S3BucketSource.S3Bucket); err != nil {
		return invalid("S3Bucket is not a name that a bucket has: %v", err)
	}
	return nil
}

// newImport is an import by a request into the table with the record.
func (s *Service) newImport(c *pipeline.Call, in *api.ImportTableInput, rec *record) *importOf {
	account, _, _ := c.Grant.Resource(importBucketCheck)
	source := in.S3BucketSource
	m := &importOf{
		ID: datedID(c.Now), Table: rec.ID, Name: rec.Name, Token: *in.ClientToken, Started: c.Now.UTC(),
		Status: string(api.ImportStatusInProgress), Prefix: source.S3KeyPrefix,
		Bucket: objects.Bucket{Account: account, Name: *source.S3Bucket, Owner: opt.Value(source.S3BucketOwner)},
		Format: string(in.InputFormat), Compression: string(in.InputCompressionType), Creation: in.TableCreationParameters.AppendJSON(nil),
		Delimiter: ',',
	}
	if m.Compression == "" {
		m.Compression = string(api.InputCompressionTypeNone)
	}
	if o := in.InputFormatOptions; o != nil {
		m.Options = o.AppendJSON(nil)
		if o.Csv != nil {
			m.Header = o.Csv.HeaderList
			if d := opt.Value(o.Csv.Delimiter); d != "" {
				m.Delimiter = rune(d[0])
			}
		}
	}
	return m
}

// beginImport makes the table, and puts the import on record.
func (s *Service) beginImport(tx *store.Tx, at place, rec *record, key *datakeys.Change, m *importOf) error {
	there, err := s.current(tx, at)
	if err != nil {
		return err
	}
	if there != nil {
		return api.NewResourceInUseException("Table already exists: %s", at.name)
	}
	n, err := transfersOf(tx, at, importing)
	if err != nil {
		return err
	}
	if n >= maxImports {
		return api.NewLimitExceededException("Subscriber limit exceeded: There is a limit of %d concurrent imports", maxImports)
	}
	made := *rec
	made.Importing = m.ID
	if key != nil {
		if err := made.install(tx, at, key); err != nil {
			return err
		}
	}
	if err := save(tx, at, &made); err != nil {
		return err
	}
	if err := saveTransfer(tx, at, importing, m.ID, m); err != nil {
		return err
	}
	return addTransfer(tx, &transfer{Kind: importing, ID: m.ID, Account: at.account, Region: at.region, Name: at.name, Import: &imported{}})
}

// DescribeImport describes an import. Who is confined by the guard of its table, which may have been tagged since, is told no counts.
func (s *Service) DescribeImport(ctx context.Context, c *pipeline.Call, in *api.DescribeImportInput) (*api.DescribeImportOutput, error) {
	at, id, err := locateTransfer(importing, *in.ImportArn)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeImportOutput{}
	err = s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		m, err := loadTransfer[importOf](tx, at, importing, id)
		if err != nil {
			return err
		}
		if m == nil {
			return api.NewImportNotFoundException("Import not found: %s", *in.ImportArn)
		}
		res := authz.Resource{Account: at.account, Owner: authz.OperatorsOnly()}
		if res.Confines(c.Caller) {
			m.Processed, m.Imported, m.Errors, m.Bytes, m.Message = 0, 0, 0, 0, ""
		}
		out.ImportTableDescription, err = m.describe(at)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListImports lists imports, those of a table newest first.
func (s *Service) ListImports(ctx context.Context, c *pipeline.Call, in *api.ListImportsInput) (*api.ListImportsOutput, error) {
	out := &api.ListImportsOutput{ImportSummaryList: []api.ImportSummary{}}
	list := s.listing(c, "ListImports", in.TableArn)
	page, err := list.Page(fromHex(in.NextToken), pageSize(in.PageSize, maxImportPage))
	if err != nil {
		return nil, badToken(err, "ListImports")
	}
	found, err := transfersListed[importOf](ctx, s, c, importing, in.TableArn, page)
	if err != nil {
		return nil, err
	}
	for _, m := range found {
		d, err := m.describe(place{c.Account, c.Region, m.Name})
		if err != nil {
			return nil, err
		}
		out.ImportSummaryList = append(out.ImportSummaryList, api.ImportSummary{
			ImportArn: d.ImportArn, ImportStatus: d.ImportStatus, TableArn: d.TableArn, S3BucketSource: d.S3BucketSource,
			InputFormat: d.InputFormat, StartTime: d.StartTime, EndTime: d.EndTime,
		})
	}
	token, err := page.Token()
	out.NextToken = inHex(token)
	return out, err
}

// tokenBlock is what the length of a token of ListImports is a multiple of, in bytes, and shortestToken its shortest (API reference,
// "ListImports").
const (
	tokenBlock    = 8
	shortestToken = 56
)

// inHex writes a token in the form that ListImports has.
func inHex(token *string) *string {
	if token == nil {
		return nil
	}
	text := *token
	for len(text) < shortestToken || len(text)%tokenBlock != 0 {
		text += "."
	}
	out := hex.EncodeToString([]byte(text))
	return &out
}

// fromHex reads what inHex wrote; anything else is a token that is none.
func fromHex(token *string) *string {
	if token == nil {
		return nil
	}
	b, err := hex.DecodeString(*token)
	text := strings.TrimRight(string(b), ".")
	if err != nil {
		text = "."
	}
	return &text
}

func (m *importOf) describe(at place) (*api.ImportTableDescription, error) {
	arn, tableARN := importARN(at, m.ID), at.arn()
	d := &api.ImportTableDescription{
		ImportArn: &arn, ImportStatus: api.ImportStatus(m.Status), TableArn: &tableARN, TableId: &m.Table, ClientToken: &m.Token,
		S3BucketSource: &api.S3BucketSource{S3Bucket: &m.Bucket.Name, S3BucketOwner: opt.Present(m.Bucket.Owner), S3KeyPrefix: m.Prefix},
		ErrorCount:     &m.Errors, InputFormat: api.InputFormat(m.Format), InputCompressionType: api.InputCompressionType(m.Compression),
		StartTime: &m.Started, EndTime: opt.Present(m.Ended), ProcessedItemCount: &m.Processed, ImportedItemCount: &m.Imported,
		FailureCode: opt.Present(m.Code), FailureMessage: opt.Present(m.Message),
		TableCreationParameters: &api.TableCreationParameters{},
	}
	if !m.Ended.IsZero() || m.Bytes > 0 {
		d.ProcessedSizeBytes = &m.Bytes
	}
	if err := recall(m.Creation, d.TableCreationParameters); err != nil {
		return nil, err
	}
	if m.Options != nil {
		d.InputFormatOptions = &api.InputFormatOptions{}
		return d, recall(m.Options, d.InputFormatOptions)
	}
	return d, nil
}

// recall reads what of a request is on record.
func recall(text []byte, into jsoncodec.Decodable) error {
	d, err := jsoncodec.Acquire(text)
	if err != nil {
		return err
	}
	defer d.Release()
	return into.DecodeJSON(d)
}
