package dynamodb

import (
	"context"
	"strings"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	kmsapi "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/dynamodb/datakeys"
)

// A table may have a KMS key of its own (SSESpecification; "Encryption at rest: How it works", DynamoDB Developer Guide). Its rows are
// then sealed as those of tables with the tag bulkhead:seal-key are, under one data key of the table, which is encrypted under that
// KMS key. Beside the tag, tenants' rows are under their own keys and all others under the table's. The data key stays for as long as
// the table does: another KMS key, or none, encrypts it anew.

// eventSource names this service where it calls others, in kms:ViaService and in the audit log.
const eventSource = "dynamodb.amazonaws.com"

// callerKeys are the operations of KMS that need the caller's permission.
type callerKeys interface {
	// describe returns the ARN of the key that a name stands for, and an error if it cannot be used.
	describe(ctx context.Context, c *pipeline.Call, key string) (string, error)
	// encrypt encrypts under the key with the ARN.
	encrypt(ctx context.Context, c *pipeline.Call, key string, about map[string]string, plaintext []byte) ([]byte, error)
}

// invokedKeys are the operations of the server's KMS.
type invokedKeys struct{}

func (invokedKeys) describe(ctx context.Context, c *pipeline.Call, key string) (string, error) {
	out, err := pipeline.Invoke[kmsapi.DescribeKeyOutput](ctx, c, eventSource, "kms", "DescribeKey", &kmsapi.DescribeKeyInput{KeyId: &key})
	if err != nil {
		return "", err
	}
	return opt.Value(out.KeyMetadata.Arn), nil
}

func (invokedKeys) encrypt(ctx context.Context, c *pipeline.Call, key string, about map[string]string, plaintext []byte) ([]byte, error) {
	out, err := pipeline.Invoke[kmsapi.EncryptOutput](ctx, c, eventSource, "kms", "Encrypt", &kmsapi.EncryptInput{
		KeyId: &key, EncryptionContext: about, Plaintext: plaintext,
	})
	if err != nil {
		return nil, err
	}
	return out.CiphertextBlob, nil
}

// keyRefused is the error for a key that KMS refuses to the caller.
func keyRefused(err error) error {
	switch {
	case fault.IsClass(err, fault.AccessDenied):
		return datakeys.Denied(err)
	case fault.IsClass(err, fault.Modeled), fault.IsClass(err, fault.Validation):
		return invalid(wrong+"KMSMasterKeyId: %s", fault.Text(err))
	}
	return err
}

// checkSSE checks a specification, and tells whether it asks for a KMS key.
func checkSSE(in *api.SSESpecification) (on bool, err error) {
	switch {
	case in == nil:
		return false, nil
	case in.KMSMasterKeyId != nil && in.SSEType == "":
		return false, invalid(wrong + "SSEType KMS is required if KMSMasterKeyId is specified")
	case in.SSEType != "" && in.SSEType != api.SSETypeKms:
		return false, invalid(wrong + "The only valid SSEType is KMS")
	case !opt.Value(in.Enabled) && (in.SSEType != "" || in.KMSMasterKeyId != nil):
		return false, invalid(wrong + "SSEType and KMSMasterKeyId can only be specified when Enabled is true")
	}
	return opt.Value(in.Enabled), nil
}

// namedKey returns the ARN of the key that a specification names, with the caller's permission to see it. Without a name it is the
// account's AWS managed key. It has to be of the table's account and region.
func (s *Service) namedKey(ctx context.Context, c *pipeline.Call, at place, name *string) (string, error) {
	if name == nil || *name == managedAlias || strings.HasSuffix(*name, ":"+managedAlias) {
		if _, err := s.kms.Managed(ctx, at.account, at.region, signing, c.Now); err != nil {
			return "", err
		}
	}
	key := managedAlias
	if name != nil {
		key = *name
	}
	key, err := s.calls.describe(ctx, c, key)
	if err != nil {
		return "", keyRefused(err)
	}
	a, ok := arn.Parse(key)
	if !ok || a.Account != at.account || a.Region != at.region {
		return "", invalid(wrong + "KMSMasterKeyId: the key must be one of the account and region of the table")
	}
	return key, nil
}

