package dynamodb

import (
	"context"
	"errors"
	"regexp"
	"slices"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// outsideTag names the table of the engine that a new table stands for, if it is there already. It is given when the table is made,
// with the schema that the table there has, and stays.
const outsideTag = "bulkhead:outside-table"

// namedHere are the names that this server gives its tables in the engine: account, region and name. Accounts share the engine, so
// that no table is adopted under such a name.
var namedHere = regexp.MustCompile(`^[0-9]{12}\.[a-z0-9-]+\.`)

const maxNameThere = 255

func outsideTagOf(tags []authn.Tag) string {
	v, _ := authn.Tags(tags).Get(outsideTag)
	return v
}

// keepOutside refuses to change what a table stands for.
func keepOutside(r *record, tags []authn.Tag) error {
	if outsideTagOf(tags) != outsideTagOf(r.Tags) {
		return invalid(wrong+"tag %s is given when a table is made, and stays", outsideTag)
	}
	return r.checkExpiryTag(tags)
}

// thereTable is the engine's description of a table, as far as it is of use here.
type thereTable struct {
	TableStatus               api.TableStatus
	AttributeDefinitions      []api.AttributeDefinition
	KeySchema                 []api.KeySchemaElement
	ItemCount, TableSizeBytes int64
	GlobalSecondaryIndexes    []thereIndex
	LocalSecondaryIndexes     []thereIndex
}

type thereIndex struct {
	IndexName                 string
	IndexStatus               api.IndexStatus
	Backfilling               *bool
	KeySchema                 []api.KeySchemaElement
	Projection                api.Projection
	ItemCount, IndexSizeBytes int64
}

// placeThere says where in the engine a new table is.
func (s *Service) tableThere(c *pipeline.Call, at place, rec *record) (*outside, error) {
	adopt := outsideTagOf(rec.Tags)
	switch {
	case s.engine == nil && adopt != "":
		return nil, invalid(wrong+"tag %s: this server has no outside table engine", outsideTag)
	case s.engine == nil:
		return nil, nil
	case adopt == "":
		own := at.account + "." + at.region + "." + at.name
		if len(own) > maxNameThere {
			return nil, invalid(wrong+"the name of the table is too long: in the outside table engine it would be %s", own)
		}
		return &outside{Name: own}, nil
	case !isTableName(adopt) || namedHere.MatchString(adopt):
		return nil, invalid(wrong+"tag %s: %q is no name of a table that can be adopted", outsideTag, adopt)
	case at.account != s.adopter || c.Caller.Account != at.account || authz.Confined(c.Caller):
		// The engine's tables are the operators': whoever may create tables is not let into those that are there.
		return nil, fault.New(fault.AccessDenied, "Only operators of the server's default account adopt tables of the outside engine.")
	}
	return &outside{Name: adopt, Adopted: true}, nil
}

// createFar makes a table whose rows the engine keeps: there first, so that a table which is on record exists.
func (s *Service) createFar(ctx context.Context, c *pipeline.Call, at place, rec *record, in *api.CreateTableInput) (*api.CreateTableOutput, error) {
	if st := in.StreamSpecification; st != nil && (opt.Value(st.StreamEnabled) || st.StreamViewType != "") {
		return nil, errOutside
	}
	if rec.Sealed != nil && slices.ContainsFunc(rec.used(), func(n string) bool { return n == sealedAttribute || n == versionAttribute }) {
		return nil, invalid(wrong+"%s and %s cannot be keys of a sealed table", sealedAttribute, versionAttribute)
	}
	if t, err := s.facts(ctx, at); err != nil || t != nil {
		return nil, errors.Join(err, existsAlready(t))
	}
	there, err := s.makeThere(ctx, rec)
	if err != nil {
		return nil, err
	}
	var desc *api.TableDescription
	err = s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		t, err := s.current(tx, at)
		if err != nil || t != nil {
			return errors.Join(err, existsAlready(t))
		}
		if err := claim(tx, rec); err != nil {
			return err
		}
		desc = rec.describe(at, c.Now)
		desc.TableStatus = there.TableStatus
		return save(tx, at, rec)
	})
	if err != nil {
		return nil, err
	}
	c.Note("tableId", rec.ID)
	return &api.CreateTableOutput{TableDescription: desc}, nil
}

