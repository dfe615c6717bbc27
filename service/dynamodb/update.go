package dynamodb

import (
	"context"
	"reflect"
	"slices"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// UpdateTable changes how a table is billed and protected, and makes or removes one global index.
func (s *Service) UpdateTable(ctx context.Context, c *pipeline.Call, in *api.UpdateTableInput) (*api.UpdateTableOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	if err := refuseUpdates(in); err != nil {
		return nil, err
	}
	if t, err := s.elsewhere(ctx, c, at); t != nil || err != nil {
		if err != nil {
			return nil, err
		}
		if opt.Value(opt.Value(in.SSESpecification).Enabled) {
			return nil, unsupported("SSESpecification with Enabled true of a table that an outside engine keeps")
		}
		out, err := s.updateFar(ctx, c, at, t, in)
		return out, noTableNamed(err, at)
	}
	key, err := s.reencrypt(ctx, c, at, in.SSESpecification)
	if err != nil {
		return nil, noTableNamed(err, at)
	}
	out := &api.UpdateTableOutput{}
	err = s.changeTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		rec := t.record
		if err := rec.busy(); err != nil {
			return err
		}
		rec.Indexes = slices.Clone(t.Indexes)
		if err := rec.update(c.Now.UTC(), in); err != nil {
			return err
		}
		work, err := rec.updateIndexes(at, c.Now, in)
		if err != nil {
			return err
		}
		for _, j := range work {
			if err := addJob(tx, j); err != nil {
				return err
			}
		}
		if err := rec.stream(tx, at, c.Now, in.StreamSpecification); err != nil {
			return err
		}
		if err := rec.rekey(tx, at, key); err != nil {
			return err
		}
		out.TableDescription = rec.describe(at, c.Now)
		return save(tx, at, &rec)
	})
	if err != nil {
		return nil, noTableNamed(err, at)
	}
	s.kick()
	return out, nil
}

func refuseUpdates(in *api.UpdateTableInput) error {
	if in.ReplicaUpdates != nil || in.GlobalTableWitnessUpdates != nil || in.MultiRegionConsistency != "" ||
		in.GlobalTableSettingsReplicationMode != "" {
		return unsupported("A global table")
	}
	if in.BillingMode == "" && in.ProvisionedThroughput == nil && in.DeletionProtectionEnabled == nil && in.TableClass == "" &&
		in.OnDemandThroughput == nil && in.WarmThroughput == nil && in.SSESpecification == nil && in.StreamSpecification == nil &&
		len(in.GlobalSecondaryIndexUpdates) == 0 {
		return invalid("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or " +
			"SSESpecification or ReplicaUpdates is required")
	}
	alone := api.UpdateTableInput{TableName: in.TableName, SSESpecification: in.SSESpecification}
	if in.SSESpecification != nil && !reflect.DeepEqual(*in, alone) {
		return invalid(wrong + "Server-Side Encryption modification must be the only operation in the request")
	}
	return nil
}

