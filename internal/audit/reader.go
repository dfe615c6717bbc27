package audit

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/kv"
)

// Reader reads the chains of a store without adding to them. It is safe for concurrent use.
type Reader struct {
	db   kv.DB
	ring *keyring.Keyring
	keys keys
	news news
}

// NewReader returns a reader of the log in db. Keys and Prefix are the only options that it needs.
func NewReader(db kv.DB, o Options) (*Reader, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	return newReader(db, o.Keys, o.Prefix), nil
}

func newReader(db kv.DB, ring *keyring.Keyring, prefix []byte) *Reader {
	return &Reader{db: db, ring: ring, keys: keys{string(prefix)}, news: news{more: make(chan struct{})}}
}

// news tells of records that this process has written.
type news struct {
	mu   sync.Mutex
	more chan struct{}
}

// next returns a channel that is closed with the next news.
func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.more
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.more)
	n.more = make(chan struct{})
}

// sealers are those of one call, by the id of their root key.
type sealers struct {
	ring *keyring.Keyring
	made map[string]*sealer
}

func (r *Reader) sealers() sealers { return sealers{r.ring, map[string]*sealer{}} }

func (s sealers) of(root string) (*sealer, error) {
	if made, ok := s.made[root]; ok {
		return made, nil
	}
	made, err := newSealer(s.ring, root)
	if err != nil {
		return nil, err
	}
	s.made[root] = made
	return made, nil
}

func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// Anchor is the state of a chain at one time. Kept outside of the store it shows, with Verify, whether the store was
// put back to before it. It is no secret.
type Anchor struct {
	// Chain and Seq say which record was the last; Hash is its hash, which covers all before it.
	Chain, Seq uint64
	Hash       [32]byte
}

// String returns "chain:seq:hash", the hash in hexadecimal.
func (a Anchor) String() string { return fmt.Sprintf("%d:%d:%x", a.Chain, a.Seq, a.Hash) }

// ParseAnchor reads what String returned.
func ParseAnchor(s string) (Anchor, error) {
	bad := errors.New("audit: an anchor has the form chain:seq:hash")
	parts := strings.Split(s, ":")
	if len(parts) != 3 || len(parts[2]) != 2*sumSize {
		return Anchor{}, bad
	}
	var a Anchor
	var err error
	if a.Chain, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return Anchor{}, bad
	}
	if a.Seq, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return Anchor{}, bad
	}
	if _, err = hex.Decode(a.Hash[:], []byte(parts[2])); err != nil {
		return Anchor{}, bad
	}
	return a, nil
}

// Anchors returns where all chains end now.
func (r *Reader) Anchors(ctx context.Context) ([]Anchor, error) {
	var anchors []Anchor
	err := r.db.View(ctx, func(tx kv.Reader) error {
		anchors = anchors[:0]
		seals := r.sealers()
		chains, err := r.chains(tx, seals)
		if err != nil {
			return err
		}
		for chain := uint64(1); chain <= chains; chain++ {
			h, err := r.readHead(tx, seals, chain)
			if err != nil {
				return err
			}
			anchors = append(anchors, Anchor{chain, h.count, h.last})
		}
		return nil
	})
	return anchors, err
}

// Head returns where this node's chain ends.
func (l *Log) Head(ctx context.Context) (Anchor, error) {
	var a Anchor
	chain := l.chain
	err := l.db.View(ctx, func(tx kv.Reader) error {
		h, err := l.readHead(tx, l.sealers(), chain)
		a = Anchor{chain, h.count, h.last}
		return err
	})
	return a, err
}