func existsAlready(t *table) error {
	if t == nil {
		return nil
	}
	return api.NewResourceInUseException("Table already exists: %s", t.Name)
}

// claimed says which table here stands for a table of the engine. No two do: each would have an owner rule of its own.
type claimed struct{ Table string }

func claimKey(name string) store.Key { return store.K("outside", name) }

func claim(tx *store.Tx, rec *record) error {
	dir, err := tx.Directory()
	if err != nil {
		return err
	}
	of, err := store.Load[claimed](dir, claimKey(rec.Outside.Name))
	if err != nil {
		return err
	}
	if of != nil {
		return api.NewResourceInUseException("Another table stands for this table of the outside engine")
	}
	return store.Save(dir, claimKey(rec.Outside.Name), &claimed{rec.ID})
}

// makeThere makes the table in the engine, or finds the one that is adopted. An empty table of this name that nobody has on record
// here is what a failure left in between.
func (s *Service) makeThere(ctx context.Context, rec *record) (*thereTable, error) {
	t := &table{record: *rec}
	if !rec.Outside.Adopted {
		var made struct{ TableDescription thereTable }
		err := s.ask(ctx, t, "CreateTable", rec.request(), &made)
		if err == nil {
			return &made.TableDescription, nil
		}
		if !fault.Is(err, "ResourceInUseException") {
			return nil, err
		}
	}
	d, err := s.describeThere(ctx, t)
	switch {
	case errors.Is(err, errNoTable):
		return nil, invalid(wrong+"tag %s: the outside engine has no table %s", outsideTag, rec.Outside.Name)
	case err != nil:
		return nil, err
	case d.TableStatus == api.TableStatusDeleting:
		return nil, api.NewResourceInUseException("Attempt to change a resource which is still in use: Table is being deleted: %s", rec.Name)
	case !rec.matches(d):
		return nil, invalid(wrong + "the table of the outside engine has other keys or indexes")
	case rec.Outside.Adopted && rec.Sealed == nil:
		return d, nil
	}
	var page struct{ Count int }
	if err := s.ask(ctx, t, "Scan", map[string]any{"TableName": rec.Outside.Name, "Limit": 1, "Select": "COUNT"}, &page); err != nil {
		return nil, err
	}
	if page.Count > 0 && rec.Outside.Adopted {
		return nil, invalid(wrong + "the table of the outside engine has rows that are not sealed")
	}
	if page.Count > 0 {
		return nil, api.NewResourceInUseException("Table already exists: %s", rec.Name)
	}
	return d, nil
}

func (s *Service) describeThere(ctx context.Context, t *table) (*thereTable, error) {
	var out struct{ Table thereTable }
	if err := s.ask(ctx, t, "DescribeTable", map[string]any{"TableName": t.Outside.Name}, &out); err != nil {
		return nil, err
	}
	return &out.Table, nil
}

// request is the record as a CreateTable request to the engine. Indexes of sealed tables hold the sealed rows whole, which this
// server projects.
func (r *record) request() *api.CreateTableInput {
	in := &api.CreateTableInput{TableName: &r.Outside.Name, KeySchema: elements(r.Keys, 1), BillingMode: api.BillingModePayPerRequest}
	if !r.OnDemand {
		in.BillingMode, in.ProvisionedThroughput = api.BillingModeProvisioned, r.Throughput.request()
	}
	for _, a := range r.Attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			api.AttributeDefinition{AttributeName: &a.Name, AttributeType: api.ScalarAttributeType(a.Type)})
	}
	for i := range r.Indexes {
		x := &r.Indexes[i]
		p := r.projectionThere(x)
		if x.Local {
			in.LocalSecondaryIndexes = append(in.LocalSecondaryIndexes,
				api.LocalSecondaryIndex{IndexName: &x.Name, KeySchema: elements(x.Keys, x.hashes()), Projection: p})
			continue
		}
		g := api.GlobalSecondaryIndex{IndexName: &x.Name, KeySchema: elements(x.Keys, x.hashes()), Projection: p}
		if !r.OnDemand {
			g.ProvisionedThroughput = x.Throughput.request()
		}
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, g)
	}
	return in
}

