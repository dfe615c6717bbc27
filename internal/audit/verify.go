package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// Report is what Verify found.
type Report struct {
	// Chains, Records and Gaps count what was read. Gaps are marked ones; they are no problem of the chain.
	Chains, Records, Gaps uint64
	// Open is how many chains have neither been closed nor taken over: those of running nodes, or of nodes that never
	// came back. Pending is how many intents wait for their outcome there.
	Open, Pending uint64
	// Problems is empty if the log is whole. It ends after MaxProblems.
	Problems []Problem
}

// OK reports whether the log is whole.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// MaxProblems is how many problems a Report lists.
const MaxProblems = 1000

// Problem is something in the log that its writers did not write.
type Problem struct {
	// Chain and Seq say where; Seq is 0 for what concerns a whole chain, Chain is 0 for the registry.
	Chain, Seq uint64
	// What says what is wrong.
	What string
}

// String returns the problem in one line.
func (p Problem) String() string {
	return fmt.Sprintf("chain %d record %d: %s", p.Chain, p.Seq, p.What)
}

// VerifyOptions adjust Verify.
type VerifyOptions struct {
	// Anchors are states that the log must still contain.
	Anchors []Anchor
	// Progress, if set, is called with the report so far after every thousand records.
	Progress func(Report)
}

const verifyPage = 1000

// Verify reads the whole log and checks every chain, record, index entry and pending intent, while the log may be
// written. Problems are in the report; the error says that the log could not be read.
func (r *Reader) Verify(ctx context.Context, o VerifyOptions) (Report, error) {
	v := &verifier{Reader: r, o: o, seals: r.sealers(), ends: map[uint64]sum{}}
	chains, err := v.registry(ctx)
	if err != nil {
		return v.report, err
	}
	for chain := uint64(1); chain <= chains; chain++ {
		if err := v.chain(ctx, chain); err != nil {
			return v.report, err
		}
	}
	for _, a := range o.Anchors {
		if a.Chain == 0 || a.Chain > chains {
			v.problem(a.Chain, a.Seq, "an anchor names a chain that is not there: the log was put back or removed")
		}
	}
	return v.report, nil
}

type verifier struct {
	*Reader
	o      VerifyOptions
	seals  sealers
	report Report
	ends   map[uint64]sum // last hashes of the chains that were read
	rows   rows

	// of the chain being read
	at   head
	prev sum
	seq  uint64
}

func (v *verifier) problem(chain, seq uint64, what string) {
	if len(v.report.Problems) < MaxProblems {
		v.report.Problems = append(v.report.Problems, Problem{chain, seq, what})
	}
}

// tampered lists err as a problem if that is what it is, and returns it otherwise.
func (v *verifier) tampered(chain, seq uint64, err error) error {
	if errors.Is(err, ErrTampered) {
		v.problem(chain, seq, err.Error())
		return nil
	}
	return err
}

// registry returns the number of chains, from the heads if the registry is not to be trusted.
func (v *verifier) registry(ctx context.Context) (uint64, error) {
	var chains uint64
	var bad error
	var heads []uint64
	err := v.db.View(ctx, func(tx kv.Reader) error {
		heads = heads[:0]
		if chains, bad = v.chains(tx, v.seals); bad != nil && !errors.Is(bad, ErrTampered) {
			return bad
		}
		prefix := v.keys.heads()
		return tx.Scan(kv.Prefix(prefix), func(key, _ []byte) bool {
			if len(key) == len(prefix)+8 {
				heads = append(heads, be64(key[len(prefix):]))
			}
			return true
		})
	})
	if err != nil {
		return 0, err
	}
	if bad != nil {
		v.problem(0, 0, bad.Error())
	}
	for _, chain := range heads {
		if bad != nil {
			chains = chain
		} else if chain == 0 || chain > chains {
			v.problem(chain, 0, "the chain is not in the registry")
		}
	}
	return chains, nil
}

func (v *verifier) chain(ctx context.Context, chain uint64) error {
	v.at, v.prev, v.seq = head{chain: chain}, sum{}, 0
	v.report.Chains++
	for more := true; more; {
		err := v.db.View(ctx, func(tx kv.Reader) error {
			var err error
			more, err = v.page(tx, chain)
			return err
		})
		if err != nil {
			return err
		}
		if v.o.Progress != nil {
			v.o.Progress(v.report)
		}
	}
	v.ends[chain] = v.prev
	return nil
}

