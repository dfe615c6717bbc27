package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/bulkhead/bulkhead/internal/keyring"
)

// kind says what a record is. Values are stored.
type kind uint8

const (
	kindEvent kind = iota // a request
	kindStart             // the first record of a chain
	kindGap               // says that events may be missing before it
	kindClose             // the last record of a chain that ended cleanly
)

// ErrTampered is wrapped by the errors about stored data that does not carry this log's MAC.
var ErrTampered = errors.New("audit: the log was changed")

const (
	formatVersion = 1
	sumSize       = sha256.Size
)

// sum is a hash or MAC.
type sum = [sumSize]byte

// meta is what the log itself needs of an event, stored before its JSON so that scans need not parse it.
type meta struct {
	kind       kind
	management bool
	notable    bool // it ended in an error, or the guard found something
	time       time.Time
	id         ID
	account    []byte
	tenant     []byte
	json       []byte
}

// A payload is an event as it is stored and hashed:
// version, kind, flags, time (8), id (16), length and text of account and of tenant, JSON.
const payloadFixed = 3 + 8 + 16

// The flags of a payload.
const (
	flagManagement = 1 << iota
	flagNotable
)

func appendPayload(b []byte, e *Event) []byte {
	flags := byte(0)
	if e.Management {
		flags |= flagManagement
	}
	if e.ErrorCode != "" || e.Decision.Guard != "" {
		flags |= flagNotable
	}
	b = append(b, formatVersion, byte(e.kind), flags)
	b = binary.BigEndian.AppendUint64(b, stamp(e.Time))
	b = append(b, e.ID[:]...)
	b = appendShort(b, e.Account)
	b = appendShort(b, e.Tenant.String())
	return appendJSON(b, e)
}

// stamp orders times from 1970 on; earlier ones count as 1970.
func stamp(t time.Time) uint64 {
	if t.Unix() < 0 {
		return 0
	}
	return uint64(t.UnixNano()) // not negative
}

func unstamp(n uint64) time.Time { return time.Unix(0, int64(n)).UTC() } // made by stamp

// appendShort appends a text after its length. Account and tenant ids have at most 256 bytes.
func appendShort(b []byte, s string) []byte {
	s = s[:min(len(s), 1<<16-1)]
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...) // cut above
}

var errPayload = fmt.Errorf("%w: an event is not well-formed", ErrTampered)

