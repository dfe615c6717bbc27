package audit

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// Open begins a chain for this node. It marks a gap for every chain that ended without Close: those of this node, and
// those of any node if the store is not shared. Intents without an outcome become events with the error code
// OutcomeUnknown. It fails with ErrTampered if the registry or the head of such a chain does not carry the log's MAC.
// The log must be closed before db.
func Open(ctx context.Context, db kv.DB, o Options) (*Log, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	r := newReader(db, o.Keys, o.Prefix)
	s, err := newSealer(o.Keys, o.Keys.ID())
	if err != nil {
		return nil, err
	}
	l := &Log{
		Reader: r, o: o, seal: s, cur: &batch{}, room: make(chan struct{}), wake: make(chan struct{}, 1),
		stopped: make(chan struct{}), macs: map[uint64]sum{},
	}
	if err := db.Update(ctx, l.begin); err != nil {
		return nil, fmt.Errorf("audit: begin a chain: %w", err)
	}
	l.chain = l.head.chain
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go l.run()
	return l, nil
}

// begin is the transaction of Open. It may run several times.
func (l *Log) begin(tx kv.Tx) error {
	seals := l.sealers()
	chains, err := l.chains(tx, seals)
	if err != nil {
		return err
	}
	heads, err := l.unfinished(tx, seals, chains)
	if err != nil {
		return err
	}
	l.head = head{chain: chains + 1, node: l.o.NodeID}
	last, err := l.lastOwn(tx, seals, chains)
	if err != nil {
		return err
	}
	details := []Param{{"chain", num(l.head.chain)}}
	if last.chain != 0 {
		l.head.previous, l.head.last = last.chain, last.last
		details = append(details, Param{"previousChain", num(last.chain)}, Param{"previousRecords", num(last.count)},
			Param{"previousHash", hex.EncodeToString(last.last[:])})
	}
	l.rows.reset()
	if err := l.note(l.own(StartName, kindStart, details)); err != nil {
		return err
	}
	for i := range heads {
		if err := l.takeOver(tx, seals, &heads[i]); err != nil {
			return err
		}
	}
	l.headData = l.seal.appendHead(nil, &l.head)
	if err := l.rows.apply(tx); err != nil {
		return err
	}
	if err := tx.Set(l.keys.head(l.head.chain), l.headData); err != nil {
		return err
	}
	return tx.Set(l.keys.registry(), l.seal.registry(l.head.chain))
}

func num(n uint64) string { return strconv.FormatUint(n, 10) }

// note adds an event of the log's own to the rows.
func (l *Log) note(e *Event) error {
	return l.rows.record(l.keys, l.seal, &l.head, appendPayload(nil, e))
}

// unfinished returns the heads of the chains that this start has to end: of this node, or of all if nobody else can be
// writing.
func (l *Log) unfinished(tx kv.Reader, seals sealers, chains uint64) ([]head, error) {
	var found []head
	for chain := uint64(1); chain <= chains; chain++ {
		h, err := l.readHead(tx, seals, chain)
		if err != nil {
			return nil, err
		}
		mine := h.node == l.o.NodeID || !l.db.Shared()
		if mine && (h.state == running || h.pending > 0) {
			found = append(found, h)
		}
	}
	return found, nil
}

// lastOwn returns the head of this node's latest chain, or of the zero chain.
func (l *Log) lastOwn(tx kv.Reader, seals sealers, chains uint64) (head, error) {
	for chain := chains; chain > 0; chain-- {
		h, err := l.readHead(tx, seals, chain)
		if err != nil || h.node == l.o.NodeID {
			return h, err
		}
	}
	return head{}, nil
}

// takeOver ends a chain: it marks the gap, and its pending intents become events of this chain.
func (l *Log) takeOver(tx kv.Tx, seals sealers, h *head) error {
	s, err := l.sealerOf(tx, seals, h.chain)
	if err != nil {
		return err
	}
	payloads, whole, err := l.orphans(tx, s, h)
	if err != nil {
		return err
	}
	if h.state == running {
		if err := l.note(l.own(GapName, kindGap, gapAfter(h, "the node stopped without closing its chain"))); err != nil {
			return err
		}
		h.state = taken
	}
	if !whole {
		l.o.Logger.Error("audit: pending intents were changed in the store", "chain", h.chain)
		if err := l.note(l.own(GapName, kindGap, gapAfter(h, "pending intents were changed in the store"))); err != nil {
			return err
		}
	}
	for _, p := range payloads {
		if err := l.rows.record(l.keys, l.seal, &l.head, p); err != nil {
			return err
		}
	}
	h.pending, h.intents = 0, sum{}
	return tx.Set(l.keys.head(h.chain), s.appendHead(nil, h))
}

