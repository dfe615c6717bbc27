package dynamodb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/dynamodb/ratelimit"
)

// capacityTag gives each tenant a share of a table: "<read>/<write>", capacity units a second, 0 for no limit. It holds whether or
// not throughput is enforced otherwise.
const capacityTag = "bulkhead:tenant-capacity"

// share is what the tag says; zero is no limit.
type share struct{ read, write float64 }

func parseShare(tags authn.Tags) (share, error) {
	text, ok := tags.Get(capacityTag)
	if !ok {
		return share{}, nil
	}
	read, write, ok := strings.Cut(text, "/")
	r, err := strconv.ParseUint(read, 10, 32)
	w, err2 := strconv.ParseUint(write, 10, 32)
	if !ok || err != nil || err2 != nil {
		return share{}, fmt.Errorf("tag %s must be <read>/<write> in capacity units a second, such as 100/50, not %q", capacityTag, text)
	}
	return share{float64(r), float64(w)}, nil
}

func (s share) of(write bool) float64 {
	if write {
		return s.write
	}
	return s.read
}

// limit is one limit that a request is under.
type limit struct {
	key  ratelimit.Key
	rate float64
	// index is the name of the index that it is of; "" for the table.
	index    string
	onDemand bool
}

// limitsOf returns the limits on reading or writing a table. index is what is read, "" the table; a write is under the limits of
// all indexes.
func (s *Service) limitsOf(t *table, caller *authn.Principal, index string, write bool) []limit {
	var all []limit
	if s.enforce && t.Outside == nil { // an outside engine limits its tables itself
		all = t.limits(index, write)
	}
	if rate := t.share.of(write); rate > 0 && authz.Confined(caller) {
		who := "" // confined callers of no tenant share one
		if caller.Account == t.at.account {
			who = caller.Tenant.String()
		}
		all = append(all, limit{key: ratelimit.Key{ID: t.ID, Tenants: true, Tenant: who, Write: write}, rate: rate})
	}
	return all
}

// limits are the provisioned or the maximum capacities.
func (r *record) limits(index string, write bool) []limit {
	var all []limit
	add := func(id, index string, th throughput) {
		rate := th.Read
		if write {
			rate = th.Write
		}
		if rate > 0 {
			all = append(all, limit{key: ratelimit.Key{ID: id, Write: write}, rate: float64(rate), index: index, onDemand: r.OnDemand})
		}
	}
	of := func(provisioned, maximum throughput) throughput {
		if r.OnDemand {
			return maximum
		}
		return provisioned
	}
	x := r.index(index)
	if write || x == nil || x.Local {
		add(r.ID, "", of(r.Throughput, r.MaxOnDemand))
	}
	for i := range r.Indexes {
		if g := &r.Indexes[i]; !g.Local && (write || g == x) {
			add(g.ID, g.Name, of(g.Throughput, g.MaxOnDemand))
		}
	}
	return all
}

// meter is what one request takes of the capacity of tables. A transaction that runs again begins with reset; what was spent is
// taken by settle.
type meter struct {
	s     *Service
	c     *pipeline.Call
	spent map[limit]float64
}

func (s *Service) meter(c *pipeline.Call) *meter { return &meter{s: s, c: c} }

func (m *meter) reset() { clear(m.spent) }

// free reports whether writes of a table are under no limit, so that nobody asks what they cost.
func (m *meter) free(t *table) bool { return len(m.s.limitsOf(t, m.c.Caller, "", true)) == 0 }

// admit refuses the next access to a table, or to an index of it that is read, while its capacity is used up.
func (m *meter) admit(t *table, index string, write bool) error {
	for _, l := range m.s.limitsOf(t, m.c.Caller, index, write) {
		if m.s.buckets.Level(l.key, l.rate, m.c.Now)-m.spent[l] <= 0 {
			return l.exceeded(t)
		}
	}
	return nil
}

// spend adds what an access has cost.
func (m *meter) spend(t *table, index string, cost item.Cost, write bool) {
	for _, l := range m.s.limitsOf(t, m.c.Caller, index, write) {
		units := cost.Total()
		if !l.key.Tenants {
			units = cost.Indexes[l.index]
			if l.index == "" {
				units = cost.Table + t.localUnits(cost)
			}
		}
		if m.spent == nil {
			m.spent = map[limit]float64{}
		}
		m.spent[l] += units
	}
}

