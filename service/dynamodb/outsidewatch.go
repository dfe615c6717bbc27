package dynamodb

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
)

// Where an index has an owner rule, an update could put a row among another tenant's in it. What it makes of the row is evaluated here
// first; the engine performs it on condition that nothing has changed which that depends on.

// watches reports whether a write is evaluated before it is sent.
func (f *farRows) watches(w *item.Write) bool { return w.Kind == item.UpdateRow && len(f.ruled()) > 0 }

// ruled are the key attributes of indexes that have an owner rule.
func (f *farRows) ruled() (names []string) {
	for i := range f.t.schema.Indexes {
		x := &f.t.schema.Indexes[i]
		if !f.guard.Ruled(x.ID) {
			continue
		}
		for _, p := range x.Keys.Parts() {
			names = union(names, []string{p.Name})
		}
	}
	return names
}

// watched are the attributes that decide where an update puts a row in indexes.
func (f *farRows) watched(w *item.Write) (names []string) {
	for _, n := range union(f.ruled(), item.AttributeNames(w.Update)) {
		if !f.t.schema.Keys.Has(n) {
			names = append(names, n)
		}
	}
	return names
}

// forwardWatched is forward of an update that was evaluated. errStale says that the row has changed since.
func (f *farRows) forwardWatched(named string, w *item.Write, want answer, request any) (*outcome, error) {
	in, ok := request.(*api.UpdateItemInput)
	if !ok {
		return nil, errors.New("dynamodb: an update is no UpdateItem")
	}
	k, err := w.RowKey(&f.t.schema)
	if err != nil {
		return nil, err
	}
	sent := *in
	if in.AttributeUpdates != nil || in.Expected != nil {
		if sent.Expected, err = f.expect(w, k, in); err != nil {
			return nil, err
		}
	} else {
		f.watch(w, k, &sent.ConditionExpression, &sent.ExpressionAttributeNames, &sent.ExpressionAttributeValues)
	}
	out, err := f.forward(named, w, want, &sent)
	var condition *item.ConditionFailedError
	if errors.As(err, &condition) {
		return nil, errStale
	}
	return out, err
}

// watch adds to a condition that the attributes on which an update depends are as they were read. Its placeholders are none of the
// caller's, which must mean to the engine what they mean here.
func (f *farRows) watch(w *item.Write, k item.RowKey, condition **string, names *map[string]string, values **item.Map) {
	row := f.read[rowID(k)].item
	ns, vs := maps.Clone(*names), map[string]item.Value{}
	if ns == nil {
		ns = map[string]string{}
	}
	if *values != nil {
		vs = maps.Collect((*values).All())
	}
	mark := "bulkhead_w"
	for i := 0; taken(ns, vs, mark); i++ {
		mark = fmt.Sprintf("bulkhead%d_w", i)
	}
	var tests []string
	if *condition != nil {
		tests = append(tests, "("+**condition+")")
	}
	for i, attr := range f.watched(w) {
		name, value := fmt.Sprintf("#%s%d", mark, i), fmt.Sprintf(":%s%d", mark, i)
		ns[name] = attr
		v := row.Get(attr)
		if v.IsZero() {
			tests = append(tests, "attribute_not_exists("+name+")")
			continue
		}
		vs[value] = v
		tests = append(tests, name+" = "+value)
	}
	if len(tests) == 0 {
		return // it depends on the key alone, and an empty condition is none
	}
	all := strings.Join(tests, " AND ")
	*condition, *names = &all, ns
	if len(vs) > 0 {
		m := item.MapOf(vs)
		*values = &m
	}
}

// taken reports whether the caller has a placeholder that begins with the mark.
func taken(names map[string]string, values map[string]item.Value, mark string) bool {
	for name := range names {
		if strings.HasPrefix(name, "#"+mark) {
			return true
		}
	}
	for name := range values {
		if strings.HasPrefix(name, ":"+mark) {
			return true
		}
	}
	return false
}

// expect is watch for the legacy parameters.
func (f *farRows) expect(w *item.Write, k item.RowKey, in *api.UpdateItemInput) (map[string]api.ExpectedAttributeValue, error) {
	row := f.read[rowID(k)].item
	out := maps.Clone(in.Expected)
	if out == nil {
		out = map[string]api.ExpectedAttributeValue{}
	}
	for _, attr := range f.watched(w) {
		if _, there := out[attr]; there || in.ConditionalOperator == api.ConditionalOperatorOr {
			return nil, invalid("Use UpdateExpression and ConditionExpression: an index of the table has an owner rule, beside which these " +
				"legacy parameters cannot be sent to the table's engine")
		}
		if v := row.Get(attr); v.IsZero() {
			out[attr] = api.ExpectedAttributeValue{ComparisonOperator: api.ComparisonOperatorNull}
		} else {
			out[attr] = api.ExpectedAttributeValue{ComparisonOperator: api.ComparisonOperatorEq, AttributeValueList: []item.Value{v}}
		}
	}
	return out, nil
}
