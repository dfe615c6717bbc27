package item

import "time"

// maxExpired is the age beyond which a time to live is taken for another kind of number: rows that expired more than five
// years ago stay ("Using time to live (TTL) in DynamoDB").
const maxExpired = 5 * 365 * 24 * time.Hour

// Expired reports whether the attribute holds a time, in seconds since 1970, that is over but by less than five years.
func (m Map) Expired(attr string, now time.Time) bool {
	v := m.Get(attr)
	if v.Kind() != N {
		return false
	}
	at := v.Num()
	until, from := NumberFromInt(now.Unix()).Num(), NumberFromInt(now.Add(-maxExpired).Unix()).Num()
	return at.Cmp(&until) <= 0 && at.Cmp(&from) > 0
}

// ExpiredKeys looks at up to limit rows after the row `after` for those that have expired. It returns their keys, and the
// last row it has seen, or nil when it has seen all.
func (t *Table) ExpiredKeys(rows RowReader, attr string, now time.Time, after *RowKey, limit int) (expired []Map, next *RowKey, err error) {
	n := 0
	var last RowKey
	var bad error
	err = rows.Scan(Segment{}, after, limit, func(value []byte) bool {
		var m Map
		if m, bad = Load(value); bad != nil {
			return false
		}
		key := t.KeyOf(m).Clone()
		if m.Expired(attr, now) {
			expired = append(expired, key)
		}
		n, last = n+1, t.Keys.rowKey(key)
		return n < limit
	})
	if err == nil {
		err = bad
	}
	if err != nil || n < limit {
		return expired, nil, err
	}
	return expired, &last, nil
}

// Expire removes the row with the key if it still is one that has expired.
func (t *Table) Expire(rows Rows, key Map, attr string, now time.Time) error {
	k, err := t.Keys.Key(key)
	if err != nil {
		return err
	}
	old, err := load(rows, k)
	if err != nil || !old.Expired(attr, now) {
		return err
	}
	_, err = t.apply(rows, planned{key: k, old: old, kind: DeleteRow})
	return err
}
