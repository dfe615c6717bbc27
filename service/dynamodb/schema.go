package dynamodb

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
)

// Limits of a table's schema (DynamoDB Developer Guide, "Service, account, and table quotas").
const (
	maxLocalIndexes  = 5
	maxGlobalIndexes = 20
	maxNonKey        = 100 // of all indexes together
	maxKeyParts      = 4   // of the partition key, and of the sort key, of a global index
	maxUnits         = 1_000_000_000_000
)

// definitions reads AttributeDefinitions.
func definitions(in []api.AttributeDefinition) ([]attribute, error) {
	out := make([]attribute, len(in))
	for i, d := range in {
		out[i] = attribute{*d.AttributeName, string(d.AttributeType)}
		for _, other := range out[:i] {
			if other.Name == out[i].Name {
				return nil, invalid("Attribute Name is duplicated: %s", other.Name)
			}
		}
	}
	return out, nil
}

// keys reads a KeySchema.
func (r *record) keys(in []api.KeySchemaElement) ([]string, error) {
	switch {
	case len(in) == 0:
		return nil, invalid("1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1")
	case len(in) > 2:
		return nil, invalid("1 validation error detected: Value '%s' at 'keySchema' failed to satisfy constraint: "+
			"Member must have length less than or equal to 2", shownKeys(in))
	}
	out, err := r.keyNames(in)
	switch {
	case err != nil:
		return nil, err
	case len(in) == 2 && out[0] == out[1]:
		return nil, invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	case in[0].KeyType != api.KeyTypeHash:
		return nil, invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	case len(in) == 2 && in[1].KeyType != api.KeyTypeRange:
		return nil, invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	return out, nil
}

// keyNames are the attributes of a KeySchema, which must be defined.
func (r *record) keyNames(in []api.KeySchemaElement) ([]string, error) {
	out := make([]string, len(in))
	defined := true
	for i, k := range in {
		out[i] = *k.AttributeName
		defined = defined && slices.Contains(r.defined(), out[i])
	}
	if !defined {
		return nil, invalid(wrong+"Some index key attributes are not defined in AttributeDefinitions. Keys: %s, "+
			"AttributeDefinitions: %s", list(out), list(r.defined()))
	}
	return out, nil
}

// globalKeys reads the KeySchema of a global index, which may be of up to four attributes of each type.
func (r *record) globalKeys(in []api.KeySchemaElement) (names []string, hashes int, err error) {
	if len(in) < 2 {
		names, err = r.keys(in)
		return names, 0, err
	}
	if names, err = r.keyNames(in); err != nil {
		return nil, 0, err
	}
	ranges := 0
	for i, k := range in {
		switch {
		case slices.Contains(names[:i], names[i]):
			return nil, 0, invalid("The KeySchema contains multiple key attributes with the same name")
		case i == 0 && k.KeyType != api.KeyTypeHash:
			return nil, 0, invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
		case k.KeyType != api.KeyTypeHash:
			ranges++
		case ranges > 0:
			return nil, 0, invalid(wrong + "All HASH key attributes must precede RANGE key attributes in the KeySchema")
		default:
			hashes++
		}
	}
	for _, t := range []struct {
		n   int
		key api.KeyType
	}{{hashes, api.KeyTypeHash}, {ranges, api.KeyTypeRange}} {
		if t.n > maxKeyParts {
			return nil, 0, invalid(wrong+"The KeySchema exceeds the maximum allowed number of %s key attributes", t.key)
		}
	}
	if hashes == 1 {
		hashes = 0
	}
	return names, hashes, nil
}

// tableKeys reads the KeySchema of the table itself.
func (r *record) tableKeys(in []api.KeySchemaElement) error {
	if len(in) <= 2 && len(in) > len(r.Attributes) {
		return invalid("Invalid KeySchema: Some index key attribute have no definition")
	}
	var err error
	r.Keys, err = r.keys(in)
	return err
}

// shownKeys shows a KeySchema as messages do, cut when it is long.
func shownKeys(in []api.KeySchemaElement) string {
	shown := make([]string, len(in))
	for i, k := range in {
		shown[i] = "KeySchemaElement(attributeName=" + *k.AttributeName + ", keyType=" + string(k.KeyType) + ")"
	}
	return constraint.Strings(shown)
}

func list(names []string) string { return "[" + strings.Join(names, ", ") + "]" }

func (r *record) defined() []string {
	names := make([]string, len(r.Attributes))
	for i, a := range r.Attributes {
		names[i] = a.Name
	}
	return names
}

// used are the attributes that are keys of the table or an index.
func (r *record) used() []string {
	names := slices.Clone(r.Keys)
	for _, x := range r.Indexes {
		names = union(names, x.Keys)
	}
	return names
}

// checkDefinitions refuses definitions that no key uses.
func (r *record) checkDefinitions() error {
	used := r.used()
	if len(used) == len(r.Attributes) {
		return nil
	}
	if len(r.Indexes) == 0 {
		return invalid(wrong + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	return invalid(wrong+"Some AttributeDefinitions are not used. AttributeDefinitions: %s, keys used: %s", list(r.defined()), list(used))
}

// addIndex checks an index and adds it.
func (r *record) addIndex(x index, keys []api.KeySchemaElement, p *api.Projection) error {
	var err error
	if x.Local {
		if x.Keys, err = r.keys(keys); err == nil {
			err = r.checkLocal(&x)
		}
	} else {
		x.Keys, x.Hashes, err = r.globalKeys(keys)
	}
	if err != nil {
		return err
	}
	if err := x.project(p); err != nil {
		return err
	}
	if r.index(x.Name) != nil {
		return invalid(wrong+"Duplicate index name: %s", x.Name)
	}
	x.ID = uuid.NewString()
	r.Indexes = append(r.Indexes, x)
	n := 0
	for i := range r.Indexes {
		n += len(r.Indexes[i].NonKey)
	}
	if n > maxNonKey {
		return invalid(wrong+"Number of NonKeyAttributes in all indexes exceeds the per-table limit of %d", maxNonKey)
	}
	return nil
}

func (x *index) project(p *api.Projection) error {
	switch {
	case p == nil || p.ProjectionType == "":
		return invalid(wrong + "Unknown ProjectionType: null")
	case p.ProjectionType != api.ProjectionTypeInclude && p.NonKeyAttributes != nil:
		return invalid(wrong+"ProjectionType is %s, but NonKeyAttributes is specified", p.ProjectionType)
	case p.ProjectionType == api.ProjectionTypeInclude && len(p.NonKeyAttributes) == 0:
		return invalid(wrong + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	}
	for i, name := range p.NonKeyAttributes {
		if slices.Contains(p.NonKeyAttributes[:i], name) {
			return invalid(wrong+"Duplicate element in NonKeyAttributes: %s", name)
		}
	}
	x.Projection, x.NonKey = string(p.ProjectionType), p.NonKeyAttributes
	return nil
}

// addLocal adds the local secondary indexes.
func (r *record) addLocal(in []api.LocalSecondaryIndex) error {
	if in != nil && len(in) == 0 {
		return invalid(wrong + "List of LocalSecondaryIndexes is empty")
	}
	for i := range in {
		d := &in[i]
		if len(r.Keys) < 2 {
			return invalid(wrong + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
		}
		if err := r.addIndex(index{Name: *d.IndexName, Local: true}, d.KeySchema, d.Projection); err != nil {
			return err
		}
	}
	if len(in) > maxLocalIndexes {
		return invalid(wrong+"Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLocalIndexes)
	}
	return nil
}

// checkLocal refuses a local index whose keys are not the table's partition key and a sort key.
func (r *record) checkLocal(x *index) error {
	if len(x.Keys) < 2 {
		return invalid(wrong+"Index KeySchema does not have a range key for index: %s", x.Name)
	}
	if x.Keys[0] != r.Keys[0] {
		return invalid(wrong+"Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. "+
			"index hash key: %s, table hash key: %s", x.Name, x.Keys[0], r.Keys[0])
	}
	return nil
}

// addGlobal adds the global secondary indexes of a new table.
func (r *record) addGlobal(in []api.GlobalSecondaryIndex) error {
	if in != nil && len(in) == 0 {
		return invalid(wrong + "List of GlobalSecondaryIndexes is empty")
	}
	if len(in) > maxGlobalIndexes {
		return invalid(wrong+"GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobalIndexes)
	}
	for i := range in {
		d := &in[i]
		x := index{Name: *d.IndexName}
		if err := r.indexCapacity(&x, d.ProvisionedThroughput, d.OnDemandThroughput, d.WarmThroughput); err != nil {
			return err
		}
		if err := r.addIndex(x, d.KeySchema, d.Projection); err != nil {
			return err
		}
	}
	return nil
}
