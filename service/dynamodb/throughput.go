package dynamodb

import (
	"fmt"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/opt"
)

func (r *record) indexThroughput(name string, p *api.ProvisionedThroughput) (throughput, error) {
	switch {
	case r.OnDemand && p != nil:
		return throughput{}, invalid(wrong+"ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", name)
	case r.OnDemand:
		return throughput{}, nil
	case p == nil:
		return throughput{}, invalid(wrong+"ProvisionedThroughput must be specified for index: %s", name)
	}
	return provisioned(p)
}

func provisioned(p *api.ProvisionedThroughput) (throughput, error) {
	t := throughput{opt.Value(p.ReadCapacityUnits), opt.Value(p.WriteCapacityUnits)}
	if t.Read > maxUnits {
		return t, invalid("Given value %d for ReadCapacityUnits is out of bounds", t.Read)
	}
	if t.Write > maxUnits {
		return t, invalid("Given value %d for WriteCapacityUnits is out of bounds", t.Write)
	}
	return t, nil
}

// bill sets how a table is billed.
func (r *record) bill(mode api.BillingMode, p *api.ProvisionedThroughput) error {
	r.OnDemand = mode == api.BillingModePayPerRequest
	switch {
	case r.OnDemand && p != nil:
		return invalid(wrong + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case r.OnDemand:
		r.Throughput = throughput{}
		return nil
	case p == nil:
		return invalid(wrong + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	var err error
	r.Throughput, err = provisioned(p)
	return err
}

// limitOnDemand sets the maximums of a table that is billed by request.
func (r *record) limitOnDemand(in *api.OnDemandThroughput) error {
	return r.maximum(&r.MaxOnDemand, in)
}

// maximum sets what in has of maximums; -1 takes one away.
func (r *record) maximum(to *throughput, in *api.OnDemandThroughput) error {
	if in == nil {
		return nil
	}
	if !r.OnDemand {
		return invalid(wrong + "OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST")
	}
	if in.MaxReadRequestUnits == nil && in.MaxWriteRequestUnits == nil {
		return invalid(wrong + "At least one of MaxReadRequestUnits and MaxWriteRequestUnits must be specified in OnDemandThroughput")
	}
	for _, p := range []struct {
		name  string
		given *int64
		to    *int64
	}{{"MaxReadRequestUnits", in.MaxReadRequestUnits, &to.Read}, {"MaxWriteRequestUnits", in.MaxWriteRequestUnits, &to.Write}} {
		switch {
		case p.given == nil:
		case *p.given != -1 && *p.given < 1 || *p.given > maxUnits:
			return invalid("Given value %d for %s is out of bounds", *p.given, p.name)
		default:
			*p.to = *p.given
		}
	}
	return nil
}

// The warm throughput that every table and index billed by request has ("Understanding DynamoDB warm throughput").
const (
	leastWarmReads  = 12_000
	leastWarmWrites = 4_000
)

// warm sets a warm throughput, which is a figure here: no capacity has to be made ready. As on AWS it is never less than what there
// is, and never falls. what names the table or index.
func (r *record) warm(to *throughput, provisioned throughput, in *api.WarmThroughput, what string) error {
	if in == nil {
		return nil
	}
	if in.ReadUnitsPerSecond == nil && in.WriteUnitsPerSecond == nil {
		return invalid(wrong + "At least one of ReadUnitsPerSecond and WriteUnitsPerSecond must be specified in WarmThroughput")
	}
	least := provisioned
	if r.OnDemand {
		least = throughput{leastWarmReads, leastWarmWrites}
	}
	least = throughput{max(least.Read, to.Read), max(least.Write, to.Write)}
	next := least
	for _, p := range []struct {
		name        string
		given       *int64
		least, next *int64
	}{{"ReadUnitsPerSecond", in.ReadUnitsPerSecond, &least.Read, &next.Read}, {"WriteUnitsPerSecond", in.WriteUnitsPerSecond, &least.Write, &next.Write}} {
		switch {
		case p.given == nil:
		case *p.given < *p.least:
			return invalid(wrong+"Requested %s %d of WarmThroughput for %s is lower than the current or the least value of %d", p.name, *p.given, what, *p.least)
		case *p.given > maxUnits:
			return invalid("Given value %d for %s is out of bounds", *p.given, p.name)
		default:
			*p.next = *p.given
		}
	}
	*to = next
	return nil
}

// indexCapacity sets the throughput of a new global index.
func (r *record) indexCapacity(x *index, p *api.ProvisionedThroughput, most *api.OnDemandThroughput, warm *api.WarmThroughput) error {
	var err error
	if x.Throughput, err = r.indexThroughput(x.Name, p); err != nil {
		return err
	}
	if err := r.maximum(&x.MaxOnDemand, most); err != nil {
		return err
	}
	return r.warm(&x.Warm, x.Throughput, warm, "index "+x.Name)
}

// updateIndex changes the throughput of a global index.
func (r *record) updateIndex(in *api.UpdateGlobalSecondaryIndexAction, now time.Time) error {
	x := r.index(*in.IndexName)
	if x == nil || x.Local {
		return api.NewResourceNotFoundException("Requested resource not found")
	}
	if in.ProvisionedThroughput == nil && in.OnDemandThroughput == nil && in.WarmThroughput == nil {
		return invalid(wrong+"At least one of ProvisionedThroughput, OnDemandThroughput and WarmThroughput must be specified for index: %s", x.Name)
	}
	if in.ProvisionedThroughput != nil {
		t, err := r.indexThroughput(x.Name, in.ProvisionedThroughput)
		if err != nil {
			return err
		}
		if t == x.Throughput {
			return willNotChange(fmt.Sprintf("index %s", x.Name), "index", t)
		}
		if err := x.Adjusted.note(x.Throughput, t, now, r.Outside == nil); err != nil {
			return err
		}
		x.Throughput = t
	}
	if err := r.maximum(&x.MaxOnDemand, in.OnDemandThroughput); err != nil {
		return err
	}
	return r.warm(&x.Warm, x.Throughput, in.WarmThroughput, "index "+x.Name)
}

// willNotChange refuses to set a throughput to what it is.
func willNotChange(what, kind string, t throughput) error {
	return invalid("The provisioned throughput for the %s will not change. The requested value equals the current value. "+
		"Current ReadCapacityUnits provisioned for the %s: %d. Requested ReadCapacityUnits: %d. "+
		"Current WriteCapacityUnits provisioned for the %s: %d. Requested WriteCapacityUnits: %d. "+
		"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
		what, kind, t.Read, t.Read, kind, t.Write, t.Write)
}

// describeMaximum is a maximum as a description has it, nil if none was ever set.
func (t throughput) describeMaximum() *api.OnDemandThroughput {
	if t == (throughput{}) {
		return nil
	}
	none := func(n int64) *int64 {
		if n == 0 {
			n = -1
		}
		return &n
	}
	return &api.OnDemandThroughput{MaxReadRequestUnits: none(t.Read), MaxWriteRequestUnits: none(t.Write)}
}