// parsePayload reads a payload; the result refers to b.
func parsePayload(b []byte) (meta, error) {
	if len(b) < payloadFixed || b[0] != formatVersion {
		return meta{}, errPayload
	}
	m := meta{
		kind: kind(b[1]), management: b[2]&flagManagement != 0, notable: b[2]&flagNotable != 0,
		time: unstamp(binary.BigEndian.Uint64(b[3:])),
	}
	copy(m.id[:], b[11:])
	b = b[payloadFixed:]
	for _, s := range [...]*[]byte{&m.account, &m.tenant} {
		if len(b) < 2 {
			return meta{}, errPayload
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; len(b) < n {
			return meta{}, errPayload
		}
		*s, b = b[:n], b[n:]
	}
	m.json = b
	return m, nil
}

// sealer hashes and authenticates under one chain key. It is not safe for concurrent use.
type sealer struct {
	hash hash.Hash
	mac  hash.Hash
	root string // id of the root key that the MAC key derives from

	// What goes through the hash interfaces escapes; here it does so once.
	fixed [17]byte
	prev  sum
	out   sum
}

const chainScope = "chain"

func newSealer(keys *keyring.Keyring, root string) (*sealer, error) {
	key, err := keys.KeyOf(root, keyring.AuditChain, keyring.Scope{Name: chainScope})
	if err != nil {
		return nil, err
	}
	return &sealer{hash: sha256.New(), mac: hmac.New(sha256.New, key.Bytes()), root: root}, nil
}

// The first byte of what is MACed or hashed says what it is, so that one thing never passes for another.
const (
	tagRecord   = 'R'
	tagIntent   = 'I'
	tagHead     = 'H'
	tagRegistry = 'G'
)

// link is the hash of a record: over its chain, number, the hash before it, and its payload.
func (s *sealer) link(chain, seq uint64, prev *sum, payload []byte) sum {
	s.prev = *prev
	s.hash.Reset()
	s.hash.Write(s.prefix(tagRecord, chain, seq))
	s.hash.Write(s.prev[:])
	s.hash.Write(payload)
	s.hash.Sum(s.out[:0])
	return s.out
}

// tag is the MAC over a kind of thing, two numbers and its bytes.
func (s *sealer) tag(what byte, a, b uint64, data []byte) sum {
	s.mac.Reset()
	s.mac.Write(s.prefix(what, a, b))
	s.mac.Write(data)
	s.mac.Sum(s.out[:0])
	return s.out
}

// tagSum is the MAC over a hash.
func (s *sealer) tagSum(what byte, a, b uint64, h *sum) sum {
	s.prev = *h
	return s.tag(what, a, b, s.prev[:])
}

func (s *sealer) prefix(what byte, a, b uint64) []byte {
	s.fixed[0] = what
	binary.BigEndian.PutUint64(s.fixed[1:], a)
	binary.BigEndian.PutUint64(s.fixed[9:], b)
	return s.fixed[:]
}

// A record's value is: hash before it (32), MAC (32), payload.
const recordFixed = 2 * sumSize

// appendRecord appends the value of a record and returns its hash.
func (s *sealer) appendRecord(b []byte, chain, seq uint64, prev *sum, payload []byte) ([]byte, sum) {
	h := s.link(chain, seq, prev, payload)
	mac := s.tagSum(tagRecord, chain, seq, &h)
	b = append(append(b, prev[:]...), mac[:]...)
	return append(b, payload...), h
}

// openRecord checks a record by itself, not its place in the chain, and returns the hash before it, its own and what it
// says. The meta refers to value.
func (s *sealer) openRecord(chain, seq uint64, value []byte) (prev, own sum, m meta, err error) {
	if len(value) < recordFixed {
		return prev, own, m, fmt.Errorf("%w: record %d of chain %d is cut", ErrTampered, seq, chain)
	}
	payload := value[recordFixed:]
	prev = sum(value[:sumSize])
	own = s.link(chain, seq, &prev, payload)
	mac := s.tagSum(tagRecord, chain, seq, &own)
	if !hmac.Equal(mac[:], value[sumSize:recordFixed]) {
		return prev, own, m, fmt.Errorf("%w: record %d of chain %d", ErrTampered, seq, chain)
	}
	m, err = parsePayload(payload)
	return prev, own, m, err
}

// state says how a chain ended. Values are stored.
type state uint8

const (
	running state = iota // or died
	closed               // cleanly
	taken                // by a later start, which wrote a gap event
)

// head is what is known of a chain: it changes in the transaction that appends to it.
type head struct {
	chain    uint64
	node     string
	state    state
	count    uint64 // records
	last     sum    // hash of the last one
	time     time.Time
	pending  uint64 // intents without an outcome
	intents  sum    // exclusive or of their MACs: which ones they are
	previous uint64 // chain of the node before this one; 0 is none
}

// A head is stored as: version, root id (8 characters), state, count, last, time, pending, intents, previous, node, MAC.
const headFixed = 1 + rootSize + 1 + 8 + sumSize + 8 + 8 + sumSize + 8

const rootSize = 8

func (s *sealer) appendHead(b []byte, h *head) []byte {
	start := len(b)
	b = append(b, formatVersion)
	b = append(b, s.root...)
	b = append(b, byte(h.state))
	b = binary.BigEndian.AppendUint64(b, h.count)
	b = append(b, h.last[:]...)
	b = binary.BigEndian.AppendUint64(b, stamp(h.time))
	b = binary.BigEndian.AppendUint64(b, h.pending)
	b = append(b, h.intents[:]...)
	b = binary.BigEndian.AppendUint64(b, h.previous)
	b = append(b, h.node...)
	mac := s.tag(tagHead, h.chain, 0, b[start:])
	return append(b, mac[:]...)
}

// rootOf returns the id of the root key that a head or registry is MACed under; the MAC then holds it.
func rootOf(b []byte) string {
	if len(b) < 1+rootSize {
		return ""
	}
	return string(b[1 : 1+rootSize])
}

func (s *sealer) openHead(chain uint64, b []byte) (head, error) {
	if len(b) < headFixed+sumSize || b[0] != formatVersion {
		return head{}, fmt.Errorf("%w: the head of chain %d is cut", ErrTampered, chain)
	}
	body, mac := b[:len(b)-sumSize], b[len(b)-sumSize:]
	if want := s.tag(tagHead, chain, 0, body); !hmac.Equal(want[:], mac) {
		return head{}, fmt.Errorf("%w: the head of chain %d", ErrTampered, chain)
	}
	h := head{chain: chain, state: state(body[1+rootSize])}
	body = body[1+rootSize+1:]
	h.count, body = binary.BigEndian.Uint64(body), body[8:]
	h.last, body = sum(body[:sumSize]), body[sumSize:]
	h.time, body = unstamp(binary.BigEndian.Uint64(body)), body[8:]
	h.pending, body = binary.BigEndian.Uint64(body), body[8:]
	h.intents, body = sum(body[:sumSize]), body[sumSize:]
	h.previous, body = binary.BigEndian.Uint64(body), body[8:]
	h.node = string(body)
	return h, nil
}

func xor(a *sum, b *sum) {
	for i := range a {
		a[i] ^= b[i]
	}
}

// The registry is stored as: version, root id, number of chains, MAC.
const registrySize = 1 + rootSize + 8 + sumSize

func (s *sealer) registry(chains uint64) []byte {
	b := append([]byte{formatVersion}, s.root...)
	b = binary.BigEndian.AppendUint64(b, chains)
	mac := s.tag(tagRegistry, 0, 0, b)
	return append(b, mac[:]...)
}

func (s *sealer) openRegistry(b []byte) (uint64, error) {
	if len(b) != registrySize || b[0] != formatVersion {
		return 0, fmt.Errorf("%w: the registry of chains is not well-formed", ErrTampered)
	}
	body, mac := b[:len(b)-sumSize], b[len(b)-sumSize:]
	if want := s.tag(tagRegistry, 0, 0, body); !hmac.Equal(want[:], mac) {
		return 0, fmt.Errorf("%w: the registry of chains", ErrTampered)
	}
	return binary.BigEndian.Uint64(body[1+rootSize:]), nil
}
