package pgkv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// statements are the SQL texts for one table.
type statements struct {
	get, upsert, remove, lock   string
	scanTo, scanFrom            string // ascending, with and without an upper bound
	scanBackTo, scanBackFrom    string // descending
	create, createMeta, version string
	setVersion, raiseVersion    string
}

func makeStatements(name string) statements {
	table, meta := pgx.Identifier{name}.Sanitize(), pgx.Identifier{name + "_schema"}.Sanitize()
	return statements{
		get: "select v from " + table + " where k = $1",
		upsert: "insert into " + table + " (k, v) select * from unnest($1::bytea[], $2::bytea[])" +
			" on conflict (k) do update set v = excluded.v",
		remove: "delete from " + table + " where k = any($1::bytea[])",
		// Conflicts with writers and with itself, not with readers.
		lock:         "lock table " + table + " in share row exclusive mode",
		scanTo:       "select k, v from " + table + " where k >= $1 and k < $2 order by k limit $3",
		scanFrom:     "select k, v from " + table + " where k >= $1 order by k limit $2",
		scanBackTo:   "select k, v from " + table + " where k >= $1 and k < $2 order by k desc limit $3",
		scanBackFrom: "select k, v from " + table + " where k >= $1 order by k desc limit $2",
		create:       "create table if not exists " + table + " (k bytea primary key, v bytea not null)",
		createMeta:   "create table if not exists " + meta + " (version integer not null)",
		version:      "select version from " + meta,
		raiseVersion: "update " + meta + " set version = $1",
		setVersion:   "insert into " + meta + " (version) values ($1)",
	}
}

// schemaLock serializes the creation of tables: "if not exists" alone can fail when two processes start at once.
const schemaLock = 0x62756c6b68656164 // "bulkhead"

// createSchema makes the tables if there are none. Their version is kept in a row of the second: an unknown one is refused, one before
// this program's is raised to it, which is true then.
func (db *DB) createSchema(ctx context.Context) (raised bool, err error) {
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		for _, sql := range []string{
			fmt.Sprintf("select pg_advisory_xact_lock(%d)", schemaLock),
			db.sql.createMeta,
			db.sql.create,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		var version int
		err := tx.QueryRow(ctx, db.sql.version).Scan(&version)
		if errors.Is(err, pgx.ErrNoRows) {
			_, err = tx.Exec(ctx, db.sql.setVersion, kv.Format)
			return err
		}
		if err != nil {
			return err
		}
		raise, err := kv.CheckFormat(version)
		if err != nil || !raise {
			return err
		}
		raised = true
		_, err = tx.Exec(ctx, db.sql.raiseVersion, kv.Format)
		return err
	})
	return raised, err
}

// noticed waits until processes that have the table open have seen its new version, and write no more.
func noticed(ctx context.Context) error {
	timer := time.NewTimer(kv.MarkNotice)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CheckMark implements kv.Marked. A transaction that is under way when the version is seen to be another ends
// as it would have, but does not run again.
func (db *DB) CheckMark(ctx context.Context) error {
	if err := db.begin(ctx); err != nil {
		return err
	}
	defer db.gate.Exit()
	var version int
	if err := db.pool.QueryRow(ctx, db.sql.version).Scan(&version); err != nil {
		return wrap(err)
	}
	if _, err := kv.CheckFormat(version); err != nil {
		err = wrap(err)
		db.outdated.Store(&err)
		return err
	}
	return nil
}
