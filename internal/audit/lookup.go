package audit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/kv"
)

// ErrBadToken is returned by Lookup for a paging token that it did not make for the same query.
var ErrBadToken = errors.New("audit: the paging token is not of this query")

// MaxResults is the most events on one page of Lookup, and the number if the query says none (LookupEvents).
const MaxResults = 50

// maxLooked is how many events one page looks at, so that a filter that matches little costs little. A page may
// therefore be empty and still have a next one, as those of LookupEvents may.
const maxLooked = 1000

// Query selects events. All that is set must hold.
type Query struct {
	// Account is whose events are looked up: those that it received, and no others. Data events are found only by
	// Tenant, as LookupEvents finds none.
	Account string
	// Tenant finds the events of requests made for a tenant, data events included. With an empty Account, those of all
	// accounts: that is for the operator only. One of Account and Tenant must be set.
	Tenant string
	// Region restricts to one region.
	Region string
	// Start and End bound the time of the events, both inclusive; zero is no bound.
	Start, End time.Time
	// Filter restricts by what the event says.
	Filter Filter
	// Token continues after the page that returned it. The rest of the query must be the same.
	Token string
	// Max is the number of events on the page, 1 to MaxResults; 0 is MaxResults.
	Max int
}

// Filter is LookupEvents' lookup attributes; empty ones are not looked at. ResourceName matches a resource's ARN or the
// last part of it.
type Filter struct {
	EventID, EventName, EventSource, Username, AccessKeyID, ResourceType, ResourceName string
	// ReadOnly is "true" or "false".
	ReadOnly string
}

// Found is an event as Lookup and Tail return it.
type Found struct {
	// Chain and Seq say where the event is in the log.
	Chain, Seq uint64
	// Time is when the request was accepted.
	Time time.Time
	// ID, Name, Source, Username and AccessKeyID are those of the event. Username is the IAM user's name, the name of a
	// role session, or "root".
	ID, Name, Source, Username, AccessKeyID string
	// Region, Account and Tenant are the region, the recipient account and the tenant.
	Region, Account, Tenant string
	// ReadOnly and Management are those of the event.
	ReadOnly, Management bool
	// Resources are those of the event.
	Resources []Resource
	// JSON is the whole event.
	JSON []byte

	order time.Time // for Tail
}

// Lookup returns the newest events that match, newest first, and a token for the next page, which is empty at the end.
// Its cost is bounded whatever the query. It fails with ErrBadToken, or with ErrTampered if an event it meets does not
// carry the log's MAC.
func (r *Reader) Lookup(ctx context.Context, q Query) ([]Found, string, error) {
	if q.Account == "" && q.Tenant == "" {
		return nil, "", errors.New("audit: a query needs an account or a tenant")
	}
	if q.Max < 0 || q.Max > MaxResults {
		return nil, "", fmt.Errorf("audit: a page has at most %d events", MaxResults)
	}
	if q.Max == 0 {
		q.Max = MaxResults
	}
	after, err := r.openToken(&q)
	if err != nil {
		return nil, "", err
	}
	p := &page{Reader: r, q: &q, after: after}
	if err := r.db.View(ctx, p.read); err != nil {
		return nil, "", err
	}
	if !p.more {
		return p.found, "", nil
	}
	token, err := r.sealToken(&q, p.last)
	return p.found, token, err
}

// page is one page of a lookup.
type page struct {
	*Reader
	q     *Query
	after []byte // place of the last event looked at on the page before

	found []Found
	last  []byte // place of the last event looked at
	more  bool
}