// The AWS managed key of this service.
const (
	signing      = name
	managedAlias = "alias/aws/" + signing
)

// tableKey encrypts the data key of a table under a key with the caller's permission, or under the server's if key is "". A table
// that has no data key gets one.
func (s *Service) tableKey(ctx context.Context, c *pipeline.Call, at place, r *record, key string) (*datakeys.Change, error) {
	t := &datakeys.Table{ID: r.ID, Name: r.Name, Account: at.account, Region: at.region}
	return s.keys.Change(ctx, t, key, c.Now, func(about map[string]string, plain []byte) ([]byte, error) {
		blob, err := s.calls.encrypt(ctx, c, key, about, plain)
		if err != nil {
			return nil, keyRefused(err)
		}
		return blob, nil
	})
}

// install puts the data key of a table in place, unless it has changed since.
func (r *record) install(tx *store.Tx, at place, k *datakeys.Change) error {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	installed, err := k.Install(recs, r.ID)
	switch {
	case err != nil:
		return err
	case !installed:
		return errUpdating(r)
	}
	next := sealed{}
	if r.Sealed != nil {
		next = *r.Sealed
	}
	next.Key, next.Generation = k.Key(), next.Generation+1
	r.Sealed = &next
	return nil
}

func errUpdating(r *record) error {
	return api.NewResourceInUseException("Attempt to change a resource which is still in use: Table is being updated: %s", r.Name)
}

// encryptNew prepares the key of a new table, nil if it is to have none.
func (s *Service) encryptNew(ctx context.Context, c *pipeline.Call, at place, r *record, in *api.SSESpecification) (*datakeys.Change, error) {
	on, err := checkSSE(in)
	if err != nil || !on {
		return nil, err
	}
	if r.Outside != nil {
		return nil, unsupported("SSESpecification with Enabled true of a table that an outside engine keeps")
	}
	key, err := s.namedKey(ctx, c, at, in.KMSMasterKeyId)
	if err != nil {
		return nil, err
	}
	if r.Sealed == nil {
		if err := s.sealNew(r, at.account, ""); err != nil {
			return nil, err
		}
	}
	return s.tableKey(ctx, c, at, r, key)
}

// reencrypt prepares what an update asks for, nil if that is nothing.
func (s *Service) reencrypt(ctx context.Context, c *pipeline.Call, at place, in *api.SSESpecification) (*datakeys.Change, error) {
	on, err := checkSSE(in)
	if err != nil || in == nil {
		return nil, err
	}
	t, err := s.facts(ctx, at)
	if err != nil || t == nil {
		return nil, orElse(err, errNoTable)
	}
	has := t.Sealed != nil && t.Sealed.Key != ""
	key := ""
	if on {
		if key, err = s.namedKey(ctx, c, at, in.KMSMasterKeyId); err != nil {
			return nil, err
		}
	}
	switch {
	case !on && !has:
		return nil, nil
	case on && has && key == t.Sealed.Key:
		return nil, invalid(wrong + "Table is already encrypted by given KMSMasterKeyId")
	}
	return s.tableKey(ctx, c, at, &t.record, key)
}

// rekey gives the table another key, and has the rows sealed that are not yet.
func (r *record) rekey(tx *store.Tx, at place, k *datakeys.Change) error {
	if k == nil {
		return nil
	}
	if r.Sealed != nil && r.Sealed.Mixed {
		return errUpdating(r)
	}
	bare := r.Sealed == nil
	if bare && r.Backing > 0 {
		return api.NewResourceInUseException("Attempt to change a resource which is still in use: Table is being backed up: %s", r.Name)
	}
	if err := r.install(tx, at, k); err != nil || !bare {
		return err
	}
	r.Sealed.Mixed = true
	return addJob(tx, &job{Kind: sealRows, Table: r.ID, Account: at.account, Region: at.region, Name: at.name})
}

