package audit

import (
	"encoding/binary"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// keys makes the store's keys, all under one prefix:
//
//	n                           registry
//	c chain                     head
//	r chain seq                 record
//	i chain number              pending intent
//	a account 0 time chain seq  management events of an account
//	t tenant 0 time chain seq   all events of a tenant
//	e id                        chain and seq of a management event, or of a data event that was refused or guarded
//
// Numbers and times are 8 bytes, big-endian. The methods append to b.
type keys struct{ prefix string }

func (k keys) of(b []byte, what byte) []byte { return append(append(b, k.prefix...), what) }

func (k keys) registry() []byte { return k.of(nil, 'n') }

func (k keys) heads() []byte { return k.of(nil, 'c') }

func (k keys) head(chain uint64) []byte { return binary.BigEndian.AppendUint64(k.heads(), chain) }

func (k keys) records(b []byte, chain uint64) []byte {
	return binary.BigEndian.AppendUint64(k.of(b, 'r'), chain)
}

func (k keys) record(b []byte, chain, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(k.records(b, chain), seq)
}

func (k keys) intents(b []byte, chain uint64) []byte {
	return binary.BigEndian.AppendUint64(k.of(b, 'i'), chain)
}

func (k keys) intent(b []byte, chain, no uint64) []byte {
	return binary.BigEndian.AppendUint64(k.intents(b, chain), no)
}

func (k keys) account(b, account []byte) []byte {
	return append(append(k.of(b, 'a'), account...), 0)
}

func (k keys) tenant(b, tenant []byte) []byte {
	return append(append(k.of(b, 't'), tenant...), 0)
}

func (k keys) id(b []byte, id ID) []byte { return append(k.of(b, 'e'), id[:]...) }

// place is where an index entry points: the end of its key.
type place struct {
	time       time.Time
	chain, seq uint64
}

const placeSize = 24

func (p place) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, stamp(p.time))
	return appendTwo(b, p.chain, p.seq)
}

func parsePlace(b []byte) (place, bool) {
	if len(b) != placeSize {
		return place{}, false
	}
	chain, seq := two64(b[8:])
	return place{unstamp(binary.BigEndian.Uint64(b)), chain, seq}, true
}

func appendTwo(b []byte, x, y uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, x), y)
}

func two64(b []byte) (x, y uint64) { return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]) }

// rows are the writes of one transaction, in one buffer that is used again.
type rows struct {
	data []byte
	ends []rowEnds
}

type rowEnds struct {
	key, value int
	remove     bool
}

func (r *rows) reset() { r.data, r.ends = r.data[:0], r.ends[:0] }

// add ends a row: the buffer holds its key up to key, and its value from there.
func (r *rows) add(key int) { r.ends = append(r.ends, rowEnds{key: key, value: len(r.data)}) }

// each calls yield for all rows in order.
func (r *rows) each(yield func(key, value []byte, remove bool) error) error {
	start := 0
	for _, e := range r.ends {
		if err := yield(r.data[start:e.key], r.data[e.key:e.value], e.remove); err != nil {
			return err
		}
		start = e.value
	}
	return nil
}

// apply gives all rows to the transaction: the buffer must not change before it has ended.
func (r *rows) apply(tx kv.Tx) error {
	return r.each(func(key, value []byte, remove bool) error {
		if remove {
			return tx.Delete(key)
		}
		return kv.Give(tx, key, value)
	})
}

// index adds the index entries of a record.
func (r *rows) index(k keys, m *meta, chain, seq uint64) {
	p := place{m.time, chain, seq}
	if len(m.tenant) > 0 {
		r.data = p.append(k.tenant(r.data, m.tenant))
		r.add(len(r.data))
	}
	if len(m.account) == 0 || !m.management && !m.notable {
		return
	}
	if m.management {
		r.data = p.append(k.account(r.data, m.account))
		r.add(len(r.data))
	}
	r.data = k.id(r.data, m.id)
	key := len(r.data)
	r.data = appendTwo(r.data, chain, seq)
	r.add(key)
}

// record adds a record with its index entries and moves the head on.
func (r *rows) record(k keys, s *sealer, h *head, payload []byte) error {
	m, err := parsePayload(payload)
	if err != nil {
		return err
	}
	h.count++
	r.data = k.record(r.data, h.chain, h.count)
	key := len(r.data)
	r.data, h.last = s.appendRecord(r.data, h.chain, h.count, &h.last, payload)
	r.add(key)
	h.time = m.time
	r.index(k, &m, h.chain, h.count)
	return nil
}

// intent adds an intent to the pending ones and returns its MAC.
func (r *rows) intent(k keys, s *sealer, h *head, no uint64, payload []byte) sum {
	mac := s.tag(tagIntent, h.chain, no, payload)
	r.data = k.intent(r.data, h.chain, no)
	key := len(r.data)
	r.data = append(append(r.data, mac[:]...), payload...)
	r.add(key)
	h.pending++
	xor(&h.intents, &mac)
	return mac
}

// resolve removes an intent from the pending ones.
func (r *rows) resolve(k keys, h *head, no uint64, mac *sum) {
	r.data = k.intent(r.data, h.chain, no)
	r.ends = append(r.ends, rowEnds{key: len(r.data), value: len(r.data), remove: true})
	h.pending--
	xor(&h.intents, mac)
}
