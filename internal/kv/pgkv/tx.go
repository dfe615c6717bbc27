package pgkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/overlay"
)

// Pages of a scan, in rows. They grow while a page stays under pageBytes, so that memory is bounded for large values.
const (
	firstPage = 32
	maxPage   = 512
	pageBytes = 1 << 20
)

// tx is a kv.Reader and a kv.Tx on a connection with an open transaction.
type tx struct {
	ctx    context.Context
	conn   *pgxpool.Conn
	sql    *statements
	writes overlay.Writes
	err    error // the first error of the server, after which it answers nothing in this transaction
}

func (t *tx) fail(err error) error {
	if t.err == nil {
		t.err = err
	}
	return wrap(err)
}

func (t *tx) ready() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if t.err != nil {
		return wrap(t.err)
	}
	return nil
}

// Get implements kv.Reader.
func (t *tx) Get(key []byte) ([]byte, bool, error) {
	if err := t.ready(); err != nil {
		return nil, false, err
	}
	if op, ok := t.writes.Get(key); ok {
		return op.Value, !op.Deleted, nil
	}
	if len(key) == 0 || len(key) > kv.MaxKey {
		return nil, false, nil
	}
	var value []byte
	err := t.conn.QueryRow(t.ctx, t.sql.get, key).Scan(&value)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, false, nil
	case err != nil:
		return nil, false, t.fail(err)
	}
	return value, true, nil
}

// Scan implements kv.Reader.
func (t *tx) Scan(r kv.Range, yield func(key, value []byte) bool) error {
	return t.writes.Scan(r, t.scanTable, yield)
}

type row struct{ K, V []byte }

func (t *tx) scanTable(r kv.Range, yield func(key, value []byte) bool) error {
	limit := firstPage
	if r.Limit > 0 {
		limit = min(r.Limit, maxPage/4)
	}
	if r.Start == nil {
		r.Start = []byte{} // a nil slice would be NULL
	}
	for !overlay.Empty(r) {
		rows, err := t.page(r, limit)
		if err != nil {
			return err
		}
		size := 0
		for _, row := range rows {
			if !yield(row.K, row.V) {
				return nil
			}
			if err := t.ctx.Err(); err != nil {
				return err
			}
			size += len(row.K) + len(row.V)
		}
		if len(rows) < limit {
			return nil
		}
		last := rows[len(rows)-1].K
		if r.Reverse {
			r.End = last
		} else {
			r.Start = append(bytes.Clone(last), 0)
		}
		if size > pageBytes {
			limit = max(1, limit/2)
		} else {
			limit = min(2*limit, maxPage)
		}
	}
	return t.ready()
}

// page reads up to limit rows of r. It reads them all before the caller sees one, because the connection can serve no
// other query meanwhile and the caller may ask one.
func (t *tx) page(r kv.Range, limit int) ([]row, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	sql, args := t.sql.scanFrom, []any{r.Start, limit}
	switch {
	case r.End != nil && r.Reverse:
		sql, args = t.sql.scanBackTo, []any{r.Start, r.End, limit}
	case r.End != nil:
		sql, args = t.sql.scanTo, []any{r.Start, r.End, limit}
	case r.Reverse:
		sql = t.sql.scanBackFrom
	}
	rows, err := t.conn.Query(t.ctx, sql, args...)
	if err != nil {
		return nil, t.fail(err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, t.fail(err)
	}
	return page, nil
}

// Set implements kv.Tx.
func (t *tx) Set(key, value []byte) error { return t.writes.Set(key, value) }

// Delete implements kv.Tx.
func (t *tx) Delete(key []byte) error {
	t.writes.Delete(key)
	return nil
}

// commit sends the writes and COMMIT. Once they are sent the caller's context no longer counts: giving up would only
// leave the outcome unknown.
func (t *tx) commit() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitTimeout)
	defer cancel()
	err := t.send(ctx)
	switch {
	case err == nil:
		return nil
	case isConflict(err):
		return &retryError{err}
	case isBroken(err):
		return fmt.Errorf("pgkv: %w: %w", kv.ErrUnknownOutcome, err)
	default: // refused by the server, which has rolled back
		return wrap(err)
	}
}

func (t *tx) send(ctx context.Context) error {
	var keys, values, removed [][]byte
	ops := slices.Clone(t.writes.Ops())
	// In order of keys, so that transactions that write the same rows wait for each other instead of deadlocking.
	slices.SortFunc(ops, func(a, b overlay.Op) int { return bytes.Compare(a.Key, b.Key) })
	for _, op := range ops {
		if op.Deleted {
			removed = append(removed, op.Key)
		} else {
			keys, values = append(keys, op.Key), append(values, op.Value)
		}
	}
	b := new(pgx.Batch)
	if len(keys) > 0 {
		b.Queue(t.sql.upsert, keys, values)
	}
	if len(removed) > 0 {
		b.Queue(t.sql.remove, removed)
	}
	b.Queue("commit")
	results := t.conn.SendBatch(ctx, b)
	for range b.Len() - 1 {
		if _, err := results.Exec(); err != nil {
			// Close repeats the same error.
			_ = results.Close()
			return err
		}
	}
	tag, err := results.Exec()
	if closing := results.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("the server answered %q to commit", tag)
	}
	return nil
}