// update changes what is not about indexes.
func (r *record) update(now time.Time, in *api.UpdateTableInput) error {
	was := r.OnDemand
	switch {
	case in.BillingMode == api.BillingModeProvisioned && in.ProvisionedThroughput == nil:
		return invalid(wrong + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	case in.BillingMode != "" && (r.OnDemand || in.BillingMode != api.BillingModeProvisioned):
		if err := r.bill(in.BillingMode, in.ProvisionedThroughput); err != nil {
			return err
		}
	case in.ProvisionedThroughput != nil && r.OnDemand:
		return invalid(wrong + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case in.ProvisionedThroughput != nil:
		if err := r.reprovision(in, now); err != nil {
			return err
		}
	}
	if r.OnDemand != was {
		r.Adjusted.billed(r.OnDemand, now)
	}
	if r.OnDemand && !was {
		r.OnDemandSince = now
		for i := range r.Indexes {
			x := &r.Indexes[i]
			if x.Throughput = (throughput{}); !x.Local {
				x.Adjusted.billed(true, now)
			}
		}
	}
	if !r.OnDemand {
		r.OnDemandSince, r.MaxOnDemand = time.Time{}, throughput{}
		for i := range r.Indexes {
			r.Indexes[i].MaxOnDemand = throughput{}
		}
	}
	if err := r.limitOnDemand(in.OnDemandThroughput); err != nil {
		return err
	}
	if err := r.warm(&r.Warm, r.Throughput, in.WarmThroughput, "table "+r.Name); err != nil {
		return err
	}
	if in.DeletionProtectionEnabled != nil {
		r.Protected = *in.DeletionProtectionEnabled
	}
	if in.TableClass != "" && string(in.TableClass) != r.Class {
		r.Class, r.ClassSince = string(in.TableClass), now
	}
	return nil
}

func (r *record) reprovision(in *api.UpdateTableInput, now time.Time) error {
	t, err := provisioned(in.ProvisionedThroughput)
	if err != nil {
		return err
	}
	if t == r.Throughput && len(in.GlobalSecondaryIndexUpdates) == 0 {
		return willNotChange("table", "table", t)
	}
	if err := r.Adjusted.note(r.Throughput, t, now, r.Outside == nil); err != nil {
		return err
	}
	r.Throughput = t
	return nil
}

// updateIndexes changes the global indexes and returns the work that is left to do in the background.
func (r *record) updateIndexes(at place, now time.Time, in *api.UpdateTableInput) ([]*job, error) {
	var work []*job
	online := 0
	for i := range in.GlobalSecondaryIndexUpdates {
		if u := &in.GlobalSecondaryIndexUpdates[i]; u.Create != nil || u.Delete != nil {
			online++
		}
	}
	if online > 1 {
		return nil, errOnline()
	}
	named := map[string]bool{}
	for i := range in.GlobalSecondaryIndexUpdates {
		u := &in.GlobalSecondaryIndexUpdates[i]
		if name := indexOf(u); named[name] {
			return nil, invalid(wrong+"Only one global secondary index update per index is allowed simultaneously. Index: %s", name)
		} else if name != "" {
			named[name] = true
		}
		var j *job
		var err error
		switch {
		case u.Create != nil && u.Delete == nil && u.Update == nil:
			j, err = r.createIndex(at, u.Create, in.AttributeDefinitions)
		case u.Delete != nil && u.Create == nil && u.Update == nil:
			j, err = r.deleteIndex(*u.Delete.IndexName)
		case u.Update != nil && u.Create == nil && u.Delete == nil:
			err = r.updateIndex(u.Update, now)
		case u.Create != nil || u.Delete != nil || u.Update != nil:
			err = invalid(wrong + "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object")
		default:
			err = invalid(wrong + "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, " +
				"GlobalSecondaryIndexUpdate.Delete must not be null")
		}
		if err != nil {
			return nil, err
		}
		if j != nil {
			work = append(work, j)
		}
	}
	for i := range r.Indexes {
		if !r.OnDemand && !r.Indexes[i].Local && r.Indexes[i].Throughput == (throughput{}) {
			return nil, invalid(wrong+"ProvisionedThroughput must be specified for index: %s", r.Indexes[i].Name)
		}
	}
	return work, nil
}

func errOnline() error {
	return api.NewLimitExceededException("Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
}

// indexOf is the name of the index that an update is about, "" if it is about none.
func indexOf(u *api.GlobalSecondaryIndexUpdate) string {
	switch {
	case u.Create != nil:
		return *u.Create.IndexName
	case u.Update != nil:
		return *u.Update.IndexName
	case u.Delete != nil:
		return *u.Delete.IndexName
	}
	return ""
}

func (r *record) createIndex(at place, in *api.CreateGlobalSecondaryIndexAction, defs []api.AttributeDefinition) (*job, error) {
	if r.index(*in.IndexName) != nil {
		return nil, invalid("Attempting to create an index which already exists")
	}
	n := 0
	for _, x := range r.Indexes {
		if x.Filling {
			return nil, errOnline()
		}
		if !x.Local {
			n++
		}
	}
	if n >= maxGlobalIndexes {
		return nil, invalid(wrong+"GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobalIndexes)
	}
	if err := r.define(defs); err != nil {
		return nil, err
	}
	if err := redefined(in.KeySchema, defs); err != nil {
		return nil, err
	}
	x := index{Name: *in.IndexName, Filling: true}
	if err := r.indexCapacity(&x, in.ProvisionedThroughput, in.OnDemandThroughput, in.WarmThroughput); err != nil {
		return nil, err
	}
	if err := r.addIndex(x, in.KeySchema, in.Projection); err != nil {
		return nil, err
	}
	if err := r.checkDefinitions(); err != nil {
		return nil, err
	}
	return &job{Kind: fillIndex, Table: r.ID, Index: r.index(x.Name).ID, Account: at.account, Region: at.region, Name: at.name}, nil
}

// define adds definitions of attributes that a new index needs.
func (r *record) define(in []api.AttributeDefinition) error {
	defs, err := definitions(in)
	if err != nil {
		return err
	}
	r.Attributes = slices.Clone(r.Attributes)
	for _, d := range defs {
		i := slices.IndexFunc(r.Attributes, func(a attribute) bool { return a.Name == d.Name })
		switch {
		case i < 0:
			r.Attributes = append(r.Attributes, d)
		case r.Attributes[i] != d:
			return invalid(wrong+"Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. "+
				"Existing schema: Schema:[SchemaElement: key{%[1]s:%[2]s:HASH}] New schema: Schema:[SchemaElement: key{%[1]s:%[3]s:HASH}]",
				d.Name, r.Attributes[i].Type, d.Type)
		}
	}
	return nil
}

// redefined refuses a new index with keys that the request does not define, though the table may know them.
func redefined(keys []api.KeySchemaElement, defs []api.AttributeDefinition) error {
	named, given := make([]string, len(keys)), make([]string, len(defs))
	for i := range keys {
		named[i] = *keys[i].AttributeName
	}
	for i := range defs {
		given[i] = *defs[i].AttributeName
	}
	for _, key := range named {
		if !slices.Contains(given, key) {
			return invalid(wrong+"Some index key attributes are not defined in AttributeDefinitions. Keys: %s, AttributeDefinitions: %s",
				list(named), list(given))
		}
	}
	return nil
}

func (r *record) deleteIndex(name string) (*job, error) {
	i := slices.IndexFunc(r.Indexes, func(x index) bool { return x.Name == name && !x.Local })
	if i < 0 {
		return nil, api.NewResourceNotFoundException("Requested resource not found")
	}
	id := r.Indexes[i].ID
	r.Indexes = slices.Delete(r.Indexes, i, i+1)
	used := r.used()
	r.Attributes = slices.DeleteFunc(slices.Clone(r.Attributes), func(a attribute) bool { return !slices.Contains(used, a.Name) })
	return &job{Kind: dropIndex, Table: r.ID, Index: id}, nil
}