// write performs a write that is admitted. One whose condition fails costs one unit.
func (m *meter) write(t *table, rs item.Rows, w *item.Write) (item.Written, error) {
	if err := m.admit(t, "", true); err != nil {
		return item.Written{}, err
	}
	done, err := t.schema.Write(rs, w)
	var condition *item.ConditionFailedError
	switch {
	case err == nil:
		m.spend(t, "", done.Cost, true)
	case errors.As(err, &condition):
		m.spend(t, "", item.Cost{Table: 1}, true)
	}
	return done, err
}

// admitAll admits the elements of a transaction, or none: the refusal names those that are refused.
func (m *meter) admitAll(tables map[string]opened, names []string, write bool) error {
	reasons := make([]item.Reason, len(names))
	refused := false
	for i, named := range names {
		reasons[i].Code = "None"
		if err := m.admit(tables[named].table, "", write); err != nil {
			reasons[i] = item.Reason{Code: throttled(err), Message: fault.Text(err)}
			refused = true
		}
	}
	if refused {
		return &item.CanceledError{Reasons: reasons}
	}
	return nil
}

// transact performs the writes of a transaction that are admitted. One of which a condition fails costs a unit an element.
func (m *meter) transact(tables map[string]opened, names []string, writes []item.TransactWrite) ([]item.Written, error) {
	if err := m.admitAll(tables, names, true); err != nil {
		return nil, err
	}
	done, err := item.Transact(writes)
	var why *item.CanceledError
	for i, named := range names {
		switch {
		case err == nil:
			m.spend(tables[named].table, "", done[i].Cost, true)
		case errors.As(err, &why):
			m.spend(tables[named].table, "", item.Cost{Table: 1}, true)
		}
	}
	return done, err
}

// localUnits is what a cost has for local indexes, which use the table's capacity.
func (t *table) localUnits(c item.Cost) float64 {
	n := 0.0
	for name, u := range c.Indexes {
		if x := t.index(name); x != nil && x.Local {
			n += u
		}
	}
	return n
}

// settle takes what was spent.
func (m *meter) settle() {
	for l, units := range m.spent {
		m.s.buckets.Take(l.key, l.rate, units, m.c.Now)
	}
	clear(m.spent)
}

// exceeded is the error of a limit that is reached.
func (l *limit) exceeded(t *table) error {
	resource, kind, access := t.at.arn(), "Table", "Read"
	if l.index != "" {
		resource, kind = resource+"/index/"+l.index, "Index"
	}
	if l.key.Write {
		access = "Write"
	}
	because := func(limit string) []api.ThrottlingReason {
		reason := kind + access + limit
		return []api.ThrottlingReason{{Reason: &reason, Resource: &resource}}
	}
	switch {
	case l.key.Tenants:
		e := &api.ThrottlingException{ThrottlingReasons: because("TenantShareExceeded")}
		return e.Fault("Throughput exceeds the share of the tenant in the table")
	case l.onDemand:
		e := &api.ThrottlingException{ThrottlingReasons: because("MaxOnDemandThroughputExceeded")}
		return e.Fault("Throughput exceeds the maximum OnDemandThroughput configured on table or index")
	case l.index != "":
		e := &api.ProvisionedThroughputExceededException{ThrottlingReasons: because("ProvisionedThroughputExceeded")}
		return e.Fault("The level of configured provisioned throughput for one or more global secondary indexes of the table was " +
			"exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes with the " +
			"UpdateTable API")
	}
	e := &api.ProvisionedThroughputExceededException{ThrottlingReasons: because("ProvisionedThroughputExceeded")}
	return e.Fault("The level of configured provisioned throughput for the table was exceeded. Consider increasing your " +
		"provisioning level with the UpdateTable API.")
}

// throttled returns the code of batches' and transactions' elements for an error of admit; "" for any other error.
func throttled(err error) string {
	switch codeOf(err) {
	case "ProvisionedThroughputExceededException":
		return "ProvisionedThroughputExceeded"
	case "ThrottlingException":
		return "ThrottlingError"
	}
	return ""
}

// codeOf is the code of a modeled error, "" for any other.
func codeOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Class == fault.Modeled {
		return f.Code
	}
	return ""
}
