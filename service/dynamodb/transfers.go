package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/objects"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// Exports and imports read and write objects, which no transaction can take back. So one node at a time works on one, by a lease that
// it renews; how far it is, is on record after each file of an export and each batch of an import, and from there another goes on.
const (
	leaseLife = 2 * time.Minute
	// transferPause is how long a transfer waits after a failure that may pass, and transferTries how often in a row it may fail.
	transferPause = 30 * time.Second
	transferTries = 20
	// transferLife is how long exports and imports are told of after their end (API reference, "ListExports").
	transferLife = 90 * 24 * time.Hour
	// tokenLifeOfTransfers is how long their client tokens are remembered (API reference, "ExportTableToPointInTime").
	tokenLifeOfTransfers = 8 * time.Hour
)

// The kinds of transfers.
const (
	exporting = "export"
	importing = "import"
)

// transfer is an export or import under way, on record in the directory.
type transfer struct {
	Kind, ID string
	// Where its record is.
	Account, Region, Name string
	// Holder is the node that works on it until Until.
	Holder string    `json:",omitempty"`
	Until  time.Time `json:",omitzero"`
	// Tries counts failures in a row; After is when to try again.
	Tries int       `json:",omitempty"`
	After time.Time `json:",omitzero"`
	// Export and Import say how far it is.
	Export *exported `json:",omitempty"`
	Import *imported `json:",omitempty"`
	// over has the record removed.
	over bool
}

func (t *transfer) key() store.Key { return store.K("transfer", t.Account, t.Region, t.Kind, t.ID) }

func (t *transfer) place() place { return place{t.Account, t.Region, t.Name} }

// transfersOf counts the transfers of a kind in an account and region.
func transfersOf(tx *store.Tx, at place, kind string) (n int, err error) {
	dir, err := tx.Directory()
	if err != nil {
		return 0, err
	}
	err = store.Each(dir, store.K("transfer", at.account, at.region, kind), nil, func(store.Key, *transfer) bool {
		n++
		return true
	})
	return n, err
}

func addTransfer(tx *store.Tx, t *transfer) error {
	dir, err := tx.Directory()
	if err != nil {
		return err
	}
	return store.Save(dir, t.key(), t)
}

// errLost is a transfer that another node has taken over, or that is over.
var errLost = errors.New("dynamodb: another node works on it")

// held is a transfer that this node works on.
type held struct {
	*transfer
	s *Service
	// now is the time, which goes on from when the work began.
	now func() time.Time
}

// turn is what is carried one after the other: an account's exports, or its imports. An object can take hours to read, whoever wrote it,
// and must not hold up other accounts' work.
type turn struct{ account, kind string }

// maxTurns is how many turns a node takes at once. Each holds a window of decompression and some records in memory.
const maxTurns = 16

// turns are those that this node is taking.
type turns struct {
	mu sync.Mutex
	// taken tells of each whether it was asked for again meanwhile, full whether there was no room for one.
	taken map[turn]bool
	full  bool
}

// take takes a turn unless it is taken, or too many are.
func (t *turns) take(of turn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.taken[of]; ok {
		t.taken[of] = true
		return false
	}
	if len(t.taken) >= maxTurns {
		t.full = true
		return false
	}
	if t.taken == nil {
		t.taken = map[turn]bool{}
	}
	t.taken[of] = false
	return true
}

// leave ends a turn, and reports whether one was refused because of it.
func (t *turns) leave(of turn) (refused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	refused = t.taken[of] || t.full
	t.full = false
	delete(t.taken, of)
	return refused
}

// waits reports whether a transfer is another node's, or to be tried again later.
func (s *Service) waits(t *transfer, now time.Time) bool {
	return t.Holder != s.node && now.Before(t.Until) && !s.alone || now.Before(t.After)
}

// Transfers works on all exports and imports that are to be worked on now, beside the other work in the background. What another call
// of it is working on is left to that.
func (s *Service) Transfers(ctx context.Context, now time.Time) error {
	began := time.Now()
	clock := func() time.Time { return now.Add(time.Since(began)) }
	var all map[turn][]*transfer
	err := system.View(ctx, s.db, name, func(tx *store.Tx) error {
		all = map[turn][]*transfer{}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return store.Each(dir, store.K("transfer"), nil, func(_ store.Key, t *transfer) bool {
			if (t.Export == nil || t.Export.Ready) && !s.waits(t, now) {
				of := turn{t.Account, t.Kind}
				all[of] = append(all[of], t)
			}
			return true
		})
	})
	var working sync.WaitGroup
	failed := make(chan error, len(all))
	for of, ts := range all {
		if !s.turns.take(of) {
			continue
		}
		working.Go(func() {
			var errs []error
			for _, t := range ts {
				errs = append(errs, s.carry(ctx, &held{t, s, clock}))
			}
			if s.turns.leave(of) {
				kickIn(s.wakeTransfers)
			}
			failed <- errors.Join(errs...)
		})
	}
	working.Wait()
	close(failed)
	errs := []error{err}
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// carry works on one transfer until it is done, has to wait, or is another node's.
func (s *Service) carry(ctx context.Context, h *held) error {
	err := h.change(ctx, func(_ *store.Tx, t *transfer) error {
		now := h.now()
		if s.waits(t, now) {
			return errLost
		}
		t.Holder, t.Until = s.node, now.Add(leaseLife)
		return nil
	})
	if err != nil {
		return lost(err)
	}
	if h.Kind == exporting {
		err = h.export(ctx)
	} else {
		err = h.load(ctx)
	}
	if err == nil || lost(err) == nil {
		return nil
	}
	return h.failed(ctx, err)
}

// lost is no error for a transfer that is not this node's any more.
func lost(err error) error {
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}

// change changes the record of the transfer as it is in the transaction.
func (h *held) change(ctx context.Context, fn func(*store.Tx, *transfer) error) error {
	var next *transfer
	err := system.Update(ctx, h.s.db, name, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		if next, err = store.Load[transfer](dir, h.key()); err != nil {
			return err
		}
		if next == nil || h.Holder == h.s.node && next.Holder != h.s.node {
			return errLost
		}
		if err := fn(tx, next); err != nil {
			return err
		}
		if next.over {
			return dir.Delete(next.key())
		}
		return store.Save(dir, next.key(), next)
	})
	if err == nil {
		h.transfer = next
	}
	return err
}