func (r *record) projectionThere(x *index) *api.Projection {
	if r.Sealed != nil {
		return &api.Projection{ProjectionType: api.ProjectionTypeAll}
	}
	return &api.Projection{ProjectionType: api.ProjectionType(x.Projection), NonKeyAttributes: x.NonKey}
}

func (t throughput) request() *api.ProvisionedThroughput {
	return &api.ProvisionedThroughput{ReadCapacityUnits: &t.Read, WriteCapacityUnits: &t.Write}
}

// matches reports whether a table of the engine has the record's keys and indexes.
func (r *record) matches(d *thereTable) bool {
	types := map[string]string{}
	for _, a := range d.AttributeDefinitions {
		types[opt.Value(a.AttributeName)] = string(a.AttributeType)
	}
	for _, a := range r.Attributes {
		if types[a.Name] != a.Type {
			return false
		}
	}
	if !sameKeys(elements(r.Keys, 1), d.KeySchema) {
		return false
	}
	for i := range r.Indexes {
		x := &r.Indexes[i]
		there := indexThere(d, x)
		if there == nil || !sameKeys(elements(x.Keys, x.hashes()), there.KeySchema) {
			return false
		}
		p := r.projectionThere(x)
		nonKey := slices.Sorted(slices.Values(p.NonKeyAttributes))
		if p.ProjectionType != there.Projection.ProjectionType || !slices.Equal(nonKey, slices.Sorted(slices.Values(there.Projection.NonKeyAttributes))) {
			return false
		}
	}
	return true
}

func indexThere(d *thereTable, x *index) *thereIndex {
	of := d.GlobalSecondaryIndexes
	if x.Local {
		of = d.LocalSecondaryIndexes
	}
	for i := range of {
		if of[i].IndexName == x.Name {
			return &of[i]
		}
	}
	return nil
}

func sameKeys(want, schema []api.KeySchemaElement) bool {
	slices.SortStableFunc(schema, func(a, b api.KeySchemaElement) int { // HASH before RANGE
		switch a.KeyType {
		case b.KeyType:
			return 0
		case api.KeyTypeHash:
			return -1
		}
		return 1
	})
	return slices.EqualFunc(want, schema, func(a, b api.KeySchemaElement) bool {
		return *a.AttributeName == opt.Value(b.AttributeName) && a.KeyType == b.KeyType
	})
}

// describeFar adds to a description what the engine knows. counts are for those who may know them.
func (s *Service) describeFar(ctx context.Context, t *table, out *api.TableDescription, counts bool) error {
	d, err := s.describeThere(ctx, t)
	if err != nil {
		return err
	}
	out.TableStatus = d.TableStatus
	if counts {
		out.ItemCount, out.TableSizeBytes = &d.ItemCount, &d.TableSizeBytes
	}
	for i := range out.GlobalSecondaryIndexes {
		g := &out.GlobalSecondaryIndexes[i]
		x := indexThere(d, t.index(*g.IndexName))
		if x == nil {
			g.IndexStatus = api.IndexStatusDeleting
			continue
		}
		g.IndexStatus, g.Backfilling = x.IndexStatus, x.Backfilling
		if g.IndexStatus == "" {
			g.IndexStatus = api.IndexStatusActive // Alternator leaves it out
		}
		if counts {
			g.ItemCount, g.IndexSizeBytes = &x.ItemCount, &x.IndexSizeBytes
		}
	}
	for i := range out.LocalSecondaryIndexes {
		l := &out.LocalSecondaryIndexes[i]
		if x := indexThere(d, t.index(*l.IndexName)); x != nil && counts {
			l.ItemCount, l.IndexSizeBytes = &x.ItemCount, &x.IndexSizeBytes
		}
	}
	return nil
}

