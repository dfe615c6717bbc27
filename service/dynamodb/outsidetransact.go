package dynamodb

import (
	"context"
	"errors"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/digest"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// errMixed refuses what neither store could keep whole.
var errMixed = invalid("A transaction cannot include both tables of this server and tables that an outside engine keeps")

// transactsFar returns the tables of a transaction if the engine keeps them all; nil if it keeps none.
func (s *Service) transactsFar(ctx context.Context, c *pipeline.Call, names []string) (map[string]*farRows, error) {
	far, err := s.farOf(ctx, c, names)
	if err != nil || far == nil {
		return nil, err
	}
	for _, named := range names {
		if far[named] == nil {
			return nil, errMixed
		}
	}
	return far, nil
}

// fetchTransaction reads the rows of a transaction of reads from one snapshot of the engine's. Keys that do not fit their table are
// left for the transaction to refuse.
func (s *Service) fetchTransaction(ctx context.Context, m *meter, far map[string]*farRows, names []string, named []item.Map) error {
	if err := m.admitAll(openedFar(far), names, false); err != nil {
		return err
	}
	var gets []any
	var keys []item.RowKey
	var of []*farRows
	tables := map[string]string{}
	for i, table := range names {
		f := far[table]
		k, err := f.t.schema.Keys.Key(named[i])
		if err != nil {
			return nil //nolint:nilerr // the transaction says it as a reason
		}
		ok, err := f.guard.Check(k.PK, false)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		tables[f.t.Outside.Name] = table
		gets = append(gets, map[string]any{"Get": map[string]any{"TableName": f.t.Outside.Name, "Key": f.keyThere(k)}})
		keys, of = append(keys, k), append(of, f)
	}
	if len(gets) == 0 {
		return nil
	}
	var out struct{ Responses []struct{ Item item.Map } }
	if err := s.askOf(ctx, tables, "TransactGetItems", map[string]any{"TransactItems": gets}, &out); err != nil {
		return err
	}
	if len(out.Responses) != len(keys) {
		return wrapNotOurs(errors.New("a transaction has not as many answers as reads"))
	}
	for i, r := range out.Responses {
		if _, err := of[i].keep(keys[i], r.Item); err != nil {
			return err
		}
	}
	return nil
}

// transactFar performs a transaction of writes at the engine. Rows that are not sealed are written with their expressions; those
// that are, on condition that they are as they were when they were evaluated here.
func (s *Service) transactFar(ctx context.Context, c *pipeline.Call, in *api.TransactWriteItemsInput, actions []plan.Action, far map[string]*farRows) (*api.TransactWriteItemsOutput, error) {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = a.Table
	}
	m := s.meter(c)
	defer m.settle()
	if err := m.admitAll(openedFar(far), names, true); err != nil {
		return nil, err
	}
	sealed := false
	for _, f := range far {
		sealed = sealed || f.t.sealing != nil
	}
	for _, a := range actions {
		k, err := a.Write.RowKey(&far[a.Table].t.schema)
		if err != nil {
			continue // the evaluation says it as a reason
		}
		if a.Write.Kind != item.CheckRow {
			err = far[a.Table].mayWrite(k, a.Write)
		}
		if err != nil {
			return nil, err
		}
	}
	token := ""
	if opt.Value(in.ClientRequestToken) != "" {
		token = tokenID(c.Caller, *in.ClientRequestToken)
	}
	perform := func() (*api.TransactWriteItemsOutput, error) {
		out, err := s.writeAllFar(ctx, c, in, actions, names, token)
		m.spendAllThere(far, actions, out, err)
		return out, err
	}
	var out *api.TransactWriteItemsOutput
	var err error
	if sealed && token != "" {
		token = "" // it is kept here
		out, err = s.onceFar(ctx, c, in, perform)
	} else {
		out, err = perform()
	}
	if err == nil && orNone(in.ReturnConsumedCapacity) == api.ReturnConsumedCapacityNone {
		out.ConsumedCapacity = nil
	}
	return out, err
}

// maxTokenThere is the longest ClientRequestToken.
const maxTokenThere = 36