// page checks the next records of a chain in one snapshot, and its end when it gets there.
func (v *verifier) page(tx kv.Reader, chain uint64) (more bool, err error) {
	h, err := v.readHead(tx, v.seals, chain)
	if err != nil {
		return false, v.tampered(chain, 0, err)
	}
	s, err := v.sealerOf(tx, v.seals, chain)
	if err != nil {
		return false, err
	}
	v.at = h
	prefix := v.keys.records(nil, chain)
	rng := kv.Prefix(prefix)
	rng.Start, rng.Limit = v.keys.record(nil, chain, v.seq+1), verifyPage
	n := 0
	var metas []indexed
	err = tx.Scan(rng, func(key, value []byte) bool {
		if len(key) != len(prefix)+8 {
			v.problem(chain, v.seq, "a key among the records is none of theirs")
		} else if m, ok := v.record(s, be64(key[len(prefix):]), value); ok {
			metas = append(metas, m)
		}
		n++
		return n < verifyPage
	})
	if err != nil {
		return false, err
	}
	for i := range metas {
		if err := v.indexed(tx, chain, &metas[i]); err != nil {
			return false, err
		}
	}
	if n == verifyPage {
		return true, nil
	}
	return false, v.end(tx, s)
}

// indexed is a record whose index entries are to be checked.
type indexed struct {
	meta
	seq uint64
}

// record checks one record against the one before it.
func (v *verifier) record(s *sealer, seq uint64, value []byte) (indexed, bool) {
	chain := v.at.chain
	v.report.Records++
	if seq != v.seq+1 {
		v.problem(chain, v.seq+1, fmt.Sprintf("records are missing before record %d", seq))
	}
	prev, own, m, err := s.openRecord(chain, seq, value)
	if err != nil {
		v.problem(chain, seq, err.Error())
	}
	if seq == 1 {
		v.first(&m, &prev)
	} else if prev != v.prev && seq == v.seq+1 {
		v.problem(chain, seq, "the record does not follow the one before it")
	}
	if err == nil && m.kind == kindGap {
		v.report.Gaps++
	}
	for _, a := range v.o.Anchors {
		if a.Chain == chain && a.Seq == seq && a.Hash != own {
			v.problem(chain, seq, "the record is not the one of the anchor")
		}
	}
	v.seq, v.prev = seq, own
	if err != nil {
		return indexed{}, false
	}
	m.account, m.tenant, m.json = bytes.Clone(m.account), bytes.Clone(m.tenant), nil
	return indexed{m, seq}, true
}

// first checks that a chain begins, and begins where the node's chain before it ended.
func (v *verifier) first(m *meta, prev *sum) {
	chain := v.at.chain
	if m.kind != kindStart {
		v.problem(chain, 1, "the chain does not begin with "+StartName)
	}
	var want sum
	if v.at.previous != 0 {
		var ok bool
		if want, ok = v.ends[v.at.previous]; !ok {
			v.problem(chain, 1, fmt.Sprintf("chain %d before it is not there", v.at.previous))
			return
		}
	}
	if *prev != want {
		v.problem(chain, 1, fmt.Sprintf("the chain does not continue chain %d: its end was changed", v.at.previous))
	}
}

func (v *verifier) indexed(tx kv.Reader, chain uint64, m *indexed) error {
	v.rows.reset()
	v.rows.index(v.keys, &m.meta, chain, m.seq)
	return v.rows.each(func(key, want []byte, _ bool) error {
		got, ok, err := tx.Get(key)
		if err == nil && (!ok || !bytes.Equal(got, want)) {
			v.problem(chain, m.seq, "an index entry of the record is missing or changed")
		}
		return err
	})
}

// end checks what the head says, in the snapshot that the last records were read in.
func (v *verifier) end(tx kv.Reader, s *sealer) error {
	chain, h := v.at.chain, &v.at
	switch {
	case v.seq < h.count:
		v.problem(chain, v.seq+1, fmt.Sprintf("the chain ends before its last record %d", h.count))
	case v.seq > h.count:
		v.problem(chain, h.count+1, "records follow the end of the chain")
	case v.prev != h.last:
		v.problem(chain, v.seq, "the last record is not the one that the chain's head knows")
	}
	for _, a := range v.o.Anchors {
		if a.Chain == chain && a.Seq > v.seq {
			v.problem(chain, a.Seq, "the record of an anchor is not there: the log was put back or cut")
		}
	}
	set, err := v.pending(tx, s, chain)
	if err != nil {
		return err
	}
	if !set.matches(h) {
		v.problem(chain, 0, "pending intents were changed")
	}
	v.report.Pending += h.pending
	if h.state == running {
		v.report.Open++
	}
	return nil
}
