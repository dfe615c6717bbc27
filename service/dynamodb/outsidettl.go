package dynamodb

import (
	"context"
	"slices"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// The engine expires the rows that it keeps. Of sealed rows it can read no attribute but the one that a tag of the table leaves in the
// clear: when a row expires is told to the engine by choice only.

// expiryTag names the attribute of a sealed table whose numbers the engine may read, so that it can expire rows by them.
const expiryTag = "bulkhead:outside-expiry"

func expiryTagOf(tags authn.Tags) string {
	v, _ := tags.Get(expiryTag)
	return v
}

// checkExpiryTag refuses the tag where it has no meaning, and to take it away while rows expire by it.
func (r *record) checkExpiryTag(tags authn.Tags) error {
	attribute, given := tags.Get(expiryTag)
	switch {
	case given && (r.Outside == nil || r.Sealed == nil):
		return invalid(wrong+"tag %s has a meaning only on a sealed table whose rows an outside engine keeps", expiryTag)
	case given && (attribute == "" || slices.Contains(r.used(), attribute) || attribute == sealedAttribute || attribute == versionAttribute):
		return invalid(wrong+"tag %s: %q is no attribute by which rows can expire", expiryTag, attribute)
	case r.Outside != nil && r.Sealed != nil && r.TTL.Enabled && attribute != r.TTL.Attribute:
		return invalid(wrong+"tag %s: rows expire by the attribute %s; disable the time to live first", expiryTag, r.TTL.Attribute)
	}
	return nil
}

// addClear adds to a sealed row, as the engine has it, what the engine may read of it.
func (f *farRows) addClear(b *item.Builder, m item.Map) {
	if v := f.clearly(m); !v.IsZero() && !slices.Contains(f.names, f.clear) { // it may have become an index's key
		b.Set(f.clear, v)
	}
}

// clearly is what of a row the engine may read beside its keys: a number, by which alone rows expire.
func (f *farRows) clearly(m item.Map) item.Value {
	if f.clear == "" {
		return item.Value{}
	}
	if v := m.Get(f.clear); v.Kind() == item.N {
		return v
	}
	return item.Value{}
}

// clearAgrees reports whether what the engine has in the clear is what was sealed. It may have nothing, of rows that were written
// before the tag was set.
func (f *farRows) clearAgrees(there, row item.Map) bool {
	if f.clear == "" || !there.Has(f.clear) {
		return true
	}
	return sameValue(f.clearly(row), there.Get(f.clear))
}

// updateTTLFar turns the time to live of a table that the engine keeps on or off, there first.
func (s *Service) updateTTLFar(ctx context.Context, c *pipeline.Call, at place, t *table, in *api.UpdateTimeToLiveInput) (*api.UpdateTimeToLiveOutput, error) {
	if !c.Grant.Names(t.ID) {
		return nil, errNoTable
	}
	spec := in.TimeToLiveSpecification
	on, attribute := *spec.Enabled, *spec.AttributeName
	if on && t.Sealed != nil && expiryTagOf(t.Tags) != attribute {
		return nil, invalid(wrong+"The rows of the table are sealed, so that its engine cannot read %s: give the table the tag %s = %s first, which "+
			"leaves the attribute in the clear there", attribute, expiryTag, attribute)
	}
	var none struct{}
	err := s.ask(ctx, t, "UpdateTimeToLive", map[string]any{
		"TableName": t.Outside.Name, "TimeToLiveSpecification": map[string]any{"AttributeName": attribute, "Enabled": on},
	}, &none)
	if err != nil && (!fault.IsClass(err, fault.Validation) || !s.hasTTL(ctx, t, attribute, on)) {
		return nil, err
	}
	err = s.changeFar(ctx, c, at, t.ID, func(tx *store.Tx, t *table) error {
		rec := t.record
		rec.TTL = timeToLive{attribute, on, c.Now.UTC()}
		return save(tx, at, &rec)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateTimeToLiveOutput{TimeToLiveSpecification: spec}, nil
}

// hasTTL reports whether the engine already has what is asked for and is not on record here, as a failure leaves it.
func (s *Service) hasTTL(ctx context.Context, t *table, attribute string, on bool) bool {
	if t.TTL.Enabled == on && t.TTL.Attribute == attribute {
		return false // the engine's refusal is about the request
	}
	d, err := s.ttlThere(ctx, t)
	if err != nil {
		return false
	}
	enabled := d.TimeToLiveStatus == api.TimeToLiveStatusEnabled || d.TimeToLiveStatus == api.TimeToLiveStatusEnabling
	return enabled == on && (!on || opt.Value(d.AttributeName) == attribute)
}

// ttlThere is the engine's description of a table's time to live.
func (s *Service) ttlThere(ctx context.Context, t *table) (*api.TimeToLiveDescription, error) {
	var out struct{ TimeToLiveDescription api.TimeToLiveDescription }
	err := s.ask(ctx, t, "DescribeTimeToLive", map[string]any{"TableName": t.Outside.Name}, &out)
	return &out.TimeToLiveDescription, err
}
