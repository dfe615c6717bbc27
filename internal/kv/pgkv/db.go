// Package pgkv keeps a kv.DB in one table of a PostgreSQL server, which several processes may share.
//
// Update is a SERIALIZABLE transaction that sends its writes, together with COMMIT, in one round trip at the end. It runs
// again when the server reports a conflict, and after a few conflicts locks the table against other writers first, which
// lets it finish whatever the others do.
//
// View is SERIALIZABLE READ ONLY DEFERRABLE. A REPEATABLE READ snapshot would not do: it can show the effects of one
// transaction without those of another that comes before it in every serial order (the read-only transaction anomaly). A
// snapshot that is not DEFERRABLE can be refused in the middle, when fn has seen half of it. A deferrable one waits at its
// start for the writers that run at that moment, and then is safe; so a View within an Update would wait for itself.
package pgkv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/gate"
)

const (
	// DefaultTable is the table's name unless Options say otherwise.
	DefaultTable = "bulkhead_kv"
	// DefaultMaxConns is the number of connections unless Options say otherwise.
	DefaultMaxConns = 32

	// optimistic is how often a transaction runs before it locks the table.
	optimistic = 6
	// reconnects is how often a transaction runs again because its connection broke before it committed.
	reconnects = 3
	// commitTimeout bounds the wait for the answer to COMMIT, which the caller's context must not cut short.
	commitTimeout = 30 * time.Second
	// cleanupTimeout bounds the wait for the answer to ROLLBACK.
	cleanupTimeout = 5 * time.Second
	// maxBackoff bounds the pause between two runs of a transaction.
	maxBackoff = 50 * time.Millisecond
)

// Options of a store. The zero value is ready for use.
type Options struct {
	// Table is the table's name, created in the connection's schema if it is not there; "" is DefaultTable.
	Table string
	// MaxConns is how many transactions of this process run at once; 0 is DefaultMaxConns.
	MaxConns int32
}

// DB is a kv.DB on a PostgreSQL server.
type DB struct {
	pool *pgxpool.Pool
	gate *gate.Gate
	sql  statements
	// outdated is why nothing is read or written any more: a newer program has opened the table (CheckMark).
	outdated atomic.Pointer[error]
}

var (
	_ kv.DB     = (*DB)(nil)
	_ kv.Marked = (*DB)(nil)
)

// Open connects to the server at url (postgres://user@host/database, with the parameters that libpq knows), and creates
// the table if there is none. It refuses a table that a newer program wrote to (kv.Format).
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error quotes the URL with its password left out.
		return nil, fmt.Errorf("pgkv: %w", err)
	}
	if o.Table == "" {
		o.Table = DefaultTable
	}
	if o.MaxConns == 0 {
		o.MaxConns = DefaultMaxConns
	}
	config.MaxConns = o.MaxConns
	for k, v := range map[string]string{
		"application_name": "bulkhead",
		// A sequential scan reads, and so conflicts with, every row.
		"enable_seqscan":    "off",
		"enable_bitmapscan": "off",
		// A client that hangs within a transaction must not hold up the others for ever.
		"idle_in_transaction_session_timeout": "60000",
	} {
		if _, ok := config.ConnConfig.RuntimeParams[k]; !ok {
			config.ConnConfig.RuntimeParams[k] = v
		}
	}
	config.AfterConnect = durably
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("pgkv: %w", err)
	}
	db := &DB{pool: pool, gate: gate.New(), sql: makeStatements(o.Table)}
	raised, err := db.createSchema(ctx)
	if err == nil && raised {
		err = noticed(ctx)
	}
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("pgkv: table %s: %w", o.Table, err)
	}
	return db, nil
}

// durably has the server wait for its disk at each COMMIT where its settings or the URL say otherwise: what Update acknowledges
// survives a crash. Settings that wait for more, for replicas say, stay.
func durably(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'")
	return err
}

// Shared is true: other processes may write to the same table.
func (db *DB) Shared() bool { return true }

// Close implements kv.DB. A second Close returns kv.ErrClosed.
func (db *DB) Close() error {
	if err := db.gate.Close(); err != nil {
		return err
	}
	db.pool.Close()
	return nil
}

func (db *DB) begin(ctx context.Context) error {
	if err := db.gate.Enter(); err != nil {
		return err
	}
	err := ctx.Err()
	if outdated := db.refuses(); outdated != nil {
		err = outdated
	}
	if err != nil {
		db.gate.Exit()
	}
	return err
}

// refuses returns why nothing is read or written any more, nil as long as it is.
func (db *DB) refuses() error {
	if outdated := db.outdated.Load(); outdated != nil {
		return *outdated
	}
	return nil
}