// renew renews the lease when half of it is over.
func (h *held) renew(ctx context.Context) error {
	if h.Until.Sub(h.now()) > leaseLife/2 {
		return nil
	}
	return h.change(ctx, func(_ *store.Tx, t *transfer) error {
		t.Until = h.now().Add(leaseLife)
		return nil
	})
}

// progress puts on record how far the transfer is.
func (h *held) progress(ctx context.Context, fn func(*store.Tx, *transfer) error) error {
	return h.change(ctx, func(tx *store.Tx, t *transfer) error {
		t.Tries, t.Until = 0, h.now().Add(leaseLife)
		return fn(tx, t)
	})
}

// end ends the transfer: fn says what came of it in the record of the export or import.
func (h *held) end(ctx context.Context, fn func(*store.Tx, *transfer) error) error {
	err := h.change(ctx, func(tx *store.Tx, t *transfer) error {
		if err := fn(tx, t); err != nil {
			return err
		}
		t.over = true
		return addJob(tx, &job{
			Kind: forgetTransfer, Table: t.Kind, Index: t.ID, Account: t.Account, Region: t.Region, Name: t.Name,
			Due: h.now().Add(transferLife).UTC(),
		})
	})
	h.s.kick()
	return err
}

// failed ends a transfer that cannot succeed, and lets others go on later.
func (h *held) failed(ctx context.Context, err error) error {
	code, message, final := reasonOf(err)
	if final || h.Tries+1 >= transferTries {
		h.s.log.Warn("dynamodb: "+h.Kind+" failed", "table", h.place().arn(), "id", h.ID, "code", code, "error", err)
		if h.Kind == exporting {
			return h.endExport(ctx, code, message)
		}
		return h.endImport(ctx, code, message)
	}
	undone := h.change(context.WithoutCancel(ctx), func(_ *store.Tx, t *transfer) error {
		t.Holder, t.Until = "", time.Time{}
		if ctx.Err() == nil {
			t.Tries++
			t.After = h.now().Add(transferPause).UTC()
		}
		return nil
	})
	if ctx.Err() != nil {
		return lost(undone)
	}
	return fmt.Errorf("dynamodb: %s %s of %s: %w", h.Kind, h.ID, h.place().arn(), errors.Join(err, lost(undone)))
}

// The codes of failures beside those of package objects.
const (
	unknownFailure = "UNKNOWN"
	keyUnusable    = "TenantKeyUnusable"
	itemsInvalid   = "ItemValidationError"
)

// failure is what an export or import fails with that is nobody else's error.
type failure struct{ code, message string }

func (f *failure) Error() string { return f.code + ": " + f.message }

// reasonOf says what callers are told of an error, and whether it stays one when it is tried again.
func reasonOf(err error) (code, message string, final bool) {
	var o *objects.Error
	var own *failure
	var f *fault.Error
	switch {
	case errors.As(err, &own):
		return own.code, own.message, true
	case errors.As(err, &o):
		return o.Code, o.Message, true
	case errors.As(err, &f) && f.Class == fault.AccessDenied: // a tenant's key, of a sealed table
		return keyUnusable, f.Message, true
	}
	return unknownFailure, "An internal error occurred", false
}

// forgetRecord removes the record of an export or import that ended long ago.
func forgetRecord(tx *store.Tx, j *job) (more bool, err error) {
	recs, err := tx.Records(j.Account, j.Region)
	if err != nil {
		return false, err
	}
	return false, recs.Delete(transferKey(j.Table, j.Name, j.Index))
}

// transferKey is the key of the record of an export or import: the newest of a table come first.
func transferKey(kind, table, id string) store.Key { return store.K(kind, table, newestFirst(id)) }

// newestFirst turns the digits of the time that an id begins with around.
func newestFirst(id string) string {
	b := []byte(id)
	for i := range b {
		if b[i] == '-' {
			break
		}
		b[i] = '0' + '9' - b[i]
	}
	return string(b)
}

func loadTransfer[T any](tx *store.Tx, at place, kind, id string) (*T, error) {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return nil, err
	}
	return store.Load[T](recs, transferKey(kind, at.name, id))
}

func saveTransfer[T any](tx *store.Tx, at place, kind, id string, v *T) error {
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	return store.Save(recs, transferKey(kind, at.name, id), v)
}