// deleteFar deletes a table: there first, so that nothing is left without a record that could come to light under a new one. An
// adopted table stays there.
func (s *Service) deleteFar(ctx context.Context, c *pipeline.Call, at place, t *table) (*api.DeleteTableOutput, error) {
	if !c.Grant.Names(t.ID) {
		return nil, errNoTable
	}
	if t.Protected {
		return nil, errProtected()
	}
	if !t.Outside.Adopted {
		var none struct{}
		err := s.ask(ctx, t, "DeleteTable", map[string]any{"TableName": t.Outside.Name}, &none)
		if err != nil && !errors.Is(err, errNoTable) {
			return nil, err
		}
	}
	out := &api.DeleteTableOutput{}
	err := s.changeFar(ctx, c, at, t.ID, func(tx *store.Tx, t *table) error {
		out.TableDescription = t.describeDeleted(at, c.Now)
		dir, err := tx.Directory()
		if err == nil {
			err = dir.Delete(claimKey(t.Outside.Name))
		}
		if err != nil {
			return err
		}
		return t.remove(tx, at)
	})
	if err != nil {
		return nil, err
	}
	s.kick()
	return out, nil
}

// changeFar runs fn in a writing transaction with the table with the id, if it is still there.
func (s *Service) changeFar(ctx context.Context, c *pipeline.Call, at place, id string, fn func(*store.Tx, *table) error) error {
	return s.changeAnyTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		if t.ID != id || t.Outside == nil {
			return errNoTable
		}
		return fn(tx, t)
	})
}

// updateFar changes a table here and there. The engine goes first: what it refuses is not on record.
func (s *Service) updateFar(ctx context.Context, c *pipeline.Call, at place, t *table, in *api.UpdateTableInput) (*api.UpdateTableOutput, error) {
	if in.StreamSpecification != nil {
		return nil, errOutside
	}
	if !c.Grant.Names(t.ID) {
		return nil, errNoTable
	}
	changed := func(t *table) (*record, error) {
		rec := t.record
		rec.Indexes = slices.Clone(t.Indexes)
		if err := rec.update(c.Now.UTC(), in); err != nil {
			return nil, err
		}
		_, err := rec.updateIndexes(at, c.Now, in)
		for i := range rec.Indexes {
			rec.Indexes[i].Filling = false // the engine fills it, and says so
		}
		return &rec, err
	}
	rec, err := changed(t)
	if err != nil {
		return nil, err
	}
	if request := rec.changeRequest(in); request != nil {
		var none struct{}
		if err := s.ask(ctx, t, "UpdateTable", request, &none); err != nil {
			return nil, err
		}
	}
	out := &api.UpdateTableOutput{}
	var now *table
	err = s.changeFar(ctx, c, at, t.ID, func(tx *store.Tx, t *table) error {
		rec, err := changed(t)
		if err != nil {
			return err
		}
		out.TableDescription, now = rec.describe(at, c.Now), &table{record: *rec}
		return save(tx, at, rec)
	})
	if err != nil {
		return nil, err
	}
	return out, s.describeFar(ctx, now, out.TableDescription, false)
}

// changeRequest is what of a change is the engine's; nil if nothing is.
func (r *record) changeRequest(in *api.UpdateTableInput) *api.UpdateTableInput {
	if in.BillingMode == "" && in.ProvisionedThroughput == nil && len(in.GlobalSecondaryIndexUpdates) == 0 {
		return nil
	}
	out := &api.UpdateTableInput{
		TableName: &r.Outside.Name, BillingMode: in.BillingMode, ProvisionedThroughput: in.ProvisionedThroughput,
		AttributeDefinitions: in.AttributeDefinitions, GlobalSecondaryIndexUpdates: slices.Clone(in.GlobalSecondaryIndexUpdates),
	}
	for i := range out.GlobalSecondaryIndexUpdates {
		u := &out.GlobalSecondaryIndexUpdates[i]
		if u.Create != nil {
			made := *u.Create
			made.Projection = r.projectionThere(r.index(*made.IndexName))
			u.Create = &made
		}
	}
	return out
}