func (s *Service) writeAllFar(ctx context.Context, c *pipeline.Call, in *api.TransactWriteItemsInput, actions []plan.Action, names []string, token string) (*api.TransactWriteItemsOutput, error) {
	// It is always asked for: shares count it, and the answer to a request that comes again under its token holds it.
	request := map[string]any{"ReturnConsumedCapacity": api.ReturnConsumedCapacityTotal}
	if orNone(in.ReturnConsumedCapacity) != api.ReturnConsumedCapacityNone {
		request["ReturnConsumedCapacity"] = in.ReturnConsumedCapacity
	}
	if token != "" {
		request["ClientRequestToken"] = token[:maxTokenThere] // of 256 bits of hash, 144
	}
	var done struct{ ConsumedCapacity []api.ConsumedCapacity }
	tables := map[string]string{}
	err := untilCurrent(ctx, func() error {
		far, err := s.farOf(ctx, c, names)
		if err != nil {
			return err
		}
		for named, f := range far {
			tables[f.t.Outside.Name], f.consistent = named, true
		}
		all, at, err := actionsThere(in, actions, far)
		if err != nil || len(all) == 0 {
			return err
		}
		request["TransactItems"] = all
		err = s.askOf(ctx, tables, "TransactWriteItems", request, &done)
		return staleReasons(ownReasons(spread(err, at, len(actions)), actions, far), actions, far)
	})
	if err != nil {
		return nil, err
	}
	out := &api.TransactWriteItemsOutput{ConsumedCapacity: renamed(done.ConsumedCapacity, tables)}
	far, err := s.farOf(ctx, c, names)
	if err != nil {
		return nil, err
	}
	for i, a := range actions {
		if m := collection(in.ReturnItemCollectionMetrics, far[a.Table].t, a.Write); m != nil {
			if out.ItemCollectionMetrics == nil {
				out.ItemCollectionMetrics = map[string][]api.ItemCollectionMetrics{}
			}
			out.ItemCollectionMetrics[names[i]] = append(out.ItemCollectionMetrics[names[i]], *m)
		}
	}
	return out, nil
}

// evaluates reports whether an action is evaluated here: on sealed rows, on rows that the guard hides, which are not there for the
// caller whatever the engine would say, and with a key that is none, of which the guard can say nothing.
func (f *farRows) evaluates(w *item.Write) (here, hidden bool, err error) {
	k, err := w.RowKey(&f.t.schema)
	if err != nil {
		return true, false, nil //nolint:nilerr // the evaluation refuses it
	}
	if w.Kind == item.CheckRow {
		seen, err := f.guard.Check(k.PK, false)
		if err != nil || !seen {
			return true, true, err
		}
	}
	return f.t.sealing != nil || f.watches(w), false, nil
}

// actionsThere are the actions in the engine's form, and which of the request each is. Those that are evaluated here have been.
func actionsThere(in *api.TransactWriteItemsInput, actions []plan.Action, far map[string]*farRows) (all []any, places []int, err error) {
	hidden := make([]bool, len(actions))
	var evaluated []item.TransactWrite
	var at []int
	for i, a := range actions {
		f := far[a.Table]
		here, unseen, err := f.evaluates(a.Write)
		if err != nil {
			return nil, nil, err
		}
		if hidden[i] = unseen; here {
			evaluated = append(evaluated, item.TransactWrite{Table: &f.t.schema, Rows: f, Write: a.Write})
			at = append(at, i)
		}
	}
	if _, err := item.Transact(evaluated); err != nil {
		return nil, nil, spread(err, at, len(actions))
	}
	for i, a := range actions {
		if hidden[i] {
			continue
		}
		there, err := far[a.Table].transacted(&in.TransactItems[i], a.Write)
		if err != nil {
			return nil, nil, err
		}
		all, places = append(all, there), append(places, i)
	}
	return all, places, nil
}