func (p *page) read(tx kv.Reader) error {
	p.found, p.last, p.more = nil, nil, false
	seals := p.sealers()
	if p.q.Filter.EventID != "" && p.q.Account != "" && p.q.Tenant == "" {
		return p.one(tx, seals)
	}
	for looked := 0; looked < maxLooked; looked += chunk {
		places, err := p.places(tx)
		if err != nil {
			return err
		}
		for i, raw := range places {
			if len(p.found) == p.q.Max {
				p.more = true
				return nil
			}
			p.last = places[i]
			at, ok := parsePlace(raw)
			if !ok {
				return fmt.Errorf("%w: an index entry is not well-formed", ErrTampered)
			}
			if err := p.look(tx, seals, at.chain, at.seq); err != nil {
				return err
			}
		}
		if len(places) < chunk {
			return nil
		}
	}
	p.more = true
	return nil
}

// chunk is how many index entries are read before the events that they point to.
const chunk = 50

// places reads the next places of the index, from newer to older.
func (p *page) places(tx kv.Reader) ([][]byte, error) {
	prefix := p.keys.account(nil, []byte(p.q.Account))
	if p.q.Tenant != "" {
		prefix = p.keys.tenant(nil, []byte(p.q.Tenant))
	}
	rng := kv.Prefix(prefix)
	rng.Reverse, rng.Limit = true, chunk
	if !p.q.Start.IsZero() {
		rng.Start = place{time: p.q.Start}.append(clip(prefix))
	}
	switch {
	case p.last != nil:
		rng.End = append(clip(prefix), p.last...)
	case p.after != nil:
		rng.End = append(clip(prefix), p.after...)
	case !p.q.End.IsZero():
		rng.End = place{time: p.q.End.Add(1)}.append(clip(prefix))
	}
	var places [][]byte
	err := tx.Scan(rng, func(key, _ []byte) bool {
		places = append(places, append([]byte(nil), key[len(prefix):]...))
		return len(places) < chunk
	})
	return places, err
}

func clip(b []byte) []byte { return b[:len(b):len(b)] }

// one finds an event by its id.
func (p *page) one(tx kv.Reader, seals sealers) error {
	id, ok := ParseID(p.q.Filter.EventID)
	if !ok {
		return nil
	}
	at, ok, err := tx.Get(p.keys.id(nil, id))
	if err != nil || !ok {
		return err
	}
	if len(at) != 16 {
		return fmt.Errorf("%w: an index entry is not well-formed", ErrTampered)
	}
	chain, seq := two64(at)
	return p.look(tx, seals, chain, seq)
}

// look adds the event at a place if it matches.
func (p *page) look(tx kv.Reader, seals sealers, chain, seq uint64) error {
	value, ok, err := tx.Get(p.keys.record(nil, chain, seq))
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: record %d of chain %d is gone", ErrTampered, seq, chain)
	}
	s, err := p.sealerOf(tx, seals, chain)
	if err != nil {
		return err
	}
	f, ok, err := open(s, chain, seq, value, p.q.holds)
	if ok && (p.q.Region == "" || f.Region == p.q.Region) && p.q.Filter.Match(&f) {
		p.found = append(p.found, f)
	}
	return err
}

// holds checks what needs no JSON. An index entry is only a hint: what an event is comes from the event.
func (q *Query) holds(m *meta) bool {
	return (q.Account == "" || string(m.account) == q.Account) &&
		(q.Tenant == "" || string(m.tenant) == q.Tenant) &&
		(q.Start.IsZero() || !m.time.Before(q.Start)) && (q.End.IsZero() || !m.time.After(q.End))
}

// open checks a record's MAC and reads it if it passes.
func open(s *sealer, chain, seq uint64, value []byte, pass func(*meta) bool) (Found, bool, error) {
	_, _, m, err := s.openRecord(chain, seq, value)
	if err != nil || !pass(&m) {
		return Found{}, false, err
	}
	f, err := decode(&m)
	if err != nil {
		return Found{}, false, fmt.Errorf("audit: record %d of chain %d: %w", seq, chain, err)
	}
	f.Chain, f.Seq = chain, seq
	return f, true, nil
}

