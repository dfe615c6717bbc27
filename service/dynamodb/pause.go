package dynamodb

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// pauseMark begins the attribute of a LastEvaluatedKey that holds where a page has paused (docs/adr/0014).
const pauseMark = "bulkhead-page:"

// pauseAttribute holds the place beside key attributes that cannot: numbers have no room for it. leastNumber is what they are then, so
// that a client which leaves the attribute out is told, and does not go on from somewhere else.
const (
	pauseAttribute = "bulkhead:page"
	leastNumber    = "-9.9999999999999999999999999999999999999E+125"
)

// query reads one page. Where it has passed over too much that the guard hides, or the next one begins where that was, its
// LastEvaluatedKey and the ExclusiveStartKey are keys of no row: one of their attributes holds the place, sealed.
func (s *Service) query(c *pipeline.Call, t *table, rs item.RowReader, q *item.Query) (*item.Page, error) {
	one := *q // requests that run again begin with q
	carrier, ok := t.carrier(q)
	if !ok {
		one.Whole = true
	} else if at, err := s.pausedAt(c, t, q, carrier); err != nil {
		return nil, err
	} else if at != nil {
		one.Start, one.Resume = item.Map{}, at
	}
	p, err := t.schema.Query(rs, &one)
	if err != nil || p.Pause == nil {
		return p, err
	}
	p.Last, err = s.pausedKey(c, t, q, carrier, p.Pause)
	return p, err
}

// carrier is the attribute that may hold a place: a key attribute that is a string or binary and not given by the request, or one
// beside them. It is false for a table that has a key attribute of that name, which has no reason to.
func (t *table) carrier(q *item.Query) (item.KeyPart, bool) {
	beside := item.KeyPart{Name: pauseAttribute, Kind: item.S}
	ok := true
	for _, p := range t.keyParts(q) {
		if p.Kind != item.N && !t.given(q, p) {
			return p, true
		}
		ok = ok && p.Name != beside.Name
	}
	return beside, ok
}

// given reports whether a query says what a key attribute is.
func (t *table) given(q *item.Query, p item.KeyPart) bool {
	return q.Keys != nil && slices.Contains(t.keysRead(q).HashParts(), p)
}

// keysRead are the keys by which a query reads.
func (t *table) keysRead(q *item.Query) *item.KeySchema {
	if x := t.schema.IndexNamed(q.Index); q.Index != "" && x != nil {
		return &x.Keys
	}
	return &t.schema.Keys
}

// keyParts are the attributes of a LastEvaluatedKey.
func (t *table) keyParts(q *item.Query) []item.KeyPart {
	all := t.schema.Keys.Parts()
	for _, p := range t.keysRead(q).Parts() {
		if !t.schema.Keys.Has(p.Name) {
			all = append(all[:len(all):len(all)], p)
		}
	}
	return all
}

// pauseScope and pausedIn bind a place to the table, the index and the partition, and to whose session it is of: a tenant could name
// a row of its own like a place that it was given, and another's pages, an operator's too, would end at that row and go on from there.
func (t *table) pauseScope() keyring.Scope {
	return keyring.Scope{Account: t.at.account, Name: "dynamodb:Query"}
}

func (t *table) pausedIn(c *pipeline.Call, q *item.Query) []byte {
	who := c.Grant.Caller()
	about := []string{t.ID, t.indexID(q.Index), strconv.FormatBool(t.res.Confines(who)), who.Account, who.Tenant.String()}
	if q.Keys != nil {
		for _, p := range t.keysRead(q).HashParts() {
			about = append(about, leading(q.Keys.Equal(p.Name))...)
		}
	}
	var b []byte
	for _, s := range about {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// pausedAt returns the place that an ExclusiveStartKey holds; nil if it is the key of a row.
func (s *Service) pausedAt(c *pipeline.Call, t *table, q *item.Query, carrier item.KeyPart) ([]byte, error) {
	v := q.Start.Get(carrier.Name)
	if v.IsZero() && carrier.Name == pauseAttribute && t.cutOff(c, q) {
		return nil, invalid("The provided starting key is invalid: it lacks the attribute %s of the LastEvaluatedKey", pauseAttribute)
	}
	if v.Kind() != carrier.Kind {
		return nil, nil
	}
	text := v.Str()
	if carrier.Kind == item.B {
		text = string(v.Bytes())
	}
	text, ok := strings.CutPrefix(text, pauseMark)
	if !ok {
		return nil, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, nil //nolint:nilerr // a key that looks like one
	}
	at, err := s.ring.Open(keyring.PagingToken, t.pauseScope(), sealed, t.pausedIn(c, q))
	if errors.Is(err, keyring.ErrOpen) {
		return nil, nil
	}
	return at, err
}

// cutOff reports whether a key is what pausedKey makes, without its place. Sessions that see all rows, and queries of one partition of
// the table, are given no such key, and may come to a row with it.
func (t *table) cutOff(c *pipeline.Call, q *item.Query) bool {
	if q.Start.IsZero() || t.given(q, t.schema.Keys.Hash) || !t.res.Confines(c.Grant.Caller()) {
		return false
	}
	least := item.Number(leastNumber)
	return !slices.ContainsFunc(t.keyParts(q), func(p item.KeyPart) bool { return !t.given(q, p) && !q.Start.Get(p.Name).Equal(least) })
}

// pausedKey is the LastEvaluatedKey of a page that has paused. All of its attributes are there, with values of their types.
func (s *Service) pausedKey(c *pipeline.Call, t *table, q *item.Query, carrier item.KeyPart, at []byte) (item.Map, error) {
	sealed, err := s.ring.Seal(keyring.PagingToken, t.pauseScope(), at, t.pausedIn(c, q))
	if err != nil {
		return item.Map{}, err
	}
	text := pauseMark + base64.RawURLEncoding.EncodeToString(sealed)
	var b item.Builder
	filler := "0"
	if carrier.Name == pauseAttribute {
		filler = leastNumber
		b.Set(carrier.Name, item.String(text))
	}
	for _, p := range t.keyParts(q) {
		switch {
		case p == carrier:
			b.Set(p.Name, keyValue(p.Kind, text))
		case t.given(q, p):
			b.Set(p.Name, q.Keys.Equal(p.Name))
		default:
			b.Set(p.Name, keyValue(p.Kind, filler))
		}
	}
	return b.Map(), nil
}

func keyValue(k item.Kind, text string) item.Value {
	switch k {
	case item.N:
		return item.Number(text)
	case item.B:
		return item.Binary([]byte(text))
	}
	return item.String(text)
}
