package dynamodb

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// DescribeTable describes a table. ItemCount and TableSizeBytes are approximate and up to six
// hours old, as AWS's are; the tenants of a guarded table are told zeros.
func (s *Service) DescribeTable(ctx context.Context, c *pipeline.Call, in *api.DescribeTableInput) (*api.DescribeTableOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeTableOutput{}
	var far *table
	err = s.inAnyTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		out.Table = t.describe(at, c.Now)
		if far = t; t.Outside != nil {
			return nil
		}
		far = nil
		if t.res.Confines(c.Caller) {
			return nil // how much the others hold is nothing that a tenant is told
		}
		n, err := s.countsOf(tx, t, c.Now)
		if err == nil {
			n.describe(t, out.Table)
		}
		return err
	})
	if err == nil {
		err = s.describeInaccessible(ctx, at, out.Table)
	}
	if err == nil && far != nil {
		err = s.describeFar(ctx, far, out.Table, !far.res.Confines(c.Caller))
	}
	if err != nil {
		return nil, noTableNamed(err, at)
	}
	return out, nil
}

func (r *record) describe(at place, now time.Time) *api.TableDescription {
	tableARN, zero := at.arn(), int64(0)
	d := &api.TableDescription{
		TableName: &r.Name, TableId: &r.ID, TableArn: &tableARN, TableStatus: api.TableStatusActive, CreationDateTime: &r.Created,
		KeySchema: elements(r.Keys, 1), ItemCount: &zero, TableSizeBytes: &zero, DeletionProtectionEnabled: &r.Protected,
		ProvisionedThroughput: r.Throughput.describe(&r.Adjusted, now),
	}
	for _, a := range r.Attributes {
		d.AttributeDefinitions = append(d.AttributeDefinitions,
			api.AttributeDefinition{AttributeName: &a.Name, AttributeType: api.ScalarAttributeType(a.Type)})
	}
	if r.OnDemand {
		d.BillingModeSummary = &api.BillingModeSummary{
			BillingMode: api.BillingModePayPerRequest, LastUpdateToPayPerRequestDateTime: opt.Present(r.OnDemandSince),
		}
	}
	d.OnDemandThroughput = r.MaxOnDemand.describeMaximum()
	if r.Warm != (throughput{}) {
		d.WarmThroughput = &api.TableWarmThroughputDescription{
			ReadUnitsPerSecond: &r.Warm.Read, WriteUnitsPerSecond: &r.Warm.Write, Status: api.TableStatusActive,
		}
	}
	if r.Class != "" {
		d.TableClassSummary = &api.TableClassSummary{TableClass: api.TableClass(r.Class), LastUpdateDateTime: opt.Present(r.ClassSince)}
	}
	for i := range r.Indexes {
		r.Indexes[i].describe(d, now)
	}
	r.describeStream(at, d)
	r.describeKey(d)
	if r.Restored != nil {
		d.RestoreSummary = r.Restored.describe()
	}
	if r.busy() != nil {
		d.TableStatus = api.TableStatusCreating
	}
	return d
}

// describeDeleted is how a table is described as it goes: without what it was made of.
func (r *record) describeDeleted(at place, now time.Time) *api.TableDescription {
	d := r.describe(at, now)
	d.TableStatus = api.TableStatusDeleting
	d.CreationDateTime, d.KeySchema, d.AttributeDefinitions = nil, nil, nil
	d.GlobalSecondaryIndexes, d.LocalSecondaryIndexes = nil, nil
	return d
}

func (x *index) describe(d *api.TableDescription, now time.Time) {
	indexARN, zero := *d.TableArn+"/index/"+x.Name, int64(0)
	p := &api.Projection{ProjectionType: api.ProjectionType(x.Projection), NonKeyAttributes: x.NonKey}
	if x.Local {
		d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes, api.LocalSecondaryIndexDescription{
			IndexName: &x.Name, IndexArn: &indexARN, KeySchema: elements(x.Keys, x.hashes()), Projection: p, ItemCount: &zero, IndexSizeBytes: &zero,
		})
		return
	}
	g := api.GlobalSecondaryIndexDescription{
		IndexName: &x.Name, IndexArn: &indexARN, KeySchema: elements(x.Keys, x.hashes()), Projection: p, ItemCount: &zero, IndexSizeBytes: &zero,
		IndexStatus: api.IndexStatusActive, ProvisionedThroughput: x.Throughput.describe(&x.Adjusted, now),
	}
	g.OnDemandThroughput = x.MaxOnDemand.describeMaximum()
	if x.Warm != (throughput{}) {
		g.WarmThroughput = &api.GlobalSecondaryIndexWarmThroughputDescription{
			ReadUnitsPerSecond: &x.Warm.Read, WriteUnitsPerSecond: &x.Warm.Write, Status: api.IndexStatusActive,
		}
	}
	if x.Filling {
		g.IndexStatus, g.Backfilling = api.IndexStatusCreating, &x.Filling
	}
	d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, g)
}

// elements is the key of which the first names, so many, are the partition key, as it is described.
func elements(keys []string, hashes int) []api.KeySchemaElement {
	out := make([]api.KeySchemaElement, len(keys))
	for i := range keys {
		out[i] = api.KeySchemaElement{AttributeName: &keys[i], KeyType: api.KeyTypeRange}
		if i < hashes {
			out[i].KeyType = api.KeyTypeHash
		}
	}
	return out
}

// DescribeLimits tells AWS's default quotas, none of which is enforced.
func (s *Service) DescribeLimits(context.Context, *pipeline.Call, *api.DescribeLimitsInput) (*api.DescribeLimitsOutput, error) {
	account, perTable := int64(80_000), int64(40_000)
	return &api.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits: &account, AccountMaxWriteCapacityUnits: &account,
		TableMaxReadCapacityUnits: &perTable, TableMaxWriteCapacityUnits: &perTable,
	}, nil
}

// DescribeEndpoints tells clients to stay where they are: the address is the one that they called.
func (s *Service) DescribeEndpoints(_ context.Context, c *pipeline.Call, _ *api.DescribeEndpointsInput) (*api.DescribeEndpointsOutput, error) {
	minutes := int64(1440)
	return &api.DescribeEndpointsOutput{Endpoints: []api.Endpoint{{Address: &c.Host, CachePeriodInMinutes: &minutes}}}, nil
}