// View implements kv.DB.
func (db *DB) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := db.begin(ctx); err != nil {
		return err
	}
	defer db.gate.Exit()
	conn, err := db.snapshot(ctx)
	if err != nil {
		return wrap(err)
	}
	defer release(conn)
	// Nothing to commit: the snapshot is safe from its start.
	return fn(&tx{ctx: ctx, conn: conn, sql: &db.sql})
}

// snapshot begins a transaction that reads. A connection that was idle may have broken meanwhile; then it takes another.
func (db *DB) snapshot(ctx context.Context) (*pgxpool.Conn, error) {
	for broken := 0; ; broken++ {
		conn, err := db.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		if _, err = conn.Exec(ctx, "begin isolation level serializable read only deferrable"); err == nil {
			return conn, nil
		}
		release(conn)
		if ctx.Err() != nil || !isBroken(err) || broken == reconnects {
			return nil, err
		}
	}
}

// Update implements kv.DB.
func (db *DB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := db.begin(ctx); err != nil {
		return err
	}
	defer db.gate.Exit()
	broken := 0
	for n := 0; ; n++ {
		err := db.attempt(ctx, fn, n >= optimistic)
		var again *retryError
		if !errors.As(err, &again) {
			return err
		}
		if !isConflict(again.err) {
			if broken++; broken > reconnects {
				return wrap(again.err)
			}
		}
		if err := backoff(ctx, n); err != nil {
			return err
		}
	}
}

// retryError marks a transaction that left no trace and may run again.
type retryError struct{ err error }

func (e *retryError) Error() string { return e.err.Error() }

// backoff waits for a random time that grows with n.
func backoff(ctx context.Context, n int) error {
	limit := min(time.Millisecond<<min(n, 10), maxBackoff)
	timer := time.NewTimer(rand.N(limit)) //nolint:gosec // chance that spreads load needs no secrecy
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt runs fn once and commits.
func (db *DB) attempt(ctx context.Context, fn func(kv.Tx) error, alone bool) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return wrap(err)
	}
	defer release(conn)
	if err := db.refuses(); err != nil { // it may have waited, or have run before
		return err
	}
	if err := db.start(ctx, conn, alone); err != nil {
		return before(ctx, err)
	}
	t := &tx{ctx: ctx, conn: conn, sql: &db.sql}
	err = fn(t)
	if t.err != nil {
		// Whatever fn made of it: the server has given up this transaction.
		return before(ctx, t.err)
	}
	if ctx.Err() != nil && err == nil {
		return ctx.Err()
	}
	if err != nil || t.writes.Len() == 0 {
		// What fn has read holds only if the server agrees that it is serializable, the reads behind an error included.
		if ctx.Err() != nil {
			return err
		}
		if _, commitErr := conn.Exec(ctx, "commit"); commitErr != nil {
			return before(ctx, commitErr)
		}
		return err
	}
	return t.commit()
}

// start begins a transaction. If alone, no other transaction can write until it ends, and it cannot meet a conflict: its
// snapshot is taken after the lock, so every writer is either in it or waits.
func (db *DB) start(ctx context.Context, conn *pgxpool.Conn, alone bool) error {
	if _, err := conn.Exec(ctx, "begin isolation level serializable"); err != nil || !alone {
		return err
	}
	_, err := conn.Exec(ctx, db.sql.lock)
	return err
}

// before classifies an error that came before COMMIT was sent, or from a transaction without writes.
func before(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if isConflict(err) || isBroken(err) {
		return &retryError{err}
	}
	return wrap(err)
}

// wrap names the package in an error of the driver and leaves those of contexts recognizable.
func wrap(err error) error { return fmt.Errorf("pgkv: %w", err) }

// release ends the transaction of conn if it is still open, and gives it back. The pool drops a connection in doubt.
func release(conn *pgxpool.Conn) {
	if status := conn.Conn().PgConn().TxStatus(); status != 'I' && !conn.Conn().IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		// If this fails the transaction is still open or the connection closed, and Release drops it.
		_, _ = conn.Exec(ctx, "rollback")
	}
	conn.Release()
}

// isConflict reports whether the server ended the transaction because of others (serialization failure, deadlock).
func isConflict(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

// isBroken reports whether the connection, rather than the statement, failed.
func isBroken(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return !errors.Is(err, pgx.ErrNoRows)
	}
	// Class 08 is a connection exception, 57P an operator's intervention (shutdown, terminated backend). With 40003, "statement
	// completion unknown", CockroachDB says that it has lost track of a COMMIT.
	return e.Severity == "FATAL" || e.Severity == "PANIC" || e.Code == "40003" || strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P")
}