// stored are the fields of an event's JSON that filters look at.
type stored struct {
	UserIdentity struct {
		Type        string `json:"type"`
		PrincipalID string `json:"principalId"`
		AccessKeyID string `json:"accessKeyId"`
		UserName    string `json:"userName"`
	} `json:"userIdentity"`
	Source    string `json:"eventSource"`
	Name      string `json:"eventName"`
	Region    string `json:"awsRegion"`
	ReadOnly  bool   `json:"readOnly"`
	Resources []struct {
		ARN     string `json:"ARN"`
		Account string `json:"accountId"`
		Type    string `json:"type"`
	} `json:"resources"`
}

func decode(m *meta) (Found, error) {
	var e stored
	if err := json.Unmarshal(m.json, &e); err != nil {
		return Found{}, err
	}
	f := Found{
		Time: m.time, ID: m.id.String(), Name: e.Name, Source: e.Source, AccessKeyID: e.UserIdentity.AccessKeyID,
		Username: e.UserIdentity.UserName, Region: e.Region, Account: string(m.account), Tenant: string(m.tenant),
		ReadOnly: e.ReadOnly, Management: m.management, JSON: append([]byte(nil), m.json...),
	}
	switch e.UserIdentity.Type {
	case "Root":
		f.Username = "root"
	case "AssumedRole", "FederatedUser":
		_, f.Username, _ = strings.Cut(e.UserIdentity.PrincipalID, ":")
	}
	for _, r := range e.Resources {
		f.Resources = append(f.Resources, Resource{ARN: r.ARN, Account: r.Account, Type: r.Type})
	}
	return f, nil
}

// Match reports whether the event passes the filter.
func (f *Filter) Match(e *Found) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	if !is(f.EventID, e.ID) || !is(f.EventName, e.Name) || !is(f.EventSource, e.Source) || !is(f.Username, e.Username) ||
		!is(f.AccessKeyID, e.AccessKeyID) || f.ReadOnly != "" && (f.ReadOnly == "true") != e.ReadOnly {
		return false
	}
	if f.ResourceType == "" && f.ResourceName == "" {
		return true
	}
	for i := range e.Resources {
		if is(f.ResourceType, e.Resources[i].Type) && f.named(e.Resources[i].ARN) {
			return true
		}
	}
	return false
}

func (f *Filter) named(arn string) bool {
	return f.ResourceName == "" || arn == f.ResourceName || arn[strings.LastIndexAny(arn, ":/")+1:] == f.ResourceName
}

// A token is the place of the last event looked at, sealed: places tell how much others do. It is bound to its query.
func (q *Query) scope() (keyring.Purpose, keyring.Scope) {
	if q.Account == "" {
		return keyring.Cursor, keyring.Scope{Name: "audit"}
	}
	return keyring.PagingToken, keyring.Scope{Account: q.Account, Name: "audit"}
}

func (q *Query) fingerprint() []byte {
	h := sha256.New()
	f := &q.Filter
	for _, s := range []string{
		q.Account, q.Tenant, q.Region, q.Start.UTC().String(), q.End.UTC().String(), f.EventID, f.EventName, f.EventSource,
		f.Username, f.AccessKeyID, f.ResourceType, f.ResourceName, f.ReadOnly,
	} {
		fmt.Fprintf(h, "%d:%s", len(s), s) //nolint:errcheck // a hash takes everything
	}
	return h.Sum(nil)
}

func (r *Reader) sealToken(q *Query, last []byte) (string, error) {
	p, s := q.scope()
	sealed, err := r.ring.Seal(p, s, last, q.fingerprint())
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

func (r *Reader) openToken(q *Query) ([]byte, error) {
	if q.Token == "" {
		return nil, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(q.Token)
	if err != nil || len(q.Token) > 1024 {
		return nil, ErrBadToken
	}
	p, s := q.scope()
	last, err := r.ring.Open(p, s, sealed, q.fingerprint())
	if errors.Is(err, keyring.ErrOpen) || err == nil && len(last) != placeSize {
		return nil, ErrBadToken
	}
	return last, err
}