// sealRows does one step of sealing the rows that a table had when it was given a key.
func (s *Service) sealRows(tx *store.Tx, j *job) (more bool, err error) {
	t, err := s.read(tx, j.place(), nil)
	if err != nil || t == nil || t.ID != j.Table {
		return false, err
	}
	j.From, err = system.Reseal(tx, t.ID, t.sealing, j.From, copyChunk)
	if err != nil || j.From != nil {
		return true, err
	}
	rec, done := t.record, *t.Sealed
	done.Mixed = false
	rec.Sealed = &done
	return false, save(tx, j.place(), &rec)
}

// describeKey adds the key of the table.
func (r *record) describeKey(d *api.TableDescription) {
	if r.Sealed == nil || r.Sealed.Key == "" {
		return
	}
	d.SSEDescription = &api.SSEDescription{Status: api.SSEStatusEnabled, SSEType: api.SSETypeKms, KMSMasterKeyArn: &r.Sealed.Key}
	if r.Sealed.Mixed {
		d.SSEDescription.Status, d.TableStatus = api.SSEStatusUpdating, api.TableStatusUpdating
	}
}

// describeInaccessible says so if the key of a table cannot be used.
func (s *Service) describeInaccessible(ctx context.Context, at place, d *api.TableDescription) error {
	if d.SSEDescription == nil {
		return nil
	}
	since, reason, err := s.kms.Inaccessible(ctx, at.account, at.region, *d.SSEDescription.KMSMasterKeyArn)
	if err != nil || reason == nil {
		return err
	}
	d.TableStatus = api.TableStatusInaccessibleEncryptionCredentials
	d.SSEDescription.InaccessibleEncryptionDateTime = opt.Present(since)
	return nil
}

// keyOfRestored prepares the key of a table that is to be made of another's rows: the one that the request names, else the source's.
// The source's rows have to be readable now.
func (s *Service) keyOfRestored(ctx context.Context, c *pipeline.Call, to place, source, r *record, in *api.SSESpecification) (*datakeys.Change, error) {
	on, err := checkSSE(in)
	if err != nil {
		return nil, err
	}
	key := ""
	if source.Sealed != nil && source.Sealed.Key != "" {
		key = source.Sealed.Key
		if err := s.keys.Check(ctx, &datakeys.Table{ID: source.ID, Account: to.account, Region: to.region}); err != nil {
			return nil, err
		}
	}
	switch {
	case on:
		key, err = s.namedKey(ctx, c, to, in.KMSMasterKeyId)
	case in != nil:
		key = ""
	case key != "":
		key, err = s.namedKey(ctx, c, to, &key)
	}
	if err != nil || key == "" {
		return nil, err
	}
	return s.tableKey(ctx, c, to, r, key)
}

// keyFromBackup is keyOfRestored for a table that is to be made of a backup.
func (s *Service) keyFromBackup(ctx context.Context, c *pipeline.Call, at place, id string, to place, o *overrides, in *api.SSESpecification) (*datakeys.Change, error) {
	var source *record
	err := s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		b, err := shownBackup(tx, at, id)
		if err == nil {
			source = &b.Source
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.keyOfRestored(ctx, c, to, source, &record{ID: o.id, Name: to.name}, in)
}

// encryptRestored puts a key that was prepared in place.
func (s *Service) encryptRestored(tx *store.Tx, to place, r *record, k *datakeys.Change) error {
	if k == nil {
		return nil
	}
	if r.Sealed == nil {
		if err := s.sealNew(r, to.account, ""); err != nil {
			return err
		}
	}
	return r.install(tx, to, k)
}