func (f *farRows) transacted(in *api.TransactWriteItem, w *item.Write) (any, error) {
	if f.t.sealing == nil && !f.watches(w) {
		return itemThere(in, f.t.Outside.Name), nil
	}
	k, err := w.RowKey(&f.t.schema)
	if err != nil {
		return nil, err
	}
	if f.t.sealing != nil {
		return f.actionThere(k)
	}
	out := itemThere(in, f.t.Outside.Name)
	u := out.Update
	f.watch(w, k, &u.ConditionExpression, &u.ExpressionAttributeNames, &u.ExpressionAttributeValues)
	return out, nil
}

// spread gives the reasons of some of the actions their places among all.
func spread(err error, at []int, n int) error {
	var c *item.CanceledError
	if !errors.As(err, &c) || len(c.Reasons) != len(at) {
		return err
	}
	all := make([]item.Reason, n)
	for i := range all {
		all[i].Code = "None"
	}
	for i, r := range c.Reasons {
		all[at[i]] = r
	}
	return &item.CanceledError{Reasons: all}
}

// itemThere is an action with the table's name there.
func itemThere(in *api.TransactWriteItem, name string) api.TransactWriteItem {
	out := *in
	switch {
	case in.Put != nil:
		p := *in.Put
		p.TableName, out.Put = &name, &p
	case in.Update != nil:
		p := *in.Update
		p.TableName, out.Update = &name, &p
	case in.Delete != nil:
		p := *in.Delete
		p.TableName, out.Delete = &name, &p
	case in.ConditionCheck != nil:
		p := *in.ConditionCheck
		p.TableName, out.ConditionCheck = &name, &p
	}
	return out
}

// ownReasons refuses reasons that are not those of the actions, or show other rows than they are about.
func ownReasons(err error, actions []plan.Action, far map[string]*farRows) error {
	var c *item.CanceledError
	if !errors.As(err, &c) {
		return err
	}
	if len(c.Reasons) != len(actions) {
		return wrapNotOurs(errNotOurs)
	}
	for i, r := range c.Reasons {
		if a := actions[i]; !r.Item.IsZero() && !far[a.Table].isOf(a.Write, r.Item) {
			return wrapNotOurs(errNotOurs)
		}
	}
	return err
}

// staleReasons is errStale if the transaction failed by what was evaluated here having changed, which is not the caller's condition.
func staleReasons(err error, actions []plan.Action, far map[string]*farRows) error {
	var c *item.CanceledError
	if !errors.As(err, &c) || len(c.Reasons) != len(actions) {
		return err
	}
	for i := range c.Reasons {
		f := far[actions[i].Table]
		if (f.t.sealing != nil || f.watches(actions[i].Write)) && c.Reasons[i].Code == "ConditionalCheckFailed" {
			return errStale
		}
	}
	return err
}

// onceFar performs a transaction under its ClientRequestToken, which the engine cannot keep for rows that are sealed anew at each
// try. The token is on record before the engine is asked: if this server fails in between, the request is in progress until the token
// expires, and is never performed twice.
func (s *Service) onceFar(ctx context.Context, c *pipeline.Call, in *api.TransactWriteItemsInput, perform func() (*api.TransactWriteItemsOutput, error)) (*api.TransactWriteItemsOutput, error) {
	var before *performed
	request := digest.Transaction(c.Account, c.Region, in)
	mark := func(p *performed) error {
		return s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
			tok, err := s.token(tx, c, in.ClientRequestToken, request)
			if err != nil {
				return err
			}
			if before = tok.done; before != nil && p != nil && p.Started {
				return nil
			}
			return tok.record(tx, c.Now, p)
		})
	}
	if err := mark(&performed{Started: true}); err != nil {
		return nil, err
	}
	switch {
	case before != nil && before.Started:
		return nil, api.NewTransactionInProgressException("The transaction with the given request token is already in progress.")
	case before != nil:
		return &api.TransactWriteItemsOutput{ConsumedCapacity: before.consumed(in.ReturnConsumedCapacity)}, nil
	}
	out, err := perform()
	if err != nil && !refusedThere(err) {
		return nil, err // it may have happened
	}
	settle := &performed{Units: unitsOf(out)}
	if err != nil {
		settle = nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return out, errors.Join(err, mark(settle))
}

// settleTimeout bounds how long the end of a transaction is put on record after its caller has gone.
const settleTimeout = 5 * time.Second