func gapAfter(h *head, reason string) []Param {
	return []Param{
		{"reason", reason}, {"chain", num(h.chain)}, {"afterRecord", num(h.count)},
		{"afterTime", string(appendTime(nil, h.time))}, {"afterHash", hex.EncodeToString(h.last[:])},
		{"writtenBy", h.node},
	}
}

// orphans removes the pending intents of a chain and returns their payloads; whole is false if they are not those that
// the head knows.
func (l *Log) orphans(tx kv.Tx, s *sealer, h *head) (payloads [][]byte, whole bool, err error) {
	set, err := l.pending(tx, s, h.chain)
	if err != nil {
		return nil, false, err
	}
	for _, k := range set.keys {
		if err := tx.Delete(k); err != nil {
			return nil, false, err
		}
	}
	return set.payloads, set.matches(h), nil
}

// intentSet is what a scan of pending intents found.
type intentSet struct {
	keys     [][]byte
	payloads [][]byte // of those with the right MAC
	intents  sum
	forged   bool
}

func (s *intentSet) matches(h *head) bool {
	return !s.forged && uint64(len(s.keys)) == h.pending && s.intents == h.intents
}

// pending reads the pending intents of a chain.
func (r *Reader) pending(tx kv.Reader, s *sealer, chain uint64) (*intentSet, error) {
	set := &intentSet{}
	prefix := r.keys.intents(nil, chain)
	err := tx.Scan(kv.Prefix(prefix), func(key, value []byte) bool {
		set.keys = append(set.keys, append([]byte(nil), key...))
		if len(key) != len(prefix)+8 || len(value) < sumSize {
			set.forged = true
			return true
		}
		mac := s.tag(tagIntent, chain, be64(key[len(prefix):]), value[sumSize:])
		if _, err := parsePayload(value[sumSize:]); err != nil || !hmac.Equal(mac[:], value[:sumSize]) {
			set.forged = true
			return true
		}
		xor(&set.intents, &mac)
		set.payloads = append(set.payloads, append([]byte(nil), value[sumSize:]...))
		return true
	})
	return set, err
}

// chains returns the number of chains in the registry.
func (r *Reader) chains(tx kv.Reader, seals sealers) (uint64, error) {
	data, ok, err := tx.Get(r.keys.registry())
	if err != nil {
		return 0, err
	}
	if ok {
		s, err := seals.of(rootOf(data))
		if err != nil {
			return 0, errors.Join(fmt.Errorf("%w: the registry of chains", ErrTampered), err)
		}
		return s.openRegistry(data)
	}
	// A store without a registry is new, or lost it.
	found := false
	p := kv.Prefix(r.keys.heads())
	p.Limit = 1
	if err := tx.Scan(p, func(_, _ []byte) bool { found = true; return false }); err != nil {
		return 0, err
	}
	if found {
		return 0, fmt.Errorf("%w: chains are there and their registry is not", ErrTampered)
	}
	return 0, nil
}

// readHead returns the head of a chain of the registry.
func (r *Reader) readHead(tx kv.Reader, seals sealers, chain uint64) (head, error) {
	data, ok, err := tx.Get(r.keys.head(chain))
	if err != nil {
		return head{}, err
	}
	if !ok {
		return head{}, fmt.Errorf("%w: the head of chain %d is gone", ErrTampered, chain)
	}
	s, err := seals.of(rootOf(data))
	if err != nil {
		return head{}, errors.Join(fmt.Errorf("%w: the head of chain %d", ErrTampered, chain), err)
	}
	return s.openHead(chain, data)
}

// sealerOf returns the sealer of a chain: of the root key that was current when it began.
func (r *Reader) sealerOf(tx kv.Reader, seals sealers, chain uint64) (*sealer, error) {
	data, ok, err := tx.Get(r.keys.head(chain))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: the head of chain %d is gone", ErrTampered, chain)
	}
	return seals.of(rootOf(data))
}
